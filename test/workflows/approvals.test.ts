import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { DecisionRejectedError } from '../../client/index.ts';
import type { Tool } from '../../index.ts';
import type { AnnouncedApproval } from '../../agents/define-agent.ts';
import { defineAgent, defineTool } from '../../index.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { waitingCalls } from '../fixtures/approvals-agent.ts';
import {
  insist,
  until,
  untilItIsNeeded,
  untilItWaits,
  untilTimerFired,
} from '../fixtures/until.ts';
import {
  answers,
  approvalsInMemo,
  begin,
  latch,
  rejection,
  stopWorker,
} from '../fixtures/waiting-turns.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, reader, writer } from '../fixtures/tools.ts';

const by = 'ana@acme';
const always = { approval: 'always' } as const;
const ok = () => 'ok';

/** Writes a file, and asks for those that say so. `begun` gets the text that it was to write. */
function fileWriter(begun: unknown[], holds: Record<string, Promise<void>> = {}): Tool {
  return defineTool({
    name: 'write',
    description: 'Writes a file.',
    inputSchema: z.object({ path: z.string(), text: z.string(), ask: z.boolean().optional() }),
    access: { writes: 'path' },
    approval: ({ ask }) => ask === true,
    run: async ({ path, text }) => {
      begun.push(text);
      await holds[text];
      return `${text} is in ${path}`;
    },
  });
}

describe('while a call waits', () => {
  test('its siblings run and end, and waiting costs no worker', async () => {
    const { plait, turn } = await begin(
      [writer('pay', ok, always), reader('look', ok)],
      [
        ['look', { n: 1 }],
        ['pay', {}, 'toolu_pay'],
        ['look', { n: 2 }],
      ],
    );
    await using _ = plait;
    await waitingCalls(turn, 1);
    await until(
      () => turn.describe(),
      ({ pendingCalls }) => pendingCalls.length === 0,
    );
    await untilItWaits(turn);
    const before = await turn.workflow.describe();
    // Meanwhile another turn begins, and comes as far on the same worker.
    const other = await plait.agents.start('tester', 'go');
    await waitingCalls(other, 1);
    await untilItWaits(other);
    const after = await turn.workflow.describe();
    await other.cancel();
    await other.result();

    expect(after.historyLength).toBe(before.historyLength);
    expect(after.raw.pendingActivities ?? []).toEqual([]);
    const decidedAt = Date.now();
    await turn.approve('toolu_pay', { by });
    const { calls } = await turn.result();
    expect(calls.map(({ outcome }) => outcome)).toEqual(Array(3).fill('succeeded'));
    const ended = calls.map(({ end }) => Date.parse(end) <= decidedAt);
    expect(ended).toEqual([true, false, true]);
  });

  test('a worker may stop and another one start', async () => {
    const runs: string[] = [];
    const tools = (name: string) => [
      writer('pay', () => runs.push(name), always),
      reader('look', () => name),
    ];
    const first = await begin(
      tools('first'),
      [
        ['pay', {}, 'toolu_pay'],
        ['look', {}],
      ],
      {},
    );
    const { turn, plait } = first;
    const { taskQueue } = plait;
    await waitingCalls(turn, 1);
    const requested = (await turn.approvals())[0];
    await stopWorker(plait);

    // Decided while there is no worker: processed as soon as there is one.
    const decision = { by, reason: 'checked' };
    const approved = rejection(insist(() => turn.approve('toolu_pay', decision)));
    await untilItIsNeeded(turn);
    const second = await startPlait({
      agents: [agentWith(tools('second'))],
      script: conversation('go', [callTools({}), say('Done.')]),
      taskQueue,
    });

    expect(await approved).toBeUndefined();
    const result = await turn.result();
    expect(runs).toEqual(['second']);
    expect(result.text).toBe('Done.');
    expect(result.calls[0]?.approval).toMatchObject({
      decision: 'approved',
      by,
      reason: 'checked',
    });
    expect(requested?.callId).toBe('toolu_pay');
    await second.close();
    await plait.close();
  });

  test('its turn is shown with the number of waiting calls, and with none at the end', async () => {
    const { plait, turn } = await begin(
      [writer('pay', ok, always)],
      ['a', 'b', 'c'].map((n) => ['pay', { n }, `toolu_${n}`] as const),
    );
    await using _ = plait;
    await waitingCalls(turn, 3);
    expect(await approvalsInMemo(turn)).toBe(3);

    await turn.deny('toolu_b', { by });
    expect(await approvalsInMemo(turn)).toBe(2);
    await turn.approve('toolu_a', { by });
    await turn.approve('toolu_c', { by });
    await turn.result();

    expect(await approvalsInMemo(turn)).toBe(0);
  });

  test('a cancelled turn answers it as cancelled', async () => {
    const { plait, turn } = await begin([writer('pay', ok, always)], [['pay', {}, 'toolu_pay']]);
    await using _ = plait;
    await waitingCalls(turn, 1);

    await turn.cancel();
    const result = await turn.result();

    expect(result).toMatchObject({ stopReason: 'cancelled', calls: [{ outcome: 'cancelled' }] });
    expect(result.calls[0]).not.toHaveProperty('approval');
    expect(answers(result)).toEqual([{ id: 'toolu_pay', text: 'The call was cancelled.' }]);
    expect(await approvalsInMemo(turn)).toBe(0);
  });

  test("the end of the batch's time skips it, and nothing else", async () => {
    const runs: unknown[] = [];
    const { plait, turn } = await begin(
      [writer('pay', () => runs.push(1), always), reader('look', ok)],
      { pay: {}, look: {} },
      { turn: { batchTimeout: 2_000 } },
    );
    await using _ = plait;
    const result = await turn.result();

    expect(result.calls).toMatchObject([{ outcome: 'skipped' }, { outcome: 'succeeded' }]);
    expect(result.text).toBe('Done.');
    expect(runs).toEqual([]);
    expect(await approvalsInMemo(turn)).toBe(0);
  });
});

