import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import type { SessionHandle } from '../../client/index.ts';
import { WorkerUnavailableError } from '../../client/index.ts';
import { callTools, say } from '../../testing/replies.ts';
import type { Script } from '../../testing/script.ts';
import { conversation, script } from '../../testing/script.ts';
import { startTemporalServer } from '../../testing/temporal-server.ts';
import { Door } from '../fixtures/door.ts';
import { startPlait } from '../fixtures/plait.ts';
import { asked, echo, newSessionId, rejectedRequests, untilIdle } from '../fixtures/sessions.ts';
import { agentWith } from '../fixtures/tools.ts';
import { insist, until } from '../fixtures/until.ts';
import { workerProcesses } from '../fixtures/worker-processes.ts';

/** A session, and workers that come and go as processes. */
async function stage(turns: Script, temporalAddress = inject('temporalAddress')) {
  const processes = await workerProcesses(script(turns, echo), { temporalAddress });
  return { ...processes, session: processes.agents.openSession('tester', newSessionId()) };
}

type Stage = Awaited<ReturnType<typeof stage>>;

/** As a client sends it whose answer did not come: again, with the same key. */
const send = (session: SessionHandle, input: string) =>
  insist(() => session.send(input, { idempotencyKey: input }));

const users = ({ model }: Stage) =>
  (asked(model).at(-1) ?? []).filter((line) => line.startsWith('user: "'));

const worksFor = (ms: number) =>
  conversation('work', [
    callTools([
      ['look', { ms }],
      ['pay', { ms }],
    ]),
    say('Worked.'),
  ]);

describe('after kill -9 of the worker a session goes on', () => {
  test.concurrent('while the model answers and while tools run', async () => {
    const door = new Door();
    const slow = conversation('slow', [
      async () => {
        await door.pass();
        return say('Slow.');
      },
    ]);
    await using plait = await stage(script(slow, worksFor(600_000)));
    const { session, journal, start, killOldest } = plait;
    await start();
    const first = await session.send('slow');
    await door.reached();
    await killOldest();
    await start();
    door.open();
    expect(await first.result()).toMatchObject({ text: 'Slow.' });

    const second = await send(session, 'work');
    await journal.waitFor('begin', 2);
    await killOldest();
    await start();
    expect(await second.result()).toMatchObject({
      text: 'Worked.',
      calls: [
        { outcome: 'succeeded', attempts: 2 },
        { outcome: 'unknown', attempts: 1 },
      ],
    });
    expect(journal.lines('begin pay')).toHaveLength(1);
    expect(await (await send(session, 'next')).result()).toMatchObject({ text: 'You said: next' });
    expect(users(plait)).toEqual(['user: "slow"', 'user: "work"', 'user: "next"']);
    expect(rejectedRequests(plait.model)).toEqual([]);
  });

  test.concurrent('while it waits for a person, between turns, and right after a message', async () => {
    const refund = conversation('refund', [callTools({ refund: { ms: 0 } }), say('Refunded.')]);
    await using plait = await stage(refund);
    const { session, start, killOldest } = plait;
    await start();
    const turn = await session.send('refund');
    // The session may not have begun it yet.
    const [waiting] = await until(
      () => turn.approvals().catch(() => []),
      ({ length }) => length === 1,
    );
    await killOldest();
    await start();
    await insist(() => turn.approve(waiting?.callId ?? '', { by: 'ana' }));
    expect(await turn.result()).toMatchObject({ text: 'Refunded.' });

    await untilIdle(session);
    await killOldest();
    await start();
    const turns = [await send(session, 'a'), await send(session, 'b')];
    // The session has accepted them; a turn may have begun or not.
    await killOldest();
    await start();
    for (const one of turns) expect(await one.result()).toMatchObject({ stopReason: 'end_turn' });
    expect(users(plait)).toEqual(['user: "refund"', 'user: "a"', 'user: "b"']);
    expect(await session.describe()).toMatchObject({ turns: 3, messages: 8 });
    expect(rejectedRequests(plait.model)).toEqual([]);
  });

  test.concurrent('in a new run, if the worker dies during the continue-as-new', async () => {
    await using plait = await stage(echo);
    const { session, start, killOldest } = plait;
    await start();
    await (await session.send('a')).result();
    await untilIdle(session);
    const { runId } = await session.workflow.describe();
    await killOldest();
    // The message waits for a worker, and is then processed with all else that has happened.
    const [again] = await Promise.all([send(session, 'b'), start()]);
    expect(await again.result()).toMatchObject({ text: 'You said: b' });
    expect(users(plait)).toEqual(['user: "a"', 'user: "b"']);

    await untilIdle(session);
    await until(
      () => session.workflow.describe(),
      (woken) => woken.runId !== runId,
    );
    // An almost empty history, which any later version can replay: nothing was decided in it yet.
    const { events } = await session.workflow.fetchHistory();
    expect(events?.length).toBeLessThanOrEqual(4);
    await killOldest();
    await start();
    const after = await send(session, 'b');
    expect(after.turnId).toBe(again.turnId);
    expect(await (await send(session, 'c')).result()).toMatchObject({
      text: 'You said: c',
    });
    expect(await session.describe()).toMatchObject({ turns: 3, messages: 6 });
  });
});

