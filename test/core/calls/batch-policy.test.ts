import { describe, expect, test } from 'vitest';
import { findFailure, firstTimeout, isFailure } from '../../../core/calls/batch-policy.ts';
import type { OutcomeType, SettledCall, ToolOutcome } from '../../../core/calls/outcome.ts';

const ended = (type: OutcomeType): ToolOutcome =>
  type === 'succeeded' ? { type, content: 'ok' } : { type, message: 'why' };
const settled = (type: OutcomeType): SettledCall => ({
  outcome: ended(type),
  attempts: 1,
  start: 0,
  end: 1,
});

describe('a failure for the batch policy', () => {
  test.for([
    ['failed', true],
    ['timedOut', true],
    ['unknown', true],
    ['succeeded', false],
    ['denied', false],
    ['cancelled', false],
    ['skipped', false],
  ] as const)('is a call that ended as %s: %s', ([type, failure]) => {
    expect(isFailure(ended(type))).toBe(failure);
  });

  test('is the first one if there are several', () => {
    const calls = [settled('succeeded'), settled('denied'), settled('unknown'), settled('failed')];

    expect(findFailure(calls)).toBe(2);
    expect(findFailure(calls.slice(0, 2))).toBeUndefined();
  });
});

describe('the first time limit to be reached', () => {
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
});
