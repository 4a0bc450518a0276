import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { describe, expect, inject, test } from 'vitest';
import { withDefaults } from '../../client/connection-options.ts';
import { AgentClient, CompletionRejectedError } from '../../client/index.ts';
import { decodeCallToken, encodeCallToken } from '../../core/calls/token.ts';
import type { Tool, ToolContext } from '../../index.ts';
import type { LaterOptions } from '../../agents/define-tool.ts';
import { directoryStorage } from '../../storage/index.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { imageBlock, png } from '../fixtures/images.ts';
import {
  insist,
  until,
  untilItIsNeeded,
  untilItWaits,
  untilTimerFired,
} from '../fixtures/until.ts';
import type { BeginOptions, Begun } from '../fixtures/waiting-turns.ts';
import { answers, begin, latch, rejection, stopWorker } from '../fixtures/waiting-turns.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, reader, writer } from '../fixtures/tools.ts';

const PARCEL = 'toolu_parcel';

function parcel(tokens: string[], options?: LaterOptions): Tool {
  return writer('parcel', (_input, { later }) => {
    const pending = later(options);
    tokens.push(pending.token);
    return pending;
  });
}

/** A turn whose only call waits to be completed, as soon as its activity has ended. */
async function turnThatWaits(
  options: BeginOptions & { later?: LaterOptions } = {},
): Promise<Begun & { token: string }> {
  const tokens: string[] = [];
  const begun = await begin([parcel(tokens, options.later)], [['parcel', {}, PARCEL]], options);
  await until(
    () => tokens.length,
    (length) => length === 1,
  );
  await until(
    () => begun.turn.describe(),
    ({ pendingCalls }) => pendingCalls.length === 0,
  );
  return { ...begun, token: tokens[0] ?? '' };
}

