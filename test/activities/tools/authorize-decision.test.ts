import { ApplicationFailure } from '@temporalio/common';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createSecrets } from '../../../activities/model/secrets.ts';
import type { AuthorizeDecision } from '../../../activities/tools/authorize-decision.ts';
import { createAuthorizeDecision } from '../../../activities/tools/authorize-decision.ts';
import { MAX_WAITING_MS } from '../../../agents/in-time.ts';
import { DECISION_REJECTED } from '../../../core/failures.ts';

afterEach(() => vi.useRealTimers());

const decision = {
  turnId: 'turn-1',
  agent: 'support',
  callId: 'toolu_1',
  tool: 'pay',
  input: { cents: 5 },
  decision: 'approved',
  by: 'ana',
} as const;

async function answerTo(hook: (...args: never[]) => unknown) {
  const secrets = createSecrets();
  secrets.add('key-of-the-worker');
  return await createAuthorizeDecision(hook as AuthorizeDecision, secrets)(decision);
}

describe('authorizeDecision', () => {
  test.for<[says: unknown, answer: unknown]>([
    [true, { type: 'authorized' }],
    ['Only Bob may.', { type: 'rejected', message: 'Only Bob may.' }],
    ['key-of-the-worker is wrong', { type: 'rejected', message: '*** is wrong' }],
    ...[false, undefined, null, 1, ' ', {}].map((says): [unknown, unknown] => [
      says,
      { type: 'rejected', message: 'authorizeDecision of the worker does not accept it.' },
    ]),
  ])('that returns %j', async ([says, answer]) => {
    expect(await answerTo(() => says)).toEqual(answer);
    expect(await answerTo(async () => says)).toEqual(answer);
  });

  test.for<[name: string, thrown: unknown, nonRetryable: boolean]>([
    ['an error', new Error('no keys at https://bob:secret@idp'), false],
    ['a failure that is final', ApplicationFailure.nonRetryable('no keys at idp'), true],
    ['a text', 'no keys at idp', false],
  ])(
    'that throws %s rejects in its words, and is asked again unless the error is final',
    async (row) => {
      const [, thrown, nonRetryable] = row;
      await expect(answerTo(() => Promise.reject(thrown as Error))).rejects.toMatchObject({
        message: expect.stringMatching(
          /^authorizeDecision failed: no keys at (https:\/\/\*\*\*@)?idp$/,
        ) as string,
        type: DECISION_REJECTED,
        nonRetryable,
      });
    },
  );

  test('that never answers is not asked again', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const late = expect(answerTo(() => new Promise(() => undefined))).rejects.toMatchObject({
      message: 'authorizeDecision failed: not done within 10000 ms',
      nonRetryable: true,
    });
    while (vi.getTimerCount() === 0) await new Promise(setImmediate);
    await vi.advanceTimersByTimeAsync(MAX_WAITING_MS);
    await late;
  });
});
