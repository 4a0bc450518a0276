import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { turnRuns } from '../../client/follow/history.ts';
import { AGENT_NOT_REGISTERED } from '../../core/failures.ts';
import { CALL_MODEL } from '../../core/names.ts';
import type { Agent } from '../../index.ts';
import { defineAgent } from '../../index.ts';
import { fault, times } from '../../testing/faults.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation, script } from '../../testing/script.ts';
import type { TurnHandle } from '../../client/index.ts';
import { Door } from '../fixtures/door.ts';
import { startPlait } from '../fixtures/plait.ts';
import { echo, newSessionId } from '../fixtures/sessions.ts';
import { agentWith, reader } from '../fixtures/tools.ts';

const look = reader('look', () => 'seen');
const lookAndAnswer = conversation('go', [callTools({ look: {} }), say('Done.')]);

function agentOn(modelTaskQueue: string, extras: Parameters<typeof agentWith>[1] = {}): Agent {
  return agentWith([look], { modelTaskQueue, ...extras });
}

/** Which activities the turn has asked for, and where. */
async function activitiesOf(turn: TurnHandle): Promise<string[]> {
  const { events } = await turn.workflow.fetchHistory();
  return (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: scheduled }) =>
    scheduled ? [`${scheduled.activityId} on ${scheduled.taskQueue?.name}`] : [],
  );
}

async function listOf<T>(all: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const one of all) list.push(one);
  return list;
}

describe('model calls with a task queue of their own', () => {
  test('run there, the first one of a turn after it has pinned the agent', async () => {
    const models = `models-${randomUUID()}`;
    const agent = agentOn(models);
    await using plait = await startPlait({ agents: [agent], script: lookAndAnswer });
    const { taskQueue } = plait;

    const turn = await plait.agents.start(agent, 'go', { turnId: `turn-${randomUUID()}` });
    const result = await turn.result();

    expect(result).toMatchObject({ stopReason: 'end_turn', text: 'Done.', rounds: 2 });
    const [call] = result.calls;
    expect(await activitiesOf(turn)).toEqual([
      `model.1 on ${taskQueue}`,
      `model.1 on ${models}`,
      `${call?.id} on ${taskQueue}`,
      `model.2 on ${models}`,
    ]);
    expect(plait.model.requests).toHaveLength(2);
    // A watcher sees two rounds and not three.
    const { rounds = [] } = (await listOf(turn.watch())).at(-1) ?? {};
    expect(rounds.map(({ model, calls }) => [model.state, calls.length])).toEqual([
      ['succeeded', 1],
      ['succeeded', 0],
    ]);
    const told = await listOf(turn.stream());
    expect(told.filter(({ type }) => type === 'replyCommitted')).toHaveLength(2);
    expect(told.filter(({ type }) => type === 'attemptRestarted')).toEqual([]);
  });

  test('run where the turns do, and at once, if that is the same queue', async () => {
    const turns = `turns-${randomUUID()}`;
    const agent = agentOn(turns);
    await using plait = await startPlait({
      agents: [agent],
      script: lookAndAnswer,
      taskQueue: turns,
    });
    const turn = await plait.agents.start(agent, 'go');
    const { calls } = await turn.result();
    expect(await activitiesOf(turn)).toEqual(
      ['model.1', calls[0]?.id, 'model.2'].map((id) => `${id} on ${turns}`),
    );
  });

  test('stay there in a session and in the next run of a turn', async () => {
    const models = `models-${randomUUID()}`;
    const agent = agentOn(models, { historyEvents: 20 });
    const rounds = 6;
    const long = conversation('go', [
      ...Array.from({ length: rounds }, () => callTools({ look: {} })),
      say('Done.'),
    ]);
    await using plait = await startPlait({ agents: [agent], script: script(long, echo) });
    const session = plait.agents.openSession(agent, newSessionId());
    await (await session.send('hello')).result();

    const turn = await session.send('go');
    expect(await turn.result()).toMatchObject({ stopReason: 'end_turn', rounds: rounds + 1 });

    const { workflow } = plait.agents.client;
    const places: string[] = [];
    // A list may lack the newest of them for a second.
    const runs = await turnRuns(workflow, turn.turnId);
    for (const runId of runs) {
      const { events } = await workflow.getHandle(turn.turnId, runId).fetchHistory();
      for (const { activityTaskScheduledEventAttributes: scheduled } of events ?? []) {
        if (scheduled?.activityType?.name !== CALL_MODEL) continue;
        places.push(scheduled.taskQueue?.name ?? '');
      }
    }
    expect(runs.length).toBeGreaterThan(1);
    // The session has pinned the agent, so nobody has to be asked where to ask.
    expect(places).toEqual(Array.from({ length: rounds + 1 }, () => models));
  });

  test('are soon tried elsewhere if a worker of their queue lacks the agent', async () => {
    const [models, turns] = [`models-${randomUUID()}`, `turns-${randomUUID()}`];
    const agent = agentOn(models);
    const other = defineAgent({ name: 'other', model: 'claude-opus-5-5', modelTaskQueue: models });
    const shared = { taskQueue: turns, script: lookAndAnswer };
    await using pins = await startPlait({ ...shared, agents: [agent], taskQueues: [turns] });
    const turn = await pins.agents.start(agent, 'go');
    {
      await using lacks = await startPlait({ ...shared, agents: [other], taskQueues: [models] });
      for await (const { rounds } of turn.watch()) {
        if (rounds[0]?.model.state === 'retrying') break;
      }
      expect(lacks.model.requests).toEqual([]);
    }
    await using has = await startPlait({ ...shared, agents: [agent], taskQueues: [models] });
    await turn.result();

    expect(pins.model.requests).toEqual([]);
    expect(has.model.requests).toHaveLength(2);
    const { events } = await turn.workflow.fetchHistory();
    const delays = (events ?? []).flatMap(({ activityTaskStartedEventAttributes: started }) => {
      const info = started?.lastFailure?.applicationFailureInfo;
      return info?.type === AGENT_NOT_REGISTERED ? [info.nextRetryDelay?.nanos] : [];
    });
    expect(delays[0]).toBe(500_000_000);
  });

  test('end with the turn’s time even if they wait for a worker', async () => {
    const agent = agentOn(`nobody-${randomUUID()}`, { limits: { wallTime: '1s' } });
    const turns = `turns-${randomUUID()}`;
    await using plait = await startPlait({
      agents: [agent],
      script: lookAndAnswer,
      taskQueue: turns,
      taskQueues: [turns],
    });
    expect(await plait.agents.execute(agent, 'go')).toMatchObject({ stopReason: 'max_wall_time' });
    expect(plait.model.requests).toEqual([]);
  });
});

