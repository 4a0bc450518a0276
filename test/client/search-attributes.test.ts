import { randomUUID } from 'node:crypto';
import type { WorkflowStartInput } from '@temporalio/client';
import { Client } from '@temporalio/client';
import { describe, expect, inject, test, vi } from 'vitest';
import type { TurnHandle } from '../../client/index.ts';
import type { ListTurnsOptions } from '../../client/lists.ts';
import { AgentClient, InvalidTurnError, SearchAttributesMissingError } from '../../client/index.ts';
import { registerSearchAttributes, untilKnown } from '../../client/register-search-attributes.ts';
import { SEARCH_ATTRIBUTES } from '../../core/search-attributes.ts';
import { defineAgent } from '../../index.ts';
import { startTestEnvironment } from '../../testing/environment.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation, script } from '../../testing/script.ts';
import type { Namespace } from '../fixtures/namespace.ts';
import { newNamespace } from '../fixtures/namespace.ts';
import { inThisThread } from '../fixtures/sandbox.ts';
import { reader } from '../fixtures/tools.ts';

const agent = defineAgent({
  name: 'tester',
  model: 'claude-opus-5-5',
  tools: [
    reader('look', () => 'seen'),
    reader('wait', (_input, { signal }) => {
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('stopped')));
      });
    }),
  ],
  limits: { historyEvents: 20 },
});
const look = callTools({ look: {} });
const answers = script(
  conversation('go', [look, say('Done.')]),
  conversation('wait', [callTools({ wait: {} })]),
  conversation('long', [look, look, look, look, look, look, say('Done.')]),
);

function startPlait(namespace: Namespace) {
  return startTestEnvironment({
    agents: [agent],
    script: answers,
    temporal: { address: inject('temporalAddress'), namespace: namespace.name },
    ...inThisThread,
  });
}

/** What history says of attributes and of the end, as one line for each event. */
async function events(turn: TurnHandle) {
  const { events: all } = await turn.workflow.fetchHistory();
  return all ?? [];
}

async function attributesOf(turn: TurnHandle): Promise<Record<string, unknown>> {
  const { typedSearchAttributes } = await turn.workflow.describe();
  const ours = typedSearchAttributes.getAll().filter(({ key }) => key.name.startsWith('Plait'));
  return Object.fromEntries(ours.map(({ key, value }) => [key.name, value]));
}

async function listed(agents: AgentClient, options: ListTurnsOptions): Promise<string[]> {
  const ids: string[] = [];
  for await (const { turnId } of agents.listTurns(options)) ids.push(turnId);
  return ids.toSorted();
}

