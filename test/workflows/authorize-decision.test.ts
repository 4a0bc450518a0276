import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { ActivitiesOptions } from '../../activities/index.ts';
import { DecisionRejectedError } from '../../client/index.ts';
import { defineTool } from '../../index.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { waitingCalls } from '../fixtures/approvals-agent.ts';
import { startPlait } from '../fixtures/plait.ts';
import { newSessionId } from '../fixtures/sessions.ts';
import { agentWith, writer } from '../fixtures/tools.ts';
import { insist, until } from '../fixtures/until.ts';
import type { BeginOptions } from '../fixtures/waiting-turns.ts';
import { answers, begin, latch, rejection, stopWorker } from '../fixtures/waiting-turns.ts';

type Hook = NonNullable<ActivitiesOptions['authorizeDecision']>;

const by = 'ana@acme';
const always = { approval: 'always' } as const;
const callId = 'toolu_pay';

/** Accepts what carries the right proof, and remembers what it was asked. */
function notary(): { asked: Parameters<Hook>[0][]; hook: Hook } {
  const asked: Parameters<Hook>[0][] = [];
  return {
    asked,
    hook: (decision) => {
      asked.push(decision);
      return decision.proof === 'signed' || `The signature of ${decision.by} is missing.`;
    },
  };
}

/** A turn whose payment waits; `runs` gets the inputs that it ran with. */
async function beginPaying(hook: Hook, options: BeginOptions & { approvalTimeout?: number } = {}) {
  const runs: unknown[] = [];
  const pay = defineTool({
    name: 'pay',
    description: 'Pays.',
    inputSchema: z.object({ cents: z.number() }),
    ...always,
    ...(options.approvalTimeout === undefined ? {} : { approvalTimeout: options.approvalTimeout }),
    run: (input) => void runs.push(input),
  });
  const { environment, ...others } = options;
  const begun = await begin([pay], [['pay', { cents: 9 }, callId]], {
    ...others,
    environment: { authorizeDecision: hook, ...environment },
  });
  await waitingCalls(begun.turn, 1);
  return { ...begun, runs };
}

