import { expect, test } from 'vitest';
import type { ToolUse } from '../../core/messages.ts';
import { occurrences } from '../../core/occurrences.ts';

const call = (name: string, input: unknown): ToolUse => ({
  type: 'tool_use',
  id: 'toolu_1',
  name,
  input,
  caller: { type: 'direct' },
});

test('calls with the same tool and the same input are counted, all others are the first of their kind', () => {
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
