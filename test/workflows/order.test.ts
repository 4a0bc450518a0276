import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';
import { z } from 'zod';
import { expect, test } from 'vitest';
import type { AgentClient } from '../../client/index.ts';
import type { TurnResult } from '../../core/turn/result.ts';
import type { TurnHandle } from '../../client/turn-handle.ts';
import { OUTCOME_UNKNOWN } from '../../core/failures.ts';
import type { Tool } from '../../index.ts';
import { defineTool } from '../../index.ts';
import type { ScriptedCalls } from '../../testing/replies.ts';
import { callTools, say } from '../../testing/replies.ts';
import { until } from '../fixtures/until.ts';
import type { ScheduledActivity } from '../fixtures/history.ts';
import { eventsOf } from '../fixtures/history.ts';
import { Intervals } from '../fixtures/intervals.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, reader, writer } from '../fixtures/tools.ts';

type Calls = Extract<ScriptedCalls, readonly unknown[]>;

interface Ended {
  result: TurnResult;
  /** What the model read of each call that did not succeed. */
  messages: (string | undefined)[];
  scheduled: ScheduledActivity[];
  events: temporal.api.history.v1.IHistoryEvent[];
}

/** One turn whose model asks for these calls, and then stops. */
async function turnOf(
  tools: readonly Tool[],
  calls: Calls,
  meanwhile: (turn: TurnHandle, agents: AgentClient) => Promise<void> = () => Promise.resolve(),
): Promise<Ended> {
  const agent = agentWith(tools);
  await using plait = await startPlait({
    agents: [agent],
    debugMode: calls.length < 1_000,
    script: ({ round }) => (round === 0 ? callTools(calls) : say('Done.')),
  });
  const turn = await plait.agents.start(agent, 'go');
  const [result] = await Promise.all([turn.result(), meanwhile(turn, plait.agents)]);
  expect(result.stopReason).toBe('end_turn');
  const { events } = await turn.workflow.fetchHistory();
  return {
    result,
    messages: result.calls.map(({ message }) => message),
    scheduled: await eventsOf(turn, 'activityTaskScheduledEventAttributes'),
    events: events ?? [],
  };
}

const outcomes = ({ calls }: TurnResult) => calls.map(({ outcome }) => outcome);

/** A file system whose calls last as long as their input says, and until those `beside` them have begun. */
function files(intervals: Intervals) {
  const work = ({ name, ms = 60, beside = [] }: Record<string, unknown>) =>
    intervals.work(String(name), Number(ms), () => intervals.began(...(beside as string[])));
  return [
    writer('write', work, { access: { writes: 'path' } }),
    reader('read', work, { access: { reads: 'path' } }),
    writer('free', work),
    writer('alone', work, { access: 'exclusive' }),
  ];
}

test('writers of one key run in call order and never overlap, and others do not wait', async () => {
  const seen = new Intervals();
  const { result } = await turnOf(files(seen), [
    ['write', { path: '/a', name: 'a1', beside: ['b1', 'free'] }],
    ['write', { path: '/b', name: 'b1' }],
    ['write', { path: '/a', name: 'a2', ms: 10 }],
    ['write', { path: '/a', name: 'a3', ms: 60 }],
    ['free', { path: '/a', name: 'free' }],
    ['write', { path: '/a', name: 'a4', ms: 1 }],
  ]);

  expect(outcomes(result)).toEqual(Array.from({ length: 6 }, () => 'succeeded'));
  expect(seen.names.filter((name) => name.startsWith('a'))).toEqual(['a1', 'a2', 'a3', 'a4']);
  expect(seen.mostAtOnce('a')).toBe(1);
  expect(seen.overlap('a1', 'b1')).toBe(true);
  expect(seen.overlap('a1', 'free')).toBe(true);
  // For these the turn has lasted so long, each because of the one before it.
  const critical = result.calls.filter((call) => call.critical === true);
  expect(critical.map(({ input }) => (input as { name: string }).name)).toEqual([
    'a1',
    'a2',
    'a3',
    'a4',
  ]);
  expect(result.timing.width).toBeGreaterThanOrEqual(3);
  expect(result.timing.speedUp).toBeGreaterThan(1);
});

