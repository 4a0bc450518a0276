import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  SendRejectedError,
  SessionBusyError,
  SessionClosedError,
  SessionNotFoundError,
} from '../../client/index.ts';
import type { ListSessionsOptions } from '../../client/lists.ts';
import type { ToolContext } from '../../index.ts';
import { directoryStorage } from '../../storage/index.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation, script } from '../../testing/script.ts';
import { startPlait } from '../fixtures/plait.ts';
import { echo, handedOn, newSessionId } from '../fixtures/sessions.ts';
import { aborted } from '../../testing/aborted.ts';
import { agentWith, reader } from '../fixtures/tools.ts';

const textsOf = (messages: readonly { role: string; content: unknown }[]) =>
  messages.map(({ role, content }) => `${role}: ${JSON.stringify(content)}`);

describe('a session', () => {
  test('is created by its first message, and its turns follow one another in one conversation', async () => {
    const agent = agentWith([]);
    await using plait = await startPlait({ agents: [agent], script: echo });
    const session = plait.agents.openSession(agent, newSessionId());

    const first = await session.send('one');
    expect(await first.result()).toMatchObject({ text: 'You said: one', stopReason: 'end_turn' });
    const second = await session.send('two');
    const result = await second.result();

    expect(textsOf(result.messages)).toEqual([
      'user: "two"',
      expect.stringContaining('You said: two') as string,
    ]);
    expect(plait.model.requests.at(-1)?.body?.messages).toHaveLength(3);
    expect(await session.describe()).toMatchObject({
      status: 'idle',
      turns: 2,
      messages: 4,
      lastTurn: { turnId: second.turnId, stopReason: 'end_turn' },
    });
    const page = await session.transcript({ from: 1, limit: 2 });
    expect(page).toMatchObject({ from: 1, total: 4 });
    expect(textsOf(page.messages)[1]).toBe('user: "two"');
  });

  test('keeps messages that are sent at once in their order', async () => {
    const agent = agentWith([]);
    await using plait = await startPlait({ agents: [agent], script: echo });
    const session = plait.agents.openSession(agent, newSessionId());

    const turns = [];
    for (const text of ['a', 'b', 'c', 'd']) turns.push(await session.send(text));
    const results = await Promise.all(turns.map((turn) => turn.result()));

    expect(results.map(({ text }) => text)).toEqual(
      ['a', 'b', 'c', 'd'].map((t) => `You said: ${t}`),
    );
    expect((await session.transcript()).messages.map(({ role }) => role)).toEqual(
      Array.from({ length: 4 }).flatMap(() => ['user', 'assistant']),
    );
  });

  test('processes a message once if it is sent twice with the same key, even in a new run', async () => {
    const agent = agentWith([], { historyEvents: 20 });
    await using plait = await startPlait({ agents: [agent], script: echo });
    const session = plait.agents.openSession(agent, newSessionId());

    const first = await session.send('pay', { idempotencyKey: 'k1' });
    await first.result();
    for (const text of ['x', 'y', 'z']) await (await session.send(text)).result();
    const again = await session.send('pay', { idempotencyKey: 'k1' });

    expect(again.turnId).toBe(first.turnId);
    expect((await session.describe()).turns).toBe(4);
    await expect(session.send('pay more', { idempotencyKey: 'k1' })).rejects.toThrow(
      /idempotencyKey k1 was used for another message/,
    );
    const { runId, raw } = await session.workflow.describe();
    expect(raw.workflowExecutionInfo?.firstRunId).not.toBe(runId);
  });

  test('that is closed rejects messages, and does not start again', async () => {
    const agent = agentWith([]);
    await using plait = await startPlait({ agents: [agent], script: echo });
    const session = plait.agents.openSession(agent, newSessionId());
    const turn = await session.send('last words');
    await session.close();

    await expect(session.send('one more')).rejects.toThrow(SessionClosedError);
    expect(await turn.result()).toMatchObject({ text: 'You said: last words' });
    await session.workflow.result();
    await expect(session.send('one more')).rejects.toThrow(SessionClosedError);
    await session.close();
    expect((await session.transcript()).total).toBe(2);
    expect(await session.describe()).toMatchObject({ status: 'closed' });
  });

  test('that does not exist is not created by getSession, and belongs to one agent', async () => {
    const agent = agentWith([]);
    await using plait = await startPlait({ agents: [agent], script: echo });
    const id = newSessionId();

    await expect(plait.agents.getSession(id).send('hello')).rejects.toThrow(SessionNotFoundError);
    await (await plait.agents.openSession(agent, id).send('hello')).result();
    await expect(plait.agents.openSession('other', id).send('hello')).rejects.toThrow(
      SendRejectedError,
    );
    expect(await (await plait.agents.getSession(id).send('again')).result()).toMatchObject({
      text: 'You said: again',
    });
  });
});

/** An agent whose tool waits until it is let go or aborted. */
async function busy() {
  const log: string[] = [];
  const gate = new EventEmitter();
  const released = once(gate, 'release');
  const running = once(gate, 'begin');
  const wait = reader('wait', async (_input: unknown, { signal }: ToolContext) => {
    log.push('begin');
    gate.emit('begin');
    await Promise.race([released, aborted(signal).finally(() => log.push('aborted'))]);
    return 'waited';
  });
  const agent = agentWith([wait]);
  const plait = await startPlait({
    agents: [agent],
    script: script(conversation('work', [callTools({ wait: {} }), say('Worked.')]), echo),
  });
  const user = `ana's "desk" ${randomUUID()}`;
  const session = plait.agents.openSession(agent, newSessionId(), { user });
  const turn = await session.send('work');
  await running;
  return { plait, agent, session, user, turn, log, release: () => gate.emit('release') };
}

