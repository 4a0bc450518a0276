import * as fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { fingerprint } from '../../core/fingerprint.ts';
import { canonicalJson } from '../../core/json.ts';

test('a fingerprint is a short text, even for nothing', () => {
  expect(fingerprint({ input: 'x'.repeat(100_000) })).toMatch(/^[0-9a-z]{1,11}$/);
  expect(fingerprint(undefined)).toMatch(/^[0-9a-z]{1,11}$/);
});

test('a fingerprint does not depend on the order of keys', () => {
  expect(fingerprint({ a: 1, b: [2] })).toBe(fingerprint({ b: [2], a: 1 }));
});

test('a fingerprint never changes: sessions remember it for months', () => {
  expect(fingerprint('Hello')).toBe('130861zfmj');
  expect(fingerprint({ text: 'Grüße 🧵', list: [1, null] })).toBe('123wv2xzz87');
});

test('a fingerprint looks up no global for each character: that is slow in the workflow sandbox', () => {
  const imul = vi.spyOn(Math, 'imul');

  fingerprint('Hello');

  expect(imul).not.toHaveBeenCalled();
  imul.mockRestore();
});

test('texts that differ in a character have different fingerprints', () => {
  const seen = new Set<string>();
  for (let i = 0; i < 20_000; i += 1) seen.add(fingerprint(`message ${i}`));
  expect(seen.size).toBe(20_000);
});

test('values have the same fingerprint exactly if they are the same JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      expect(fingerprint(a) === fingerprint(b)).toBe(canonicalJson(a) === canonicalJson(b));
    }),
  );
});