test('readers of one key share it, a writer waits for all of them, and later readers wait for the writer', async () => {
  const seen = new Intervals();
  await turnOf(files(seen), [
    ['read', { path: '/a', name: 'early 1', beside: ['early 2'] }],
    ['read', { path: '/a', name: 'early 2', beside: ['early 1'] }],
    ['write', { path: '/a', name: 'write' }],
    ['read', { path: '/a', name: 'late 1', beside: ['late 2'] }],
    ['read', { path: '/a', name: 'late 2', beside: ['late 1'] }],
  ]);

  expect(seen.names.indexOf('write')).toBe(2);
  expect(seen.overlap('early 1', 'early 2')).toBe(true);
  expect(seen.overlap('late 1', 'late 2')).toBe(true);
  for (const name of ['early 1', 'early 2', 'late 1', 'late 2']) {
    expect(seen.overlap('write', name)).toBe(false);
  }
});

test('calls that have nothing in common all run at the same time', async () => {
  const seen = new Intervals();
  const beside = Array.from({ length: 12 }, (_, i) => `w${i}`);
  await turnOf(
    files(seen),
    beside.map((name, i) => ['write', { path: `/${i}`, name, beside }] as const),
  );

  expect(seen.mostAtOnce()).toBe(12);
});

test('an exclusive call runs alone, between those before and after it', async () => {
  const seen = new Intervals();
  await turnOf(files(seen), [
    ['free', { name: 'before 1', beside: ['before 2'] }],
    ['read', { path: '/a', name: 'before 2', beside: ['before 1'] }],
    ['alone', { name: 'alone' }],
    ['free', { name: 'after 1', beside: ['after 2'] }],
    ['write', { path: '/a', name: 'after 2', beside: ['after 1'] }],
  ]);

  expect(seen.overlap('before 1', 'before 2')).toBe(true);
  expect(seen.overlap('after 1', 'after 2')).toBe(true);
  expect(seen.names[2]).toBe('alone');
  for (const name of seen.names.filter((other) => other !== 'alone')) {
    expect(seen.overlap('alone', name)).toBe(false);
  }
});

test('tools conflict on a key of several fields, by field or by function, whatever the order of the names', async () => {
  const seen = new Intervals();
  const inputSchema = z.object({
    sheet: z.string(),
    row: z.coerce.number().default(1),
    name: z.string(),
  });
  const companions: Record<string, string[]> = {
    'set A1': ['set A2', 'get B'],
    'get A1': ['get A'],
    'get A': ['get A1'],
  };
  const run = ({ name }: z.output<typeof inputSchema>) =>
    seen.work(name, 20, () => seen.began(...(companions[name] ?? [])));
  const tools = [
    defineTool({
      name: 'set',
      description: 'Sets a row.',
      inputSchema,
      access: { writes: ['sheet', 'row'] },
      run,
    }),
    defineTool({
      name: 'get',
      description: 'Gets a row.',
      inputSchema,
      access: ({ sheet, row }) => ({ reads: { row, sheet } }),
      run,
    }),
  ];
  await turnOf(tools, [
    ['set', { sheet: 'A', row: '1', name: 'set A1' }],
    ['set', { sheet: 'A', row: 2, name: 'set A2' }],
    // The default of the schema counts, and so does what it makes of a text.
    ['get', { row: 1, sheet: 'A', name: 'get A1' }],
    ['get', { sheet: 'A', name: 'get A' }],
    ['get', { sheet: 'B', name: 'get B' }],
  ]);

  expect(seen.overlap('set A1', 'set A2')).toBe(true);
  expect(seen.overlap('set A1', 'get B')).toBe(true);
  expect(seen.overlap('set A1', 'get A1')).toBe(false);
  expect(seen.overlap('set A1', 'get A')).toBe(false);
  expect(seen.overlap('get A1', 'get A')).toBe(true);
});

test('calls of tools with one `inOrder` run one after the other, even after a failure, and others beside them', async () => {
  const seen = new Intervals();
  const work = ({ name, beside = [] }: Record<string, unknown>) =>
    seen.work(String(name), 20, () => seen.began(...(beside as string[])));
  const access = { inOrder: 'ledger' };
  const { result } = await turnOf(
    [
      writer('debit', work, { access }),
      writer('credit', work, { access }),
      writer(
        'fail',
        async (input) => {
          await work(input);
          throw new Error('no such account');
        },
        { access },
      ),
      writer('mail', work, { access: { inOrder: 'mail' } }),
      writer('free', work),
    ],
    [
      ['debit', { name: 'l1', beside: ['mail', 'free'] }],
      ['fail', { name: 'l2' }],
      ['credit', { name: 'l3' }],
      ['mail', { name: 'mail' }],
      ['debit', { name: 'l4' }],
      ['free', { name: 'free' }],
    ],
  );

  const [ok, failed] = ['succeeded', 'failed'];
  expect(outcomes(result)).toEqual([ok, failed, ok, ok, ok, ok]);
  expect(seen.names.filter((name) => name.startsWith('l'))).toEqual(['l1', 'l2', 'l3', 'l4']);
  expect(seen.mostAtOnce('l')).toBe(1);
});