describe('a worker with one place for model calls', () => {
  test.each([
    ['429', fault.rateLimited({ retryAfter: 3 })],
    ['529', fault.overloaded({ headers: { 'retry-after': '3' } })],
  ])('does another turn’s call while one that was answered %s waits', async (_status, told) => {
    const agent = agentOn(`models-${randomUUID()}`);
    await using plait = await startPlait({
      agents: [agent],
      maxConcurrentModelCalls: 1,
      script: script(
        conversation('told to wait', [times(1, told, say('Here.'))]),
        conversation('quick', [say('Me first.')]),
      ),
    });
    const asked = () =>
      plait.model.requests.map(({ body }) => JSON.stringify(body?.messages[0]?.content));

    const waits = await plait.agents.start(agent, 'told to wait');
    for await (const { rounds } of waits.watch()) {
      if (rounds[0]?.model.state === 'retrying') break;
    }
    const quick = await plait.agents.execute(agent, 'quick');

    expect(quick).toMatchObject({ text: 'Me first.' });
    expect(await waits.result()).toMatchObject({ text: 'Here.' });
    expect(asked()).toEqual(['"told to wait"', '"quick"', '"told to wait"']);
    const [first, , again] = plait.model.requests.map(({ startedAt }) => startedAt);
    expect((again ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(2_990);
  });

  test('asks the model for one turn at a time, and runs their tools side by side', async () => {
    let asking = 0;
    let mostAsking = 0;
    const door = new Door();
    const slow = reader('look', (_input, { signal }) => door.pass(signal));
    const agent = agentWith([slow], { modelTaskQueue: `models-${randomUUID()}` });
    await using plait = await startPlait({
      agents: [agent],
      maxConcurrentModelCalls: 1,
      script: async (request) => {
        asking += 1;
        mostAsking = Math.max(mostAsking, asking);
        await sleep(50);
        asking -= 1;
        return request.round === 0 ? callTools({ look: {} }) : say('Done.');
      },
    });

    const texts = ['a', 'b', 'c'].map((text) => plait.agents.execute(agent, text));
    // All three calls run while one place asks the model.
    await door.reached(3);
    door.open();
    await Promise.all(texts);

    expect(mostAsking).toBe(1);
  });
});

test('the server enforces a rate of model calls across all workers', async () => {
  const agent = agentOn(`models-${randomUUID()}`);
  const shared = {
    agents: [agent],
    taskQueue: `turns-${randomUUID()}`,
    maxModelCallsPerSecond: 2,
    script: echo,
  };
  await using one = await startPlait({ ...shared, identity: 'one' });
  await using two = await startPlait({ ...shared, identity: 'two' });
  const texts = Array.from({ length: 10 }, (_, i) => `text ${i}`);

  await Promise.all(texts.map((text) => one.agents.execute(agent, text)));

  const starts = [...one.model.requests, ...two.model.requests].map(({ startedAt }) => startedAt);
  expect(starts).toHaveLength(texts.length);
  // 2 at once, and 2 in each of the next four seconds; on a busy machine the first begin late.
  expect(Math.max(...starts) - Math.min(...starts)).toBeGreaterThan(2_000);
});
