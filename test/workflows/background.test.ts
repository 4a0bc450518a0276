import { describe, expect, test } from 'vitest';
import type { TurnHandle } from '../../client/index.ts';
import { deferred } from '../../core/deferred.ts';
import type { TurnResult } from '../../core/turn/result.ts';
import type { AgentOptions, ToolContext } from '../../index.ts';
import { expectTurn } from '../../testing/expect-turn.ts';
import type { MessageReply, Reply } from '../../testing/messages/reply.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation, script } from '../../testing/script.ts';
import { Door } from '../fixtures/door.ts';
import { startPlait } from '../fixtures/plait.ts';
import { reset } from '../fixtures/reset.ts';
import { agentNamed, ask } from '../fixtures/sub-agents.ts';
import { reader, writer } from '../fixtures/tools.ts';
import { insist, until, untilItWaits } from '../fixtures/until.ts';

const using = (answer: MessageReply, input: number, output: number): MessageReply => ({
  ...answer,
  usage: { input_tokens: input, output_tokens: output },
});

interface Team {
  /** The replies of the calling model. */
  replies: readonly Reply[];
  /** The tool of the sub-agent that waits at the door. */
  tool?: typeof reader;
  approval?: 'always';
  lead?: Partial<Omit<AgentOptions<unknown>, 'name' | 'tools'>>;
}

/**
 * A turn with a sub-agent in the background, which waits at a door. The calling agent may `look`, which waits at
 * another one.
 */
async function team({ replies, tool = writer, approval, lead: options = {} }: Team) {
  const doors = { scout: new Door(), look: new Door() };
  const scout = agentNamed('scout', [
    tool(
      'dig',
      async (_input, { signal }: ToolContext) => {
        await doors.scout.pass(signal);
        return 'sand';
      },
      approval === undefined ? {} : { approval },
    ),
  ]);
  const look = reader('look', async (_input, { signal }: ToolContext) => {
    await doors.look.pass(signal);
    return 'hills';
  });
  const lead = agentNamed('lead', [ask(scout, { mode: 'background' }), look], options);
  const plait = await startPlait({
    agents: [lead],
    script: script(
      conversation('go', replies),
      conversation(/^dig/, [
        using(callTools({ dig: {} }), 10, 1),
        ({ userText }) => using(say(`${userText}: sand.`), 10, 1),
      ]),
    ),
  });
  return { plait, lead, doors };
}

const CALL = callTools([['scout', { prompt: 'dig here' }, 'toolu_scout']]);

/** Waits until a turn knows that its sub-agents have ended. */
async function untilNoneRuns(turn: TurnHandle): Promise<void> {
  await until(
    () => turn.workflow.describe(),
    ({ raw }) => (raw.pendingChildren?.length ?? 0) === 0,
  );
  await untilItWaits(turn);
}

/** The blocks of the messages that the model reads, but for the first. */
function read({ messages }: TurnResult): unknown[] {
  return messages
    .slice(1)
    .filter(({ role }) => role === 'user')
    .map(({ content }) => content);
}

const HANDLE = {
  type: 'tool_result',
  tool_use_id: 'toolu_scout',
  content: expect.stringMatching(/^Agent scout is at work in the background\./) as string,
};

const given = (id: string, tool: string, content: string) => ({
  type: 'text',
  text: expect.stringContaining(JSON.stringify({ tool_use_id: id, tool, content })) as string,
});

const late = (content: string) => given('toolu_scout', 'scout', content);

const SAND = 'dig here: sand.';

/** The only call of the turn and its sub-agents that waits for a person. */
async function waitingCall(turn: TurnHandle) {
  const [request] = await until(
    () => insist(() => turn.approvals()),
    (requests) => requests.length === 1,
  );
  return request;
}

