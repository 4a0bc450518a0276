import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  DecisionRejectedError,
  CompletionRejectedError,
  TurnNotFoundError,
  WorkerUnavailableError,
} from '../../client/index.ts';
import type { TurnHandle, WaitingCall } from '../../client/index.ts';
import { encodeCallToken } from '../../core/calls/token.ts';
import { defineAgent, defineTool } from '../../index.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import type { TestEnvironment } from '../../testing/environment.ts';
import { cashier, cashierScript, counter, waitingCalls } from '../fixtures/approvals-agent.ts';
import { insist, until } from '../fixtures/until.ts';
import { stopWorker } from '../fixtures/waiting-turns.ts';
import type { Counter } from '../fixtures/approvals-agent.ts';
import { startPlait } from '../fixtures/plait.ts';

const by = 'ana@acme';

function start(done: Counter = counter(), taskQueue?: string): Promise<TestEnvironment> {
  return startPlait({
    agents: [cashier(done)],
    script: cashierScript,
    ...(taskQueue === undefined ? {} : { taskQueue }),
  });
}

/** All calls that wait on the queue of a test, by their turns. */
async function listed({ agents, taskQueue }: TestEnvironment): Promise<WaitingCall[]> {
  const calls: WaitingCall[] = [];
  for await (const call of agents.approvals({ query: `TaskQueue = "${taskQueue}"` })) {
    calls.push(call);
  }
  return calls;
}

describe('a call that waits for a person', () => {
  test('is shown with its arguments, and runs once it is approved', async () => {
    const done = counter();
    await using plait = await start(done);
    const turn = await plait.agents.start('cashier', 'one');

    const [call] = await waitingCalls(turn, 1);
    expect(call).toMatchObject({
      tool: 'refund',
      input: { order: 'A-17', cents: 12_000 },
      round: 1,
    });
    expect(Date.parse(call?.expiresAt ?? '')).toBeGreaterThan(Date.now());
    expect(done.refunds).toEqual([]);

    await turn.approve(call?.callId ?? '', { by, reason: 'checked' });

    expect(await turn.approvals()).toEqual([]);
    const { calls } = await turn.result();
    expect(calls[0]).toMatchObject({
      outcome: 'succeeded',
      approval: { decision: 'approved', by, reason: 'checked' },
    });
    expect(done.refunds).toEqual([{ order: 'A-17', cents: 12_000 }]);
  });

  test('runs on the input that the approval gives', async () => {
    const done = counter();
    await using plait = await start(done);
    const turn = await plait.agents.start('cashier', 'one');
    const [call] = await waitingCalls(turn, 1);

    await turn.approve(call?.callId ?? '', { by, input: { order: 'A-17', cents: 99 } });
    await turn.result();

    expect(done.refunds).toEqual([{ order: 'A-17', cents: 99 }]);
  });

  test('does not run once it is denied, but its sibling does', async () => {
    const done = counter();
    await using plait = await start(done);
    const turn = await plait.agents.start('cashier', 'two');
    const [first, second] = await waitingCalls(turn, 2);

    await turn.deny(first?.callId ?? '', { by, reason: 'too much' });
    await turn.approve(second?.callId ?? '', { by });

    const { calls } = await turn.result();
    expect(calls.map(({ outcome }) => outcome)).toEqual(['denied', 'succeeded']);
    expect(calls[0]?.message).toContain('too much');
    expect(done.refunds).toEqual([{ order: 'B-4', cents: 50 }]);
  });

  test('accepts the same decision again, even after the turn has ended, and no other', async () => {
    const done = counter();
    await using plait = await start(done);
    const turn = await plait.agents.start('cashier', 'two');
    const [first, second] = await waitingCalls(turn, 2);
    const approve = () => turn.approve(first?.callId ?? '', { by });

    await Promise.all([approve(), approve(), approve()]);
    const late = turn.deny(first?.callId ?? '', { by: 'bob' });
    await expect(late).rejects.toThrow(DecisionRejectedError);
    await expect(late).rejects.toThrow(/was not denied: .*approved by ana@acme/);
    await turn.deny(second?.callId ?? '', { by });
    await turn.result();
    await approve();

    expect(done.refunds).toHaveLength(1);
  });
});

