import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { callTools, conversation, say, startMessagesServer } from 'plait/testing';
import { expect, inject, test } from 'vitest';
import { temporalIsListening } from '../../testing/temporal-connection.ts';
import type { PlaitOptions } from '../cli/plait-process.ts';
import { startNode } from '../cli/plait-process.ts';

const folder = fileURLToPath(new URL('../../examples', import.meta.url));
const read = (path: string) => readFileSync(join(folder, path), 'utf8');
const names = readdirSync(folder, { withFileTypes: true })
  .filter(
    (entry) => entry.isDirectory() && readdirSync(join(folder, entry.name)).includes('main.ts'),
  )
  .map(({ name }) => name);

/** As `npm run example` does, without the seconds in which it translates itself and bundles its workflows. */
const startExample = (args: string[], options?: PlaitOptions) =>
  startNode([join(inject('compiled'), 'examples/run.js'), ...args], options);

/** Whether the example's own Temporal server still runs. */
async function leavesServer(stderr: string): Promise<boolean> {
  const [, address = ''] = /Temporal at (\S+),/.exec(stderr) ?? [];
  expect(address).not.toBe('');
  return await temporalIsListening(address);
}

/** Sorted, since what runs in parallel prints in any order; and without times. */
const linesOf = (text: string) =>
  text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .trim()
    .split('\n')
    .toSorted();

function expectShown(name: string, stdout: string): void {
  const [, shown = ''] = /prints\n\n```\n([^]*?)```/.exec(read(`${name}/README.md`)) ?? [];
  expect(linesOf(stdout)).toEqual(linesOf(shown));
}

/** The others serve a page until they are stopped, and have tests of their own. */
const ending = names.filter((name) => !name.endsWith('-a-page'));

test.each(ending)(
  '%s prints what its README shows, ends by itself and leaves nothing',
  async (name) => {
    const { code, stdout, stderr } = await startExample([name]).ended;

    expect(stderr).toMatch(/^\(Temporal at \S+, a scripted model\)\n\n$/);
    expect(code).toBe(0);
    expectShown(name, stdout);
    expect(await leavesServer(stderr)).toBe(false);
  },
);

test('every example is in the index', () => {
  const linked = [...read('README.md').matchAll(/\]\(([\w-]+)\)/g)].map(([, name]) => name);
  expect(linked).toEqual(expect.arrayContaining(names));
  expect(names).toHaveLength(8);
});

test('an example that does not show what it says ends with exit code 1 and the reason', async () => {
  await using model = await startMessagesServer({
    script: conversation(/./, [
      callTools({ refund_order: { order: 'A-17', cents: 1_200 } }),
      say('The others can wait.'),
    ]),
  });
  const env = { ANTHROPIC_BASE_URL: model.url, ANTHROPIC_API_KEY: 'real' };
  const { code, stderr } = await startExample(['approval', '--live'], { env }).ended;

  expect(model.requests).toHaveLength(2);
  expect(stderr).toContain('the real model');
  expect(stderr).toContain(
    'example: expected a call of refund_order {"order":"A-18","cents":12900}',
  );
  expect(code).toBe(1);
  expect(await leavesServer(stderr)).toBe(false);
});

test('the real model needs a key', async () => {
  const { code, stderr } = await startExample(['approval', '--live']).ended;
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: 'example: --live needs ANTHROPIC_API_KEY.\n',
  });
});

test('streaming-to-a-page prints what its README shows, then serves a page and its events until it is stopped', async () => {
  const example = startExample(['streaming-to-a-page', '--keep']);
  const said = await example.says('Press Ctrl-C to stop.');
  const [, url = ''] = /Open (\S+) in/.exec(said) ?? [];
  const page = await (await fetch(url)).text();
  const started = await fetch(`${url}/turns`, { method: 'POST', body: 'Oslo and Lisbon?' });
  const { turnId } = (await started.json()) as { turnId: string };
  const events = `${url}/turns/${turnId}/events`;
  const whole = await (await fetch(events)).text();
  const rest = await (await fetch(events, { headers: { 'last-event-id': '1' } })).text();
  const unknown = await fetch(`${url}/turns/nobody/events`);
  const again = await fetch(events, { headers: { 'last-event-id': 'ended' } });
  const elsewhere = await fetch(`${url}/elsewhere`);
  example.interrupt();
  const { code, stdout, stderr } = await example.ended;

  expectShown('streaming-to-a-page', stdout.replace(/\nOpen .*/, ''));
  expect(page).toContain('new EventSource(');
  expect(whole).toContain('"type":"replyCommitted","round":1');
  expect(whole.match(/"type":"callFinished"/g)).toHaveLength(2);
  expect(rest).not.toContain('"type":"replyCommitted","round":1');
  expect(rest).toMatch(/^id: 2\ndata: \{"type":"replyCommitted","round":2/m);
  expect(rest).toMatch(/^data: \{"type":"turnEnded","status":"completed"/m);
  expect([unknown.status, elsewhere.status, again.status]).toEqual([404, 404, 204]);
  expect(code).toBe(0);
  expect(await leavesServer(stderr)).toBe(false);
});
