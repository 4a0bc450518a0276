import { describe, expect, test } from 'vitest';
import {
  endedBy,
  findFailure,
  firstTimeout,
  isFailure,
  neverStarted,
  stopped,
} from '../../../core/calls/batch-policy.ts';
import { MAY_HAVE_HAPPENED } from '../../../core/calls/texts.ts';
import type { OutcomeType, SettledCall, ToolOutcome } from '../../../core/calls/outcome.ts';

const ended = (type: OutcomeType): ToolOutcome =>
  type === 'succeeded' ? { type, content: 'ok' } : { type, message: 'why' };
const settled = (type: OutcomeType): SettledCall => ({
  outcome: ended(type),
  attempts: 1,
  start: 0,
  end: 1,
});

describe('a failure that stops others', () => {
  test.for([
    ['failed', true],
    ['timedOut', true],
    ['unknown', true],
    ['succeeded', false],
    ['denied', false],
    ['cancelled', false],
    ['skipped', false],
  ] as const)('is a call that %s: %s', ([type, failure]) => {
    expect(isFailure(ended(type))).toBe(failure);
  });

  test('is found where it is the first of several', () => {
    const calls = [settled('succeeded'), settled('denied'), settled('unknown'), settled('failed')];

    expect(findFailure(calls)).toBe(2);
    expect(findFailure(calls.slice(0, 2))).toBeUndefined();
  });
});

const cancelled = { type: 'turn cancelled' } as const;
const timeUp = { type: 'batch timeout', milliseconds: 90_000 } as const;
const sibling = (message: string) =>
  ({ type: 'sibling failed', callId: 'toolu_01', tool: 'pay', message }) as const;

describe('a call that had not started when its batch was stopped', () => {
  test.for([
    ['by a cancelled turn', cancelled, 'cancelled', 'The call was cancelled.'],
    [
      'by its time limit',
      timeUp,
      'skipped',
      'Not executed: the time limit of 90 s for all calls of this reply (batchTimeout) was up before this call started.',
    ],
    [
      'by a sibling',
      sibling('No money.'),
      'skipped',
      'Not executed, because pay (toolu_01) failed: No money.',
    ],
    [
      'by a sibling whose message is no sentence',
      sibling('no money'),
      'skipped',
      'Not executed, because pay (toolu_01) failed: no money.',
    ],
  ] as const)('%s says so', ([, stop, type, message]) => {
    expect(neverStarted(stop)).toEqual({ type, message });
  });

  test('may have been tried before where that cannot be known', () => {
    expect(neverStarted(timeUp, true)).toMatchObject({
      message: expect.stringMatching(/was up while this call waited to run\.$/) as string,
    });
  });

  test('reads the beginning of what its sibling says at length', () => {
    const outcome = neverStarted(sibling('x'.repeat(3_000)));
    expect(outcome).toMatchObject({ message: expect.stringMatching(/x…$/) as string });
    expect(JSON.stringify(outcome).length).toBeLessThan(700);
  });
});

describe('a call that ran when its batch was stopped', () => {
  const texts = [
    ['by a cancelled turn', cancelled, 'cancelled', 'The call was cancelled'],
    ['by its time limit', timeUp, 'timedOut', 'was up while this call ran.'],
    ['by a sibling', sibling('No money.'), 'cancelled', 'because pay (toolu_01) failed: No money.'],
  ] as const;

  test.for(texts)('%s says so, and no more where it may be repeated', ([, stop, type, text]) => {
    const outcome = stopped(stop, true);

    expect(outcome).toMatchObject({ type, message: expect.stringContaining(text) as string });
    expect(outcome).not.toMatchObject({
      message: expect.stringContaining(MAY_HAVE_HAPPENED) as string,
    });
  });

  test.for(texts)('%s may have had its effect otherwise', ([, stop, type, text]) => {
    const outcome = stopped(stop, false);

    expect(outcome).toMatchObject({ type, message: expect.stringContaining(text) as string });
    expect(outcome).toMatchObject({
      message: expect.stringContaining(` ${MAY_HAVE_HAPPENED}`) as string,
    });
  });
});

describe('the first limit of time that is up', () => {
  const ofTurn = { type: 'turn timeout', milliseconds: 9_000 } as const;
  const ofBatch = { type: 'batch timeout', milliseconds: 500 } as const;
  const policy = { onToolFailure: 'report' } as const;

  test.for([
    ['none', {}, undefined, undefined],
    ['of the batch', { batchTimeout: 500 }, undefined, { after: 500, stop: ofBatch }],
    ['of the turn', {}, 300, { after: 300, stop: ofTurn }],
    ['of the turn before the batch', { batchTimeout: 500 }, 300, { after: 300, stop: ofTurn }],
    ['of the batch before the turn', { batchTimeout: 500 }, 700, { after: 500, stop: ofBatch }],
  ] as const)('is that %s', ([, limits, left, expected]) => {
    const turn = left === undefined ? undefined : { limit: 9_000, left };
    expect(firstTimeout({ ...policy, ...limits }, turn)).toEqual(expected);
  });

  test('is named to the calls', () => {
    const limit = 'the time limit of 9 s for the turn (wallTime) was up';
    expect(neverStarted(ofTurn)).toEqual({
      type: 'skipped',
      message: `Not executed: ${limit} before this call started.`,
    });
    expect(stopped(ofTurn, true)).toEqual({
      type: 'timedOut',
      message: `Timed out: ${limit} while this call ran.`,
    });
  });
});

describe('a call that ends after its batch was stopped', () => {
  const stop = { type: 'batch timeout', milliseconds: 2_000 } as const;

  test('is told by what it was cancelled', () => {
    const call = settled('cancelled');

    expect(endedBy(stop, call, false)).toEqual({ ...call, outcome: stopped(stop, false) });
  });

  test('is told that it never started where no attempt ran, or only that it waited to run again', () => {
    const call = { ...settled('cancelled'), attempts: 0 };

    expect(endedBy(stop, call, false).outcome).toEqual(neverStarted(stop));
    expect(endedBy(stop, call, true).outcome).toEqual(neverStarted(stop, true));
  });

  test('keeps an end of its own, and so does one that somebody else cancelled', () => {
    const [call, cancelled] = [settled('succeeded'), settled('cancelled')];

    expect(endedBy(stop, call, true)).toBe(call);
    expect(endedBy(undefined, cancelled, true)).toBe(cancelled);
  });
});