describe('a decision is rejected', () => {
  test('for a call that does not wait, and the error names the turn and the call', async () => {
    await using plait = await start();
    const turn = await plait.agents.start('cashier', 'one');
    const [call] = await waitingCalls(turn, 1);

    const error: unknown = await turn.approve('toolu_other', { by }).catch((e: unknown) => e);

    expect(error).toBeInstanceOf(DecisionRejectedError);
    const rejected = error as DecisionRejectedError;
    expect(rejected).toMatchObject({ turnId: turn.turnId, callId: 'toolu_other' });
    expect(rejected.message).toBe(
      `Call toolu_other of turn ${turn.turnId} was not approved: ${rejected.reason}`,
    );
    expect(rejected.reason).toContain(call?.callId);
    expect(rejected.cause).toBeInstanceOf(Error);
    await expect(turn.deny('x'.repeat(5_000), { by })).rejects.toThrow(DecisionRejectedError);
  });

  test('for an edited input that does not match the schema, and the call keeps waiting', async () => {
    await using plait = await start();
    const turn = await plait.agents.start('cashier', 'one');
    const [call] = await waitingCalls(turn, 1);
    const callId = call?.callId ?? '';

    await expect(turn.approve(callId, { by, input: { order: 'A-17', cents: 'all' } }))
      .rejects //
      .toThrow(/was not approved: .*cents/s);

    expect(await turn.approvals()).toHaveLength(1);
    await turn.approve(callId, { by, input: { order: 'A-17', cents: 1 } });
  });

  test('for an edited input that cannot be checked, until it can be', async () => {
    let broken = true;
    const lookUp = (): boolean => {
      if (broken) throw new Error('the directory is down');
      return true;
    };
    const tool = defineTool({
      name: 'write',
      description: 'Writes to somebody.',
      inputSchema: z.object({ to: z.string().refine((to) => to === 'ana' || lookUp()) }),
      approval: 'always',
      run: ({ to }) => `written to ${to}`,
    });
    await using plait = await startPlait({
      agents: [defineAgent({ name: 'writer', model: 'claude-opus-5-5', tools: [tool] })],
      script: conversation('go', [callTools({ write: { to: 'ana' } }), say('Done.')]),
    });
    const turn = await plait.agents.start('writer', 'go');
    const [call] = await waitingCalls(turn, 1);
    const approve = () => turn.approve(call?.callId ?? '', { by, input: { to: 'bob' } });

    await expect(approve()).rejects.toThrow('the directory is down');
    broken = false;
    await approve();

    expect((await turn.result()).calls[0]?.outcome).toBe('succeeded');
  });

  test('if the worker does not accept it, in the words of its hook', async () => {
    await using plait = await startPlait({
      agents: [cashier()],
      script: cashierScript,
      authorizeDecision: ({ by: who, proof }) =>
        proof === `signed by ${who}` || `${who} has not signed this.`,
    });
    const turn = await plait.agents.start('cashier', 'two');
    const [first, second] = await waitingCalls(turn, 2);
    const [callId = '', other = ''] = [first?.callId, second?.callId];

    for (const proof of [{}, { proof: 'signed by bob' }]) {
      const error: unknown = await turn.approve(callId, { by, ...proof }).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(DecisionRejectedError);
      expect(error).toMatchObject({ callId, reason: `${by} has not signed this.` });
    }
    await expect(turn.deny(callId, { by: 'eve' })).rejects.toThrow('eve has not signed this.');
    await turn.approve(callId, { by, proof: `signed by ${by}` });
    await turn.deny(other, { by, proof: `signed by ${by}` });

    expect((await turn.result()).calls.map(({ approval }) => approval)).toEqual([
      { decision: 'approved', by, at: expect.any(String) as string },
      { decision: 'denied', by, at: expect.any(String) as string },
    ]);
  });

  test('for an input that no payload can hold, which would wedge the turn', async () => {
    await using plait = await start();
    const turn = await plait.agents.start('cashier', 'one');
    const [call] = await waitingCalls(turn, 1);

    await expect(
      turn.approve(call?.callId ?? '', { by, input: { order: 'x'.repeat(3_000_000) } }),
    ).rejects.toThrow(/was not approved: 3000\d+ bytes are above the limit of 2000000/);
  });

  test('for a turn that has ended', async () => {
    await using plait = await start();
    const turn = await plait.agents.start('cashier', 'one');
    const [call] = await waitingCalls(turn, 1);
    const callId = call?.callId ?? '';
    await turn.cancel();
    await turn.result();

    expect(await turn.approvals()).toEqual([]);
    await expect(turn.approve(callId, { by })).rejects.toThrow(
      `Call ${callId} of turn ${turn.turnId} was not approved: the turn has ended.`,
    );
    await expect(turn.deny(callId, { by })).rejects.toThrow(DecisionRejectedError);
  });

  test('without the name of a person, before anything is sent', async () => {
    await using plait = await start();
    const turn = plait.agents.getTurn('nothing');

    for (const nobody of ['', '  ', undefined]) {
      await expect(turn.approve('toolu_1', { by: nobody as string })).rejects.toThrow(
        'Call toolu_1 of turn nothing was not approved: `by` must say who decides',
      );
      await expect(turn.deny('toolu_1', { by: nobody as string })).rejects.toThrow(TypeError);
    }
    await expect(turn.approve('toolu_1', { by, input: { cents: 1n } })).rejects.toThrow(
      /What you send for call toolu_1 must be JSON: .*BigInt/,
    );
  });

  test('if there is no such turn, with another error', async () => {
    await using plait = await start();
    const turn = plait.agents.getTurn(`nothing-${randomUUID()}`);

    await expect(turn.approve('toolu_1', { by })).rejects.toThrow(TurnNotFoundError);
    await expect(turn.deny('toolu_1', { by })).rejects.toThrow(TurnNotFoundError);
    await expect(turn.approvals()).rejects.toThrow(TurnNotFoundError);
  });
});

