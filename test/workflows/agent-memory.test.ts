import { Client } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { NativeConnection } from '@temporalio/worker';
import { describe, expect, inject, test } from 'vitest';
import { awaitSessionTurn } from '../../activities/turn/await-session-turn.ts';
import type { TurnSnapshot } from '../../client/index.ts';
import { allCallsOf } from '../../client/follow/sub-agents.ts';
import { allTurns } from '../../client/follow/waterfall.ts';
import { factsOf } from '../../cli/show/facts.ts';
import { TURN_STILL_RUNS } from '../../core/failures.ts';
import type { ToolContext } from '../../index.ts';
import { expectTurn } from '../../testing/expect-turn.ts';
import { callTools, say } from '../../testing/replies.ts';
import type { Script } from '../../testing/script.ts';
import { conversation, forAgent, script } from '../../testing/script.ts';
import { Door } from '../fixtures/door.ts';
import { startPlait } from '../fixtures/plait.ts';
import { reset } from '../fixtures/reset.ts';
import { newSessionId, untilIdle } from '../fixtures/sessions.ts';
import { agentNamed, answers, ask, limitsIn, using } from '../fixtures/sub-agents.ts';
import { reader, writer } from '../fixtures/tools.ts';
import { insist, until } from '../fixtures/until.ts';

// Sub-agents whose calls are the turns of a session.

const prices = { input: 1_000, output: 1_000 };

/** Says how many messages it has read. */
const counts: Script = conversation(/./, [
  ({ userText, body }) => using(say(`${userText} is message ${body.messages.length}.`), 10, 1),
]);

const asksClerk = (...prompts: string[]) =>
  using(callTools(prompts.map((prompt) => ['clerk', { prompt }] as const)), 100, 10);

const done = using(say('Done.'), 100, 10);

test('a sub-agent with a session remembers what earlier calls and turns have said', async () => {
  const sessionId = newSessionId();
  const clerk = agentNamed('clerk', [], { prices });
  const lead = agentNamed(
    'lead',
    [ask(clerk, { session: (_input, { user }) => `${sessionId}-${user}` })],
    { prices },
  );
  await using plait = await startPlait({
    agents: [lead],
    script: script(
      conversation('Note it.', [asksClerk('one', 'two'), done]),
      conversation('Note more.', [asksClerk('three'), done]),
      counts,
    ),
  });

  const turn = await plait.agents.start(lead, 'Note it.', { user: 'ana' });
  const first = await turn.result();
  const second = await plait.agents.execute(lead, 'Note more.', { user: 'ana' });

  expect(answers(first)).toEqual(['one is message 1.', 'two is message 3.']);
  expect(answers(second)).toEqual(['three is message 5.']);
  expect(first.usage).toMatchObject({ input_tokens: 220, output_tokens: 22 });
  expect(first.costUSD).toBe(0.242);
  expectTurn(first).answeredEveryCall();
  const session = `${sessionId}-ana`;
  expect(first.calls.map(({ subAgent }) => subAgent)).toMatchObject(
    [1, 2].map((number) => ({
      turnId: `${session}.turn-${number}`,
      sessionId: session,
      agent: 'clerk',
      stopReason: 'end_turn',
      usage: { input_tokens: 10, output_tokens: 1 },
    })),
  );
  // The session lives on, for the same user.
  const memory = plait.agents.getSession(session);
  await untilIdle(memory);
  expect(await memory.describe()).toMatchObject({ status: 'idle', turns: 3, messages: 6 });
  const about = await memory.workflow.describe();
  expect(about.memo).toMatchObject({ agent: 'clerk', user: 'ana' });
  const inner = plait.agents.getTurn(`${session}.turn-1`);
  expect((await inner.workflow.describe()).memo).toMatchObject({
    sessionId: session,
    user: 'ana',
    parentTurnId: turn.turnId,
    callId: first.calls[0]?.id,
    path: ['lead', 'clerk'],
    asked: 'one',
  });
  expect(await inner.result()).toMatchObject({ text: 'one is message 1.' });
  // Where the turn is shown, those of the session stand in its calls.
  const { turn: seen } = await factsOf(plait.agents.client, turn.turnId);
  expect(allTurns(seen).map(({ turnId }) => turnId)).toEqual([
    turn.turnId,
    `${session}.turn-1`,
    `${session}.turn-2`,
  ]);
});

