import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { StartTurnOptions } from '../../client/index.ts';
import type { TurnResult } from '../../core/turn/result.ts';
import type { Agent } from '../../index.ts';
import type { TestEnvironment } from '../../testing/environment.ts';
import { expectTurn } from '../../testing/expect-turn.ts';
import { fault } from '../../testing/faults.ts';
import type { MessageReply, Reply } from '../../testing/messages/reply.ts';
import { callTools, paced, pauseTurn, refuse, say, think, reply } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, reader, writer } from '../fixtures/tools.ts';

const ran: unknown[] = [];
const look = reader('look', (input) => {
  ran.push(input);
  return 'seen';
});
const hang = (_input: unknown, { signal }: { signal: AbortSignal }) =>
  sleep(60_000, undefined, { signal });
const looks = (count: number): MessageReply =>
  callTools(Array.from({ length: count }, (_, i) => ['look', { i }] as const));
const using = (answer: MessageReply, input: number, output: number): MessageReply => ({
  ...answer,
  usage: { input_tokens: input, output_tokens: output },
});

const prices = { input: 4, output: 20 };

type Inspect = (plait: TestEnvironment, turnId: string) => Promise<void>;

/** Ends a turn, and then goes on from its conversation: the scripted API rejects one that is not valid. */
async function endAndGoOn(
  agent: Agent,
  replies: readonly Reply[],
  options: StartTurnOptions = {},
  inspect: Inspect = async () => undefined,
): Promise<TurnResult> {
  ran.splice(0);
  await using plait = await startPlait({
    agents: [agent],
    script: (request) =>
      request.userText === 'go on' ? say('I go on.') : conversation('go', replies)(request),
  });
  const turn = await plait.agents.start(agent, 'go', options);
  const result = await turn.result();
  expectTurn(result).answeredEveryCall();
  const next = await plait.agents.execute(agent, [
    ...result.messages,
    { role: 'user', content: 'go on' },
  ]);
  expect(next.text).toBe('I go on.');
  await inspect(plait, turn.turnId);
  return result;
}

const outcomes = ({ calls }: TurnResult) => calls.map(({ outcome }) => outcome);

describe('a turn ends when it reaches a limit:', () => {
  const spends = using(looks(1), 100, 50);
  test.for([
    ['rounds', { rounds: 2 }, 'max_rounds', 'The limit of 2 rounds is reached.'],
    [
      'inputTokens',
      { inputTokens: 150 },
      'max_input_tokens',
      'The limit of 150 input tokens is reached, with 200 spent.',
    ],
    [
      'outputTokens',
      { outputTokens: 60 },
      'max_output_tokens',
      'The limit of 60 output tokens is reached, with 100 spent.',
    ],
    [
      'costUSD',
      { costUSD: 0.0015 },
      'max_cost',
      'The limit of $0.0015 is reached, with $0.0028 spent.',
    ],
    [
      'toolCalls',
      { toolCalls: 1 },
      'max_tool_calls',
      'The limit of 1 tool call is reached: the last reply asked for 1 with 0 left.',
    ],
  ] as const)('%s of the agent', async ([, limits, reason, details]) => {
    const agent = agentWith([look], { limits, prices });

    const result = await endAndGoOn(agent, [spends, spends]);

    expect(result).toMatchObject({ stopReason: reason, stopDetails: details, rounds: 2 });
    expect(result.costUSD).toBeCloseTo(0.0028, 9);
    expect(outcomes(result)).toEqual(['succeeded', 'skipped']);
    expect(result.calls[1]?.message).toMatch(/^Not executed: the limit of /);
    expect(ran).toHaveLength(1);
  });

  test('of the run, if that is the tighter one', async () => {
    const agent = agentWith([look], { limits: { rounds: 4, toolCalls: 9 } });

    const result = await endAndGoOn(agent, [spends, spends, spends], {
      limits: { rounds: 9, toolCalls: 2 },
    });

    expect(result).toMatchObject({ stopReason: 'max_tool_calls', rounds: 3 });
  });

  test('but not if the model has ended its turn by then', async () => {
    const agent = agentWith([look], { limits: { rounds: 1, outputTokens: 10 }, prices });

    const result = await endAndGoOn(agent, [using(say('Done.'), 5, 500)]);

    expect(result).toMatchObject({ stopReason: 'end_turn', text: 'Done.', costUSD: 0.01002 });
  });

  test('even if a server tool has paused it', async () => {
    const agent = agentWith([look], { limits: { outputTokens: 10 }, onLimit: 'lastWord' });

    const result = await endAndGoOn(agent, [using(pauseTurn(), 5, 500)]);

    expect(result).toMatchObject({ stopReason: 'max_output_tokens', rounds: 1 });
  });
});

