import { expect, test } from 'vitest';
import type { ToolUse } from '../../../core/conversation/messages.ts';
import { nextOccurrence, occurrences } from '../../../core/calls/occurrences.ts';

const call = (name: string, input: unknown): ToolUse => ({
  type: 'tool_use',
  id: 'toolu_1',
  name,
  input,
  caller: { type: 'direct' },
});

test('calls with the same tool and the same input are counted, and all others are the first of their kind', () => {
  const calls = [
    call('pay', { to: 'Ada', cents: 5 }),
    call('pay', { cents: 5, to: 'Ada' }),
    call('pay', { cents: 6, to: 'Ada' }),
    call('look', { cents: 5, to: 'Ada' }),
    call('pay', { to: 'Ada', cents: 5 }),
  ];
  expect(occurrences(calls)).toEqual([0, 1, 0, 0, 2]);
  expect(occurrences([])).toEqual([]);
});

test('calls of different tools are all the first of their kind', () => {
  expect(occurrences([call('pay', { cents: 5 }), call('look', { cents: 5 })])).toEqual([0, 0]);
});

test('an edited call takes the next number among the calls that are now equal to it', () => {
  const others = [
    { name: 'pay', input: { to: 'Ada', cents: 5 }, occurrence: 0 },
    { name: 'pay', input: { cents: 5, to: 'Ada' }, occurrence: 3 },
    { name: 'pay', input: { cents: 6, to: 'Ada' }, occurrence: 7 },
    { name: 'look', input: { cents: 5, to: 'Ada' }, occurrence: 8 },
  ];
  expect(nextOccurrence({ name: 'pay', input: { cents: 5, to: 'Ada' } }, others)).toBe(4);
  expect(nextOccurrence({ name: 'pay', input: { cents: 9 } }, others)).toBe(0);
});