describe('a decision', () => {
  test('that denies is read by the model with its reason, and is in history and in the result', async () => {
    const { plait, turn } = await begin(
      [writer('pay', ok, always), reader('look', ok)],
      [
        ['pay', { n: 1 }, 'toolu_a'],
        ['look', {}, 'toolu_b'],
        ['pay', { n: 2 }, 'toolu_c'],
      ],
    );
    await using _ = plait;
    await waitingCalls(turn, 2);
    await turn.deny('toolu_a', { by, reason: 'Not before Friday.' });
    await turn.deny('toolu_c', { by: 'bob' });
    const result = await turn.result();

    expect(answers(result)).toEqual([
      { id: 'toolu_a', text: 'A person denied this call, so it did not run: Not before Friday.' },
      { id: 'toolu_b', text: 'ok' },
      { id: 'toolu_c', text: 'A person denied this call, so it did not run' },
    ]);
    expect(result.calls.map(({ approval }) => approval)).toMatchObject([
      { decision: 'denied', by, reason: 'Not before Friday.' },
      undefined,
      { decision: 'denied', by: 'bob' },
    ]);
    const { events } = await turn.workflow.fetchHistory();
    const updates = events?.flatMap((event) => {
      const { acceptedRequest } = event.workflowExecutionUpdateAcceptedEventAttributes ?? {};
      const payload = acceptedRequest?.input?.args?.payloads?.[0]?.data;
      return payload ? [JSON.parse(Buffer.from(payload).toString()) as unknown] : [];
    });
    expect(updates).toMatchObject([{ by, reason: 'Not before Friday.' }, { by: 'bob' }]);
  });

  test('that comes with nine others, in any order and twice, counts once', async () => {
    const runs: unknown[] = [];
    const names = 'abcdefghij'.split('');
    const { plait, turn } = await begin(
      [writer('pay', ({ n }) => runs.push(n), always)],
      names.map((n) => ['pay', { n }, `toolu_${n}`] as const),
    );
    await using _ = plait;
    await waitingCalls(turn, 10);
    const shuffled = names
      .flatMap((n) => ['ana', 'bob'].map((who) => ({ n, who, order: Math.random() })))
      .toSorted((a, b) => a.order - b.order);

    const decided = await Promise.all(
      shuffled.map(async ({ n, who }) => {
        const approves = n < 'f' === (who === 'ana');
        const options = { by: who, reason: `${who} says so` };
        const request = approves
          ? turn.approve(`toolu_${n}`, options)
          : turn.deny(`toolu_${n}`, options);
        return { n, who, approves, error: await rejection(request) };
      }),
    );
    const { calls } = await turn.result();

    for (const [i, n] of names.entries()) {
      const winner = decided.filter((one) => one.n === n && one.error === undefined);
      const loser = decided.find((one) => one.n === n && one.error !== undefined);
      expect(winner).toHaveLength(1);
      const [{ who, approves } = { who: '', approves: false }] = winner;
      expect(calls[i]).toMatchObject({
        id: `toolu_${n}`,
        outcome: approves ? 'succeeded' : 'denied',
        approval: { decision: approves ? 'approved' : 'denied', by: who },
      });
      expect(loser?.error).toBeInstanceOf(DecisionRejectedError);
      expect(loser?.error?.message).toMatch(
        new RegExp(`no longer waits: it was (approved|denied) by ${who}|the turn has ended`),
      );
    }
    expect(new Set(runs)).toEqual(
      new Set(names.filter((_n, i) => calls[i]?.outcome === 'succeeded')),
    );
    expect(runs).toHaveLength(new Set(runs).size);
  });

  const LIMIT_MS = 1_500;
  const rivals = ['its expiry', 'a cancel', 'the batch timeout'] as const;
  const races = rivals.flatMap((rival) => [
    [rival, 'as it is'] as const,
    [rival, 'verified'] as const,
  ]);
  test.each(races)(
    'that races with %s is accepted or rejected, never both: %s',
    async (rival, how) => {
      const runs: unknown[] = [];
      const pay = writer('pay', ({ n }) => runs.push(n), {
        ...always,
        ...(rival === 'its expiry' ? { approvalTimeout: LIMIT_MS } : {}),
      });
      const agent = agentWith(
        [pay],
        rival === 'the batch timeout' ? { batchTimeout: LIMIT_MS } : {},
      );
      await using plait = await startPlait({
        agents: [agent],
        script: ({ userText, round }) =>
          round > 0 ? say('Done.') : callTools([['pay', { n: userText }, 'toolu_pay']]),
        ...(how === 'verified' ? { authorizeDecision: () => true } : {}),
      });
      await Promise.all(
        Array.from({ length: 12 }, async (_unused, n) => {
          const began = Date.now();
          const turn = await plait.agents.start(agent, String(n));
          const [call] = await until(
            () => turn.approvals(),
            // On a busy machine its time may be up before anybody has seen it.
            (calls) => calls.length === 1 || Date.now() > began + LIMIT_MS,
          );
          const left =
            call === undefined ? 0 : Date.parse(call.requestedAt) + LIMIT_MS - Date.now();
          if (rival !== 'a cancel') await sleep(Math.max(0, left - 30 + n * 5));
          const edited = n % 3 === 0 ? { input: { n: String(n), edited: true } } : {};
          const [error] = await Promise.all([
            rejection(turn.approve('toolu_pay', { by, ...edited })),
            rival === 'a cancel' ? turn.cancel() : undefined,
          ]);
          const { calls } = await turn.result();
          const [{ outcome, approval } = { outcome: '', approval: undefined }] = calls;
          if (error === undefined) {
            expect(approval?.decision).toBe('approved');
            expect(outcome).not.toBe('denied');
          } else {
            expect(error).toBeInstanceOf(DecisionRejectedError);
            expect(error.message).not.toMatch(/activity/i);
            expect(approval?.decision).not.toBe('approved');
            expect(runs).not.toContain(String(n));
          }
          // A decision that came with the reply was made before lists could show the call.
          expect((await approvalsInMemo(turn)) ?? 0).toBe(0);
        }),
      );
    },
  );

  test('whose edited input was checked in the very task that ends its time is rejected', async () => {
    const runs: unknown[] = [];
    const checked = latch();
    const checking = latch();
    const pay = defineTool({
      name: 'pay',
      description: 'Pays.',
      inputSchema: z.object({ cents: z.number() }).refine(async ({ cents }) => {
        if (cents !== 1) return true;
        checking.open();
        await checked.opened;
        return true;
      }),
      approval: 'always',
      approvalTimeout: '5s',
      run: (input) => runs.push(input),
    });
    const { plait, agent, turn } = await begin([pay], [['pay', { cents: 9 }, 'toolu_pay']], {
      environment: { shutdownGraceTime: '30s' },
    });
    await waitingCalls(turn, 1);
    const rejected = rejection(
      insist(() => turn.approve('toolu_pay', { by, input: { cents: 1 } })),
    );
    await checking.opened;
    // A worker that leaves ends what it does, and leaves the task after it to another.
    const stopped = stopWorker(plait);
    checked.open();
    await stopped;
    await untilTimerFired(turn);
    // A client whose decision is rejected sends it once more: the turn must not end before.
    const answered = latch();
    await using _ = await startPlait({
      agents: [agent],
      script: conversation('go', [
        callTools({}),
        async () => {
          await answered.opened;
          return say('Done.');
        },
      ]),
      taskQueue: plait.taskQueue,
    });

    const error = await rejected;
    answered.open();
    expect(error?.message).toContain('no longer waits: its time to be decided was up.');
    expect(await turn.result()).toMatchObject({
      calls: [{ outcome: 'denied', approval: { decision: 'expired' } }],
    });
    expect(runs).toEqual([]);
    await plait.close();
  });

  test('that nobody makes in time counts as a denial', async () => {
    const runs: unknown[] = [];
    const pay = writer('pay', () => runs.push(1), { ...always, approvalTimeout: 300 });
    const { plait, turn } = await begin([pay], [['pay', {}, 'toolu_pay']]);
    await using _ = plait;
    const result = await turn.result();

    expect(result.calls[0]).toMatchObject({
      outcome: 'denied',
      message: expect.stringMatching(/nobody decided within 300 ms/) as string,
      approval: { decision: 'expired' },
    });
    expect(runs).toEqual([]);
    expect(result.text).toBe('Done.');
  });

  test('that comes after its time is rejected, with how the call ended', async () => {
    const pay = writer('pay', ok, { ...always, approvalTimeout: 300 });
    const held = latch();
    const { plait, turn } = await begin(
      [pay, reader('look', () => held.opened)],
      [
        ['pay', {}, 'toolu_pay'],
        ['look', {}],
      ],
    );
    await using _ = plait;
    await untilTimerFired(turn);

    const error = await rejection(turn.approve('toolu_pay', { by }));
    held.open();

    expect(error?.message).toContain('no longer waits: its time to be decided was up.');
    await turn.result();
  });

  test('that denies is not a failure for the policies of a batch', async () => {
    for (const onToolFailure of ['cancelSiblings', 'failTurn'] as const) {
      const held = latch();
      const { plait, turn } = await begin(
        [writer('pay', ok, { ...always }), reader('look', () => held.opened)],
        [
          ['pay', {}, 'toolu_pay'],
          ['look', {}],
        ],
        { turn: { onToolFailure } },
      );
      await waitingCalls(turn, 1);
      await turn.deny('toolu_pay', { by });
      await untilItWaits(turn);
      held.open();
      const result = await turn.result();

      expect(result).toMatchObject({
        stopReason: 'end_turn',
        calls: [{ outcome: 'denied' }, { outcome: 'succeeded' }],
      });
      await plait.close();
    }
  });

  test.each(['approve', 'deny'] as const)(
    'that reaches a worker together with the reply that asks for the call is accepted: %s',
    async (decision) => {
      const [turns, models] = [`turns-${randomUUID()}`, `models-${randomUUID()}`];
      const agent = agentWith([writer('pay', ok, always)], { modelTaskQueue: models });
      const serve = (queue: string) =>
        startPlait({
          agents: [agent],
          script: conversation('go', [callTools([['pay', {}, 'toolu_pay']]), say('Done.')]),
          taskQueue: turns,
          taskQueues: [queue],
        });
      await using first = await serve(turns);
      const turn = await first.agents.start(agent, 'go');
      // The first pins the agent, and the second waits for a worker of the models.
      await until(
        async () => (await turn.workflow.fetchHistory()).events ?? [],
        (events) => events.filter((event) => event.activityTaskScheduledEventAttributes).length > 1,
      );
      await stopWorker(first);

      await using _ = await serve(models);
      await untilItIsNeeded(turn);
      const args = [{ callId: 'toolu_pay', by }] as [unknown];
      const decided = turn.workflow.executeUpdate(decision, { args });
      await using second = await serve(turns);
      await decided;

      expect(await second.agents.getTurn(turn.turnId).result()).toMatchObject({
        text: 'Done.',
        calls: [{ outcome: decision === 'approve' ? 'succeeded' : 'denied' }],
      });
    },
  );

  test('of the wrong shape is rejected, and the turn goes on', async () => {
    const { plait, turn } = await begin([writer('pay', ok, always)], [['pay', {}, 'toolu_pay']]);
    await using _ = plait;
    await waitingCalls(turn, 1);
    const callId = 'toolu_pay';
    const wrong = [
      ['deny', null],
      ['deny', 'toolu_pay'],
      ['deny', { callId }],
      ['deny', { callId, by: 5 }],
      ['deny', { callId, by, reason: 5 }],
      ['approve', { callId, by, reason: { because: 1 } }],
      ['deny', { callId, by, reason: 'x'.repeat(50_000) }],
      ['deny', { callId: 5, by }],
      ['deny', { callId: 'constructor', by }],
    ] as const;
    for (const [update, argument] of wrong) {
      const error = await rejection(turn.workflow.executeUpdate(update, { args: [argument] }));
      expect(error?.name, JSON.stringify(argument)).toBe('WorkflowUpdateFailedError');
    }
    expect(await turn.approvals()).toHaveLength(1);

    // Half an emoji in a result would make every later request a 400.
    await turn.deny(callId, { by, reason: 'no \ud83d' });
    expect(await turn.result()).toMatchObject({ text: 'Done.', calls: [{ outcome: 'denied' }] });
  });
});

