import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Page } from 'puppeteer-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { PlaitProcess } from '../cli/plait-process.ts';
import { startNode } from '../cli/plait-process.ts';
import { chromium, PATIENCE, startChromium } from '../fixtures/chromium.ts';

const at = (path: string) => fileURLToPath(new URL(`../../examples/${path}`, import.meta.url));

let example: PlaitProcess;
let url: string;

beforeAll(async () => {
  // As `npm run example` does: its page is bundled from source.
  const args = ['--import', 'tsx', '--conditions=plait-source', at('run.ts')];
  example = startNode([...args, 'chat-in-a-page', '--keep']);
  const said = await example.says('Press Ctrl-C to stop.');
  [, url = ''] = /Open (\S+) in/.exec(said) ?? [];
});

afterAll(async () => {
  example.interrupt();
  const { code, stdout } = await example.ended;
  const [, shown = ''] =
    /prints\n\n```\n([^]*?)```/.exec(readFileSync(at('chat-in-a-page/README.md'), 'utf8')) ?? [];
  expect(stdout.replace(/\nOpen .*\n/, '')).toBe(shown);
  expect(code).toBe(0);
});

test('chat-in-a-page prints what its README shows, and serves its page and chats only to those who have logged in', async () => {
  const page = await fetch(url);
  expect(await page.text()).toContain("import { showChat } from '/page.js'");
  expect(page.headers.get('set-cookie')).toMatch(
    /^visitor=[\w-]+; Path=\/; HttpOnly; SameSite=Strict$/,
  );
  const script = await (await fetch(`${url}/page.js`)).text();
  expect(script).toMatch(/export\s*\{[^}]*as showChat/);
  expect((await fetch(`${url}/api/chat/c1/messages`)).status).toBe(401);
});

/** The texts of all elements like this. The code of a page is given as text: it has other globals. */
const textsOf = (page: Page, selector: string) =>
  page.evaluate(
    `[...document.querySelectorAll(${JSON.stringify(selector)})].map((one) => one.textContent)`,
  ) as Promise<string[]>;

/** What each call of the page shows: its name, and how it stands. */
const callsOf = (page: Page) => textsOf(page, '.call > header');

const hasText = (page: Page, text: string) =>
  page.waitForFunction(`document.body.innerText.includes(${JSON.stringify(text)})`, PATIENCE);

/** Keeps each length of the last text of the page. */
const SEE_ANSWERS = `
  globalThis.seen = new Set();
  new MutationObserver(() => {
    const last = [...document.querySelectorAll('.assistant > p')].at(-1)?.textContent ?? '';
    if (last.startsWith('Done')) seen.add(last.length);
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
`;

// Needs Chromium on the PATH, or its path in PLAIT_TEST_CHROMIUM. Without it, the program above does the same
// with the reader of the AI SDK.
test.skipIf(chromium === undefined)(
  'in Chromium text streams, calls appear and finish, a click approves one, and a reload changes nothing',
  async () => {
    const browser = await startChromium(chromium as string);
    onTestFinished(() => browser.close());
    const page = await browser.newPage();
    const problems: unknown[] = [];
    page.on('pageerror', (error) => problems.push(error));
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
    await page.goto(url);
    await page.waitForSelector('input:enabled', PATIENCE);
    await page.type('input', 'Can A-17 have the money back?');
    await page.keyboard.press('Enter');

    // In the middle of the first round.
    await page.waitForSelector('.call', PATIENCE);
    const address = page.url();
    await page.reload();
    await page.waitForSelector('.approval-requested button', PATIENCE);
    expect(page.url()).toBe(address);
    expect(await callsOf(page)).toEqual([
      'get order done',
      'get policy done',
      'refund order waits for you',
    ]);
    expect(await textsOf(page, 'article.user')).toEqual(['Can A-17 have the money back?']);

    await page.evaluate(SEE_ANSWERS);
    await page.click('.approval-requested button');
    await hasText(page, 'The customer gets a mail about it today.');
    await page.waitForSelector('input:enabled', PATIENCE);
    expect(await callsOf(page)).toEqual(['get order done', 'get policy done', 'refund order done']);
    const [shown] = await textsOf(page, 'main');
    expect(shown).toContain('R-2031');
    // The answer came in pieces: its beginning was there before its end.
    expect(await page.evaluate('seen.size')).toBeGreaterThan(1);

    // The turn has just ended, so it is sent again, and the message grows once more.
    await page.reload();
    await page.waitForFunction(
      `document.querySelector('main')?.textContent === ${JSON.stringify(shown)}`,
      PATIENCE,
    );
    expect(problems).toEqual([]);
  },
);