describe('a decision that the worker verifies', () => {
  test('counts if the hook accepts it, which sees all of it, while the result and the model see no proof', async () => {
    const { asked, hook } = notary();
    const { plait, turn, runs } = await beginPaying(hook);
    await using _ = plait;
    const decision = { by, reason: 'checked', proof: 'signed' };
    await turn.approve(callId, decision);
    // The answer may have been lost: nobody is asked again.
    await turn.approve(callId, decision);
    const result = await turn.result();

    expect(asked).toEqual([
      {
        turnId: turn.turnId,
        agent: 'tester',
        callId,
        tool: 'pay',
        input: { cents: 9 },
        decision: 'approved',
        ...decision,
      },
    ]);
    expect(runs).toEqual([{ cents: 9 }]);
    expect(result.calls[0]?.approval).toEqual({
      decision: 'approved',
      by,
      reason: 'checked',
      at: expect.any(String) as string,
    });
    expect(JSON.stringify([result, plait.model.requests])).not.toContain('signed');
  });

  test('does not count if the hook says why not, from whatever client, and the call keeps waiting', async () => {
    const { asked, hook } = notary();
    const { plait, turn, runs } = await beginPaying(hook);
    await using _ = plait;
    const plain = (update: string, argument: object) =>
      rejection(turn.workflow.executeUpdate(update, { args: [{ callId, ...argument }] }));

    const errors = [
      await rejection(turn.approve(callId, { by })),
      await rejection(turn.deny(callId, { by, proof: 'forged' })),
    ];
    const { cause } = (await plain('approve', { by: 'eve', input: { cents: 1 } })) as Error;
    await plain('deny', { by: 'eve', proof: 7 });
    expect(await turn.approvals()).toHaveLength(1);
    await turn.deny(callId, { by, reason: 'No.', proof: 'signed' });
    const result = await turn.result();

    for (const error of errors) {
      expect(error).toBeInstanceOf(DecisionRejectedError);
      expect(error).toMatchObject({ callId, reason: `The signature of ${by} is missing.` });
    }
    expect(cause).toMatchObject({ message: 'The signature of eve is missing.' });
    expect(asked.map(({ decision, input }) => [decision, input])).toContainEqual([
      'approved',
      { cents: 1 },
    ]);
    expect(asked.at(-1)).toMatchObject({ decision: 'denied', by, input: { cents: 9 } });
    expect(runs).toEqual([]);
    expect(result.calls).toMatchObject([{ outcome: 'denied', approval: { by } }]);
    expect(JSON.stringify([result, plait.model.requests])).not.toContain('signed');
  });

  test('is verified with its edited input, after that has been checked against the schema', async () => {
    const { asked, hook } = notary();
    const { plait, turn, runs } = await beginPaying(hook);
    await using _ = plait;
    const wrong = await rejection(
      turn.approve(callId, { by, proof: 'signed', input: { cents: 'all' } }),
    );
    expect(wrong?.message).toContain('cents');
    expect(asked).toEqual([]);

    await turn.approve(callId, { by, proof: 'signed', input: { cents: 5 } });
    const result = await turn.result();

    expect(asked).toMatchObject([{ input: { cents: 5 } }]);
    expect(runs).toEqual([{ cents: 5 }]);
    expect(answers(result)).toHaveLength(1);
  });

  test('is verified again when the hook throws, and rejected in its words if it keeps throwing', async () => {
    let [attempts, broken] = [0, 2];
    const { plait, turn } = await beginPaying(() => {
      attempts += 1;
      if (attempts <= broken) throw new Error('the directory is down');
      return true;
    });
    await using _ = plait;
    const args: [unknown] = [{ callId, by }];
    broken = 3;
    const error = await rejection(turn.workflow.executeUpdate('approve', { args }));
    expect(error?.cause).toMatchObject({
      message: 'authorizeDecision failed: the directory is down',
    });
    expect(attempts).toBe(3);

    [attempts, broken] = [0, 2];
    await turn.approve(callId, { by });
    expect(attempts).toBe(3);
    expect((await turn.result()).calls).toMatchObject([{ outcome: 'succeeded' }]);
  });

  test('blocks nothing else: meanwhile another one is rejected, and the turn can be cancelled', async () => {
    const [asking, held] = [latch(), latch()];
    const { plait, turn, runs } = await beginPaying(async () => {
      asking.open();
      await held.opened;
      return true;
    });
    await using _ = plait;
    const first = rejection(turn.approve(callId, { by, input: { cents: 5 } }));
    await asking.opened;
    const second = await rejection(turn.deny(callId, { by: 'bob' }));
    await turn.cancel();
    const result = await turn.result();
    held.open();

    expect(second?.message).toContain(`${callId} is being decided by ${by}.`);
    expect(await first).toBeInstanceOf(DecisionRejectedError);
    expect((await first)?.message).not.toMatch(/activity/i);
    expect(result).toMatchObject({ stopReason: 'cancelled', calls: [{ outcome: 'cancelled' }] });
    expect(runs).toEqual([]);
  });

  test.each(['approve', 'deny'] as const)(
    'is rejected if its time ends meanwhile: %s',
    async (update) => {
      const held = latch();
      const { plait, turn, runs } = await beginPaying(() => held.opened.then(() => true), {
        approvalTimeout: 2_000,
      });
      await using _ = plait;
      const args: [unknown] = [{ callId, by, proof: 'signed' }];
      const error = await rejection(turn.workflow.executeUpdate(update, { args }));
      const result = await turn.result();
      held.open();

      expect(error?.cause).toMatchObject({
        message: `${callId} no longer waits: its time to be decided was up.`,
      });
      expect(result.calls).toMatchObject([
        { outcome: 'denied', approval: { decision: 'expired' } },
      ]);
      expect(runs).toEqual([]);
    },
  );

  test('is verified for the user of the turn, which no decision can set', async () => {
    const { asked, hook } = notary();
    const { plait, turn } = await beginPaying(hook, { turn: { user: 'user-7' } });
    await using _ = plait;
    const forged = { callId, by, proof: 'signed', user: 'eve', turnId: 'other' };
    await turn.workflow.executeUpdate('approve', { args: [forged] });
    await turn.result();

    expect(asked).toMatchObject([{ user: 'user-7', turnId: turn.turnId, proof: 'signed' }]);
  });

  test('is rejected in words by workers that have no hook', async () => {
    const { plait, agent, turn } = await beginPaying(notary().hook);
    await using _ = plait;
    await stopWorker(plait);
    await using next = await startPlait({
      agents: [agent],
      script: conversation('go', [callTools({}), say('Done.')]),
      taskQueue: plait.taskQueue,
    });
    const args: [unknown] = [{ callId, by, proof: 'signed' }];
    const error = await rejection(turn.workflow.executeUpdate('approve', { args }));

    expect(error?.cause).toMatchObject({
      message: expect.stringMatching(
        /^no worker could verify it\. Check that every worker/,
      ) as string,
    });
    expect(await turn.approvals()).toHaveLength(1);
    await next.agents.getTurn(turn.turnId).cancel();
    await turn.result();
  });
});