describe('a sub-agent in the background', () => {
  test.concurrent('is answered at once, and its result comes beside those of later calls', async () => {
    const { plait, lead, doors } = await team({
      replies: [CALL, callTools([['look', {}, 'toolu_look']]), say('Sand and hills.')],
    });
    await using _ = plait;
    const turn = await plait.agents.start(lead, 'go');
    await doors.scout.reached();
    await doors.look.reached();
    doors.scout.open();
    await untilNoneRuns(turn);
    const snapshot = await turn.describe();
    doors.look.open();
    const result = await turn.result();

    expect(snapshot.pendingCalls).toMatchObject([{ id: 'toolu_look' }]);
    expect(result).toMatchObject({ stopReason: 'end_turn', text: 'Sand and hills.', rounds: 3 });
    expect(read(result)).toMatchObject([
      [HANDLE],
      [{ type: 'tool_result', tool_use_id: 'toolu_look', content: 'hills' }, late(SAND)],
    ]);
    expectTurn(result).answeredEveryCall();
    expect(result.calls).toMatchObject([
      {
        id: 'toolu_scout',
        outcome: 'succeeded',
        late: true,
        round: 1,
        subAgent: { rounds: 2, toolCalls: 1, usage: { input_tokens: 20, output_tokens: 2 } },
      },
      { id: 'toolu_look', outcome: 'succeeded', round: 2 },
    ]);
    expect(result.calls[1]).not.toHaveProperty('late');
  });

  test.concurrent('is waited for when the model has ended its turn, which then goes on', async () => {
    const { plait, lead, doors } = await team({
      replies: [
        callTools([
          ['scout', { prompt: 'dig here' }, 'toolu_scout'],
          ['scout', { prompt: 'dig there' }, 'toolu_other'],
        ]),
        say('They dig.'),
        say('There is sand.'),
        say('There is sand everywhere.'),
      ],
    });
    await using _ = plait;
    const turn = await plait.agents.start(lead, 'go');
    await doors.scout.reached(2);
    await until(() => plait.model.requests.length === 4);
    await untilItWaits(turn);
    const running = await turn.workflow.describe();
    doors.scout.open();
    const result = await turn.result();

    expect(running.status.name).toBe('RUNNING');
    expect(running.raw.pendingChildren).toHaveLength(2);
    expect(result.stopReason).toBe('end_turn');
    expect(result.text).toMatch(/^There is sand/);
    // Both in one message where they have ended together, and otherwise one after the other.
    const texts = read(result).slice(1).flat();
    expect(texts).toHaveLength(2);
    expect(texts).toContainEqual(late(SAND));
    expectTurn(result).answeredEveryCall();
    expect(result.calls.map(({ outcome }) => outcome)).toEqual(['succeeded', 'succeeded']);
  });

  test.concurrent('is cancelled when the model has ended its turn, if the agent says so', async () => {
    const begun = deferred<void>();
    const { plait, lead, doors } = await team({
      replies: [
        CALL,
        async () => {
          await begun.promise;
          return say('Enough.');
        },
      ],
      lead: { backgroundAtEnd: 'cancel' },
    });
    await using _ = plait;
    const turn = await plait.agents.start(lead, 'go');
    await doors.scout.reached();
    begun.resolve();
    const result = await turn.result();

    expect(result).toMatchObject({ stopReason: 'end_turn', text: 'Enough.', rounds: 2 });
    expect(result.calls).toMatchObject([
      { outcome: 'cancelled', late: true, subAgent: { stopReason: 'cancelled', toolCalls: 1 } },
    ]);
    expect(result.usage.output_tokens).toBeGreaterThan(0);
    const sub = plait.agents.getTurn(result.calls[0]?.subAgent?.turnId ?? '');
    expect(await sub.result()).toMatchObject({ stopReason: 'cancelled' });
  });

  test.concurrent('can be asked for with get_agent_result, which waits', async () => {
    const { plait, lead, doors } = await team({
      replies: [
        CALL,
        callTools([
          ['get_agent_result', { id: 'toolu_scout', wait: false }],
          ['get_agent_result', { id: 'toolu_nobody' }],
        ]),
        callTools([['get_agent_result', { id: 'toolu_scout' }, 'toolu_read']]),
        callTools({ get_agent_result: { id: 'toolu_scout' } }),
        say('Sand.'),
      ],
    });
    await using _ = plait;
    const turn = await plait.agents.start(lead, 'go');
    await doors.scout.reached();
    await until(() => plait.model.requests.length === 4);
    await untilItWaits(turn);
    doors.scout.open();
    const result = await turn.result();

    expect(result.text).toBe('Sand.');
    expect(read(result)).toMatchObject([
      [HANDLE],
      [
        { content: expect.stringMatching(/^The call of scout still runs/) as string },
        { is_error: true, content: expect.stringMatching(/these run: toolu_scout/) as string },
      ],
      [{ tool_use_id: 'toolu_read', content: SAND }],
      [{ content: 'You already have the result of this call.' }],
    ]);
    expect(result.calls.map(({ outcome }) => outcome)).toEqual([
      'succeeded',
      'succeeded',
      'failed',
      'succeeded',
      'succeeded',
    ]);
    // It needs no worker.
    const { events } = await turn.workflow.fetchHistory();
    const activities = (events ?? []).flatMap(
      ({ activityTaskScheduledEventAttributes: scheduled }) => scheduled?.activityType?.name ?? [],
    );
    expect(new Set(activities)).toEqual(new Set(['plait.callModel']));
  });

  test.concurrent('ends with a cancelled turn, and its spending is kept', async () => {
    const { plait, lead, doors } = await team({ replies: [CALL, callTools({ look: {} })] });
    await using _ = plait;
    const turn = await plait.agents.start(lead, 'go');
    await doors.scout.reached();
    await doors.look.reached();
    await turn.cancel();
    const result = await turn.result();

    expect(result).toMatchObject({
      stopReason: 'cancelled',
      calls: [
        { outcome: 'cancelled', late: true, subAgent: { stopReason: 'cancelled', rounds: 1 } },
        { outcome: 'cancelled' },
      ],
    });
    expectTurn(result).answeredEveryCall();
    const sub = plait.agents.getTurn(result.calls[0]?.subAgent?.turnId ?? '');
    expect(await sub.result()).toMatchObject({ stopReason: 'cancelled' });
  });

  test.concurrent('ends with a turn that is terminated, or that runs out of time while it waits', async () => {
    const { plait, lead, doors } = await team({ replies: [CALL, say('It digs.')], tool: reader });
    await using _ = plait;
    const killed = await plait.agents.start(lead, 'go');
    const late = await plait.agents.start(lead, 'go', { limits: { wallTime: '8s' } });
    await doors.scout.reached(2);
    const subs = await Promise.all(
      [killed, late].map(async (turn) => {
        const { raw } = await turn.workflow.describe();
        return plait.agents.getTurn(raw.pendingChildren?.[0]?.workflowId ?? '');
      }),
    );
    await killed.workflow.terminate('by an operator');

    expect(await late.result()).toMatchObject({
      stopReason: 'max_wall_time',
      text: 'It digs.',
      calls: [{ outcome: 'cancelled', subAgent: { stopReason: 'cancelled' } }],
    });
    for (const sub of subs) {
      await until(
        () => sub.workflow.describe(),
        ({ status }) => status.name === 'TERMINATED' || status.name === 'COMPLETED',
      );
    }
  });

  test.concurrent('may ask a person, who is asked at the calling turn', async () => {
    const { plait, lead, doors } = await team({
      replies: [CALL, say('It digs.'), say('Sand.')],
      approval: 'always',
    });
    await using _ = plait;
    doors.scout.open();
    const turn = await plait.agents.start(lead, 'go');
    const [request] = await until(
      () => turn.approvals(),
      (requests) => requests.length === 1,
    );
    await turn.approve(request?.callId ?? '', { by: 'ana' });

    expect(request).toMatchObject({ tool: 'dig', subAgent: { path: ['lead', 'scout'] } });
    expect(await turn.result()).toMatchObject({ text: 'Sand.', rounds: 3 });
  });

  test.concurrent('is found again by a turn that was reset, begins only once, and ends with that turn', async () => {
    const { plait, lead, doors } = await team({
      replies: [CALL, callTools({ look: {} }), say('Hills.'), say('Sand and hills.')],
      approval: 'always',
    });
    await using _ = plait;
    const turns = await Promise.all([1, 2, 3].map(() => plait.agents.start(lead, 'go')));
    const [before, after, killed] = turns as [TurnHandle, TurnHandle, TurnHandle];
    await doors.look.reached(3);
    const asked = await Promise.all(turns.map(waitingCall));
    await Promise.all(turns.map(untilItWaits));
    // To before the call began, and to where it runs.
    for (const turn of [before, killed]) await reset(plait.agents, turn.workflow, 1);
    await reset(plait.agents, after.workflow, -1);
    const again = turns.map(({ turnId }) => plait.agents.getTurn(turnId));

    // Where they are asked about, they are found as before, also by the turn whose child they are no more.
    expect(await Promise.all(again.map(waitingCall))).toEqual(asked);
    for (const turn of again) {
      const { value } = await turn.watch().next();
      expect(value?.rounds[0]?.calls).toMatchObject([{ name: 'scout', state: 'running' }]);
    }
    const sub = plait.agents.getTurn(asked[2]?.subAgent?.turnId ?? '');
    await plait.agents.getTurn(killed.turnId).workflow.terminate('by an operator');
    for (const i of [0, 1]) {
      await insist(async () => await again[i]?.approve(asked[i]?.callId ?? '', { by: 'ana' }));
    }
    doors.scout.open();
    doors.look.open();
    const results = await Promise.all([before, after].map(async (turn) => await turn.result()));

    for (const result of results) {
      expect(result).toMatchObject({
        stopReason: 'end_turn',
        text: expect.stringContaining('ills.') as string,
        calls: [
          { outcome: 'succeeded', late: true, subAgent: { rounds: 2, toolCalls: 1 } },
          { name: 'look', outcome: 'succeeded' },
        ],
      });
      expectTurn(result).answeredEveryCall();
      expect(JSON.stringify(read(result)).split(SAND)).toHaveLength(2);
    }
    expect(await sub.result()).toMatchObject({ stopReason: 'cancelled', rounds: 1 });
    const inside = plait.model.requests.filter(({ body }) =>
      JSON.stringify(body?.messages[0]).includes('dig here'),
    );
    // Two of each, and one of that whose turn was killed.
    expect(inside).toHaveLength(5);
  });

  test.concurrent('keeps its share of the budget while it runs, and the turn waits for the rest of it', async () => {
    const { plait, lead, doors } = await team({
      replies: [
        using(CALL, 10, 100),
        // 850 are left, of which 425 are reserved.
        using(callTools({ look: {} }), 10, 450),
        using(say('Sand and hills.'), 10, 100),
      ],
    });
    await using _ = plait;
    doors.look.open();
    const turn = await plait.agents.start(lead, 'go', { limits: { outputTokens: 950 } });
    await doors.scout.reached();
    await until(async () => {
      const { rounds } = (await turn.watch().next()).value ?? { rounds: [] };
      return rounds[1]?.calls[0]?.state === 'succeeded';
    });
    await untilItWaits(turn);
    const waiting = plait.model.requests.length;
    doors.scout.open();
    const result = await turn.result();

    // Two of the turn, and one of its sub-agent.
    expect(waiting).toBe(3);
    expect(result).toMatchObject({
      stopReason: 'end_turn',
      text: 'Sand and hills.',
      usage: { output_tokens: 652 },
    });
    expect(read(result)[1]).toMatchObject([{ content: 'hills' }, late(SAND)]);
  });

  test.concurrent('keeps its turn in one run, which continues in another once it has ended', async () => {
    const looks = Array.from({ length: 8 }, (_, i) => callTools({ look: { i } }));
    const { plait, lead, doors } = await team({
      replies: [
        CALL,
        ...looks,
        callTools({ get_agent_result: { id: 'toolu_scout' } }),
        ...looks,
        say('Done.'),
      ],
      lead: { limits: { historyEvents: 20 } },
    });
    await using _ = plait;
    doors.look.open();
    const turn = await plait.agents.start(lead, 'go');
    await doors.scout.reached();
    await until(() => plait.model.requests.length === 11);
    await untilItWaits(turn);
    const before = await turn.workflow.describe();
    doors.scout.open();
    const result = await turn.result();

    expect(before.raw.workflowExecutionInfo?.firstRunId).toBe(before.runId);
    expect(before.historyLength).toBeGreaterThan(60);
    const after = await plait.agents.getTurn(turn.turnId).workflow.describe();
    expect(after.raw.workflowExecutionInfo?.firstRunId).not.toBe(after.runId);
    expect(result).toMatchObject({ stopReason: 'end_turn', rounds: 19 });
    expect(JSON.stringify(read(result)[9])).toContain(SAND);
    expect(result.calls[0]).toMatchObject({ late: true, subAgent: { rounds: 2 } });
  });
});

