import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { TurnResult } from '../../core/turn/result.ts';
import type { Agent } from '../../index.ts';
import { directoryStorage } from '../../storage/index.ts';
import { callTools, say } from '../../testing/replies.ts';
import type { ScriptedCalls } from '../../testing/replies.ts';
import { Intervals } from '../fixtures/intervals.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, reader, writer } from '../fixtures/tools.ts';

const storages = ['with', 'without'] as const;
const storageOf = (kind: (typeof storages)[number]) =>
  kind === 'without'
    ? {}
    : { storage: directoryStorage(mkdtempSync(join(tmpdir(), 'plait-storage-'))) };

/** One turn whose model asks for these calls, and then stops. */
async function turnOf(
  agent: Agent,
  calls: Extract<ScriptedCalls, readonly unknown[]>,
  options: object = {},
) {
  await using plait = await startPlait({
    agents: [agent],
    debugMode: calls.length < 500,
    script: ({ round }) => (round === 0 ? callTools(calls) : say('Done.')),
    ...options,
  });
  const turn = await plait.agents.start(agent, 'go');
  const result = await turn.result();
  const { events } = await turn.workflow.fetchHistory();
  return { result, events: events ?? [] };
}

const many = (count: number, name: string, input: object = {}) =>
  Array.from({ length: count }, (_, i) => [name, { i, ...input }] as const);

const hang = (_input: unknown, { signal }: { signal: AbortSignal }) =>
  sleep(60_000, undefined, { signal });

function expectAll({ stopReason, calls }: TurnResult, count: number): void {
  expect(stopReason).toBe('end_turn');
  expect(calls).toHaveLength(count);
  expect(calls.filter(({ outcome }) => outcome !== 'succeeded')).toEqual([]);
}

test('a tool runs as often at once as it allows, and its waiting calls hold up no other tool', async () => {
  const seen = new Intervals();
  const quickOnes = () => seen.all.filter(({ name }) => name === 'quick');
  const slow = () =>
    seen.work('slow', 20, () => seen.mostAtOnce('slow') === 3 && quickOnes().length === 20);
  const agent = agentWith([
    reader('slow', slow, { concurrency: 3 }),
    reader('single', () => seen.work('single', 50), { concurrency: 1 }),
    reader('quick', () => seen.work('quick', 10)),
  ]);

  const { result } = await turnOf(agent, [
    ...many(9, 'slow'),
    ...many(4, 'single'),
    ...many(20, 'quick'),
  ]);

  expectAll(result, 33);
  expect(seen.mostAtOnce('slow')).toBe(3);
  expect(seen.mostAtOnce('single')).toBe(1);
  // The first of the slow ones waited for all of the quick ones, and the last waited for the first.
  const lastSlow = seen.all.findLast(({ name }) => name === 'slow');
  expect(Math.max(...quickOnes().map(({ from }) => from))).toBeLessThan(lastSlow?.from ?? 0);
});

test('a turn runs as many calls at once as its agent allows', async () => {
  const seen = new Intervals();
  const work = (name: string) => seen.work(name, 10, () => seen.mostAtOnce() >= 5);
  const tools = ['one', 'two'].map((name) => reader(name, () => work(name)));

  const { result } = await turnOf(agentWith(tools, { concurrency: 5 }), [
    ...many(10, 'one'),
    ...many(10, 'two'),
  ]);

  expectAll(result, 20);
  expect(seen.mostAtOnce()).toBe(5);
});

test('calls in order, at most two of a tool and three in all, all get through', async () => {
  const seen = new Intervals();
  const work = ({ name }: Record<string, unknown>) =>
    seen.work(String(name), 15, () => seen.mostAtOnce() > 1);
  const agent = agentWith(
    [
      writer('write', work, { access: { writes: 'path' }, concurrency: 2 }),
      reader('read', work, { access: { reads: 'path' } }),
      writer('alone', work, { access: 'exclusive' }),
    ],
    { concurrency: 3 },
  );
  const calls = Array.from({ length: 30 }, (_, i) => {
    const name = ['write', 'read', 'read', 'write', 'alone', 'read'][i % 6] as string;
    return [name, { path: `/${i % 4}`, name: `${name} ${i}` }] as const;
  });

  const { result } = await turnOf(agent, calls);

  expectAll(result, 30);
  expect(seen.mostAtOnce()).toBeGreaterThan(1);
  expect(seen.mostAtOnce()).toBeLessThanOrEqual(3);
  expect(seen.mostAtOnce('write')).toBeLessThanOrEqual(2);
});