describe('if the search attributes are registered', () => {
  test('turns are found by agent, user, stop reason and status', async () => {
    await using namespace = await newNamespace(inject('temporalAddress'), SEARCH_ATTRIBUTES);
    await using plait = await startPlait(namespace);
    const { agents } = plait;
    const user = 'CORP\\ada "o\'neill"';
    const done = await agents.start(agent, 'go', { turnId: 'done', user });
    const stopped = await agents.start(agent, 'wait', { turnId: 'stopped' });
    const open = await agents.start(agent, 'wait', { turnId: 'open', user: 'bob' });
    const lost = await agents.start('nobody', 'go', { turnId: 'lost', user });
    await done.result();
    await stopped.cancel();
    await stopped.result();
    await lost.result().catch(() => undefined);

    expect(await attributesOf(done)).toEqual({
      PlaitAgent: 'tester',
      PlaitUser: user,
      PlaitStopReason: 'end_turn',
    });
    const find = (options: ListTurnsOptions) => expect.poll(() => listed(agents, options));
    await find({ stopReason: 'end_turn' }).toEqual(['done']);
    await find({ stopReason: 'cancelled' }).toEqual(['stopped']);
    await find({ stopReason: 'end_turn', status: 'running' }).toEqual([]);
    expect(await attributesOf(lost)).toMatchObject({ PlaitStopReason: 'none' });
    await find({ agent: 'tester' }).toEqual(['done', 'open', 'stopped']);
    await find({ user }).toEqual(['done', 'lost']);
    await find({ user, agent: 'tester' }).toEqual(['done']);
    await find({ status: 'running' }).toEqual(['open']);
    await find({ status: 'failed' }).toEqual(['lost']);
    await find({ status: 'completed' }).toEqual(['done', 'stopped']);
    await find({ agent: 'Tester' }).toEqual([]);
    await find({}).toEqual(['done', 'lost', 'open', 'stopped']);

    const all = [];
    for await (const turn of agents.listTurns()) all.push(turn);
    expect(all.find(({ turnId }) => turnId === 'done')).toEqual({
      turnId: 'done',
      agent: 'tester',
      user,
      asked: 'go',
      status: 'completed',
      stopReason: 'end_turn',
      startTime: expect.any(Date) as Date,
      closeTime: expect.any(Date) as Date,
    });
    const { usage } = await done.result();
    const withUsage = [];
    for await (const turn of agents.listTurns({ usage: true })) withUsage.push(turn);
    expect(withUsage).toEqual(all.map((turn) => expect.objectContaining(turn) as unknown));
    const usages = Object.fromEntries(withUsage.map((turn) => [turn.turnId, turn.usage]));
    expect(usages['done']).toEqual(usage);
    expect(usages['lost']?.output_tokens).toBe(0);
    expect(usages['open']).toBeUndefined();
    expect(all.find(({ turnId }) => turnId === 'open')).toEqual({
      turnId: 'open',
      agent: 'tester',
      user: 'bob',
      asked: 'wait',
      status: 'running',
      startTime: expect.any(Date) as Date,
    });
    await open.cancel();
  });

  test('the usual stop reason costs no event, and another one costs one', async () => {
    await using namespace = await newNamespace(inject('temporalAddress'), SEARCH_ATTRIBUTES);
    await using plait = await startPlait(namespace);
    const { agents, taskQueue } = plait;
    const usual = await agents.start(agent, 'go', { user: 'ada' });
    await usual.result();
    const turn = await agents.start(agent, 'wait', { user: 'ada' });
    await expect.poll(async () => (await turn.describe()).pendingCalls).toMatchObject([{}]);
    await turn.cancel();
    await turn.result();
    const workflowId = `plain-${randomUUID()}`;
    const args = [{ agent: 'tester', input: 'go' }];
    await agents.client.workflow.execute('agentTurn', { workflowId, taskQueue, args });

    const searchable = await events(turn);
    for (const unchanged of [usual, agents.getTurn(workflowId)]) {
      const upserts = (await events(unchanged)).filter(
        (event) => event.upsertWorkflowSearchAttributesEventAttributes,
      );
      expect(upserts).toEqual([]);
    }
    const [upsert, end] = searchable.slice(-2);
    expect(upsert?.upsertWorkflowSearchAttributesEventAttributes).toBeTruthy();
    expect(end?.workflowExecutionCompletedEventAttributes).toBeTruthy();
    expect(
      upsert?.upsertWorkflowSearchAttributesEventAttributes?.workflowTaskCompletedEventId,
    ).toEqual(end?.workflowExecutionCompletedEventAttributes?.workflowTaskCompletedEventId);
    expect(searchable.filter((event) => event.workflowTaskFailedEventAttributes)).toEqual([]);
  });

  test('a turn that continues as new keeps them, and is listed once', async () => {
    await using namespace = await newNamespace(inject('temporalAddress'), SEARCH_ATTRIBUTES);
    await using plait = await startPlait(namespace);
    const { agents } = plait;
    const turn = await agents.start(agent, 'long', { turnId: 'long', user: 'ada' });
    await turn.result();

    const [first] = await events(turn);
    const { continuedExecutionRunId } = first?.workflowExecutionStartedEventAttributes ?? {};
    expect(continuedExecutionRunId).toMatch(/./);
    expect(await attributesOf(turn)).toEqual({
      PlaitAgent: 'tester',
      PlaitUser: 'ada',
      PlaitStopReason: 'end_turn',
    });
    await expect.poll(() => listed(agents, { user: 'ada', status: 'completed' })).toEqual(['long']);
    expect(await listed(agents, {})).toEqual(['long']);
  });
});