test('the hook gets the session, and decisions of a session that began without a hook are verified too', async () => {
  const { asked, hook } = notary();
  const pay = writer('pay', () => 'paid', always);
  const agent = agentWith([pay]);
  const sessionId = newSessionId();
  await using first = await startPlait({
    agents: [agent],
    script: conversation('hi', [say('Hi.')]),
  });
  const session = await first.agents.startSession(agent, { sessionId });
  await (await session.send('hi')).result();
  await stopWorker(first);
  await using second = await startPlait({
    agents: [agent],
    script: conversation('go', [callTools([['pay', {}, callId]]), say('Done.')]),
    taskQueue: first.taskQueue,
    authorizeDecision: hook,
  });
  const next = second.agents.openSession(agent, sessionId);
  const turn = await insist(() => next.send('go', { idempotencyKey: 'go' }));
  // The session starts it in its own time.
  await until(
    () => turn.approvals().catch(() => []),
    (calls) => calls.length === 1,
  );
  await insist(() => turn.approve(callId, { by, proof: 'signed' }));
  const result = await turn.result();

  expect(asked).toMatchObject([{ sessionId, turnId: turn.turnId, proof: 'signed' }]);
  expect(result.calls).toMatchObject([{ outcome: 'succeeded' }]);
});

test('a call that the worker of its reply did not know is also verified, on the worker that has it', async () => {
  const { asked, hook } = notary();
  const runs: unknown[] = [];
  const pay = writer('pay', (input) => void runs.push(input), always);
  const [whole, older] = [agentWith([pay]), agentWith([])];
  const sessionId = newSessionId();
  await using first = await startPlait({
    agents: [whole],
    script: conversation('hi', [say('Hi.')]),
    authorizeDecision: hook,
  });
  const { taskQueue } = first;
  const session = await first.agents.startSession(whole, { sessionId, user: 'user-7' });
  await (await session.send('hi')).result();
  await stopWorker(first);

  const script = conversation('go', [callTools([['pay', { cents: 9 }, callId]]), say('Done.')]);
  await using second = await startPlait({ agents: [older], script, taskQueue });
  const next = second.agents.openSession(whole, sessionId);
  const turn = await insist(() => next.send('go', { idempotencyKey: 'go' }));
  await until(
    () => turn.workflow.describe().catch(() => undefined),
    (description) =>
      description?.raw.pendingActivities?.some(
        ({ activityId, lastFailure }) => activityId === `prepare.${callId}` && lastFailure != null,
      ) === true,
  );
  await stopWorker(second);

  await using third = await startPlait({
    agents: [whole],
    script,
    taskQueue,
    authorizeDecision: hook,
  });
  const waiting = third.agents.getTurn(turn.turnId);
  await waitingCalls(waiting, 1);
  const unproven = await rejection(insist(() => waiting.approve(callId, { by })));
  expect(unproven?.message).toContain('is missing');
  expect(runs).toEqual([]);
  await insist(() => waiting.approve(callId, { by, proof: 'signed' }));
  const result = await waiting.result();

  for (const one of asked) expect(one).toMatchObject({ user: 'user-7', sessionId });
  expect(asked.at(-1)).toMatchObject({ proof: 'signed' });
  expect(runs).toEqual([{ cents: 9 }]);
  expect(result.calls).toMatchObject([{ outcome: 'succeeded', approval: { by } }]);
});