test('a session that rejects a call says why, and the call did not run', async () => {
  const prefix = newSessionId();
  const clerk = agentNamed('clerk');
  const lead = agentNamed('lead', [
    ask(clerk, {
      session: (input) => {
        const { prompt } = input as { prompt: string };
        if (prompt === 'nobody') throw new Error('no customer of this name');
        return `${prefix}-${prompt}`;
      },
    }),
  ]);
  const prompts = ['own', 'foreign', 'other', 'closed', 'turn', 'nobody'];
  await using plait = await startPlait({
    agents: [lead],
    script: script(
      forAgent(lead, conversation('go', [asksClerk(...prompts), say('Done.')])),
      counts,
    ),
  });
  const { agents } = plait;
  await (await agents.openSession(clerk, `${prefix}-foreign`, { user: 'bob' }).send('a')).result();
  await agents.startSession(lead, { sessionId: `${prefix}-other` });
  await agents.startSession(clerk, { sessionId: `${prefix}-closed` });
  await insist(() => agents.getSession(`${prefix}-closed`).close());
  await agents.execute(clerk, 'a', { turnId: `${prefix}-turn` });

  const turn = await agents.openSession(lead, `${prefix}-own`).send('go');
  const result = await turn.result();

  expect(answers(result)).toEqual([
    `Agent clerk did not run: its session ${prefix}-own did not take the message: it waits for this call itself. Do the work without this agent.`,
    `Agent clerk did not run: its session ${prefix}-foreign did not take the message: it belongs to another user. Choose another session id.`,
    expect.stringMatching(/the session belongs to agent lead, not to clerk/) as string,
    expect.stringMatching(/did not take the message: it is closed\.$/) as string,
    expect.stringMatching(/did not take the message: another workflow has its id/) as string,
    'clerk did not run, because the session of this call could not be named: no customer of this name.',
  ]);
  for (const { outcome, attempts, subAgent } of result.calls) {
    expect({ outcome, attempts, subAgent }).toEqual({ outcome: 'failed', attempts: 0 });
  }
});

/** An agent with a memory, which waits at a door in its second round. */
async function atDoor() {
  const door = new Door();
  const sessionId = newSessionId();
  const clerk = agentNamed('clerk', [
    reader('look', async (_input, { signal }: ToolContext) => {
      await door.pass(signal);
      return 'seen';
    }),
  ]);
  const lead = agentNamed('lead', [ask(clerk, { session: () => sessionId })]);
  const plait = await startPlait({
    agents: [lead],
    script: script(
      forAgent(lead, conversation('go', [asksClerk('look'), done])),
      conversation('look', [using(callTools({ look: {} }), 10, 1), using(say('Seen.'), 10, 1)]),
      counts,
    ),
  });
  const session = plait.agents.openSession(clerk, sessionId);
  return { plait, lead, door, session };
}

describe('when the calling turn ends, its session lives on,', () => {
  test.concurrent('and cancels the running turn, whose spending is kept', async () => {
    const { plait, lead, door, session } = await atDoor();
    await using _ = plait;
    const turn = await plait.agents.start(lead, 'go');
    await door.reached();
    await turn.cancel();
    const result = await turn.result();

    expect(result).toMatchObject({
      stopReason: 'cancelled',
      usage: { input_tokens: 110, output_tokens: 11 },
      calls: [{ outcome: 'cancelled', subAgent: { stopReason: 'cancelled', rounds: 1 } }],
    });
    expectTurn(result).answeredEveryCall();
    const next = await (await session.send('And now?')).result();
    // The question, the call and its answer are in its memory.
    expect(next.text).toMatch(/^And now\? is message [34]\.$/);
  });

  test.concurrent('and forgets a call that waits after another message', async () => {
    const { plait, lead, door, session } = await atDoor();
    await using _ = plait;
    const other = await session.send('look');
    await door.reached();
    const turn = await plait.agents.start(lead, 'go');
    await until(
      () => session.describe(),
      ({ waitingTurns }) => waitingTurns.length === 1,
    );
    await turn.cancel();

    expect(await turn.result()).toMatchObject({
      stopReason: 'cancelled',
      calls: [{ outcome: 'cancelled', attempts: 0 }],
    });
    door.open();
    expect(await other.result()).toMatchObject({ text: 'Seen.' });
    await untilIdle(session);
    expect(await session.describe()).toMatchObject({ turns: 1, waitingTurns: [] });
  });

  test.concurrent('and cancels the turn of a call that was terminated', async () => {
    const { plait, lead, door, session } = await atDoor();
    await using _ = plait;
    const turn = await plait.agents.start(lead, 'go');
    await door.reached();
    await turn.workflow.terminate('by an operator');

    const inner = plait.agents.getTurn(`${session.sessionId}.turn-1`);
    expect(await inner.result()).toMatchObject({ stopReason: 'cancelled' });
    await untilIdle(session);
    expect(await session.describe()).toMatchObject({ status: 'idle', turns: 1 });
  });
});

test('terminating a session ends the call, and nobody waits forever', async () => {
  const { plait, lead, door, session } = await atDoor();
  await using _ = plait;
  const turn = await plait.agents.start(lead, 'go');
  await door.reached();
  await session.workflow.terminate('by an operator');

  expect(await turn.result()).toMatchObject({
    stopReason: 'end_turn',
    calls: [{ outcome: 'cancelled', subAgent: { stopReason: 'cancelled' } }],
  });
});

