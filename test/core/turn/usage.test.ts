import { expect, test } from 'vitest';
import { addUsage, inputTokens, NO_USAGE } from '../../../core/turn/usage.ts';

const usage = {
  input_tokens: 1,
  output_tokens: 20,
  cache_creation_input_tokens: 300,
  cache_read_input_tokens: 4_000,
};
const split = (five: number, hour: number) => ({
  ephemeral_5m_input_tokens: five,
  ephemeral_1h_input_tokens: hour,
});

test('usage is summed count by count', () => {
  expect(addUsage(usage, { ...usage, output_tokens: 5 })).toEqual({
    input_tokens: 2,
    output_tokens: 25,
    cache_creation_input_tokens: 600,
    cache_read_input_tokens: 8_000,
    cache_creation: split(600, 0),
  });
});

test('tokens that were cached for an hour are counted separately', () => {
  const hour = { ...usage, cache_creation: split(100, 200) };
  expect(addUsage(hour, hour).cache_creation).toEqual(split(200, 400));
  expect(addUsage(hour, usage).cache_creation).toEqual(split(400, 200));
});

test('adding no usage changes nothing', () => {
  const whole = { ...usage, cache_creation: split(0, 300) };
  expect(addUsage(NO_USAGE, whole)).toEqual(whole);
});

test('input is all that was sent, cached or not', () => {
  expect(inputTokens(usage)).toBe(4_301);
});
