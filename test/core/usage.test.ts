import { expect, test } from 'vitest';
import { addUsage, NO_USAGE } from '../../core/usage.ts';

const usage = {
  input_tokens: 1,
  output_tokens: 20,
  cache_creation_input_tokens: 300,
  cache_read_input_tokens: 4_000,
};

test('usage is summed count by count', () => {
  expect(addUsage(usage, { ...usage, output_tokens: 5 })).toEqual({
    input_tokens: 2,
    output_tokens: 25,
    cache_creation_input_tokens: 600,
    cache_read_input_tokens: 8_000,
  });
});

test('no usage adds nothing', () => {
  expect(addUsage(NO_USAGE, usage)).toEqual(usage);
});