test.concurrent('a message that is sent while no worker runs is processed once, when a worker is back', async () => {
  await using plait = await stage(echo);
  const { session, start } = plait;
  const send = () => session.send('Hello', { idempotencyKey: 'first' });
  // The very first message, of two clients at once.
  const inVain = await Promise.allSettled([send(), send()]);
  for (const { status, ...rest } of inVain) {
    expect(status).toBe('rejected');
    expect(rest).toMatchObject({ reason: expect.any(WorkerUnavailableError) as unknown });
  }
  await start();
  const turn = await send();
  expect(await turn.result()).toMatchObject({ text: 'You said: Hello' });
  await untilIdle(session);
  expect(await session.describe()).toMatchObject({ turns: 1, messages: 2 });
});

test.concurrent('a Temporal server that is killed and restarted on its file loses no session', async () => {
  const db = join(mkdtempSync(join(tmpdir(), 'plait-restart-')), 'temporal.db');
  let server = await startTemporalServer({ db });
  try {
    await using plait = await stage(worksFor(3_000), server.address);
    const { agents, session, journal, start } = plait;
    await start();
    const sleeping = agents.openSession('tester', newSessionId());
    await (await sleeping.send('before')).result();
    const turn = await session.send('work');
    const waiting = await session.send('then');
    await journal.waitFor('begin', 2);

    const { pid } = server;
    await server.kill();
    server = await startTemporalServer({ db, port: Number(server.address.split(':')[1]) });
    expect(server.pid).not.toBe(pid);

    expect(await waiting.result()).toMatchObject({ text: 'You said: then' });
    expect(await turn.result()).toMatchObject({ text: 'Worked.' });
    expect(await (await send(sleeping, 'after')).result()).toMatchObject({
      text: 'You said: after',
    });
    expect((await sleeping.transcript()).total).toBe(4);
    expect(rejectedRequests(plait.model)).toEqual([]);
  } finally {
    await server.kill();
  }
});

describe('several clients', () => {
  test.concurrent('whose very first messages come at the same time start one session', async () => {
    const agent = agentWith([]);
    await using plait = await startPlait({ agents: [agent], script: echo, debugMode: false });
    const id = newSessionId();
    const texts = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l'];
    const turns = await Promise.all(
      texts.map((text) => plait.agents.openSession(agent, id).send(text)),
    );
    const results = await Promise.all(turns.map((turn) => turn.result()));
    expect(results.map(({ text }) => text)).toEqual(texts.map((text) => `You said: ${text}`));
    expect(new Set(turns.map(({ turnId }) => turnId)).size).toBe(texts.length);
    await untilIdle(plait.agents.getSession(id));
    expect(await plait.agents.getSession(id).describe()).toMatchObject({ turns: 12, messages: 24 });
  });

  test.concurrent('who keep sending lose nothing while the session goes on in new runs', async () => {
    const agent = agentWith([], { historyEvents: 20 });
    // Nothing is kept between two tasks, so that every one of them replays.
    await using plait = await startPlait({
      agents: [agent],
      script: echo,
      debugMode: false,
      maxCachedWorkflows: 0,
    });
    const id = newSessionId();
    const session = plait.agents.openSession(agent, id);
    const texts = await Promise.all(
      Array.from({ length: 3 }, async (_, client) => {
        const sent: string[] = [];
        for (let i = 0; i < 8; i += 1) {
          const text = `${client}-${i}`;
          await session.send(text, { idempotencyKey: text });
          // Its answer was lost.
          await session.send(text, { idempotencyKey: text });
          sent.push(text);
        }
        return sent;
      }),
    );
    await session.close();
    expect(await session.workflow.result()).toMatchObject({ turns: 24, messages: 48 });
    const { messages } = await session.transcript();
    const read = messages.flatMap(({ role, content }) =>
      role === 'user' && typeof content === 'string' ? [content] : [],
    );
    expect(read).toHaveLength(texts.flat().length);
    for (const [client, sent] of texts.entries()) {
      expect(read.filter((text) => text.startsWith(`${client}-`))).toEqual(sent);
    }
    const { raw, runId } = await session.workflow.describe();
    expect(raw.workflowExecutionInfo?.firstRunId).not.toBe(runId);
    expect(rejectedRequests(plait.model)).toEqual([]);
  });
});
