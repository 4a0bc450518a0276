import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { temporalIsListening } from '../testing/find-temporal.ts';
import startOneServer from './docs/one-server.ts';

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const guide = read('docs/testing.md');

describe('docs/testing.md', () => {
  const programs = [...guide.matchAll(/<!-- file: (\S+) -->\n\n```ts\n([\s\S]*?)```/g)];

  test.each(programs.map(([, file = '', code]) => [file, code]))(
    'shows %s as it is',
    (file, code) => {
      expect(code).toBe(read(file));
    },
  );

  test('shows no program that is not a file which the tests run or compile', () => {
    expect(programs.length).toBeGreaterThanOrEqual(2);
    expect(guide.match(/^```ts$/gm)).toHaveLength(programs.length);
  });
});

test('the server for all tests starts, tells its address and ends', async () => {
  const stop = await startOneServer();
  const address = process.env['TEST_TEMPORAL'] ?? '';
  delete process.env['TEST_TEMPORAL'];
  expect(await temporalIsListening(address)).toBe(true);
  await stop();
  expect(await temporalIsListening(address)).toBe(false);
});
