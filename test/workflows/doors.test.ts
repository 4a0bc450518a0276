import { randomUUID } from 'node:crypto';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { WorkflowFailedError, WorkflowUpdateFailedError } from '@temporalio/client';
import type { ApplicationFailure } from '@temporalio/common';
import { RawValue } from '@temporalio/common';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InvalidSessionError } from '../../client/index.ts';
import { toolPolicy } from '../../core/calls/tool-policy.ts';
import type { Message } from '../../core/conversation/messages.ts';
import { COMPLETION_REJECTED, DECISION_REJECTED, SEND_REJECTED } from '../../core/failures.ts';
import { INVALID_SESSION, INVALID_TURN } from '../../core/failures.ts';
import { beginSession } from '../../core/session/memory.ts';
import { beginTurn } from '../../core/turn/state.ts';
import type { TestEnvironment } from '../../testing/environment.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation, script } from '../../testing/script.ts';
import { pinned } from '../core/turn/decide-fixture.ts';
import { waitingCalls } from '../fixtures/approvals-agent.ts';
import { until } from '../fixtures/until.ts';
import { latch } from '../fixtures/waiting-turns.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, reader, writer } from '../fixtures/tools.ts';

// Anyone who can reach the namespace may send anything to a turn or a session, or start one with anything, by
// any client. Whatever comes, no workflow task fails, and the next valid message is answered.

const tokens: string[] = [];
const agent = agentWith([
  writer('pay', () => 'paid', { approval: 'always' }),
  writer('parcel', (_input, { later }) => {
    const waiting = later();
    tokens.push(waiting.token);
    return waiting;
  }),
  reader('look', () => 'seen'),
]);

let plait: TestEnvironment;
let client: Client;

beforeAll(async () => {
  plait = await startPlait({
    agents: [agent],
    script: script(
      conversation('go', [
        callTools([
          ['pay', {}, 'toolu_pay'],
          ['parcel', {}, 'toolu_parcel'],
        ]),
        say('Done.'),
      ]),
      conversation(
        /./,
        Array.from({ length: 5 }, () => (request) => say(`You said: ${request.userText}`)),
      ),
    ),
  });
  client = plait.agents.client;
});
afterAll(() => plait.close());

const bytes = (text: string) => new TextEncoder().encode(text);

/** A payload as it is, which a client sends without looking at it. */
function payload(encoding: string | undefined, data: Uint8Array): RawValue {
  const metadata = encoding === undefined ? {} : { encoding: bytes(encoding) };
  return RawValue.fromPayload({ metadata, data });
}

function nested(levels: number): unknown {
  return levels === 0 ? 'deep' : [nested(levels - 1)];
}

/** What no door takes. */
const HOSTILE: readonly unknown[] = [
  42,
  'Be quick.',
  true,
  [],
  {},
  [null],
  { turnId: 7, input: 'Be quick.' },
  { turnId: 'x', input: null },
  { turnId: 'x', input: [{ type: 'tool_result', tool_use_id: 'toolu_pay' }] },
  { turnId: 'x'.repeat(1_001), input: 'Be quick.' },
  { callId: 'toolu_pay', by: { name: 'Ana' } },
  { callId: ['toolu_pay'], by: 'ana' },
  { callId: 'toolu_pay', by: '', key: null },
  { callId: 'toolu_parcel', key: 'k', result: 7 },
  { callId: 'toolu_parcel', key: {}, result: { type: 'failed' } },
  { input: { role: 'user' }, idempotencyKey: {} },
  { interrupt: 'yes' },
  { __proto__: { callId: 'toolu_pay' }, toString: 1 },
  nested(3_000),
  { callId: 'toolu_pay', by: 'ana', input: nested(3_000) },
  payload('x/unknown', bytes('?')),
  payload(undefined, bytes('?')),
  payload('json/plain', bytes('{')),
  payload('json/plain', bytes('')),
  payload('json/plain', Uint8Array.of(0xff, 0xfe, 0x00)),
  payload('binary/plain', Uint8Array.of(1, 2, 3)),
  payload('binary/encrypted', bytes('secret')),
  payload('json/protobuf', bytes('{}')),
  ...fc.sample(fc.jsonValue({ maxDepth: 4 }), { numRuns: 12, seed: 14 }),
  ...fc
    .sample(fc.uint8Array({ maxLength: 40 }), { numRuns: 8, seed: 14 })
    .map((data) => payload('json/plain', data)),
];

