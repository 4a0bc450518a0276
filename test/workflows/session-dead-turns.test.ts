import { MockActivityEnvironment } from '@temporalio/testing';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StorageDriver } from '@temporalio/common';
import { describe, expect, test } from 'vitest';
import { readTurn } from '../../activities/turn/read-turn.ts';
import { TurnFailedError } from '../../client/index.ts';
import type { ToolContext } from '../../index.ts';
import { directoryStorage } from '../../storage/index.ts';
import { fault } from '../../testing/faults.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation, script } from '../../testing/script.ts';
import { Door } from '../fixtures/door.ts';
import { startPlait } from '../fixtures/plait.ts';
import {
  asked,
  echo,
  handedOn,
  newSessionId,
  rejectedRequests,
  untilIdle,
} from '../fixtures/sessions.ts';
import { agentWith, reader, writer } from '../fixtures/tools.ts';
import { until } from '../fixtures/until.ts';

/** The second round of "work" pays and waits at the door. */
async function paying() {
  const door = new Door();
  const agent = agentWith([
    reader('look', () => 'seen'),
    writer('pay', async (_input: unknown, { signal }: ToolContext) => {
      await door.pass(signal);
      return 'paid';
    }),
  ]);
  const work = conversation('work', [
    callTools({ look: {} }, { text: 'I look.' }),
    callTools({ pay: {}, look: {} }),
    say('Worked.'),
  ]);
  const plait = await startPlait({ agents: [agent], script: script(work, echo) });
  const session = plait.agents.openSession(agent, newSessionId());
  const turn = await session.send('work');
  await door.reached();
  return { plait, session, turn, door };
}

describe('a turn that is terminated', () => {
  test.concurrent('leaves its rounds to the session, and its open calls answered as unknown', async () => {
    const { plait, session, turn } = await paying();
    await using _ = plait;
    const steering = await session.send('be quick', { whenBusy: 'steer' });
    await turn.workflow.terminate('by an operator');

    await expect(turn.result()).rejects.toThrow(/was terminated: by an operator/);
    expect(await steering.result()).toMatchObject({ text: 'You said: be quick' });
    const request = asked(plait.model).at(-1) ?? [];
    expect(request).toHaveLength(6);
    expect(request[1]).toMatch(/I look/);
    expect(request[4]).toMatch(/tool_result.*may or may not.*tool_result.*may or may not/);
    expect(await session.describe()).toMatchObject({
      turns: 2,
      messages: 7,
      usage: { output_tokens: expect.any(Number) as number },
    });
    expect(rejectedRequests(plait.model)).toEqual([]);
  });

  test.concurrent('is shown by describe', async () => {
    const { plait, session, turn } = await paying();
    await using _ = plait;
    await turn.workflow.terminate('by an operator');
    await untilIdle(session);
    expect((await session.describe()).lastTurn).toMatchObject({
      turnId: turn.turnId,
      stopReason: 'failed',
      message: expect.stringMatching(/terminated/i) as string,
    });
  });

  test.concurrent('before its first reply leaves nothing', async () => {
    const door = new Door();
    const agent = agentWith([]);
    const held = conversation('held', [
      async () => {
        await door.pass();
        return say('late');
      },
    ]);
    await using plait = await startPlait({ agents: [agent], script: script(held, echo) });
    const session = plait.agents.openSession(agent, newSessionId());
    const turn = await session.send('held');
    await door.reached();
    await turn.workflow.terminate();
    expect(await (await session.send('next')).result()).toMatchObject({ text: 'You said: next' });
    expect(asked(plait.model).at(-1)).toEqual(['user: "next"']);
    door.open();
  });
});

test.concurrent('a turn that was deleted is lost, and the model reads that', async () => {
  const { plait, session, turn } = await paying();
  await using _ = plait;
  const { client } = plait.agents;
  await client.workflowService.deleteWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: turn.turnId },
  });
  const next = await session.send('next');
  expect(await next.result()).toMatchObject({ text: 'You said: next' });
  // Whichever came first: the deletion, or the session's question what it has done.
  const request = asked(plait.model).at(-1) ?? [];
  expect(request[0]).toMatch(/work/);
  expect(request.join('\n')).toMatch(/was lost.*not known|may or may not/);
  expect(rejectedRequests(plait.model)).toEqual([]);
});