describe('an edited input', () => {
  test('is what the call runs with, and the model reads that in the result', async () => {
    const pay = defineTool({
      name: 'pay',
      description: 'Pays.',
      inputSchema: z.object({ cents: z.number().int() }),
      approval: 'always',
      run: ({ cents }) => `paid ${cents}`,
    });
    const { plait, turn } = await begin([pay], [['pay', { cents: 9_000 }, 'toolu_pay']]);
    await using _ = plait;
    await waitingCalls(turn, 1);

    const error = await rejection(turn.approve('toolu_pay', { by, input: { cents: 'all' } }));
    expect(error?.message).toMatch(/does not match the schema of pay.*cents/s);
    expect(await turn.approvals()).toHaveLength(1);
    await turn.approve('toolu_pay', { by, reason: 'half', input: { cents: 4_500 } });
    const result = await turn.result();

    expect(answers(result)).toEqual([
      {
        id: 'toolu_pay',
        text: 'A person changed the input of this call before it ran. It ran with: {"cents":4500}\n\npaid 4500',
      },
    ]);
    expect(result.calls[0]).toMatchObject({
      input: { cents: 9_000 },
      approval: { decision: 'approved', by, reason: 'half', input: { cents: 4_500 } },
    });
  });

  test('that equals what the model wrote does not count as edited', async () => {
    const { plait, turn } = await begin(
      [writer('pay', ok, always)],
      [['pay', { a: 1, b: 2 }, 'toolu_pay']],
    );
    await using _ = plait;
    await waitingCalls(turn, 1);
    await turn.approve('toolu_pay', { by, input: { b: 2, a: 1 } });
    const result = await turn.result();

    expect(answers(result)).toEqual([{ id: 'toolu_pay', text: 'ok' }]);
    expect(result.calls[0]?.approval).not.toHaveProperty('input');
  });

  test('is planned again: the call waits for what it conflicts with now, and no longer holds up the others', async () => {
    const begun: unknown[] = [];
    const first = latch();
    const { plait, turn } = await begin(
      [fileWriter(begun, { one: first.opened })],
      [
        ['write', { path: '/a', text: 'one' }],
        ['write', { path: '/b', text: 'two', ask: true }, 'toolu_two'],
        ['write', { path: '/b', text: 'three' }],
      ],
    );
    await using _ = plait;
    await waitingCalls(turn, 1);
    await until(
      () => begun.length,
      (length) => length === 1,
    );
    await turn.approve('toolu_two', { by, input: { path: '/a', text: 'two' } });
    await until(
      () => begun.length,
      (length) => length === 2,
    );
    await untilItWaits(turn);
    expect(begun).toEqual(['one', 'three']);
    first.open();
    const { calls } = await turn.result();

    expect(begun).toEqual(['one', 'three', 'two']);
    expect(calls.map(({ outcome }) => outcome)).toEqual(Array(3).fill('succeeded'));
  });

  test('that conflicts with a later running call does not start beside it', async () => {
    const begun: unknown[] = [];
    const second = latch();
    const { plait, turn } = await begin(
      [fileWriter(begun, { two: second.opened })],
      [
        ['write', { path: '/a', text: 'one', ask: true }, 'toolu_one'],
        ['write', { path: '/b', text: 'two' }],
      ],
    );
    await using _ = plait;
    await waitingCalls(turn, 1);
    await until(
      () => begun.length,
      (length) => length === 1,
    );
    await turn.approve('toolu_one', { by, input: { path: '/b', text: 'one' } });
    await untilItWaits(turn);
    expect(begun).toEqual(['two']);
    second.open();
    await turn.result();

    expect(begun).toEqual(['two', 'one']);
  });

  test('of a call that does not run after all is not reported as run', async () => {
    const begun: unknown[] = [];
    const first = latch();
    const failing = first.opened.then(() => Promise.reject(new Error('disk full')));
    failing.catch(() => undefined);
    const { plait, turn } = await begin(
      [fileWriter(begun, { one: failing })],
      [
        ['write', { path: '/a', text: 'one' }],
        ['write', { path: '/b', text: 'two', ask: true }, 'toolu_two'],
      ],
    );
    await using _ = plait;
    await waitingCalls(turn, 1);
    await turn.approve('toolu_two', { by, input: { path: '/a', text: 'two' } });
    first.open();
    const result = await turn.result();

    expect(result.calls[1]).toMatchObject({ outcome: 'skipped', approval: { by } });
    expect(result.calls[1]?.message).not.toMatch(/It ran with/);
    expect(result.calls[1]?.message).toMatch(/changed the input.*\/a.*Not executed/s);
    expect(begun).toEqual(['one']);
  });

  test('that makes two calls equal does not make their idempotency keys equal', async () => {
    const keys: string[] = [];
    const { plait, turn } = await begin(
      [writer('pay', (_input, ctx) => keys.push(ctx.idempotencyKey), always)],
      [
        ['pay', { to: 'a' }, 'toolu_a'],
        ['pay', { to: 'b' }, 'toolu_b'],
        ['pay', { to: 'b' }, 'toolu_c'],
      ],
    );
    await using _ = plait;
    await waitingCalls(turn, 3);
    await turn.approve('toolu_a', { by, input: { to: 'b' } });
    await turn.approve('toolu_b', { by });
    await turn.approve('toolu_c', { by });
    await turn.result();

    expect(new Set(keys).size).toBe(3);
  });

  test('that is too large for a turn without a storage is rejected, and the model reads only the beginning of a large one', async () => {
    const { plait, turn } = await begin(
      [writer('save', ({ text }) => String(text).length, always)],
      [['save', { text: 'small' }, 'toolu_save']],
    );
    await using _ = plait;
    await waitingCalls(turn, 1);
    const error = await rejection(
      insist(() => turn.approve('toolu_save', { by, input: { text: 'x'.repeat(1_400_000) } })),
    );
    expect(error?.message).toMatch(/1400011 bytes, and there is room for \d+\./);
    await insist(() => turn.approve('toolu_save', { by, input: { text: 'y'.repeat(100_000) } }));
    const result = await turn.result();

    expect(result.text).toBe('Done.');
    expect(answers(result)[0]?.text).toMatch(/y…\n\n100000$/);
    expect(answers(result)[0]?.text.length).toBeLessThan(10_000);
  });
});