describe('when a batch is out of time under onTimeout: continue,', () => {
  test.concurrent('running calls go on, and the model gets their results later', async () => {
    const doors = { slow: new Door(), look: new Door() };
    const tokens: string[] = [];
    const agent = agentNamed(
      'lead',
      [
        reader('quick', () => 'quick'),
        reader('slow', async (_input, { signal }: ToolContext) => {
          await doors.slow.pass(signal);
          return 'slow';
        }),
        writer('parcel', (_input, ctx) => {
          const handedOver = ctx.later();
          tokens.push(handedOver.token);
          return handedOver;
        }),
        writer('save', (_input, { signal }: ToolContext) => doors.slow.pass(signal), {
          access: { writes: 'path' },
        }),
        writer('ask', () => 'asked', { approval: 'always' }),
        reader('look', async (_input, { signal }: ToolContext) => {
          await doors.look.pass(signal);
          return 'looked';
        }),
      ],
      { batchTimeout: '4s', onTimeout: 'continue' },
    );
    await using plait = await startPlait({
      agents: [agent],
      script: conversation('go', [
        callTools([
          ['quick', {}, 'toolu_quick'],
          ['slow', {}, 'toolu_slow'],
          ['parcel', {}, 'toolu_parcel'],
          ['save', { path: '/a' }, 'toolu_save'],
          ['ask', {}, 'toolu_ask'],
        ]),
        say('I wait.'),
        say('Both are there.'),
        say('Both are there now.'),
      ]),
    });
    const turn = await plait.agents.start(agent, 'go');
    await until(() => plait.model.requests.length === 2);
    await untilItWaits(turn);
    doors.slow.open();
    await plait.agents.completeToolCall(tokens[0] ?? '', 'delivered');
    const result = await turn.result();

    const [answers, ...others] = read(result);
    const goesOn = expect.stringMatching(/^Still running: .*batchTimeout/) as string;
    expect(answers).toMatchObject([
      { content: 'quick' },
      { content: goesOn },
      { content: goesOn },
      { is_error: true, content: expect.stringMatching(/^Timed out/) as string },
      { is_error: true, content: expect.stringMatching(/^Not executed/) as string },
    ]);
    expect(others.flat()).toHaveLength(2);
    expect(others.flat()).toContainEqual(given('toolu_slow', 'slow', 'slow'));
    expect(others.flat()).toContainEqual(given('toolu_parcel', 'parcel', 'delivered'));
    expect(result.text).toMatch(/^Both are there/);
    expect(result.calls.map(({ outcome, late: isLate }) => [outcome, isLate])).toEqual([
      ['succeeded', undefined],
      ['succeeded', true],
      ['succeeded', true],
      ['timedOut', undefined],
      ['skipped', undefined],
    ]);
    expectTurn(result).answeredEveryCall();
  });
});