describe('a call that is completed from outside', () => {
  test('costs nothing while it waits, and another client may complete it long after its worker is gone', async () => {
    const { plait, turn, token } = await turnThatWaits();
    const { taskQueue } = plait;
    await untilItWaits(turn);
    const before = await turn.workflow.describe();
    // Meanwhile another turn begins, and comes as far on the same worker.
    const second = await plait.agents.start('tester', 'go');
    await until(
      () => second.workflow.fetchHistory(),
      ({ events }) =>
        // The reply, and what its tool returned.
        events?.filter((event) => event.activityTaskCompletedEventAttributes).length === 2,
    );
    await untilItWaits(second);
    await second.cancel();
    await second.result();
    const after = await turn.workflow.describe();
    expect(after.historyLength).toBe(before.historyLength);
    expect(after.raw.pendingActivities ?? []).toEqual([]);
    await stopWorker(plait);

    const connection = await Connection.connect(
      withDefaults({ address: inject('temporalAddress') }),
    );
    await using other = new AgentClient({ client: new Client({ connection }) });
    const completing = rejection(
      insist(() => other.completeToolCall(token, 'Left with the neighbour.')),
    );
    await untilItIsNeeded(turn);
    const completedAt = Date.now();
    const next = await startPlait({
      agents: [agentWith([parcel([])])],
      script: conversation('go', [callTools({}), say('Done.')]),
      taskQueue,
    });

    expect(await completing).toBeUndefined();
    const result = await turn.result();
    expect(answers(result)).toEqual([{ id: PARCEL, text: 'Left with the neighbour.' }]);
    expect(result.calls).toMatchObject([{ outcome: 'succeeded', attempts: 1 }]);
    expect(Date.parse(result.calls[0]?.end ?? '')).toBeGreaterThanOrEqual(completedAt);
    await next.close();
    await plait.close();
    await connection.close();
  });

  const block = { type: 'text', text: 'a block' };
  test.each([
    ['a text', 'at the door', 'at the door'],
    ['JSON', { a: [1, null] }, '{"a":[1,null]}'],
    ['content blocks', [block, block], JSON.stringify([block, block])],
    ['nothing', undefined, 'The tool finished and returned nothing.'],
    ['an empty text', '  ', 'The tool finished and returned nothing.'],
    ['half an emoji', 'no \ud83d', 'no \ufffd'],
  ])('is read like the result of a tool: %s', async (_name, value, text) => {
    const { plait, turn, token } = await turnThatWaits();
    await using _ = plait;
    await plait.agents.completeToolCall(token, value);
    const result = await turn.result();

    expect(result.text).toBe('Done.');
    expect(answers(result)).toEqual([{ id: PARCEL, text }]);
  });

  test('is cut if it is long, and kept with a storage', async () => {
    const storage = directoryStorage(await mkdtemp(join(tmpdir(), 'plait-later-')));
    const text = `begin${'x'.repeat(1_900_000)}end`;
    for (const environment of [{}, { storage }]) {
      const context = { note: 'c'.repeat(150_000) };
      const { plait, turn, token } = await turnThatWaits({ environment, turn: { context } });
      await insist(() => plait.agents.completeToolCall(token, text));
      const result = await turn.result();

      const read = answers(result)[0]?.text ?? '';
      expect(result.text).toBe('Done.');
      expect(read.length).toBeLessThan(101_000);
      expect(read).toMatch(/^beginx.*bytes are left out here.*xend$/s);
      expect(read.includes('read_result')).toBe('storage' in environment);
      await plait.close();
    }
  });

  test('fails at once if no result can hold the value', async () => {
    const { plait, turn, token } = await turnThatWaits();
    await using _ = plait;
    const value = [imageBlock(png({ bytes: 1_499_000 }))];
    await insist(() => plait.agents.completeToolCall(token, value));
    const result = await turn.result();

    expect(result.text).toBe('Done.');
    expect(result.calls[0]?.outcome).toBe('failed');
    expect(result.calls[0]?.message).toMatch(/bytes/);
  });

  test('may be failed, and the model reads why, up to a limit', async () => {
    const { plait, turn, token } = await turnThatWaits({ turn: { onToolFailure: 'failTurn' } });
    await using _ = plait;
    await plait.agents.failToolCall(token, `Lost \ud83d ${'x'.repeat(100_000)}`);
    const result = await turn.result();

    expect(result.stopReason).toBe('tool_failure');
    expect(result.calls[0]).toMatchObject({ outcome: 'failed', attempts: 1 });
    expect(result.calls[0]?.message).toMatch(/^Lost \ufffd x+…$/);
    expect(result.calls[0]?.message?.length).toBe(3_000);
  });

  test('may be completed before its tool has returned', async () => {
    const held = latch();
    const tokens: string[] = [];
    const slow = writer('parcel', async (_input, { later }) => {
      const pending = later();
      tokens.push(pending.token);
      await held.opened;
      return pending;
    });
    const { plait, turn } = await begin([slow], [['parcel', {}, PARCEL]]);
    await using _ = plait;
    await until(
      () => tokens.length,
      (length) => length === 1,
    );
    const [token = ''] = tokens;
    const stale = encodeCallToken({ ...decodeCallToken(token), key: 'of an earlier run' });
    await plait.agents.completeToolCall(stale, 'stale');
    await plait.agents.completeToolCall(token, 'early');
    const twice = await rejection(plait.agents.completeToolCall(token, 'again'));
    held.open();

    expect(twice).toBeInstanceOf(CompletionRejectedError);
    expect(twice?.message).toContain('no longer waits: it has been completed.');
    expect(answers(await turn.result())).toEqual([{ id: PARCEL, text: 'early' }]);
  });

  test('has one token for all attempts', async () => {
    const tokens: string[] = [];
    const tool = reader('parcel', (_input, { later, attempt }) => {
      const pending = later();
      tokens.push(pending.token);
      if (attempt === 1) throw new Error('after the token was out');
      return pending;
    });
    const { plait, turn } = await begin([tool], [['parcel', {}, PARCEL]]);
    await using _ = plait;
    await until(
      () => tokens.length,
      (length) => length === 2,
    );
    await plait.agents.completeToolCall(tokens[0] ?? '', 'by the first token');
    const result = await turn.result();

    expect(tokens[1]).toBe(tokens[0]);
    expect(answers(result)[0]?.text).toBe('by the first token');
    expect(result.calls[0]).toMatchObject({ attempts: 2 });
  });
});