describe('a call that waits for a person and for another call', () => {
  test('runs when both are done, whichever comes first', async () => {
    for (const approvedFirst of [true, false]) {
      const begun: unknown[] = [];
      const first = latch();
      const { plait, turn } = await begin(
        [fileWriter(begun, { one: first.opened })],
        [
          ['write', { path: '/a', text: 'one' }],
          ['write', { path: '/a', text: 'two', ask: true }, 'toolu_two'],
          ['write', { path: '/a', text: 'three' }],
        ],
      );
      await waitingCalls(turn, 1);
      if (approvedFirst) await turn.approve('toolu_two', { by });
      else first.open();
      await until(
        () => turn.describe(),
        ({ pendingCalls }) => begun.length > 0 && pendingCalls.length === (approvedFirst ? 1 : 0),
      );
      await untilItWaits(turn);
      expect(begun).toEqual(['one']);
      if (approvedFirst) first.open();
      else await turn.approve('toolu_two', { by });
      const { calls } = await turn.result();

      expect(begun).toEqual(['one', 'two', 'three']);
      expect(calls.map(({ outcome }) => outcome)).toEqual(Array(3).fill('succeeded'));
      await plait.close();
    }
  });

  test('is skipped if the other fails: then nobody can decide it, and lists say so', async () => {
    const first = latch();
    const failing = first.opened.then(() => Promise.reject(new Error('disk full')));
    failing.catch(() => undefined);
    const { plait, turn } = await begin(
      [fileWriter([], { one: failing })],
      [
        ['write', { path: '/a', text: 'one' }],
        ['write', { path: '/a', text: 'two', ask: true }, 'toolu_two'],
        ['write', { path: '/c', text: 'three', ask: true }, 'toolu_three'],
      ],
    );
    await using _ = plait;
    await waitingCalls(turn, 2);
    first.open();
    await waitingCalls(turn, 1);

    const error = await rejection(turn.approve('toolu_two', { by }));
    expect(error?.message).toContain('toolu_two no longer waits: it was answered as skipped.');
    expect(await approvalsInMemo(turn)).toBe(1);
    await turn.approve('toolu_three', { by });
    const { calls } = await turn.result();
    expect(calls.map(({ outcome }) => outcome)).toEqual(['failed', 'skipped', 'succeeded']);
  });

  test('holds up later ones, which are skipped if it is denied', async () => {
    const begun: unknown[] = [];
    const { plait, turn } = await begin(
      [fileWriter(begun)],
      [
        ['write', { path: '/a', text: 'one', ask: true }, 'toolu_one'],
        ['write', { path: '/a', text: 'two' }],
        ['write', { path: '/b', text: 'three' }],
      ],
    );
    await using _ = plait;
    await waitingCalls(turn, 1);
    await until(() => begun.length);
    await untilItWaits(turn);
    expect(begun).toEqual(['three']);
    await turn.deny('toolu_one', { by });
    const { calls } = await turn.result();

    expect(calls.map(({ outcome }) => outcome)).toEqual(['denied', 'skipped', 'succeeded']);
    expect(calls[1]?.message).toContain('write (toolu_one) was denied before it');
  });
});