test('a terminated turn waits for nobody', async () => {
  await using plait = await start();
  const turn = await plait.agents.start('cashier', 'one');
  await waitingCalls(turn, 1);

  await turn.workflow.terminate();

  expect(await turn.approvals()).toEqual([]);
});

test('the calls of all turns that wait are listed, with their turns and agents', async () => {
  await using plait = await start();
  const { agents } = plait;
  const [one, two, parcel, ended] = await Promise.all([
    agents.start('cashier', 'one'),
    agents.start('cashier', 'two'),
    agents.start('cashier', 'parcel'),
    agents.start('cashier', 'one'),
  ]);
  await ended.cancel();
  await ended.result();

  const calls = await until(
    () => listed(plait),
    ({ length }) => length === 3,
  );

  expect(calls.map(({ turnId }) => turnId).toSorted()).toEqual(
    [one.turnId, two.turnId, two.turnId].toSorted(),
  );
  const [call] = await one.approvals();
  expect(calls).toContainEqual({ turnId: one.turnId, agent: 'cashier', ...call });
  await Promise.all([one, two, parcel].map((turn) => turn.cancel()));
});

test('a query that the server cannot read is an error that says what is wrong', async () => {
  await using plait = await start();
  const asking = plait.agents.approvals({ query: 'TaskQueue =' }).next();
  await expect(asking).rejects.toThrow(/cannot read the query "TaskQueue =": .*invalid/);
});

test('waiting without a worker ends, and the decision can be sent again', async () => {
  const done = counter();
  const taskQueue = `left-${randomUUID()}`;
  const left = await start(done, taskQueue);
  const { agents } = left;
  // More than are asked at once: the rest must not wait in vain one after the other.
  const turns = await Promise.all(Array.from({ length: 25 }, () => agents.start('cashier', 'one')));
  const turn = turns[0] as TurnHandle;
  const [call] = await waitingCalls(turn, 1);
  const callId = call?.callId ?? '';
  await until(
    () => listed(left),
    ({ length }) => length === turns.length,
  );
  await stopWorker(left);

  const [approving, asking, listing] = await Promise.all(
    [turn.approve(callId, { by }), turn.approvals(), listed(left)].map((request) =>
      request.then(
        () => undefined,
        (error: unknown) => error,
      ),
    ),
  );
  for (const error of [approving, asking, listing]) {
    expect(error).toBeInstanceOf(WorkerUnavailableError);
  }
  expect((approving as Error).message).toMatch(
    new RegExp(`No worker answered for turn ${turn.turnId} .*task queue ${taskQueue}`),
  );
  expect((listing as Error).message).toContain('25 turns with waiting calls');
  expect((listing as WorkerUnavailableError).turnIds.toSorted()).toEqual(
    turns.map(({ turnId }) => turnId).toSorted(),
  );

  const back = await start(done, taskQueue);
  await insist(() => turn.approve(callId, { by }));
  await turn.result();
  expect(done.refunds).toHaveLength(1);
  await Promise.all(turns.slice(1).map(({ workflow }) => workflow.terminate()));
  await back.close();
  await left.close();
});

