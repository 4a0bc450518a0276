import { expect, test } from 'vitest';
import type { TurnHandle, TurnSnapshot } from '../../client/index.ts';
import { turnRuns } from '../../client/follow/history.ts';
import type { TurnResult } from '../../index.ts';
import { expectTurn } from '../../testing/expect-turn.ts';
import type { ScriptedCalls } from '../../testing/replies.ts';
import { callTools, paced, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { waitingCalls } from '../fixtures/approvals-agent.ts';
import { insist, until, untilRecorded } from '../fixtures/until.ts';
import { answers } from '../fixtures/waiting-turns.ts';
import type { WorkerProcesses } from '../fixtures/worker-processes.ts';
import { workerProcesses } from '../fixtures/worker-processes.ts';

// They mostly wait, until the server has noticed what is lost.

/** Workers for a turn whose model makes these calls and then goes on. */
function workersFor(calls: ScriptedCalls, shutdownGraceTime = '10s'): Promise<WorkerProcesses> {
  const script = conversation('go', [callTools(calls), say('I go on.')]);
  return workerProcesses(script, { shutdownGraceTime });
}

const UNKNOWN = /may or may not have taken effect/;

test.concurrent('after kill -9 in the middle of a batch another worker finishes the turn, and nothing unsafe begins twice', async () => {
  await using processes = await workersFor([
    ['look', { ms: 600_000 }],
    ['pay', { ms: 600_000 }],
    ['pay', { ms: 0 }],
    ['look', { ms: 0 }],
  ]);
  const { agents, journal, start, killOldest } = processes;
  await start();
  const turn = await agents.start('tester', 'go');
  await journal.waitFor('begin', 4);
  await journal.waitFor('end', 2);
  await until(
    () => turn.describe(),
    ({ pendingCalls }) => pendingCalls.length === 2,
  );

  await killOldest();
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

test.concurrent('after kill -9 between the early run of a call and its reply, the next worker asks again and runs it', async () => {
  const script = conversation('go', [
    // The first reply never ends.
    ({ arrival }) =>
      paced(
        { afterBlock: () => (arrival === 1 ? new Promise(() => undefined) : undefined) },
        callTools({ look: { ms: 0 } }),
      ),
    say('I go on.'),
  ]);
  await using processes = await workerProcesses(script);
  const { agents, journal, start, killOldest } = processes;
  await start();
  const turn = await agents.start('tester', 'go');
  await journal.waitFor('end look');

  await killOldest();
  await start();
  const result = await turn.result();

  expect(result).toMatchObject({ stopReason: 'end_turn', text: 'I go on.', rounds: 2 });
  expect(result.calls).toMatchObject([{ outcome: 'succeeded', attempts: 1 }]);
  expect(journal.lines('begin look')).toHaveLength(2);
});

test.concurrent('after kill -9 in the middle of a local batch another worker runs its calls again, with the same keys', async () => {
  await using processes = await workersFor([
    ['glance', { ms: 0, kills: 'SIGKILL' }],
    ['glance', { ms: 0 }],
  ]);
  const { agents, journal, start } = processes;
  const first = await start();
  const turn = await agents.start('tester', 'go');

  expect(await first.ended).toBe('SIGKILL');
  await start();
  const result = await turn.result();

  expect(result.text).toBe('I go on.');
  expect(result.calls.map(({ outcome, attempts }) => [outcome, attempts])).toEqual([
    ['succeeded', 1],
    ['succeeded', 1],
  ]);
  const keys = journal.lines('begin glance').map((line) => line.split(' ')[2]);
  // The other call may not have begun in the first worker.
  expect(keys.length).toBeGreaterThanOrEqual(3);
  expect(new Set(keys).size).toBe(2);
});

test.concurrent('after a SIGTERM in the middle of a local call, the call goes on as an activity', async () => {
  await using processes = await workersFor({ glance: { ms: 60_000, kills: 'SIGTERM' } }, '200ms');
  const { agents, journal, start } = processes;
  const first = await start();
  const turn = await agents.start('tester', 'go');
  await journal.waitFor('begin glance');
  await start();
  const result = await turn.result();

  expect(result).toMatchObject({ stopReason: 'end_turn', text: 'I go on.' });
  expect(result.calls).toMatchObject([{ name: 'glance', outcome: 'succeeded' }]);
  expect(journal.lines('begin glance')).toHaveLength(2);
  expect(await first.ended).toBe(0);
});

test.concurrent('a SIGTERM ends the process after the grace period, and the next worker finishes the turn', async () => {
  await using processes = await workersFor(
    [
      ['look', { ms: 600_000 }],
      ['pay', { ms: 600_000 }],
      ['deaf_pay', { ms: 600_000 }],
    ],
    '500ms',
  );
  const { agents, journal, start } = processes;
  const first = await start();
  const turn = await agents.start('tester', 'go');
  await journal.waitFor('begin', 3);

  first.kill('SIGTERM');
  // The tool that ignored its signal would have kept it alive for ten minutes.
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

test.concurrent('a SIGTERM lets a tool finish within the grace period', async () => {
  await using processes = await workersFor([['pay', { ms: 1_000 }]], '30s');
  const { agents, journal, start } = processes;
  const first = await start();
  const turn = await agents.start('tester', 'go');
  await journal.waitFor('begin', 1);

  first.kill('SIGTERM');
  expect(await first.ended).toBe(0);
  await start();
  const result = await turn.result();

  expect(result.calls).toMatchObject([{ name: 'pay', outcome: 'succeeded', attempts: 1 }]);
  expect(journal.lines('begin pay')).toHaveLength(1);
});

test.concurrent("attempts that are lost with a worker do not use up the tool's own", async () => {
  await using processes = await workersFor({ step: {} }, '500ms');
  const { agents, journal, start } = processes;
  let worker = await start();
  const turn = await agents.start('tester', 'go');
  for (const begun of [1, 3, 4]) {
    await journal.waitFor('begin step', begun);
    await untilRecorded(turn, `"details":${begun}`);
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
  expect(answers(result)[0]?.text).toBe('went on after page 4');
});

/** Starts another worker whenever one has ended, until the turn has. */
async function keepServed({ start }: WorkerProcesses, turn: TurnHandle): Promise<TurnResult> {
  const result = turn.result();
  for (;;) {
    const worker = await start();
    const over = worker.ended.then(() => undefined);
    const ended = await Promise.race([over, result]);
    if (ended !== undefined) return ended;
  }
}

test.concurrent.each([
  [
    'crashes',
    'SIGKILL',
    {
      attempts: 3,
      outcome: 'timedOut',
      message:
        'The worker that ran the call was lost: no heartbeat for 4 s (heartbeatTimeout). That happened 3 times, so the call itself may be the cause, and it is not tried again. Call it again only with a different input. (after 3 attempts)',
    },
  ],
  [
    'shuts down',
    'SIGTERM',
    {
      attempts: 10,
      outcome: 'failed',
      message:
        'The worker shut down while the tool ran. That happened 10 times, so the call is not tried again. (after 10 attempts)',
    },
  ],
])(
  'a call that %s its worker each time is answered in the end, and the turn goes on',
  async (_, signal, answer) => {
    await using processes = await workersFor(
      { poison: { signal, after: 'look' }, look: { ms: 0 } },
      '100ms',
    );
    const { agents, journal, model } = processes;
    const turn = await agents.start('tester', 'go');
    const result = await keepServed(processes, turn);

    expect(result).toMatchObject({ stopReason: 'end_turn', text: 'I go on.' });
    expect(result.calls).toMatchObject([
      { name: 'poison', ...answer },
      { name: 'look', outcome: 'succeeded' },
    ]);
    const { attempts, outcome, message } = answer;
    expect(answers(result)[0]?.text).toBe(message);
    expect(journal.lines('begin poison')).toHaveLength(attempts);
    expect(model.requests).toHaveLength(2);
    let last: TurnSnapshot | undefined;
    for await (const snapshot of turn.watch()) last = snapshot;
    expect(last?.rounds[0]?.calls[0]).toMatchObject({ state: outcome, message });
  },
);

test.concurrent('a local call that kills its worker each time goes on as an activity, and counts there', async () => {
  await using processes = await workersFor({ local_poison: { signal: 'SIGKILL' } });
  const { agents, journal, model } = processes;
  const turn = await agents.start('tester', 'go');
  const result = await keepServed(processes, turn);

  expect(result).toMatchObject({ stopReason: 'end_turn', text: 'I go on.' });
  expect(result.calls).toMatchObject([{ outcome: 'timedOut', attempts: 3 }]);
  // The first two are lost with their workflow tasks: the server counts no loss of a sticky one.
  expect(journal.lines('begin local_poison')).toHaveLength(5);
  expect(model.requests).toHaveLength(2);
});

test.concurrent('a call that kills its worker while the reply still comes starts early once, and then counts', async () => {
  await using processes = await workersFor({ reading_poison: { signal: 'SIGKILL' } });
  const { agents, journal, model } = processes;
  const turn = await agents.start('tester', 'go');
  const result = await keepServed(processes, turn);

  expect(result).toMatchObject({ stopReason: 'end_turn', text: 'I go on.' });
  expect(result.calls).toMatchObject([{ outcome: 'timedOut', attempts: 3 }]);
  expect(journal.lines('begin reading_poison')).toHaveLength(4);
  // The first one is lost with its worker.
  expect(model.requests).toHaveLength(3);
});

test.concurrent('kill -9 does not affect calls that wait for a person', async () => {
  await using processes = await workersFor([
    ['refund', { ms: 0 }, 'toolu_a'],
    ['refund', { ms: 1 }, 'toolu_b'],
    ['look', { ms: 0 }],
  ]);
  const { agents, journal, start, killOldest } = processes;
  await start();
  const turn = await agents.start('tester', 'go');
  await waitingCalls(turn, 2);
  await turn.approve('toolu_a', { by: 'ana' });
  await journal.waitFor('end refund');
  await journal.waitFor('end look');
  await until(
    () => turn.describe(),
    ({ pendingCalls }) => pendingCalls.length === 0,
  );

  await killOldest();
  await start();
  await insist(() => turn.deny('toolu_b', { by: 'ana', reason: 'too late' }));
  const { calls } = await turn.result();

  expect(calls.map(({ outcome }) => outcome)).toEqual(['succeeded', 'denied', 'succeeded']);
  expect(journal.lines('begin refund')).toHaveLength(1);
});

test.concurrent('a call that is completed from outside survives kill -9', async () => {
  await using processes = await workersFor({ parcel: {}, look: { ms: 0 } });
  const { agents, journal, start, killOldest } = processes;
  await start();
  const turn = await agents.start('tester', 'go');
  await journal.waitFor('token');
  await journal.waitFor('end look');
  await until(
    () => turn.describe(),
    ({ pendingCalls }) => pendingCalls.length === 0,
  );
  await killOldest();
  await start();

  const [token = ''] = journal.lines('token ').map((line) => line.slice('token '.length));
  await insist(() => agents.completeToolCall(token, { delivered: true }));
  const result = await turn.result();

  expect(result.calls.map(({ outcome }) => outcome)).toEqual(['succeeded', 'succeeded']);
  expect(answers(result)[0]?.text).toBe('{"delivered":true}');
});

test.concurrent('a worker that is killed while a turn goes on in new runs loses nothing and begins nothing twice', async () => {
  const rounds = 12;
  await using processes = await workerProcesses(
    ({ round }) =>
      round === rounds
        ? say('Done.')
        : callTools([
            ['look', { ms: 5, id: `look-${round}` }, `toolu_${round}_look`],
            ['pay', { ms: 5, id: `pay-${round}` }, `toolu_${round}_pay`],
          ]),
    { historyEvents: 20 },
  );
  const { agents, journal, start, killOldest } = processes;
  await start();
  const turn = await agents.start('tester', 'go');
  for (const begun of [7, 15]) {
    await journal.waitFor('begin', begun);
    await killOldest();
    await start();
  }
  const result = await turn.result();

  expect(result).toMatchObject({ stopReason: 'end_turn', rounds: rounds + 1 });
  expectTurn(result).answeredEveryCall();
  const paid = journal.lines('begin pay');
  const payments = paid.map((line) => line.split(' ')[2]);
  expect(new Set(payments).size).toBe(payments.length);
  expect(new Set(result.calls.map(({ id }) => id)).size).toBe(2 * rounds);
  expect((await turnRuns(agents.client.workflow, turn.turnId)).length).toBeGreaterThan(3);
});
