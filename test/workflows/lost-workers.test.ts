import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { expect, inject, onTestFinished, test } from 'vitest';
import { AgentClient } from '../../client/index.ts';
import { startMessagesServer } from '../../testing/messages-server.ts';
import type { MessagesServer } from '../../testing/messages-server.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { until } from '../fixtures/approvals-agent.ts';
import { Journal } from '../fixtures/journal.ts';
import type { WorkerProcess } from '../fixtures/worker-process.ts';
import { startWorkerProcess } from '../fixtures/worker-process.ts';

interface Stage {
  agents: AgentClient;
  model: MessagesServer;
  journal: Journal;
  start: (shutdownGraceTime?: string) => Promise<WorkerProcess>;
}

/** A scripted model and a client; the workers come and go as processes. */
async function stage(calls: Parameters<typeof callTools>[0]): Promise<Stage> {
  const journal = new Journal(join(mkdtempSync(join(tmpdir(), 'plait-journal-')), 'journal'));
  const model = await startMessagesServer({
    script: conversation('go', [callTools(calls), say('I go on.')]),
  });
  const connection = await Connection.connect({ address: inject('temporalAddress') });
  const workers: WorkerProcess[] = [];
  onTestFinished(async () => {
    for (const worker of workers) worker.kill('SIGKILL');
    await Promise.all(workers.map(({ ended }) => ended));
    await connection.close();
    await model.close();
  });
  const taskQueue = `lost-${randomUUID()}`;
  return {
    agents: new AgentClient({ client: new Client({ connection }), taskQueue }),
    model,
    journal,
    async start(shutdownGraceTime = '10s') {
      const worker = await startWorkerProcess({
        taskQueue,
        modelUrl: model.url,
        journal,
        shutdownGraceTime,
      });
      workers.push(worker);
      return worker;
    },
  };
}

const UNKNOWN = /may or may not have taken effect/;

test('after kill -9 in the middle of a batch another worker finishes the turn, and nothing unsafe begins twice', async () => {
  const { agents, journal, start } = await stage([
    ['look', { ms: 2_500 }],
    ['pay', { ms: 2_500 }],
    ['pay', { ms: 0 }],
    ['look', { ms: 0 }],
  ]);
  const first = await start();
  const turn = await agents.start('tester', 'go');
  await journal.waitFor('begin', 4);
  await journal.waitFor('end', 2);
  await until(
    () => turn.describe(),
    ({ pendingCalls }) => pendingCalls.length === 2,
  );

  first.kill('SIGKILL');
  expect(await first.ended).toBe('SIGKILL');
  await start();
  const result = await turn.result();

  expect(result).toMatchObject({ stopReason: 'end_turn', text: 'I go on.', rounds: 2 });
  expect(result.calls.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual([
    'look succeeded',
    'pay unknown',
    'pay succeeded',
    'look succeeded',
  ]);
  expect(result.calls[0]?.attempts).toBe(2);
  expect(result.calls[1]).toMatchObject({
    attempts: 1,
    message: expect.stringMatching(UNKNOWN) as string,
  });
  expect(journal.lines('begin pay')).toHaveLength(2);
  expect(journal.lines('begin look')).toHaveLength(3);
});

test('a SIGTERM past the grace ends the process, and the next worker finishes the turn', async () => {
  const { agents, journal, start } = await stage([
    ['look', { ms: 4_000 }],
    ['pay', { ms: 60_000 }],
    ['deaf_pay', { ms: 60_000 }],
  ]);
  const first = await start('500ms');
  const turn = await agents.start('tester', 'go');
  await journal.waitFor('begin', 3);

  first.kill('SIGTERM');
  // The tool that ignored its signal would have kept it alive for a minute.
  expect(await first.ended).toBe(1);
  await start();
  const result = await turn.result();

  expect(result.calls.map(({ name, outcome, attempts }) => [name, outcome, attempts])).toEqual([
    ['look', 'succeeded', 2],
    ['pay', 'unknown', 1],
    ['deaf_pay', 'unknown', 1],
  ]);
  expect(result.calls[1]?.message).toMatch(/worker shut down while the tool ran/);
  expect(journal.lines('begin pay')).toHaveLength(1);
  expect(journal.lines('begin deaf_pay')).toHaveLength(1);
});

test('a SIGTERM lets a tool finish that ends within the grace', async () => {
  const { agents, journal, start } = await stage([['pay', { ms: 1_000 }]]);
  const first = await start('10s');
  const turn = await agents.start('tester', 'go');
  await journal.waitFor('begin', 1);

  first.kill('SIGTERM');
  expect(await first.ended).toBe(0);
  await start();
  const result = await turn.result();

  expect(result.calls).toMatchObject([{ name: 'pay', outcome: 'succeeded', attempts: 1 }]);
  expect(journal.lines('begin pay')).toHaveLength(1);
});

test('attempts that are lost with a worker do not use up those of the tool itself', async () => {
  const { agents, journal, start } = await stage([['step', {}]]);
  let worker = await start();
  const turn = await agents.start('tester', 'go');
  for (const begun of [1, 3, 4]) {
    await journal.waitFor('begin step', begun);
    // Its details have reached the server.
    await until(
      () => turn.describe(),
      ({ pendingCalls }) => pendingCalls.length === 1,
    );
    await sleep(1_500);
    worker.kill(begun === 4 ? 'SIGTERM' : 'SIGKILL');
    await worker.ended;
    worker = await start();
  }
  const result = await turn.result();

  expect(result.calls).toMatchObject([{ name: 'step', outcome: 'succeeded', attempts: 5 }]);
  const lines = journal.lines('begin step').map((line) => line.split(' '));
  expect(lines.map((words) => words.slice(-3).join(' '))).toEqual([
    '1 after 0',
    '2 after 1',
    '3 after 2',
    '4 after 3',
    '5 after 4',
  ]);
  expect(new Set(lines.map((words) => words.at(-4))).size).toBe(1);
  expect(JSON.stringify(result.messages)).toContain('went on after page 4');
});
