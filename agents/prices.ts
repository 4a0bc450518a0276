import { z } from 'zod';

const price = z.number().min(0);

/** The schema of `Prices`, for `defineAgent`. */
export const prices = z.strictObject({
  input: price,
  output: price,
  cacheWrite5m: price.optional(),
  cacheWrite1h: price.optional(),
  cacheRead: price.optional(),
});