async function rejection(request: Promise<unknown>): Promise<ApplicationFailure> {
  const error: unknown = await request.then(
    (value) => new Error(`taken, with ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  );
  if (error instanceof WorkflowUpdateFailedError) return error.cause as ApplicationFailure;
  throw error as Error;
}

/** Why workflow tasks of the run failed: what makes a run that is stuck. */
async function failedTasks(handle: WorkflowHandle): Promise<string[]> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).flatMap(({ workflowTaskFailedEventAttributes: failed }) =>
    failed ? [failed.failure?.message ?? ''] : [],
  );
}

/** Sends the values to all that `send` makes of one, a few at a time. */
async function toAll(
  values: readonly unknown[],
  send: (value: unknown) => Promise<unknown>,
): Promise<void> {
  for (let i = 0; i < values.length; i += 4) await Promise.all(values.slice(i, i + 4).map(send));
}

test('a running turn responds to anything that is sent to it, and then to a valid decision, completion and message', async () => {
  const turn = await plait.agents.start(agent, 'go');
  const { workflow } = turn;
  await waitingCalls(turn, 1);
  await until(
    () => tokens.length,
    (length) => length === 1,
  );

  await toAll([null, ...HOSTILE], async (value) => {
    const args: [unknown] = [value];
    await workflow.signal<[unknown]>('note', value);
    await workflow.signal<[unknown]>('nobody-knows', value);
    expect(
      await rejection(workflow.executeUpdate<void, [unknown]>('approve', { args })),
    ).toMatchObject({
      type: DECISION_REJECTED,
      message: expect.stringMatching(/\.$/) as unknown,
    });
    expect(
      await rejection(workflow.executeUpdate<void, [unknown]>('deny', { args })),
    ).toMatchObject({
      type: DECISION_REJECTED,
    });
    expect(
      await rejection(workflow.executeUpdate<void, [unknown]>('completeToolCall', { args })),
    ).toMatchObject({ type: COMPLETION_REJECTED });
    await rejection(workflow.executeUpdate<void, [unknown]>('nobody-knows', { args }));
    expect(await workflow.query<unknown, [unknown]>('approvals', value)).toHaveLength(1);
    await expect(workflow.query<unknown, [unknown]>('nobody-knows', value)).rejects.toThrow(
      'did not register a handler',
    );
  });

  await workflow.signal('note', { turnId: 'next', input: 'Be quick.' });
  await turn.approve('toolu_pay', { by: 'ana' });
  await plait.agents.completeToolCall(tokens[0] ?? '', 'delivered');
  expect(await turn.result()).toMatchObject({ text: 'Done.', joined: ['next'] });
  expect(await failedTasks(workflow)).toEqual([]);
});

test('a session responds to anything that is sent to it, and then to a valid message', async () => {
  const session = plait.agents.openSession(agent, `session-${randomUUID()}`);
  const first = await session.send('Hello');
  await first.result();
  const { workflow } = session;

  await toAll(HOSTILE, async (value) => {
    const args: [unknown] = [value];
    // An empty object closes a session as well as nothing does.
    const closes = value === null || JSON.stringify(value) === '{}' || isValidClose(value);
    await workflow.signal<[unknown]>('withdraw', value);
    await workflow.signal<[unknown]>('nobody-knows', value);
    expect(
      await rejection(workflow.executeUpdate<void, [unknown]>('send', { args })),
    ).toMatchObject({
      type: SEND_REJECTED,
    });
    if (!closes) {
      expect(
        await rejection(workflow.executeUpdate<void, [unknown]>('close', { args })),
      ).toMatchObject({ type: SEND_REJECTED });
    }
    expect(await workflow.query<unknown, [unknown]>('describe', value)).toMatchObject({ turns: 1 });
    expect(await workflow.query<unknown, [unknown]>('transcript', value)).toBeDefined();
  });
  await rejection(workflow.executeUpdate<void, [unknown]>('send', { args: [null] }));

  const next = await session.send('And again');
  expect(await next.result()).toMatchObject({ text: 'You said: And again' });
  expect(await failedTasks(workflow)).toEqual([]);
  await workflow.executeUpdate<void, [null]>('close', { args: [null] });
  await expect(workflow.result()).resolves.toMatchObject({ status: 'closed' });
});

function isValidClose(value: unknown): boolean {
  return value instanceof RawValue && value.payload.data?.length === 2;
}

async function started(type: string, args: readonly unknown[]): Promise<WorkflowHandle> {
  return await client.workflow.start(type, {
    workflowId: `door-${randomUUID()}`,
    taskQueue: plait.taskQueue,
    args: [...args],
    workflowRunTimeout: '60s',
  });
}

/** The failure of a run. */
async function failure(handle: WorkflowHandle): Promise<ApplicationFailure> {
  const error: unknown = await handle.result().then(
    (value: unknown) => new Error(`completed, with ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  );
  if (error instanceof WorkflowFailedError) return error.cause as ApplicationFailure;
  throw error as Error;
}

const ARGS = { agent: 'tester', input: 'Hello' };

describe('a run that is started with an invalid argument fails, and says why:', () => {
  test.for<[type: string, failureType: string, args: readonly unknown[]]>([
    ['agentTurn', INVALID_TURN, []],
    ['agentSession', INVALID_SESSION, []],
    ['agentTurn', INVALID_TURN, [{ ...ARGS, context: nested(3_000) }]],
    ['agentTurn', INVALID_TURN, [{ ...ARGS, batchTimeout: 1e300 }]],
    ['agentTurn', INVALID_TURN, [{ ...ARGS, limits: { wallTime: 1e300 } }]],
    ['agentSession', INVALID_SESSION, [{ agent: 'tester', limits: { wallTime: 1e300 } }]],
  ])('%s, %s, %j', async ([type, failureType, args]) => {
    const handle = await started(type, args);
    expect(await failure(handle)).toMatchObject({ type: failureType });
    expect(await failedTasks(handle)).toEqual([]);
  });

  test('whatever the argument is', async () => {
    await toAll(HOSTILE, async (value) => {
      const runs = await Promise.all([
        started('agentTurn', [value]),
        started('agentTurn', [ARGS, value]),
        started('agentSession', [value]),
        started('agentSession', [{ agent: 'tester' }, value]),
      ]);
      const failures = await Promise.all(runs.map(failure));
      const tasks = await Promise.all(runs.map(failedTasks));
      expect(failures.map(({ type }) => type)).toEqual([
        INVALID_TURN,
        INVALID_TURN,
        INVALID_SESSION,
        INVALID_SESSION,
      ]);
      expect(tasks.flat()).toEqual([]);
    });
  });
});

test.for<[messages: unknown]>([
  [[{ role: 'assistant', content: null }]],
  [[{ role: 'user' }]],
  [[null]],
  ['Hello'],
  [{ role: 'user', content: 'Hello' }],
  [7],
])('the client says what is wrong with what a session would begin with: %j', async ([messages]) => {
  await expect(
    plait.agents.startSession(agent, { messages: messages as Message[] }),
  ).rejects.toThrow(InvalidSessionError);
});

/** Every place of a value at which another can be put. */
function places(value: unknown): (readonly PropertyKey[])[] {
  if (typeof value !== 'object' || value === null) return [[]];
  const within = Object.entries(value).flatMap(([key, inner]) =>
    places(inner).map((path) => [key, ...path]),
  );
  return [[], ...within];
}

function withValue(
  value: unknown,
  [key, ...path]: readonly PropertyKey[],
  other: unknown,
): unknown {
  if (key === undefined) return other;
  const changed = withValue((value as Record<PropertyKey, unknown>)[key], path, other);
  if (!Array.isArray(value)) return { ...(value as object), [key]: changed };
  return value.map((item, i) => (String(i) === key ? changed : (item as unknown)));
}

const forgedAgent = {
  ...pinned('payload'),
  name: 'tester',
  policies: [['look', toolPolicy(true)]],
};

const conversationSoFar = beginTurn([
  { role: 'user', content: 'Hello' },
  {
    role: 'assistant',
    content: [{ type: 'tool_use', id: 'toolu_1', name: 'look', input: {} }],
  },
]);

const WHOLE: readonly (readonly [type: string, args: readonly unknown[], forged: object])[] = [
  [
    'agentTurn',
    [{ ...ARGS, input: [] }],
    {
      type: 'continued',
      state: conversationSoFar,
      agent: forgedAgent,
      ofSession: false,
      begunAt: 1,
      seen: [],
      prepared: [{ type: 'ready', summary: '' }],
    },
  ],
  [
    'agentTurn',
    [ARGS],
    { type: 'session', agent: forgedAgent, transcript: beginTurn([]).transcript, stored: [] },
  ],
  [
    'agentSession',
    [{ agent: 'tester' }],
    {
      ...beginSession({ agent: 'tester' }),
      agent: forgedAgent,
      waiting: [{ turnId: `${randomUUID()}.turn-1`, input: 'Hello' }],
      closing: true,
    },
  ],
];

test.for(WHOLE)('%s goes on from a complete beginning', async ([type, args, whole]) => {
  const handle = await started(type, [...args, whole]);
  await expect(handle.result()).resolves.toBeDefined();
});

test.for(WHOLE)(
  'a forged beginning of %s leads to an end, and never to a task that fails again and again',
  { timeout: 120_000 },
  async ([type, args, whole]) => {
    const forged = fc
      .constantFrom(...places(whole))
      .chain((path) =>
        fc
          .oneof(
            fc.constantFrom<unknown>(null, '', -1, 1e300, [], {}, [null], { type: 'text' }),
            fc.jsonValue({ maxDepth: 2 }),
          )
          .map((other) => withValue(whole, path, other)),
      );
    await toAll(fc.sample(forged, { numRuns: 60, seed: 14 }), async (beginning) => {
      const handle = await started(type, [...args, beginning]);
      // Some are valid, and wait for a task queue or a person that there is not.
      await Promise.race([
        handle.result().catch(() => undefined),
        new Promise((resolve) => setTimeout(resolve, 1_500)),
      ]);
      expect(await failedTasks(handle)).toEqual([]);
      await handle.terminate().catch(() => undefined);
    });
  },
);

test('a call that somebody completes with unreadable data is answered, and the turn goes on', async () => {
  const hold = latch();
  await using own = await startPlait({
    agents: [agentWith([reader('wait', () => hold.opened)])],
    script: conversation('go', [callTools([['wait', {}, 'toolu_wait']]), say('Done.')]),
  });
  const turn = await own.agents.start('tester', 'go');
  await until(
    () => turn.describe(),
    ({ pendingCalls }) => pendingCalls.some(({ attempt }) => attempt > 0),
  );
  const { client: temporal } = own.agents;
  await temporal.activity.complete(
    { workflowId: turn.turnId, activityId: 'toolu_wait' },
    payload('x/unknown', bytes('?')),
  );
  const result = await turn.result();
  hold.open();
  expect(result.calls).toMatchObject([
    {
      outcome: 'failed',
      message:
        'The call was completed by hand with a result that cannot be read (Unknown encoding: x/unknown).',
    },
  ]);
  expect(await failedTasks(turn.workflow)).toEqual([]);
});