/** The same beside a call that holds the turn until the test lets it go on. */
async function besideAnother(
  options: BeginOptions & { later?: LaterOptions; open?: Promise<void> } = {},
): Promise<Begun & { tokens: string[] }> {
  const tokens: string[] = [];
  const stage = await begin(
    [parcel(tokens, options.later), reader('look', () => options.open)],
    [
      ['parcel', {}, PARCEL],
      ['look', {}],
    ],
    options,
  );
  return { ...stage, tokens };
}

describe('a completion is rejected', () => {
  test('for a call that was completed, and with a wrong key', async () => {
    const held = latch();
    const { plait, turn, tokens } = await besideAnother({ open: held.opened });
    await using _ = plait;
    await until(
      () => turn.describe(),
      ({ pendingCalls }) => pendingCalls.length === 1,
    );
    const [token = ''] = tokens;
    const wrong = encodeCallToken({ ...decodeCallToken(token), key: 'other' });
    const byWrong = await rejection(plait.agents.completeToolCall(wrong, 'x'));
    await plait.agents.completeToolCall(token, 'first');
    const second = await rejection(plait.agents.failToolCall(token, 'second'));
    held.open();

    expect(byWrong?.message).toContain('belongs to another call');
    expect(second).toBeInstanceOf(CompletionRejectedError);
    expect(second?.message).toContain('no longer waits: it has been completed.');
    expect(answers(await turn.result())[0]?.text).toBe('first');
  });

  test('after its time, which the model reads about', async () => {
    const held = latch();
    const { plait, turn, tokens } = await besideAnother({
      later: { timeout: '300ms' },
      open: held.opened,
    });
    await using _ = plait;
    await untilTimerFired(turn);
    const late = await rejection(plait.agents.completeToolCall(tokens[0] ?? '', 'late'));
    held.open();
    const result = await turn.result();

    expect(late?.message).toContain('no longer waits: it was answered as timedOut.');
    expect(result.calls[0]).toMatchObject({ outcome: 'timedOut', attempts: 1 });
    expect(answers(result)[0]?.text).toMatch(
      /nobody completed this call from outside within 300 ms.*may or may not/,
    );
  });

  test('after the time for all calls, which the model reads about', async () => {
    const { plait, turn, token } = await turnThatWaits({ turn: { batchTimeout: 2_000 } });
    await using _ = plait;
    const result = await turn.result();

    expect(result.text).toBe('Done.');
    expect(result.calls[0]).toMatchObject({ outcome: 'timedOut', attempts: 1 });
    expect(result.calls[0]?.message).toMatch(/batchTimeout.*may or may not/);
    const late = await rejection(plait.agents.completeToolCall(token, 'late'));
    expect(late?.message).toContain('the turn has ended');
  });

  test('after the turn was cancelled', async () => {
    const { plait, turn, token } = await turnThatWaits();
    await using _ = plait;
    await turn.cancel();
    const result = await turn.result();

    expect(result.stopReason).toBe('cancelled');
    expect(result.calls[0]).toMatchObject({ outcome: 'cancelled', attempts: 1 });
    expect(result.calls[0]?.message).toMatch(/may or may not/);
    const late = await rejection(plait.agents.completeToolCall(token, 'late'));
    expect(late).toBeInstanceOf(CompletionRejectedError);
  });

  test('if it has the wrong shape, and the turn goes on', async () => {
    const { plait, turn, token } = await turnThatWaits();
    await using _ = plait;
    const { callId, key } = decodeCallToken(token);
    const wrong: unknown[] = [
      null,
      {},
      { callId, key },
      { callId, key, result: 'delivered' },
      { callId, key, result: { type: 'failed' } },
      { callId, key, result: { type: 'failed', message: ' ' } },
      { callId, key, result: { type: 'other' } },
    ];
    for (const argument of wrong) {
      const update = turn.workflow.executeUpdate('completeToolCall', { args: [argument] });
      expect((await rejection(update))?.name).toBe('WorkflowUpdateFailedError');
    }
    await plait.agents.completeToolCall(token, 'fine');
    expect(await turn.result()).toMatchObject({ text: 'Done.', calls: [{ outcome: 'succeeded' }] });
  });
});