test('nobody is asked about a call that was answered before', async () => {
  const asked: string[] = [];
  const pay = writer('pay', ok, always);
  const { plait, turn } = await begin(
    [pay],
    { no_such_tool: {}, pay: {} },
    {
      agent: { onToolFailure: 'cancelSiblings', onApproval: ({ callId }) => asked.push(callId) },
    },
  );
  await using _ = plait;
  const result = await turn.result();

  expect(result.calls.map(({ outcome }) => outcome)).toEqual(['failed', 'skipped']);
  expect(asked).toEqual([]);
  expect((await approvalsInMemo(turn)) ?? 0).toBe(0);
});

describe('approval as a function', () => {
  const seen: unknown[] = [];
  const decisions: Record<string, (context: unknown) => unknown> = {
    no: () => false,
    yes: () => true,
    async_no: () => Promise.resolve(false),
    async_yes: () => sleep(20).then(() => true),
    throws: () => {
      throw new Error('the rules are down');
    },
    rejects: () => Promise.reject(new Error('the rules are down')),
    forgets: () => undefined,
    zero: () => 0,
    by_context: (context) => !(context as { trusted: boolean }).trusted,
  };
  const tool = writer('act', ok, {
    approval: ({ how }, { context }) => {
      seen.push(context);
      return decisions[String(how)]?.(context) as boolean;
    },
  });
  const hows = Object.keys(decisions);

  test('lets a call run unasked only with a clear no, and gets the context', async () => {
    const contextSchema = z.object({ trusted: z.boolean(), tenant: z.string().default('acme') });
    const agent = defineAgent({
      name: 'tester',
      model: 'claude-opus-5-5',
      tools: [tool],
      contextSchema,
    });
    await using plait = await startPlait({
      agents: [agent],
      script: conversation('go', [
        callTools(hows.map((how) => ['act', { how }, `toolu_${how}`] as const)),
        say('Done.'),
      ]),
    });
    const context = { trusted: true, tenant: 'acme' };
    const turn = await plait.agents.start(agent, 'go', { context });
    const asked = hows.filter((how) => !['no', 'async_no', 'by_context'].includes(how));
    const waiting = await waitingCalls(turn, asked.length);

    expect(waiting.map(({ callId }) => callId)).toEqual(asked.map((how) => `toolu_${how}`));
    expect(seen).toEqual(hows.map(() => context));
    await Promise.all(waiting.map(({ callId }) => turn.deny(callId, { by })));
    const { calls } = await turn.result();
    expect(calls.filter(({ outcome }) => outcome === 'succeeded').map(({ id }) => id)).toEqual([
      'toolu_no',
      'toolu_async_no',
      'toolu_by_context',
    ]);
    // Decided once, with the reply.
    expect(seen).toHaveLength(hows.length);
  });
});