describe.each([
  ['are not registered', {}],
  ['are partly of another type', { ...SEARCH_ATTRIBUTES, PlaitStopReason: 'Int' }],
  ['are partly registered', { PlaitAgent: 'Keyword', PlaitUser: 'Keyword' }],
] as const)('if the search attributes %s', (_how, attributes) => {
  test('turns run without them, and a client asks for them once', async () => {
    await using namespace = await newNamespace(inject('temporalAddress'), attributes);
    await using plait = await startPlait(namespace);
    const offered: boolean[] = [];
    const start = (
      input: WorkflowStartInput,
      next: (input: WorkflowStartInput) => Promise<string>,
    ) => {
      offered.push(input.options.typedSearchAttributes !== undefined);
      return next(input);
    };
    const client = new Client({
      connection: namespace.client.connection,
      namespace: namespace.name,
      interceptors: { workflow: [{ start }] },
    });
    const agents = new AgentClient({ client, taskQueue: plait.taskQueue });

    const first = await agents.start(agent, 'go', { turnId: 'first', user: 'ada' });
    const again = await agents.start(agent, 'go', { turnId: 'first', user: 'ada' });
    const second = await agents.execute(agent, 'go');

    expect(offered).toEqual([true, false, false, false]);
    expect(await again.result()).toMatchObject({ stopReason: 'end_turn' });
    expect(second.stopReason).toBe('end_turn');
    expect(await attributesOf(first)).toEqual({});
    await expect.poll(() => listed(agents, { status: 'completed' })).toHaveLength(2);
    await expect(listed(agents, { stopReason: 'cancelled' })).rejects.toThrow(
      SearchAttributesMissingError,
    );
    // What a session is doing needs none.
    await (await agents.openSession(agent, 'desk').send('go')).result();
    await expect
      .poll(async () => {
        const ids = [];
        for await (const { sessionId } of agents.listSessions({ status: 'idle' }))
          ids.push(sessionId);
        return ids;
      })
      .toEqual(['desk']);
    await expect(listed(agents, { stopReason: 'cancelled' })).rejects.toThrow(/Run `plait setup`/);
  });
});

test('a client notices within minutes that they have been registered', async () => {
  await using namespace = await newNamespace(inject('temporalAddress'));
  const { client, name } = namespace;
  const agents = new AgentClient({ client, taskQueue: 'nobody' });
  expect(await attributesOf(await agents.start(agent, 'go'))).toEqual({});
  await registerSearchAttributes(client.connection, name, SEARCH_ATTRIBUTES);
  await untilKnown(client.connection, name, Object.keys(SEARCH_ATTRIBUTES), 20_000);

  expect(await attributesOf(await agents.start(agent, 'go'))).toEqual({});
  const later = Date.now() + 5 * 60_000;
  const clock = vi.spyOn(Date, 'now').mockReturnValue(later);
  const turn = await agents.start(agent, 'go').finally(() => clock.mockRestore());

  expect(await attributesOf(turn)).toEqual({
    PlaitAgent: 'tester',
    PlaitStopReason: 'end_turn',
  });
});

test.each(['', 'x'.repeat(256), 'a\nb'])(
  'a user that cannot be stored is an error: %j',
  async (user) => {
    await using namespace = await newNamespace(inject('temporalAddress'));
    const agents = new AgentClient({ client: namespace.client });
    await expect(agents.start(agent, 'go', { user })).rejects.toThrow(InvalidTurnError);
  },
);
