import { z } from 'zod';
import type { AgentSpec, CacheSpec } from '../core/agent-spec.ts';
import { DEFAULT_CACHE } from '../core/agent-spec.ts';
import type { Tool } from './define-tool.ts';

/** How an agent's requests to the model are made. */
export interface AgentModelOptions {
  /**
   * Prompt caching. `ttl` is how long an entry lives after its last use; writing one for an hour costs
   * 2 times the price of input, for five minutes 1.25 times, and reading one a tenth. Plait places the
   * breakpoints; a `cache_control` in your own content blocks is left out. With `false` nothing is
   * added to the requests or left out of them.
   * @default `{ ttl: '5m' }`, or `{ ttl: '1h' }` where a tool may wait for a person
   */
  cache?: CacheSpec;
}

/** Their schemas, for `defineAgent`. */
export const modelOptions = {
  cache: z
    .union([z.literal(false), z.strictObject({ ttl: z.enum(['5m', '1h']) })], {
      error: "must be false, { ttl: '5m' } or { ttl: '1h' }",
    })
    .optional(),
};

type Checked = { [Key in keyof typeof modelOptions]?: z.output<(typeof modelOptions)[Key]> };

/** What of a spec follows from them. */
export function modelSpec(options: Checked & { tools: readonly Tool[] }): Partial<AgentSpec> {
  const waits = options.tools.some(({ approval }) => approval !== 'never');
  const cache = options.cache ?? (waits ? { ttl: '1h' } : DEFAULT_CACHE);
  const isDefault = cache !== false && cache.ttl === DEFAULT_CACHE.ttl;
  return {
    // Left out, so that agents which do not choose keep the digest of their spec.
    ...(isDefault ? {} : { cache }),
  };
}