describe('onApproval', () => {
  test('is called once for every call that waits, with the turn and the input, and not again by the next worker', async () => {
    const announced: AnnouncedApproval[] = [];
    const pay = writer('pay', ok, always);
    const options = {
      agent: { onApproval: (request: AnnouncedApproval) => announced.push(request) },
    };
    const { plait, turn } = await begin(
      [pay],
      [
        ['pay', { n: 1 }, 'toolu_a'],
        ['pay', { n: 2 }, 'toolu_b'],
      ],
      options,
    );
    await until(
      () => turn.workflow.describe(),
      ({ raw }) => announced.length === 2 && (raw.pendingActivities ?? []).length === 0,
    );
    await untilItWaits(turn);
    await stopWorker(plait);
    const next = await startPlait({
      agents: [agentWith([pay], options.agent)],
      script: conversation('go', [callTools({}), say('Done.')]),
      taskQueue: plait.taskQueue,
    });
    const requests = await waitingCalls(turn, 2);
    await insist(() => turn.approve('toolu_a', { by }));
    await insist(() => turn.deny('toolu_b', { by }));
    await turn.result();

    expect(announced.toSorted((a, b) => (a.callId < b.callId ? -1 : 1))).toEqual(
      requests.map((request) => ({ ...request, agent: 'tester', turnId: turn.turnId })),
    );
    expect(announced[0]?.input).toEqual({ n: expect.any(Number) as number });
    await next.close();
    await plait.close();
  });

  test('is tried again when it throws, and the call keeps waiting', async () => {
    let attempts = 0;
    const { plait, turn } = await begin([writer('pay', ok, always)], [['pay', {}, 'toolu_pay']], {
      agent: {
        onApproval: () => {
          attempts += 1;
          if (attempts === 1) throw new Error('no mail today');
        },
      },
    });
    await using _ = plait;
    await until(
      () => attempts,
      (count) => count === 2,
    );
    await untilItWaits(turn);
    expect(await turn.approvals()).toHaveLength(1);
    await turn.approve('toolu_pay', { by });

    expect((await turn.result()).calls).toMatchObject([{ outcome: 'succeeded', attempts: 1 }]);
    expect(attempts).toBe(2);
  });
});
