import { expect, test } from 'vitest';
import { callRecord } from '../../../core/calls/record.ts';

const use = {
  type: 'tool_use',
  id: 'toolu_1',
  name: 'look',
  input: { id: 7 },
  caller: { type: 'direct' },
} as const;
const settled = {
  outcome: { type: 'succeeded', content: 'seen' },
  attempts: 1,
  start: 1_000,
  end: 2_000,
} as const;
const record = {
  id: 'toolu_1',
  name: 'look',
  input: { id: 7 },
  outcome: 'succeeded',
  round: 2,
  attempts: 1,
  start: '1970-01-01T00:00:01.000Z',
  end: '1970-01-01T00:00:02.000Z',
};

test('the record of a call says when it ran, and whether it began before its reply was complete', () => {
  expect(callRecord(use, settled, 2)).toEqual(record);
  expect(callRecord(use, { ...settled, startedEarly: true }, 2)).toEqual({
    ...record,
    startedEarly: true,
  });
});