describe('a call that is completed from outside', () => {
  test('ends with the given value, however often it is sent', async () => {
    const done = counter();
    await using plait = await start(done);
    const { turn, token } = await parcel(plait, done);
    const complete = () => plait.agents.completeToolCall(token, { delivered: true });

    await Promise.all([complete(), complete()]);
    const { calls, messages } = await turn.result();
    await complete();

    expect(calls[0]?.outcome).toBe('succeeded');
    expect(JSON.stringify(messages)).toContain(String.raw`{\"delivered\":true}`);
    const other = plait.agents.completeToolCall(token, 'lost');
    await expect(other).rejects.toThrow(CompletionRejectedError);
  });

  test('may be completed with nothing', async () => {
    const done = counter();
    await using plait = await start(done);
    const { turn, token } = await parcel(plait, done);

    await plait.agents.completeToolCall(token, undefined);

    expect((await turn.result()).calls[0]?.outcome).toBe('succeeded');
  });

  test('ends as failed, and the model reads why', async () => {
    const done = counter();
    await using plait = await start(done);
    const { turn, token } = await parcel(plait, done);

    await expect(plait.agents.failToolCall(token, ' ')).rejects.toThrow(TypeError);
    await plait.agents.failToolCall(token, 'The parcel is lost.');

    expect((await turn.result()).calls[0]).toMatchObject({
      outcome: 'failed',
      message: expect.stringContaining('The parcel is lost.') as string,
    });
  });

  test('is not completed twice, and the error says why', async () => {
    const done = counter();
    await using plait = await start(done);
    const { turn, token } = await parcel(plait, done);
    await plait.agents.completeToolCall(token, 'here');
    await turn.result();

    const error: unknown = await plait.agents.completeToolCall(token, 'there').catch(rejection);

    expect(error).toMatchObject({
      name: 'CompletionRejectedError',
      turnId: turn.turnId,
      reason: 'the turn has ended.',
    });
  });

  test("is not completed by a garbled token, or by another call's token", async () => {
    const done = counter();
    await using plait = await start(done);
    const { agents } = plait;
    const { turn, token } = await parcel(plait, done);
    const { turnId } = turn;

    const garbled = await agents.completeToolCall(token.slice(0, -5), 1).catch(rejection);
    expect(garbled).toMatchObject({ turnId: undefined, callId: undefined });
    expect((garbled as Error).message).toMatch(/was not completed: "Aey.*" is not the token/);

    const unknown = encodeCallToken({ turnId: 'nothing', callId: 'toolu_1', key: 'k' });
    await expect(agents.completeToolCall(unknown, 1)).rejects.toThrow(
      'Call toolu_1 of turn nothing was not completed: There is no turn nothing',
    );
    const noCall = encodeCallToken({ turnId, callId: 'toolu_other', key: 'k' });
    await expect(agents.completeToolCall(noCall, 1)).rejects.toThrow(CompletionRejectedError);
    await turn.cancel();
  });
});

/** A turn whose only call waits to be completed from outside. */
async function parcel(
  plait: TestEnvironment,
  done: Counter,
): Promise<{ turn: TurnHandle; token: string }> {
  const turn = await plait.agents.start('cashier', 'parcel');
  const [token = ''] = await until(
    () => done.tokens,
    ({ length }) => length === 1,
  );
  return { turn, token };
}

function rejection(error: unknown): unknown {
  expect(error).toBeInstanceOf(CompletionRejectedError);
  return error;
}
