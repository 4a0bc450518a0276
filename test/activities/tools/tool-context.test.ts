import { expect, test } from 'vitest';
import { idempotencyKey } from '../../../activities/tools/tool-context.ts';

const call = {
  workflowId: 'order-7',
  round: 1,
  tool: 'pay',
  input: { cents: 5, to: 'Ada' },
  occurrence: 0,
};

test('the key of a call is the same in every worker, however the input is written', () => {
  expect(idempotencyKey(call)).toMatch(/^[0-9a-f]{64}$/);
  expect(idempotencyKey({ ...call, input: { to: 'Ada', cents: 5 } })).toBe(idempotencyKey(call));
});

test('every call has a key of its own', () => {
  const others = [
    { workflowId: 'order-8' },
    { round: 2 },
    { tool: 'pay_back' },
    { input: { cents: 6, to: 'Ada' } },
    { occurrence: 1 },
  ].map((difference) => idempotencyKey({ ...call, ...difference }));

  expect(new Set([idempotencyKey(call), ...others]).size).toBe(6);
});