test('a completion that races with a cancel or a timeout is accepted or rejected, and the call is answered once', async () => {
  const tokens = new Map<string, string>();
  const tool = writer('parcel', ({ n }, { later }) => {
    const pending = later({ timeout: '1s' });
    tokens.set(String(n), pending.token);
    return pending;
  });
  const agent = agentWith([tool]);
  await using plait = await startPlait({
    agents: [agent],
    script: ({ userText, round }) =>
      round > 0 ? say('Done.') : callTools([['parcel', { n: userText }, PARCEL]]),
  });
  await Promise.all(
    Array.from({ length: 12 }, async (_unused, i) => {
      const n = String(i);
      const turn = await plait.agents.start(agent, n);
      await until(
        () => tokens.get(n),
        (token) => token !== undefined,
      );
      await sleep(i % 2 === 0 ? 990 + i * 3 : 100);
      const [error] = await Promise.all([
        rejection(plait.agents.completeToolCall(tokens.get(n) ?? '', n)),
        i % 2 === 0 ? undefined : turn.cancel(),
      ]);
      const { calls } = await turn.result();
      const outcome = calls[0]?.outcome ?? '';
      if (error !== undefined) {
        expect(error).toBeInstanceOf(CompletionRejectedError);
        expect(['timedOut', 'cancelled']).toContain(outcome);
      } else expect(['succeeded', 'cancelled']).toContain(outcome);
    }),
  );
});

describe('a tool that uses later() wrongly', () => {
  const runs: [string, (ctx: ToolContext) => unknown, RegExp][] = [
    [
      'a timeout that is not a duration',
      ({ later }) => later({ timeout: 'soon' }),
      /timeout must be a duration.*; got "soon"$/,
    ],
    ['a timeout of another type', ({ later }) => later({ timeout: 5n as never }), /milliseconds/],
    [
      'a timeout without end',
      ({ later }) => later({ timeout: Infinity }),
      /must be a duration.*; got Infinity$/,
    ],
    ['an unknown option', ({ later }) => later({ timeOut: '1s' } as never), /timeOut/],
    ['options that are not an object', ({ later }) => later('1s' as never), /later\(\).*object/s],
  ];
  test.each(runs)('by %s gets a clear error', async (_name, run, message) => {
    const { plait, turn } = await begin(
      [writer('parcel', (_input, ctx) => run(ctx))],
      [['parcel', {}, PARCEL]],
    );
    await using _ = plait;
    const result = await turn.result();

    expect(result.calls[0]?.outcome).toBe('failed');
    expect(result.calls[0]?.message).toMatch(message);
    expect(result.calls[0]?.message).toMatch(/^ctx\.later\(\): /);
  });

  test('and returns something else ends with that value', async () => {
    const tokens: string[] = [];
    const held = latch();
    const forgetful = writer('parcel', (_input, { later }) => {
      tokens.push(later().token);
      return 'done already';
    });
    const { plait, turn } = await begin(
      [forgetful, reader('look', () => held.opened)],
      [
        ['parcel', {}, PARCEL],
        ['look', {}],
      ],
    );
    await using _ = plait;
    await until(
      () => turn.describe(),
      ({ pendingCalls }) => pendingCalls.length === 1 && tokens.length === 1,
    );
    const late = await rejection(plait.agents.completeToolCall(tokens[0] ?? '', 'late'));
    held.open();

    expect(late?.message).toContain('no longer waits: it was answered as succeeded.');
    expect(answers(await turn.result())[0]?.text).toBe('done already');
  });
});