test.for([
  [2_500, 'with'],
  [1_000, 'without'],
] as const)('%i calls of one reply all succeed %s a storage', async ([count, kind]) => {
  const seen = new Intervals();
  const agent = agentWith([reader('read', ({ i }) => seen.work(String(i), 1))]);

  const { result } = await turnOf(agent, many(count, 'read'), storageOf(kind));

  expectAll(result, count);
  expect(seen.mostAtOnce()).toBeLessThanOrEqual(500);
  expect(new Set(seen.names).size).toBe(count);
});

test('800 calls that run out of time while they wait are all answered', async () => {
  const agent = agentWith([reader('read', hang)], { batchTimeout: '1s', concurrency: 20 });

  const { result } = await turnOf(agent, many(800, 'read'));

  expect(result.stopReason).toBe('end_turn');
  expect(result.calls.filter(({ outcome }) => outcome === 'timedOut')).toHaveLength(20);
  expect(result.calls.filter(({ outcome }) => outcome === 'skipped')).toHaveLength(780);
});

test.for(storages)(
  'calls whose inputs are half a megabyte together succeed %s a storage',
  async (kind) => {
    const agent = agentWith([reader('write', ({ text }) => String(text).length)]);

    const { result } = await turnOf(
      agent,
      many(50, 'write', { text: 'é"'.repeat(2_500) }),
      storageOf(kind),
    );

    expectAll(result, 50);
  },
);

test.for(storages)(
  'a call with an input of half a megabyte succeeds %s a storage',
  async (kind) => {
    const agent = agentWith([reader('write', ({ text }) => String(text).length)]);

    const { result } = await turnOf(
      agent,
      [
        ['write', { text: 'y'.repeat(500_000) }],
        ['write', { text: 'short' }],
      ],
      storageOf(kind),
    );

    expectAll(result, 2);
    expect(result.messages[2]).toMatchObject({
      content: [{ content: '500000' }, { content: '5' }],
    });
  },
);

test('the calls that start in one workflow task stay far below what the server accepts', async () => {
  const agent = agentWith([reader('write', ({ text }) => String(text).length)]);
  const context = { tenant: 'z'.repeat(15_000) };
  const calls = many(120, 'write', { text: 'y'.repeat(1_000) });
  await using plait = await startPlait({
    agents: [agent],
    script: ({ round }) => (round === 0 ? callTools(calls) : say('Done.')),
  });
  const turn = await plait.agents.start(agent, 'go', { context });
  expectAll(await turn.result(), 120);

  const bytes = new Map<string, number>();
  const { events = [] } = await turn.workflow.fetchHistory();
  for (const { activityTaskScheduledEventAttributes: scheduled } of events ?? []) {
    const task = String(scheduled?.workflowTaskCompletedEventId);
    const size = (scheduled?.input?.payloads ?? []).reduce(
      (sum, { data }) => sum + (data?.length ?? 0),
      0,
    );
    bytes.set(task, (bytes.get(task) ?? 0) + size);
  }
  // All at once they would be 1.9 MB, and 4 MB would end the run.
  expect(Math.max(...bytes.values())).toBeLessThan(1_500_000);
  expect(Math.max(...bytes.values())).toBeGreaterThan(1_000_000);
});

test('a tool on a queue of its own runs among the others, without waiting for them', async () => {
  const seen = new Intervals();
  const queue = `own-${randomUUID()}`;
  const agent = agentWith([
    reader('here', () => seen.work('here', 20), { concurrency: 5 }),
    reader('there', () => seen.work('there', 20), { activity: { taskQueue: queue } }),
  ]);

  const { result, events } = await turnOf(agent, [...many(100, 'here'), ...many(100, 'there')]);

  expectAll(result, 200);
  const queues = events.flatMap(({ activityTaskScheduledEventAttributes: scheduled }) =>
    scheduled?.activityType?.name === 'there' ? [scheduled.taskQueue?.name] : [],
  );
  expect(queues).toEqual(Array.from({ length: 100 }, () => queue));
});