test('a call that moves something from one key to another waits for both', async () => {
  const seen = new Intervals();
  const move = writer('move', ({ name }) => seen.work(String(name), 60), {
    access: ({ from, to }) => ({ writes: [{ path: from }, { path: to }] }),
  });
  await turnOf(
    [...files(seen), move],
    [
      ['write', { path: '/a', name: 'a', beside: ['b'] }],
      ['write', { path: '/b', name: 'b', beside: ['a'] }],
      ['move', { from: '/a', to: '/b', name: 'move' }],
      ['read', { path: '/b', name: 'read' }],
    ],
  );

  expect(seen.names.slice(2)).toEqual(['move', 'read']);
  expect(seen.mostAtOnce()).toBe(2);
  expect(seen.overlap('b', 'move')).toBe(false);
  expect(seen.overlap('move', 'read')).toBe(false);
});

test('after a failed write the calls that rely on it are skipped, and the model reads which call failed', async () => {
  const ran: string[] = [];
  const note = ({ name }: Record<string, unknown>) => ran.push(String(name));
  const tools = [
    writer('write', () => Promise.reject(new Error('disk full')), { access: { writes: 'path' } }),
    writer('edit', note, { access: { writes: 'path' } }),
    reader('read', note, { access: { reads: 'path' } }),
    writer('alone', note, { access: 'exclusive' }),
  ];
  const { result, messages } = await turnOf(tools, [
    ['read', { path: '/a', name: 'before' }],
    ['write', { path: '/a' }, 'toolu_write'],
    ['read', { path: '/a', name: 'after' }, 'toolu_read'],
    ['edit', { path: '/a', name: 'edit' }],
    ['read', { path: '/b', name: 'other' }],
    ['alone', { name: 'alone' }],
  ]);

  expect(outcomes(result)).toEqual([
    'succeeded',
    'failed',
    'skipped',
    'skipped',
    'succeeded',
    'succeeded',
  ]);
  expect(ran.toSorted()).toEqual(['alone', 'before', 'other']);
  const skipped =
    'Not executed: write (toolu_write) failed before it, and both touch path "/a". ' +
    'Deal with that first; then call this again if it is still needed.';
  expect(messages).toEqual([undefined, 'disk full', skipped, skipped, undefined, undefined]);
  expect(result.messages[2]).toMatchObject({
    content: [
      {},
      { content: 'disk full', is_error: true },
      { tool_use_id: 'toolu_read', content: skipped, is_error: true },
      {},
      {},
      {},
    ],
  });
});

test('the calls that rely on a write are skipped as soon as it is denied', async () => {
  const ran: string[] = [];
  const note = ({ name }: Record<string, unknown>) => ran.push(String(name));
  const tools = [
    writer('write', note, { access: { writes: 'path' }, approval: 'always' }),
    reader('read', note, { access: { reads: 'path' } }),
  ];
  const { result, messages } = await turnOf(
    tools,
    [
      ['write', { path: '/a', name: 'denied' }, 'toolu_write'],
      ['read', { path: '/a', name: 'read' }],
      ['read', { path: '/b', name: 'other' }],
    ],
    async (turn) => {
      await until(
        () => ran.length,
        (count) => count === 1,
      );
      await turn.deny('toolu_write', { by: 'kim', reason: 'not today' });
    },
  );

  expect(ran).toEqual(['other']);
  expect(outcomes(result)).toEqual(['denied', 'skipped', 'succeeded']);
  expect(messages[1]).toBe(
    'Not executed: write (toolu_write) was denied before it, and both touch path "/a". Call this again only if it makes sense without that call.',
  );
});

