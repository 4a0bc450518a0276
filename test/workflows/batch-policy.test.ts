import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { AgentClient, InvalidTurnError, TurnFailedError } from '../../client/index.ts';
import type { TurnHandle } from '../../client/index.ts';
import type { Agent, Tool, ToolContext, TurnResult } from '../../index.ts';
import { DeclarationError } from '../../index.ts';
import type { TestEnvironment } from '../../testing/environment.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation, script } from '../../testing/script.ts';
import { until, untilHandedOut } from '../fixtures/until.ts';
import { startPlait } from '../fixtures/plait.ts';
import { aborted } from '../../testing/aborted.ts';
import { agentWith, reader, writer } from '../fixtures/tools.ts';

type Calls = Parameters<typeof callTools>[0];

/** What the tools of one test did: `begin look`, `abort look`, `end look`. */
class Log {
  readonly lines: string[] = [];

  /** A tool body that lasts until its signal aborts. */
  readonly hang = (name: string) => async (_input: unknown, ctx: ToolContext) => {
    this.lines.push(`begin ${name}`);
    await aborted(ctx.signal).catch((error: unknown) => {
      this.lines.push(`abort ${name}`);
      throw error;
    });
  };

  /** A tool body that is done at once. */
  readonly quick = (name: string) => () => {
    this.lines.push(`begin ${name}`);
    return `${name} is done`;
  };

  /** A tool body that fails for good once the others have begun. */
  readonly failAfter =
    (...begun: string[]) =>
    async () => {
      await until(
        () => this.lines,
        (lines) => begun.every((name) => lines.includes(`begin ${name}`)),
      );
      throw new Error('connection refused to orders-db');
    };

  began(name: string): number {
    return this.lines.filter((line) => line === `begin ${name}`).length;
  }
}

const once = { retry: { maximumAttempts: 1 } };

function start(
  agent: Agent,
  calls: Calls,
  options: Partial<Parameters<typeof startPlait>[0]> = {},
): Promise<TestEnvironment> {
  return startPlait({
    agents: [agent],
    script: script(
      conversation('go on', [say('I go on.')]),
      conversation('go', [callTools(calls), say('Done.')]),
    ),
    ...options,
  });
}

function outcomes({ calls }: TurnResult): string[] {
  return calls.map(({ name, outcome }) => `${name} ${outcome}`);
}

function messageOf({ calls }: TurnResult, tool: string): string {
  return calls.find(({ name }) => name === tool)?.message ?? '';
}

/** The scripted API rejects a conversation that is not valid. */
async function goesOn({ agents }: TestEnvironment, agent: Agent, { messages }: TurnResult) {
  const next = await agents.execute(agent, [...messages, { role: 'user', content: 'go on' }]);
  expect(next.text).toBe('I go on.');
}

async function eventTypes(turn: TurnHandle): Promise<number[]> {
  const { events } = await turn.workflow.fetchHistory();
  return (events ?? []).map(({ eventType }) => Number(eventType));
}

const TIMER_STARTED = 17;

function expectCancelled(log: Log, result: TurnResult): void {
  expect(result).toMatchObject({ stopReason: 'end_turn', text: 'Done.' });
  expect(outcomes(result)).toEqual([
    'quick succeeded',
    'broken failed',
    'look cancelled',
    'pay cancelled',
    'pay skipped',
    'write skipped',
    'ask skipped',
  ]);
  expect(log.lines.toSorted()).toEqual([
    'abort look',
    'abort pay',
    'begin look',
    'begin pay',
    'begin quick',
  ]);
  const broken = result.calls[1]?.id;
  const because = `because broken (${broken}) failed: connection refused to orders-db.`;
  expect(result.calls.slice(2).map(({ message }) => message)).toEqual([
    `The call was cancelled while it ran, ${because}`,
    `The call was cancelled while it ran, ${because} It may or may not have taken effect; check before calling it again.`,
    `Not executed, ${because}`,
    `Not executed, ${because}`,
    `Not executed, ${because}`,
  ]);
  expect(result.calls.map(({ attempts }) => attempts)).toEqual([1, 1, 1, 1, 0, 0, 0]);
}

