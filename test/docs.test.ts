import { describe, expect, test } from 'vitest';
import { testGuide } from './fixtures/guide.ts';
import { temporalIsListening } from '../testing/temporal-connection.ts';
import startOneServer from './docs/one-server.ts';

describe('docs/testing.md', () => {
  testGuide('docs/testing.md', 2);
});

describe('docs/evals.md', () => {
  testGuide('docs/evals.md', 2);
});

test('the server for all tests starts, reports its address and ends', async () => {
  const stop = await startOneServer();
  const address = process.env['TEST_TEMPORAL'] ?? '';
  delete process.env['TEST_TEMPORAL'];
  expect(await temporalIsListening(address)).toBe(true);
  await stop();
  expect(await temporalIsListening(address)).toBe(false);
});