test('after a write with an unknown outcome, writes are skipped and reads run', async () => {
  const ran: string[] = [];
  const note = ({ name }: Record<string, unknown>) => ran.push(String(name));
  const hang = async (_input: unknown, { signal }: { signal: AbortSignal }) => {
    ran.push('pay');
    await sleep(60_000, undefined, { signal }).catch(() => undefined);
  };
  const tools = [
    writer('pay', hang, {
      access: { writes: 'account' },
    }),
    reader('balance', note, { access: { reads: 'account' } }),
    writer('refund', note, { access: { writes: 'account' } }),
    writer('close_books', note, { access: 'exclusive' }),
  ];
  const { result, messages } = await turnOf(
    tools,
    [
      ['pay', { account: 7 }, 'toolu_pay'],
      ['balance', { account: 7, name: 'balance' }],
      ['refund', { account: 7, name: 'refund' }],
      ['refund', { account: 8, name: 'other' }],
      ['close_books', { name: 'books' }],
    ],
    async (turn, { client }) => {
      await until(
        () => ran.length,
        (count) => count === 2,
      );
      // As the wrapper reports a call that was interrupted.
      const lost = ApplicationFailure.nonRetryable('The worker was lost.', OUTCOME_UNKNOWN);
      const activity = { workflowId: turn.turnId, activityId: 'toolu_pay' };
      await client.activity.fail(activity, lost);
    },
  );

  expect(outcomes(result)).toEqual(['unknown', 'succeeded', 'skipped', 'succeeded', 'skipped']);
  // The first two start at once.
  expect(ran.toSorted()).toEqual(['balance', 'other', 'pay']);
  expect(ran.at(-1)).toBe('balance');
  expect(messages[2]).toBe(
    'Not executed: pay (toolu_pay) may or may not have taken effect before it, and both touch account 7. Check that first; then call this again if it is still needed.',
  );
  expect(messages[4]).toContain(
    'pay (toolu_pay) may or may not have taken effect before it, and the two must not overlap.',
  );
});

const hang = (_input: unknown, { signal }: { signal: AbortSignal }) =>
  sleep(60_000, undefined, { signal });

test('after a write that timed out, both reads and writes of its key are skipped', async () => {
  const ran: string[] = [];
  const tools = [
    writer('write', hang, {
      access: { writes: 'path' },
      activity: { startToCloseTimeout: '300ms' },
    }),
    reader('read', () => ran.push('read'), { access: { reads: 'path' } }),
  ];
  const { result, messages } = await turnOf(tools, [
    ['write', { path: '/a' }],
    ['read', { path: '/a' }],
  ]);

  expect(outcomes(result)).toEqual(['timedOut', 'skipped']);
  expect(messages[1]).toContain('timed out before it, and both touch path "/a"');
  expect(ran).toEqual([]);
});

test('a failed read does not stop any other call', async () => {
  const tools = [
    reader('read', () => Promise.reject(new Error('gone')), {
      access: { reads: 'path' },
      activity: { retry: { maximumAttempts: 1 } },
    }),
    writer('write', () => 'written', { access: { writes: 'path' } }),
  ];
  const { result } = await turnOf(tools, [
    ['read', { path: '/a' }],
    ['write', { path: '/a' }],
  ]);

  expect(outcomes(result)).toEqual(['failed', 'succeeded']);
});

test('thousands of writes that rely on one that fails are all answered', async () => {
  const tools = [
    writer('write', () => Promise.reject(new Error('disk full')), { access: { writes: 'path' } }),
  ];
  const { result } = await turnOf(
    tools,
    Array.from({ length: 2_500 }, () => ['write', { path: '/a' }] as const),
  );

  expect(result.calls).toHaveLength(2_500);
  expect(outcomes(result).filter((outcome) => outcome === 'skipped')).toHaveLength(2_499);
});

/** What four calls that do not meet cost in history. */
async function cost(extras: Parameters<typeof writer>[2]) {
  const seen = new Intervals();
  const tool = writer('write', ({ name }) => seen.work(String(name), 300), extras);
  const { scheduled, events } = await turnOf(
    [tool],
    ['/a', '/b', '/c', '/d'].map((path) => ['write', { path, name: path }] as const),
  );
  // Results that come at once may share a workflow task, so how many there are is left to chance.
  const others = events.filter((event) => {
    const { workflowTaskScheduledEventAttributes: task } = event;
    const { workflowTaskStartedEventAttributes: start } = event;
    const { workflowTaskCompletedEventAttributes: end } = event;
    return !task && !start && !end;
  });
  return {
    activities: scheduled.map(({ type }) => type),
    tasks: new Set(scheduled.map(({ task }) => task)).size,
    events: others.length,
  };
}

test('declaring what a batch touches costs no workflow task, no activity and no event', async () => {
  const [plain, ordered] = [await cost({}), await cost({ access: { writes: 'path' } })];

  expect(ordered).toEqual(plain);
  expect(plain).toMatchObject({ tasks: 3, activities: { length: 6 } });
});