/** One call of every kind, of which the second fails when the others are under way. */
function everyKind(log: Log, extras: Parameters<typeof agentWith>[1] = {}) {
  const asked: string[] = [];
  const agent = agentWith(
    [
      reader('quick', log.quick('quick')),
      reader('broken', log.failAfter('quick', 'look', 'pay'), { activity: once }),
      reader('look', log.hang('look'), { access: () => ({ reads: { file: 1 } }) }),
      writer('pay', log.hang('pay'), { concurrency: 1 }),
      writer('write', log.quick('write'), { access: () => ({ writes: { file: 1 } }) }),
      writer('ask', log.quick('ask'), { approval: 'always' }),
    ],
    { onApproval: ({ tool }) => void asked.push(tool), ...extras },
  );
  const calls: Calls = [
    ['quick', {}],
    ['broken', {}],
    ['look', {}],
    ['pay', {}],
    ['pay', { second: true }],
    ['write', {}],
    ['ask', {}],
  ];
  return { agent, calls, asked };
}

describe.concurrent('cancelSiblings', () => {
  test('the first failure cancels running calls, and the others never start', async () => {
    const log = new Log();
    const { agent, calls } = everyKind(log, { onToolFailure: 'cancelSiblings' });
    await using env = await start(agent, calls);

    const turn = await env.agents.start(agent, 'go');
    const result = await turn.result();

    expectCancelled(log, result);
    expect(await turn.approvals()).toEqual([]);
    await goesOn(env, agent, result);
  });

  test('can be chosen for one turn, by the client and by a plain Temporal client', async () => {
    const first = new Log();
    const { agent, calls } = everyKind(first);
    await using env = await start(agent, calls);
    expectCancelled(
      first,
      await env.agents.execute(agent, 'go', { onToolFailure: 'cancelSiblings' }),
    );

    const second = new Log();
    const again = everyKind(second);
    await using other = await start(again.agent, again.calls);
    const result = (await other.agents.client.workflow.execute('agentTurn', {
      workflowId: randomUUID(),
      taskQueue: other.taskQueue,
      args: [{ agent: 'tester', input: 'go', onToolFailure: 'cancelSiblings' }],
    })) as TurnResult;
    expectCancelled(second, result);
  });

  test('an agent that cancels siblings reports instead if the turn says so', async () => {
    const log = new Log();
    const agent = agentWith(
      [reader('broken', log.failAfter(), { activity: once }), reader('look', () => sleep(500))],
      { onToolFailure: 'cancelSiblings' },
    );
    await using env = await start(agent, { broken: {}, look: {} });
    const result = await env.agents.execute(agent, 'go', { onToolFailure: 'report' });
    expect(outcomes(result)).toEqual(['broken failed', 'look succeeded']);
  });

  test.each<[string, Calls]>([
    ['a tool that does not exist', { ask: {}, pay: {}, nonsense: {} }],
    ['input that breaks the schema', { ask: {}, pay: {}, strict: { n: 'one' } }],
  ])('%s stops the others before one of them starts or asks a person', async (_name, calls) => {
    const log = new Log();
    const asked: string[] = [];
    const tools = [
      writer('ask', log.quick('ask'), { approval: 'always' }),
      writer('pay', log.quick('pay')),
      { ...reader('strict', log.quick('strict')), parse: rejectInput },
    ];
    const agent = agentWith(tools, {
      onToolFailure: 'cancelSiblings',
      onApproval: ({ tool }) => void asked.push(tool),
    });
    await using env = await start(agent, calls);

    const turn = await env.agents.start(agent, 'go');
    const result = await turn.result();

    expect(outcomes(result).slice(0, 2)).toEqual(['ask skipped', 'pay skipped']);
    expect(result.calls[2]).toMatchObject({ outcome: 'failed', attempts: 0 });
    expect(messageOf(result, 'pay')).toMatch(/^Not executed, because \w+ \(toolu_\w+\) failed: /);
    expect(log.lines).toEqual([]);
    expect(asked).toEqual([]);
    expect(await eventTypes(turn)).not.toContain(TIMER_STARTED);
    const { memo } = await turn.workflow.describe();
    expect(memo?.['approvals'] ?? 0).toBe(0);
  });

  test('a call that a person denied is not a failure', async () => {
    const log = new Log();
    const agent = agentWith(
      [writer('ask', log.quick('ask'), { approval: 'always' }), reader('look', () => sleep(700))],
      { onToolFailure: 'cancelSiblings' },
    );
    await using env = await start(agent, { ask: {}, look: {} });
    const turn = await env.agents.start(agent, 'go');
    const [call] = await until(
      () => turn.approvals(),
      ({ length }) => length === 1,
    );
    await turn.deny(call?.callId ?? '', { by: 'ana' });
    expect(outcomes(await turn.result())).toEqual(['ask denied', 'look succeeded']);
  });

  test('a call that waits to be completed is withdrawn, and its token is rejected', async () => {
    const log = new Log();
    const tokens: string[] = [];
    const agent = agentWith(
      [
        writer('deliver', (_input, ctx) => {
          log.lines.push('begin deliver');
          const later = ctx.later();
          tokens.push(later.token);
          return later;
        }),
        reader(
          'broken',
          async () => {
            await log
              .failAfter('deliver')()
              .catch(() => undefined);
            await sleep(300);
            throw new Error('no');
          },
          { activity: once },
        ),
      ],
      { onToolFailure: 'cancelSiblings' },
    );
    await using env = await start(agent, { deliver: {}, broken: {} });
    const result = await env.agents.execute(agent, 'go');
    expect(outcomes(result)).toEqual(['deliver cancelled', 'broken failed']);
    expect(messageOf(result, 'deliver')).toContain('may or may not have taken effect');
    await expect(env.agents.completeToolCall(tokens[0] ?? '', 'late')).rejects.toThrow();
  });
});

