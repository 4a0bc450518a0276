// Records the histories that replay.test.ts replays: `npm run record-histories`. Run it only when a
// new kind of turn should be covered; the recorded ones must stay replayable as they are.
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TurnHandle } from '../client/index.ts';
import { directoryStorage } from '../storage/index.ts';
import type { TestEnvironment } from '../testing/environment.ts';
import { startTestEnvironment } from '../testing/environment.ts';
import { fault } from '../testing/faults.ts';
import { recordHistory } from '../testing/replay.ts';
import { callTools, say, stopWith } from '../testing/replies.ts';
import { conversation, script } from '../testing/script.ts';
import { agentWith, reader, writer } from './fixtures/tools.ts';

const agent = agentWith([
  reader('look', ({ bytes }) => 'x'.repeat(Number(bytes ?? 3))),
  writer('break', () => {
    throw new Error('connection refused');
  }),
  reader('flaky', (_input, { attempt }) => {
    if (attempt < 3) throw new Error('not yet');
    return 'at last';
  }),
  writer('hang', (_input, { signal }) => sleep(60_000, undefined, { signal }), {
    activity: { startToCloseTimeout: 300 },
  }),
  reader('wait', (_input, { signal }) => sleep(60_000, undefined, { signal })),
]);

const pages = callTools([
  ['look', { bytes: 4_500 }],
  ['look', { bytes: 4_501 }],
]);

const turns = script(
  conversation('three-calls', [
    callTools([
      ['look', {}],
      ['look', { a: 1 }],
      ['look', { b: 2 }],
    ]),
    say('Done.'),
  ]),
  conversation('mixed-results', [
    callTools({ look: {}, break: {}, flaky: {}, hang: {}, no_such_tool: {} }),
    say('Done.'),
  ]),
  conversation('sealed-transcript', [pages, pages, pages, say('Done.')]),
  conversation('cut-off', [stopWith('max_tokens', callTools({ look: {} }))]),
  conversation('model-refused', [fault.badRequest('prompt is too long')]),
  conversation('cancelled', [callTools({ wait: {}, look: {} })]),
);

async function save(name: string, turn: TurnHandle): Promise<void> {
  await turn.result().catch(() => undefined);
  await recordHistory(turn, new URL(`histories/${name}.json`, import.meta.url));
}

async function record({ agents }: TestEnvironment): Promise<void> {
  for (const name of [
    'three-calls',
    'mixed-results',
    'sealed-transcript',
    'cut-off',
    'model-refused',
  ]) {
    await save(name, await agents.start(agent, name));
  }
  await save('no-such-agent', await agents.start('nobody', 'hello'));

  const cancelled = await agents.start(agent, 'cancelled');
  while ((await cancelled.describe()).pendingCalls[0]?.state !== 'running') await sleep(50);
  await cancelled.cancel();
  await save('cancelled', cancelled);
}

const storage = directoryStorage(await mkdtemp(join(tmpdir(), 'plait-histories-')));
const environment = await startTestEnvironment({
  agents: [agent],
  script: turns,
  storage,
  taskQueue: 'recorded',
});
try {
  await record(environment);
} finally {
  await environment.close();
}