describe('a turn that fails', () => {
  const poisoned = conversation('poison', [fault.badRequest('messages: could not process image')]);
  const denied = conversation('no key', [
    fault.status(401, 'authentication_error', 'invalid x-api-key'),
  ]);
  const late = conversation('work', [
    callTools({ look: {} }),
    fault.badRequest('prompt is too long'),
  ]);

  test.concurrent('at its first request leaves nothing of its message, and the next turn works', async () => {
    const agent = agentWith([]);
    await using plait = await startPlait({
      agents: [agent],
      script: script(poisoned, denied, echo),
    });
    const session = plait.agents.openSession(agent, newSessionId());
    await (await session.send('Hello')).result();
    for (const [text, problem] of [
      ['poison', /could not process image/],
      ['no key', /invalid x-api-key/],
    ] as const) {
      const failed = await session.send(text);
      await expect(failed.result()).rejects.toThrow(problem);
    }
    expect(await (await session.send('next')).result()).toMatchObject({ text: 'You said: next' });
    expect(asked(plait.model).at(-1)).toEqual([
      'user: "Hello"',
      expect.stringContaining('You said: Hello') as string,
      'user: "next"',
    ]);
    expect(await session.describe()).toMatchObject({ turns: 4, messages: 4 });
  });

  test.concurrent('after some rounds leaves them to the next turn', async () => {
    const agent = agentWith([reader('look', () => 'seen')]);
    await using plait = await startPlait({ agents: [agent], script: script(late, echo) });
    const session = plait.agents.openSession(agent, newSessionId());
    const failed = await session.send('work');
    const error = await failed.result().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(TurnFailedError);
    expect((error as TurnFailedError).progress).toMatchObject({
      rounds: 1,
      calls: [{ name: 'look', outcome: 'succeeded' }],
    });
    await (await session.send('next')).result();
    expect(asked(plait.model).at(-1)).toEqual([
      'user: "work"',
      expect.stringContaining('tool_use') as string,
      expect.stringContaining('seen') as string,
      'user: "next"',
    ]);
  });

  test.concurrent('with a message that it took in gives that message a turn of its own', async () => {
    const door = new Door();
    const agent = agentWith([
      reader('look', async () => {
        await door.pass();
        return 'seen';
      }),
    ]);
    await using plait = await startPlait({ agents: [agent], script: script(late, echo) });
    const session = plait.agents.openSession(agent, newSessionId());
    const failed = await session.send('work');
    await door.reached();
    const steering = await session.send('be quick', { whenBusy: 'steer' });
    await handedOn(plait.agents, steering);
    door.open();
    await expect(failed.result()).rejects.toThrow(/prompt is too long/);
    expect(await steering.result()).toMatchObject({ text: 'You said: be quick' });
    expect(asked(plait.model).at(-1)?.at(-1)).toBe('user: "be quick"');
  });

  test.concurrent('because there is no such agent leaves a session that still answers', async () => {
    const agent = agentWith([]);
    await using plait = await startPlait({ agents: [agent], script: echo });
    const session = plait.agents.openSession('nobody', newSessionId());
    await expect((await session.send('Hello')).result()).rejects.toThrow(/No agent is named/);
    expect(await session.describe()).toMatchObject({
      messages: 0,
      turns: 1,
      lastTurn: { stopReason: 'failed' },
    });
  });
});

test.concurrent('a message that no longer fits beside the conversation fails its turn, and the session lives on', async () => {
  const door = new Door();
  const agent = agentWith([]);
  const long = conversation(/^x/, [
    async () => {
      await door.pass();
      return say('y'.repeat(450_000));
    },
  ]);
  await using plait = await startPlait({ agents: [agent], script: script(long, echo) });
  const session = plait.agents.openSession(agent, newSessionId());
  const turn = await session.send('x'.repeat(900_000));
  const waiting = await session.send('z'.repeat(580_000));
  door.open();

  expect(await turn.result()).toMatchObject({ stopReason: 'end_turn' });
  await expect(waiting.result()).rejects.toThrow(/no longer fits into one payload/);
  await expect(session.send('z'.repeat(580_000))).rejects.toThrow(/Give the workers .*storage/);
  expect(await (await session.send('short')).result()).toMatchObject({ text: 'You said: short' });
  expect(await session.describe()).toMatchObject({ turns: 3, messages: 4 });
});

test.concurrent('a turn that no worker ever had has done nothing', async () => {
  const agent = agentWith([]);
  await using plait = await startPlait({ agents: [agent], script: echo });
  const { client } = plait.agents;
  const turnId = newSessionId();
  const turn = await client.workflow.start('agentTurn', {
    workflowId: turnId,
    taskQueue: `${plait.taskQueue}-nobody`,
    args: [{ agent: 'tester', input: 'Hello' }],
  });
  await turn.terminate();
  const activity = new MockActivityEnvironment({}, { client });
  expect(await activity.run(readTurn, { turnId })).toMatchObject({ rounds: 0, end: { before: 0 } });
});

test.concurrent('a storage that is away for a while delays a turn, and nothing else', async () => {
  const directory = directoryStorage(mkdtempSync(join(tmpdir(), 'plait-storage-')));
  let isAway = false;
  const askedInVain: string[] = [];
  const storage: StorageDriver = {
    ...directory,
    async retrieve(context, claims) {
      if (!isAway) return await directory.retrieve(context, claims);
      askedInVain.push(String(claims.length));
      throw new Error('connection refused');
    },
  };
  const agent = agentWith([reader('look', () => 'x'.repeat(9_000))]);
  const look = conversation(/^look/, [callTools({ look: {} }), say('Seen.')]);
  const options = { agents: [agent], storage, script: script(look, echo) };
  const first = await startPlait(options);
  const id = newSessionId();
  await (await first.agents.openSession(agent, id).send('look')).result();
  const { taskQueue } = first;
  await first.close();

  // The next worker has read nothing yet.
  await using plait = await startPlait({ ...options, taskQueue });
  const session = plait.agents.openSession(agent, id);
  isAway = true;
  const turn = await session.send('next');
  await expect(session.transcript()).rejects.toThrow(/Cannot read a part .*connection refused/);
  await until(() => askedInVain.length >= 3);
  isAway = false;

  expect(await turn.result()).toMatchObject({ text: 'You said: next' });
  expect((await session.transcript()).total).toBe(6);
});