test('the activity that waits for a turn gives up its slot after half of its time, and notices a turn that never begins', async () => {
  const { plait, door, session } = await atDoor();
  await using _ = plait;
  const { sessionId } = session;
  const turn = await session.send('look');
  await door.reached();
  const connection = await NativeConnection.connect({ address: inject('temporalAddress') });
  const client = new Client({ connection });
  const waits = async (turnId: string) =>
    await new MockActivityEnvironment({ startToCloseTimeoutMs: 2_000 }, { client }).run(
      awaitSessionTurn,
      { sessionId, turnId, agent: 'clerk', callId: 'toolu_1' },
    );

  await expect(waits(turn.turnId)).rejects.toMatchObject({
    type: TURN_STILL_RUNS,
    nonRetryable: false,
  });
  expect(await waits(`${sessionId}.turn-9`)).toEqual({ type: 'never began' });
  door.open();
  await turn.result();
  expect(await waits(turn.turnId)).toMatchObject({
    type: 'ended',
    result: { text: 'Seen.', rounds: 2, toolCalls: 1 },
  });
  await connection.close();
});

test('calls inside wait for a person at the calling turn, and an edited call may go to another session', async () => {
  const prefix = newSessionId();
  const clerk = agentNamed('clerk', [writer('pay', () => 'paid', { approval: 'always' })]);
  const lead = agentNamed('lead', [
    ask(clerk, {
      approval: 'always',
      session: (input, { context }) =>
        `${prefix}-${(context as { tenant: number }).tenant}-${(input as { prompt: string }).prompt}`,
    }),
  ]);
  await using plait = await startPlait({
    agents: [lead],
    script: script(
      forAgent(lead, conversation('go', [asksClerk('ana'), done])),
      conversation(/^(ana|bob)$/, [
        callTools({ pay: {} }),
        ({ userText, resultOf }) => say(`${userText}: ${String(resultOf('pay'))}`),
      ]),
    ),
  });
  const turn = await plait.agents.start(lead, 'go', { context: { tenant: 7 } });
  const snapshots: TurnSnapshot[] = [];
  const watching = (async () => {
    for await (const snapshot of turn.watch()) snapshots.push(snapshot);
  })();
  const waitingFor = async (name: string) =>
    await until(
      () => insist(() => turn.approvals()),
      ([request]) => request?.tool === name,
    );

  const [outer] = await waitingFor('clerk');
  await insist(() => turn.approve(outer?.callId ?? '', { by: 'eve', input: { prompt: 'bob' } }));
  const [inside] = await waitingFor('pay');
  expect(inside?.subAgent).toEqual({
    turnId: `${prefix}-7-bob.turn-1`,
    path: ['lead', 'clerk'],
    callId: outer?.callId,
  });
  await insist(() => turn.approve(inside?.callId ?? '', { by: 'eve' }));
  const result = await turn.result();
  await watching;

  expect(answers(result)).toEqual([expect.stringMatching(/bob: paid$/) as string]);
  const shown = snapshots.find((snapshot) =>
    allCallsOf(snapshot).some(({ name, state }) => name === 'pay' && state === 'waiting'),
  );
  expect(shown?.rounds[0]?.calls[0]).toMatchObject({
    name: 'clerk',
    state: 'running',
    subAgent: { agent: 'clerk', sessionId: `${prefix}-7-bob`, turn: { agent: 'clerk' } },
  });
  expect(snapshots.at(-1)).toMatchObject({ status: 'completed' });
});

test('the budget of the calling turn limits the turn of the session', async () => {
  const sessionId = newSessionId();
  const clerk = agentNamed('clerk');
  const lead = agentNamed('lead', [
    ask(clerk, { session: () => sessionId, limits: { rounds: 2 } }),
  ]);
  await using plait = await startPlait({
    agents: [lead],
    script: script(forAgent(lead, conversation('go', [asksClerk('one'), done])), counts),
  });

  const result = await plait.agents.execute(lead, 'go', { limits: { outputTokens: 110 } });

  // 100 are left: one half for the call, and one for the calling turn.
  expect(await limitsIn(plait, result)).toEqual([{ outputTokens: 50, rounds: 2 }]);
  expect(result).toMatchObject({ stopReason: 'end_turn', usage: { output_tokens: 21 } });
});

test('a calling turn that is reset does not send its message again', async () => {
  const { plait, lead, door, session } = await atDoor();
  await using _ = plait;
  const turn = await plait.agents.start(lead, 'go');
  door.open();
  await turn.result();
  // Before the message is sent.
  await reset(plait.agents, turn.workflow, 1);

  const again = await plait.agents.getTurn(turn.turnId).result();

  expect(answers(again)).toEqual(['Seen.']);
  expect(again.usage).toMatchObject({ input_tokens: 220, output_tokens: 22 });
  await untilIdle(session);
  expect(await session.describe()).toMatchObject({ turns: 1 });
});
