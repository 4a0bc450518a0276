import { describe, expect, test } from 'vitest';
import type { ToolContext } from '../../index.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation, script } from '../../testing/script.ts';
import { Door } from '../fixtures/door.ts';
import { startPlait } from '../fixtures/plait.ts';
import { reset } from '../fixtures/reset.ts';
import { asked, echo, newSessionId, rejectedRequests, untilIdle } from '../fixtures/sessions.ts';
import { agentWith, reader } from '../fixtures/tools.ts';

async function waiting() {
  const door = new Door();
  const wait = reader('wait', async (_input: unknown, { signal }: ToolContext) => {
    await door.pass(signal);
    return 'waited';
  });
  const agent = agentWith([wait]);
  const work = conversation('work', [callTools({ wait: {} }), say('Worked.')]);
  const plait = await startPlait({ agents: [agent], script: script(work, echo) });
  const session = plait.agents.openSession(agent, newSessionId());
  return { plait, session, door };
}

type Stage = Awaited<ReturnType<typeof waiting>>;

/** Begins a second turn, which waits at the door. */
async function secondTurn({ session, door }: Stage) {
  await (await session.send('a')).result();
  const turn = await session.send('work');
  await door.reached();
  return turn;
}

async function goesOn(stage: Stage, text = 'next') {
  const { plait, session } = stage;
  const next = await session.send(text);
  expect(await next.result()).toMatchObject({ text: `You said: ${text}` });
  await untilIdle(session);
  expect(rejectedRequests(plait.model)).toEqual([]);
  return (asked(plait.model).at(-1) ?? []).filter((line) => line.startsWith('user'));
}

const RESULT = expect.stringMatching(/^user: .*tool_result.*waited/) as string;

describe('a session that is reset', () => {
  test.concurrent('while it is idle repeats what came after, and goes on', async () => {
    const stage = await waiting();
    await using plait = stage.plait;
    const { session } = stage;
    for (const text of ['a', 'b', 'c']) await (await session.send(text)).result();
    await untilIdle(stage.session);
    await reset(plait.agents, session.workflow, 0);

    expect(await goesOn(stage)).toEqual(['user: "a"', 'user: "b"', 'user: "c"', 'user: "next"']);
    expect(await session.describe()).toMatchObject({ turns: 4, messages: 8 });
    // Its new run knows the keys of what it was sent before.
    expect(asked(plait.model)).toHaveLength(7);
  });

  test.concurrent('while a turn runs uses its result', async () => {
    const stage = await waiting();
    await using plait = stage.plait;
    const { session, door } = stage;
    const turn = await secondTurn(stage);
    await reset(plait.agents, session.workflow, -1);
    door.open();

    expect(await turn.result()).toMatchObject({ text: 'Worked.' });
    expect(await goesOn(stage)).toEqual(['user: "a"', 'user: "work"', RESULT, 'user: "next"']);
  });

  test.concurrent('to before a running turn ends that turn, and runs it again', async () => {
    const stage = await waiting();
    await using plait = stage.plait;
    const { session, door } = stage;
    const turn = await secondTurn(stage);
    const { runId } = await turn.workflow.describe();
    await reset(plait.agents, session.workflow, 0);
    await door.reached(2);
    door.open();

    const forgotten = plait.agents.client.workflow.getHandle(turn.turnId, runId);
    expect(await forgotten.result()).toMatchObject({ stopReason: 'cancelled' });
    expect(await turn.result()).toMatchObject({ text: 'Worked.' });
    expect(await goesOn(stage)).toEqual(['user: "a"', 'user: "work"', RESULT, 'user: "next"']);
  });
});

test.concurrent('a session does not touch another workflow that has the id of its turn', async () => {
  const stage = await waiting();
  await using plait = stage.plait;
  const { session, door } = stage;
  const stranger = await plait.agents.start('tester', 'work', {
    turnId: `${session.sessionId}.turn-1`,
  });
  await door.reached();
  await session.send('mine');
  await untilIdle(stage.session);
  expect((await session.describe()).lastTurn).toMatchObject({
    stopReason: 'failed',
    message: expect.stringMatching(/is not a turn of this session/) as string,
  });
  door.open();
  expect(await stranger.result()).toMatchObject({ stopReason: 'end_turn' });
  await goesOn(stage);
});

describe('a turn that is reset', () => {
  test.concurrent('while it runs goes on, and its session uses its result', async () => {
    const stage = await waiting();
    await using plait = stage.plait;
    const { session, door } = stage;
    const turn = await secondTurn(stage);
    await reset(plait.agents, turn.workflow, -1);
    door.open();

    expect(await turn.result()).toMatchObject({ text: 'Worked.' });
    expect(await goesOn(stage)).toEqual(['user: "a"', 'user: "work"', RESULT, 'user: "next"']);
    expect(await session.describe()).toMatchObject({ turns: 3 });
  });

  test.concurrent('after it has ended changes nothing for its session', async () => {
    const stage = await waiting();
    await using plait = stage.plait;
    const { session, door } = stage;
    door.open();
    const turn = await session.send('work');
    await turn.result();
    await untilIdle(stage.session);
    await reset(plait.agents, turn.workflow, -1);

    expect(await turn.result()).toMatchObject({ text: 'Worked.' });
    expect(await goesOn(stage)).toEqual(['user: "work"', RESULT, 'user: "next"']);
    expect(await session.describe()).toMatchObject({ turns: 2, messages: 6 });
  });
});
