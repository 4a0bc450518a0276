import { expect, test } from 'vitest';
import { closest } from '../../core/closest.ts';

test.each([
  ['suport', ['billing', 'support'], 'support'],
  ['Support', ['support'], 'support'],
  ['customer_lookup', ['customer-lookup', 'customer-lookups'], 'customer-lookup'],
  ['billing', ['support'], undefined],
  ['supper', ['support'], 'support'],
  ['a', ['b'], undefined],
  ['', ['b'], undefined],
  ['support', [], undefined],
  ['support', ['a-support-agent'], undefined],
])('%j among %j was probably meant as %j', (name, known, meant) => {
  expect(closest(name, known)).toBe(meant);
});