describe('a message that is sent while a turn runs', () => {
  test('waits, by default', async () => {
    const { plait, session, turn, release } = await busy();
    await using _ = plait;
    const next = await session.send('then');
    expect(await session.describe()).toMatchObject({
      status: 'busy',
      runningTurn: turn.turnId,
      waitingTurns: [next.turnId],
    });
    release();

    expect(await next.result()).toMatchObject({ text: 'You said: then' });
    expect(await turn.result()).toMatchObject({ text: 'Worked.' });
  });

  test('reaches the model after the results if it steers', async () => {
    const { plait, session, turn, release } = await busy();
    await using _ = plait;
    const steering = await session.send('be quick', { whenBusy: 'steer' });
    expect(steering.joins).toBe(turn.turnId);
    await handedOn(plait.agents, steering);
    release();

    const result = await steering.result();
    expect(result).toMatchObject({ text: 'Worked.', joined: [steering.turnId], rounds: 2 });
    expect(result).toEqual(await turn.result());
    const sent = plait.model.requests.at(-1)?.body?.messages ?? [];
    expect(textsOf(sent as never).at(-1)).toMatch(/^system: .*be quick/);
    expect((await session.describe()).turns).toBe(1);
  });

  test('that interrupts replaces the running turn, whose calls are answered', async () => {
    const { plait, session, turn, log } = await busy();
    await using _ = plait;
    const waiting = await session.send('later');
    const interrupting = await session.send('stop that', { whenBusy: 'interrupt' });

    expect(await turn.result()).toMatchObject({
      stopReason: 'cancelled',
      calls: [{ name: 'wait', outcome: 'cancelled' }],
    });
    expect(await interrupting.result()).toMatchObject({ text: 'You said: stop that' });
    expect(await waiting.result()).toMatchObject({ text: 'You said: later' });
    expect(log).toEqual(['begin', 'aborted']);
  });

  test('is rejected if it asks for that', async () => {
    const { plait, session, turn, release } = await busy();
    await using _ = plait;
    await expect(session.send('now', { whenBusy: 'reject' })).rejects.toThrow(SessionBusyError);
    release();
    await turn.result();
    const next = await session.send('now', { whenBusy: 'reject' });
    expect(await next.result()).toMatchObject({ text: 'You said: now' });
  });

  test('becomes a turn of its own if the running one ends without it', async () => {
    const { plait, session, turn } = await busy();
    await using _ = plait;
    const steering = await session.send('be quick', { whenBusy: 'steer' });
    await turn.cancel();

    expect(await turn.result()).toMatchObject({ stopReason: 'cancelled' });
    expect(await steering.result()).toMatchObject({ text: 'You said: be quick' });
  });
});

test('a session with a storage keeps its conversation there, and a client can read any part of it', async () => {
  const storage = directoryStorage(mkdtempSync(join(tmpdir(), 'plait-storage-')));
  const agent = agentWith([reader('look', () => 'x'.repeat(8_000))], { historyEvents: 30 });
  await using plait = await startPlait({
    agents: [agent],
    storage,
    script: conversation(/./, [
      callTools([
        ['look', {}],
        ['look', {}],
      ]),
      (request) => say(`Seen ${request.userText}`),
    ]),
  });
  const session = plait.agents.openSession(agent, newSessionId());

  for (let i = 0; i < 6; i += 1) {
    const result = await (await session.send(`look ${i}`)).result();
    expect(result).toMatchObject({ text: `Seen look ${i}`, stopReason: 'end_turn' });
    expect(result.messages).toHaveLength(4);
  }

  const { messages, total } = await session.transcript();
  expect(total).toBe(24);
  expect(messages.filter(({ role }) => role === 'user')).toHaveLength(12);
  expect((await session.transcript({ from: 20, limit: 1 })).messages).toEqual([
    { role: 'user', content: 'look 5' },
  ]);
  const { historySize } = await session.workflow.describe();
  expect(historySize).toBeLessThan(100_000);
});

test('sessions are found by agent, user and status, and so are their turns', async () => {
  const { plait, agent, session: working, user, release } = await busy();
  await using _ = plait;
  const [one, two, three] = [newSessionId(), newSessionId(), working.sessionId];
  await (await plait.agents.openSession(agent, one, { user }).send('hello')).result();
  await (await plait.agents.openSession(agent, two, { user }).send('hello')).result();
  await plait.agents.getSession(two).close();

  const found = async (options: ListSessionsOptions) => {
    const statuses: Record<string, string> = {};
    for await (const session of plait.agents.listSessions({ user, ...options })) {
      statuses[session.sessionId] = session.status;
    }
    return statuses;
  };
  const all = { [one]: 'idle', [two]: 'closed', [three]: 'busy' };
  await expect.poll(() => found({})).toEqual(all);
  expect(await found({ status: 'idle', agent: 'tester' })).toEqual({ [one]: 'idle' });
  expect(await found({ status: 'busy' })).toEqual({ [three]: 'busy' });
  expect(await found({ status: 'closed' })).toEqual({ [two]: 'closed' });
  expect(await found({ agent: 'other' })).toEqual({});
  const ended = async () => {
    const turns = [];
    for await (const { turnId } of plait.agents.listTurns({ user, stopReason: 'end_turn' })) {
      turns.push(turnId);
    }
    return turns.toSorted();
  };
  await expect.poll(ended).toEqual([`${one}.turn-1`, `${two}.turn-1`].toSorted());

  release();
  await expect.poll(() => found({})).toEqual({ ...all, [three]: 'idle' });
  // Each would be an Action.
  const { events } = await working.workflow.fetchHistory();
  const upserts = events?.filter((e) => e.upsertWorkflowSearchAttributesEventAttributes);
  expect(upserts).toEqual([]);
});
