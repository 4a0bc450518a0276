import { expect, test } from 'vitest';
import { readPreparedCall } from '../../../core/calls/prepared-call.ts';

test('a prepared call is read as it is', () => {
  const ready = { type: 'ready', summary: 'n: 1' } as const;
  const invalid = { type: 'invalid', message: 'There is no tool named pay.' } as const;
  const missing = { type: 'missing' } as const;
  expect(readPreparedCall(ready)).toBe(ready);
  expect(readPreparedCall(missing)).toBe(missing);
  expect(readPreparedCall(invalid)).toBe(invalid);
});

test('an invalid call that was recorded as "refused" is read as invalid', () => {
  const message = 'There is no tool named pay.';
  expect(readPreparedCall({ type: 'refused', message, access: 'exclusive' })).toEqual({
    type: 'invalid',
    message,
    access: 'exclusive',
  });
});