describe('a turn that begins with nothing left', () => {
  test.for([
    [{ rounds: 0 }, 'max_rounds'],
    [{ inputTokens: 0 }, 'max_input_tokens'],
    [{ outputTokens: 0 }, 'max_output_tokens'],
    [{ costUSD: 0 }, 'max_cost'],
    [{ wallTime: 0 }, 'max_wall_time'],
  ] as const)('ends at once, without a request: %j', async ([limits, stopReason]) => {
    const agent = agentWith([look], { prices, onLimit: 'lastWord' });

    const result = await endAndGoOn(agent, [], { limits }, async ({ model }) => {
      // Only the turn that goes on has asked.
      expect(model.requests).toHaveLength(1);
    });

    expect(result).toMatchObject({ stopReason, rounds: 0, text: '', calls: [] });
    expect(result.messages).toEqual([{ role: 'user', content: 'go' }]);
  });

  test('may still answer if only tool calls are used up', async () => {
    const result = await endAndGoOn(agentWith([look]), [say('Hello.')], {
      limits: { toolCalls: 0 },
    });

    expect(result).toMatchObject({ stopReason: 'end_turn', text: 'Hello.' });
  });
});

describe('among parallel calls,', () => {
  test('those above the limit never start, however long the others take', async () => {
    const agent = agentWith([look], { limits: { toolCalls: 4 } });

    const result = await endAndGoOn(agent, [looks(10)]);

    expect(result).toMatchObject({ stopReason: 'max_tool_calls', rounds: 1 });
    expect(result.stopDetails).toBe(
      'The limit of 4 tool calls is reached: the last reply asked for 10 with 4 left.',
    );
    expect(outcomes(result)).toEqual([
      ...Array.from({ length: 4 }, () => 'succeeded'),
      ...Array.from({ length: 6 }, () => 'skipped'),
    ]);
    expect(new Set(ran)).toEqual(new Set([{ i: 0 }, { i: 1 }, { i: 2 }, { i: 3 }]));
    expect(ran).toHaveLength(4);
  });

  test('as many as are left run, and the model reads their results', async () => {
    const agent = agentWith([look], { limits: { toolCalls: 4 } });

    const result = await endAndGoOn(agent, [looks(3), looks(1), say('Done.')]);

    expect(result).toMatchObject({ stopReason: 'end_turn', rounds: 3 });
    expect(outcomes(result)).toEqual(['succeeded', 'succeeded', 'succeeded', 'succeeded']);
  });

  test('skipped ones do not count', async () => {
    const pay = writer(
      'pay',
      ({ fail }) => {
        if (fail === true) throw new Error('no money');
        return 'paid';
      },
      { access: { writes: 'account' } },
    );
    const agent = agentWith([pay], { limits: { toolCalls: 2 } });
    const first = callTools([
      ['pay', { account: 1, fail: true }],
      ['pay', { account: 1 }],
    ]);

    const result = await endAndGoOn(agent, [
      first,
      callTools({ pay: { account: 2 } }),
      say('Done.'),
    ]);

    expect(result.stopReason).toBe('end_turn');
    expect(outcomes(result)).toEqual(['failed', 'skipped', 'succeeded']);
  });
});

describe('a last word', () => {
  const agent = agentWith([look], { limits: { toolCalls: 1 }, onLimit: 'lastWord', prices });

  test('is asked for with the same tools, which the model must not call', async () => {
    const thinks = reply(think('I want to see more.'), looks(2));
    const answer = using(say('I saw one of two.'), 10, 10);

    const result = await endAndGoOn(agent, [thinks, answer], {}, async ({ model }) => {
      const [first, last] = model.requests.map(({ body }) => body);
      expect(last?.tools).toEqual(first?.tools);
      expect(last?.system).toEqual(first?.system);
      expect(last?.tool_choice).toEqual({ type: 'none' });
      expect(first?.tool_choice).toBeUndefined();
    });

    expect(result).toMatchObject({
      stopReason: 'max_tool_calls',
      text: 'I saw one of two.',
      rounds: 2,
    });
    expect(result.messages.at(-1)?.role).toBe('assistant');
  });

  test('that calls a tool anyway is answered, and no tool runs', async () => {
    const result = await endAndGoOn(agent, [looks(2), looks(1)]);

    expect(result.stopReason).toBe('max_tool_calls');
    expect(outcomes(result)).toEqual(['succeeded', 'skipped', 'skipped']);
    expect(ran).toHaveLength(1);
  });

  test('that the model refuses to give does not change the turn', async () => {
    const result = await endAndGoOn(agent, [looks(2), refuse()]);

    expect(result).toMatchObject({ stopReason: 'max_tool_calls', text: '' });
    expect(result.messages.at(-1)?.role).toBe('user');
  });

  test('that cannot be requested does not change the turn', async () => {
    const result = await endAndGoOn(agent, [looks(2), fault.badRequest('No.')]);

    expect(result).toMatchObject({ stopReason: 'max_tool_calls', rounds: 1 });
  });

  test('may be requested for a single run', async () => {
    const plain = agentWith([look], { limits: { rounds: 1 } });

    const result = await endAndGoOn(plain, [looks(1), say('I saw nothing.')], {
      onLimit: 'lastWord',
    });

    expect(result).toMatchObject({ stopReason: 'max_rounds', text: 'I saw nothing.', rounds: 2 });
    expect(outcomes(result)).toEqual(['skipped']);
  });

  test('may be declined for a single run', async () => {
    const result = await endAndGoOn(agent, [looks(2)], { onLimit: 'stop' });

    expect(result).toMatchObject({ stopReason: 'max_tool_calls', rounds: 1 });
  });
});