function mixed(log: Log, extras: Parameters<typeof agentWith>[1] = {}) {
  return agentWith(
    [
      reader(
        'slow',
        async () => {
          await sleep(600);
          return log.quick('slow')();
        },
        { access: 'exclusive' },
      ),
      reader('broken', log.failAfter(), { activity: once }),
      writer('later', log.quick('later'), { access: 'exclusive' }),
    ],
    extras,
  );
}

describe.concurrent('failTurn', () => {
  test('all others settle, then the turn ends and names the call', async () => {
    const log = new Log();
    const agent = mixed(log, { onToolFailure: 'failTurn' });
    await using env = await start(agent, { slow: {}, broken: {}, later: {} });

    const result = await env.agents.execute(agent, 'go');

    expect(result).toMatchObject({ stopReason: 'tool_failure', rounds: 1, text: '' });
    expect(result.stopDetails).toEqual(result.calls[1]);
    expect(result.calls[1]).toMatchObject({
      name: 'broken',
      outcome: 'failed',
      message: 'connection refused to orders-db',
    });
    expect(outcomes(result)).toEqual(['slow succeeded', 'broken failed', 'later succeeded']);
    expect(result.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
    await goesOn(env, agent, result);
  });

  test('can be chosen for one turn, and applies to that turn alone', async () => {
    const agent = mixed(new Log());
    await using env = await start(agent, { broken: {} });
    const failed = await env.agents.execute(agent, 'go', { onToolFailure: 'failTurn' });
    expect(failed.stopReason).toBe('tool_failure');
    expect((await env.agents.execute(agent, 'go')).stopReason).toBe('end_turn');
    // The same id with another choice is another turn.
    const turnId = randomUUID();
    await env.agents.execute(agent, 'go', { turnId });
    await expect(
      env.agents.start(agent, 'go', { turnId, onToolFailure: 'failTurn' }),
    ).rejects.toThrow(turnId);
  });

  test('a tool that does not exist is also a failure, and names its call', async () => {
    const agent = mixed(new Log(), { onToolFailure: 'failTurn' });
    await using env = await start(agent, { slow: {}, nonsense: {} });
    const result = await env.agents.execute(agent, 'go');
    expect(result).toMatchObject({
      stopReason: 'tool_failure',
      stopDetails: { name: 'nonsense', outcome: 'failed' },
    });
    expect(outcomes(result)).toEqual(['slow succeeded', 'nonsense failed']);
    await goesOn(env, agent, result);
  });
});

/** One call of every kind, of which only the first is done in time; nobody serves `nobody`. */
function lateKinds(log: Log, extras: Parameters<typeof agentWith>[1] = {}) {
  const nobody = `nobody-${randomUUID()}`;
  const agent = agentWith(
    [
      reader('quick', log.quick('quick')),
      reader('look', log.hang('look'), { access: () => ({ reads: { file: 1 } }) }),
      writer('pay', log.hang('pay'), { concurrency: 1 }),
      writer('write', log.quick('write'), { access: () => ({ writes: { file: 1 } }) }),
      writer('ask', log.quick('ask'), { approval: 'always' }),
      writer('elsewhere', log.quick('elsewhere'), { activity: { taskQueue: nobody } }),
      reader('read_elsewhere', log.quick('elsewhere'), { activity: { taskQueue: nobody } }),
      writer('deliver', (_input, ctx) => ctx.later()),
    ],
    extras,
  );
  const calls: Calls = [
    ['quick', {}],
    ['look', {}],
    ['pay', {}],
    ['pay', { second: true }],
    ['write', {}],
    ['ask', {}],
    ['elsewhere', {}],
    ['read_elsewhere', {}],
    ['deliver', {}],
  ];
  return { agent, calls, nobody };
}

// They mostly wait.
describe.concurrent('batchTimeout', () => {
  const LIMIT = 'the time limit of 5 s for all calls of this reply (batchTimeout)';
  const RAN = `Timed out: ${LIMIT} was up while this call ran.`;
  const NEVER = `Not executed: ${LIMIT} was up before this call started.`;
  const CAVEAT = 'It may or may not have taken effect; check before calling it again.';

  function expectTimedOut(log: Log, result: TurnResult): void {
    expect(result).toMatchObject({ stopReason: 'end_turn', text: 'Done.', rounds: 2 });
    expect(result.calls.map(({ name, outcome, message }) => [name, outcome, message])).toEqual([
      ['quick', 'succeeded', undefined],
      ['look', 'timedOut', RAN],
      ['pay', 'timedOut', `${RAN} ${CAVEAT}`],
      ['pay', 'skipped', NEVER],
      ['write', 'skipped', NEVER],
      ['ask', 'skipped', NEVER],
      ['elsewhere', 'skipped', NEVER],
      ['read_elsewhere', 'skipped', expect.stringContaining('(batchTimeout) was up')],
      ['deliver', 'timedOut', `${RAN} ${CAVEAT}`],
    ]);
    expect(log.lines.toSorted()).toEqual([
      'abort look',
      'abort pay',
      'begin look',
      'begin pay',
      'begin quick',
    ]);
  }

  test('running calls are cancelled, the others never start, and the turn goes on', async () => {
    const log = new Log();
    const { agent, calls, nobody } = lateKinds(log, { batchTimeout: '5s' });
    const turns = `turns-${randomUUID()}`;
    await using env = await start(agent, calls, { taskQueue: turns, taskQueues: [turns] });
    const turn = await env.agents.start(agent, 'go');

    const result = await turn.result();

    expectTimedOut(log, result);
    expect(await turn.approvals()).toEqual([]);
    await goesOn(env, agent, result);

    // Somebody serves the queue at last, and the call is not there.
    await using late = await start(agent, calls, { taskQueue: turns, taskQueues: [nobody] });
    await untilHandedOut(late.agents.client, nobody);
    expect(log.began('elsewhere')).toBe(0);
  });

  test('can be chosen for one turn, by the client and by a plain Temporal client', async () => {
    const first = new Log();
    const second = new Log();
    const one = lateKinds(first, { batchTimeout: '1h' });
    const two = lateKinds(second);
    const [queueOne, queueTwo] = [`turns-${randomUUID()}`, `turns-${randomUUID()}`];
    await using envOne = await start(one.agent, one.calls, {
      taskQueue: queueOne,
      taskQueues: [queueOne],
    });
    await using envTwo = await start(two.agent, two.calls, {
      taskQueue: queueTwo,
      taskQueues: [queueTwo],
    });
    const [byClient, byHand] = await Promise.all([
      envOne.agents.execute(one.agent, 'go', { batchTimeout: '5s' }),
      envTwo.agents.client.workflow.execute('agentTurn', {
        workflowId: randomUUID(),
        taskQueue: queueTwo,
        args: [{ agent: 'tester', input: 'go', batchTimeout: 5_000 }],
      }) as Promise<TurnResult>,
    ]);
    expectTimedOut(first, byClient);
    expectTimedOut(second, byHand);
  });

  test('each round has the whole time, and a round that ends in time leaves no timer', async () => {
    const agent = agentWith([reader('look', () => sleep(1_100))], { batchTimeout: '4s' });
    const look = callTools({ look: {} });
    await using env = await start(
      agent,
      {},
      {
        script: conversation('go', [look, look, look, look, say('Done.')]),
      },
    );
    const turn = await env.agents.start(agent, 'go');
    const result = await turn.result();
    expect(outcomes(result)).toEqual(Array(4).fill('look succeeded'));
    const { events } = await turn.workflow.fetchHistory();
    const timers = (events ?? []).filter(
      ({ timerStartedEventAttributes }) => timerStartedEventAttributes,
    );
    const cancelled = (events ?? []).filter(
      ({ timerCanceledEventAttributes }) => timerCanceledEventAttributes,
    );
    expect([timers.length, cancelled.length]).toEqual([4, 4]);
  });

  test('a call that waits for its next attempt is not tried again', async () => {
    let attempts = 0;
    const flaky = reader(
      'flaky',
      () => {
        attempts += 1;
        throw new Error('not yet');
      },
      { activity: { retry: { initialInterval: '20s' } } },
    );
    const agent = agentWith([flaky], { batchTimeout: '2s' });
    await using env = await start(agent, { flaky: {} });
    const result = await env.agents.execute(agent, 'go');
    expect(attempts).toBe(1);
    expect(result.calls[0]?.message).toMatch(/\(batchTimeout\)/);
    expect(result.calls[0]?.message).not.toContain('before this call started');
  });

  test('a tool that ends its work when its signal aborts keeps its result', async () => {
    const careful = writer('careful', async (_input, { signal }) => {
      await aborted(signal).catch(() => undefined);
      return 'half of it';
    });
    const agent = agentWith([careful], { batchTimeout: '2s' });
    await using env = await start(agent, { careful: {} });
    expect(outcomes(await env.agents.execute(agent, 'go'))).toEqual(['careful succeeded']);
  });

  test('with failTurn, a call that is out of time ends the turn', async () => {
    const log = new Log();
    const agent = agentWith([reader('look', log.hang('look')), reader('quick', log.quick('q'))], {
      batchTimeout: '2s',
      onToolFailure: 'failTurn',
    });
    await using env = await start(agent, { quick: {}, look: {} });
    const result = await env.agents.execute(agent, 'go');
    expect(result).toMatchObject({
      stopReason: 'tool_failure',
      stopDetails: { name: 'look', outcome: 'timedOut' },
    });
    await goesOn(env, agent, result);
  });

  test('a cancelled turn is answered as cancelled, even with a deadline', async () => {
    const log = new Log();
    const agent = agentWith([writer('pay', log.hang('pay'))], {
      batchTimeout: '1h',
      onToolFailure: 'cancelSiblings',
    });
    await using env = await start(agent, { pay: {} });
    const turn = await env.agents.start(agent, 'go');
    await until(
      () => log.began('pay'),
      (times) => times === 1,
    );
    await turn.cancel();
    const result = await turn.result();
    expect(result.stopReason).toBe('cancelled');
    expect(messageOf(result, 'pay')).toBe(`The call was cancelled while it ran. ${CAVEAT}`);
  });
});

test('without these options a batch adds no events, and a failure does not affect the others', async () => {
  const tools = [
    reader('look', () => 'seen'),
    reader('broken', () => Promise.reject(new Error('no')), { activity: once }),
  ];
  const types: number[][] = [];
  for (const extras of [
    {},
    { onToolFailure: 'report' },
    { onToolFailure: 'cancelSiblings' },
  ] as const) {
    const agent = agentWith(tools, extras);
    await using env = await start(agent, [['look', {}]]);
    const turn = await env.agents.start(agent, 'go');
    await turn.result();
    types.push(await eventTypes(turn));
  }
  expect(types[1]).toEqual(types[0]);
  expect(types[2]).toEqual(types[0]);
  expect(types[0]).not.toContain(TIMER_STARTED);
});

describe('an invalid choice is rejected', () => {
  const agent = agentWith([]);

  test.each([
    [{ onToolFailure: 'ignore' }, /report, cancelSiblings, failTurn/],
    [{ onToolFailure: null }, /report, cancelSiblings, failTurn/],
    [{ batchTimeout: 'soon' }, /batchTimeout must be a duration from 1 ms.*; got "soon"/],
    [{ batchTimeout: 0 }, /batchTimeout/],
    [{ batchTimeout: -1 }, /batchTimeout/],
    [{ batchTimeout: '0s' }, /batchTimeout/],
    [{ batchTimeout: Number.POSITIVE_INFINITY }, /batchTimeout/],
    [{ batchTimeout: Number.NaN }, /batchTimeout/],
    [{ batchTimeout: null }, /batchTimeout/],
    [{ batchTimeout: {} }, /batchTimeout/],
  ] as const)('by the client: %o', async (options, message) => {
    await using agents = new AgentClient();
    const rejected = expect(agents.start(agent, 'go', options as object)).rejects;
    await rejected.toThrow(InvalidTurnError);
    await rejected.toThrow(message);
  });

  test('by a turn that a plain Temporal client starts', async () => {
    await using env = await startPlait({ agents: [agent], script: conversation('go', [say('')]) });
    const wrong = [
      [
        { onToolFailure: 'ignore' },
        'onToolFailure must be one of report, cancelSiblings, failTurn',
      ],
      [
        { batchTimeout: '30s' },
        'batchTimeout must be a number of milliseconds from 1 to 3153600000000',
      ],
      [{ batchTimeout: 0 }, 'batchTimeout must be a number'],
      [{ timeout: 5 }, 'unknown field timeout'],
    ] as const;
    for (const [fields, message] of wrong) {
      const workflowId = randomUUID();
      await env.agents.client.workflow.start('agentTurn', {
        workflowId,
        taskQueue: env.taskQueue,
        args: [{ agent: 'tester', input: 'go', ...fields }],
      });
      const failed = expect(env.agents.getTurn(workflowId).result()).rejects;
      await failed.toThrow(TurnFailedError);
      await failed.toThrow(message);
    }
  });

  test.each([{ onToolFailure: 'ignore' }, { batchTimeout: 'soon' }, { batchTimeout: 0 }])(
    'by an agent: %o',
    (extras) => {
      expect(() => agentWith([], extras as object)).toThrow(DeclarationError);
    },
  );
});

const rejectInput: Tool['parse'] = () => Promise.resolve({ ok: false, problem: 'n is no number' });
