// Writes the pages of `plait show --html` for turns that went well, went wrong, or are stuck, and pictures of them
// where Chromium is installed (CHROMIUM names it): wide, dark, and as on a phone.
//
//   npm run show-pages -- folder     all of them
//   npm run show-pages -- --docs     the pictures of docs/show.md
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { factsOf } from '../cli/show/facts.ts';
import { pageOf } from '../cli/show/page.ts';
import { showLines } from '../cli/show/text.ts';
import { PLAIN } from '../cli/style.ts';
import { version } from '../cli/version.ts';
import type { ShownTurn } from '../test/fixtures/shown-turns.ts';
import {
  beginShownTurns,
  SHOWN_TURNS,
  shownAgent,
  shownScript,
} from '../test/fixtures/shown-turns.ts';
import { startTestEnvironment } from '../testing/environment.ts';

const UNIT_MS = 60;
const DOCS: Partial<Record<ShownTurn, string>> = {
  retry: 'docs/pictures/show-retry.png',
  'stuck-queue': 'docs/pictures/show-stuck.png',
};

const [argument = 'pages'] = process.argv.slice(2);
const forDocs = argument === '--docs';
const folder = forDocs ? mkdtempSync(join(tmpdir(), 'plait-pages-')) : resolve(argument);
const names = SHOWN_TURNS.filter((name) => !forDocs || DOCS[name] !== undefined);

const environment = await startTestEnvironment({
  agents: [shownAgent(UNIT_MS)],
  script: shownScript(UNIT_MS),
  taskQueue: 'support',
  // One of its tools has a queue that nobody serves.
  taskQueues: ['support'],
});
try {
  mkdirSync(folder, { recursive: true });
  await beginShownTurns(environment, '', names);
  for (const name of names) {
    const facts = await factsOf(environment.agents.client, name);
    console.log(`\n${showLines(facts, { columns: 110, style: PLAIN }).join('\n')}`);
    const page = join(folder, `${name}.html`);
    writeFileSync(page, pageOf(facts, version()));
    const file = DOCS[name];
    if (forDocs && file !== undefined) picture(page, file, '900,620');
    if (forDocs) continue;
    picture(page, join(folder, `${name}.png`), '1000,900');
    picture(page, join(folder, `${name}-dark.png`), '1000,900', ['--force-dark-mode']);
    picture(page, join(folder, `${name}-phone.png`), '500,1100');
  }
} finally {
  await environment.close();
}

function picture(page: string, file: string, size: string, more: readonly string[] = []): void {
  const options = ['--headless', '--no-sandbox', '--hide-scrollbars', '--disable-gpu', ...more];
  const shot = [`--window-size=${size}`, `--screenshot=${resolve(file)}`, `file://${page}`];
  try {
    execFileSync(process.env['CHROMIUM'] ?? 'chromium', [...options, ...shot], { stdio: 'ignore' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    console.log(`There is no Chromium, so there is no ${file}.`);
  }
}