// They mostly wait.
describe.concurrent('when a turn is out of time,', () => {
  const tools = [
    look,
    reader('read', hang),
    writer('write', hang),
    reader('ask', hang, { approval: 'always' }),
  ];
  const all = callTools({ look: {}, read: {}, write: {}, ask: {} });

  test('running calls are cancelled and answered, and others never start', async () => {
    const agent = agentWith(tools, { limits: { wallTime: '4s' }, onLimit: 'lastWord' });

    const result = await endAndGoOn(agent, [all]);

    expect(result).toMatchObject({
      stopReason: 'max_wall_time',
      stopDetails: 'The time limit of 4 s for the turn (wallTime) is up.',
      rounds: 1,
    });
    expect(outcomes(result)).toEqual(['succeeded', 'timedOut', 'timedOut', 'skipped']);
    expectTurn(result)
      .outcome('read', 'timedOut', 'the time limit of 4 s for the turn (wallTime) was up')
      .outcome('write', 'timedOut', 'may or may not have taken effect')
      .outcome('ask', 'skipped', 'wallTime');
  });

  test('a tighter limit for the batch lets the turn go on', async () => {
    const agent = agentWith(tools, { limits: { wallTime: '1 minute' }, batchTimeout: '3s' });

    const result = await endAndGoOn(agent, [all, say('Done.')]);

    expect(result.stopReason).toBe('end_turn');
    expectTurn(result).outcome('read', 'timedOut', 'batchTimeout');
  });

  const silent = paced({ firstByteMs: 60_000 }, say('Too late.'));

  test('a request to the model is aborted', async () => {
    const agent = agentWith(tools, { limits: { wallTime: '4s' } });

    const result = await endAndGoOn(agent, [callTools({ look: {} }), silent]);

    expect(result).toMatchObject({ stopReason: 'max_wall_time', rounds: 1 });
    expect(outcomes(result)).toEqual(['succeeded']);
  });

  test.for(['agent', 'run'] as const)(
    'the first request to the model is aborted, by the limit of the %s',
    async (whose) => {
      const limits = { wallTime: '2s' };
      const agent = agentWith(tools, whose === 'agent' ? { limits } : {});

      const result = await endAndGoOn(agent, [silent], whose === 'run' ? { limits } : {});

      expect(result).toMatchObject({
        stopReason: 'max_wall_time',
        stopDetails: 'The time limit of 2 s for the turn (wallTime) is up.',
        rounds: 0,
      });
    },
  );

  test('an overloaded model is not waited for', async () => {
    const agent = agentWith(tools, { limits: { wallTime: '4s' } });

    const result = await endAndGoOn(agent, [callTools({ look: {} }), fault.overloaded()]);

    expect(result).toMatchObject({ stopReason: 'max_wall_time', rounds: 1 });
  });
});

test('a limit in dollars without prices is invalid, and no request is made', async () => {
  const agent = agentWith([look]);
  await using plait = await startPlait({ agents: [agent], script: () => say('Never.') });
  const options = { limits: { costUSD: 1 } };

  await expect(plait.agents.start(agent, 'go', options)).rejects.toThrow('needs prices');
  await expect(plait.agents.execute(agent.name, 'go', options)).rejects.toMatchObject({
    type: 'plait.InvalidTurn',
    message: expect.stringContaining('needs prices') as string,
  });
  expect(plait.model.requests).toEqual([]);
});

test('what a turn has spent is carried into its next run', async () => {
  const limits = { toolCalls: 30, historyEvents: 20, wallTime: '5m' };
  const agent = agentWith([look], { limits, onLimit: 'lastWord' });
  const batches = Array.from({ length: 11 }, () => looks(3));

  const result = await endAndGoOn(
    agent,
    [...batches, say('I saw enough.')],
    {},
    async (plait, turnId) => {
      const { raw } = await plait.agents.getTurn(turnId).workflow.describe();
      const { firstRunId, execution } = raw.workflowExecutionInfo ?? {};
      expect(firstRunId).toMatch(/./);
      expect(execution?.runId).not.toBe(firstRunId);
    },
  );

  expect(result).toMatchObject({ stopReason: 'max_tool_calls', rounds: 12, text: 'I saw enough.' });
  expect(outcomes(result).filter((outcome) => outcome === 'succeeded')).toHaveLength(30);
});
