import { defined } from '../core/json.ts';
import type { Model } from '@anthropic-ai/sdk/resources/messages';
import { z } from 'zod';
import type { FallbackSpec } from '../core/agent-spec.ts';
import type { FallbackReason } from '../core/turn/fallback.ts';
import { FALLBACK_REASONS } from '../core/turn/fallback.ts';
import type { Prices } from '../core/turn/prices.ts';
import { compactsConversations } from './model-features.ts';
import type { CheckedModelOptions, Effort, Thinking } from './model-options.ts';
import { modelOptions, modelProblems, thinkingParam } from './model-options.ts';
import { prices } from './prices.ts';

/** A model to go on with where the one before cannot answer, and what it is told otherwise. */
export interface ModelFallback {
  /** Another than the agent's and those of the other fallbacks. */
  model: Model;
  /**
   * What it stands in for:
   *
   * - `overloaded`: the API answered 529 `overloaded_error`, or Bedrock 503
   *   `ServiceUnavailableException`, to the third attempt or a later one, some three seconds after the
   *   first. The rest of the turn stays with the fallback; the next turn of a session begins
   *   with the agent's model again.
   * - `refusal`: the model declined to answer. What it has said is thrown away, its tokens count, and it
   *   is not asked again: a session stays with the fallback.
   *
   * @default both
   */
  on?: readonly FallbackReason[];
  /** @default the agent's */
  maxTokens?: number;
  /** `null`: what the model does by itself. @default the agent's */
  thinking?: Thinking | null;
  /** `null`: what the model does by itself. @default the agent's */
  effort?: Effort | null;
  /** What it costs. Needed where the agent has `prices`. */
  prices?: Prices;
}

/** Their schema, for `defineAgent`. */
export const fallbacksOption = z
  .array(
    z.strictObject({
      model: z.string({ error: 'must be named' }).min(1, 'is empty'),
      on: z.array(z.enum(FALLBACK_REASONS)).min(1, 'is empty; leave it out').optional(),
      maxTokens: z.number().int().min(1).optional(),
      thinking: modelOptions.thinking.unwrap().nullable().optional(),
      effort: modelOptions.effort.unwrap().nullable().optional(),
      prices: prices.optional(),
    }),
  )
  .min(1, 'is empty; leave it out')
  .optional();

type Checked = CheckedModelOptions & {
  fallbacks?: z.output<typeof fallbacksOption>;
  prices?: unknown;
  compaction?: unknown;
};

/** What does not go together: each fallback is asked with the agent's options, so they must suit it. */
export function fallbackProblems(agent: Checked): string[] {
  const { fallbacks = [] } = agent;
  const models = [agent.model, ...fallbacks.map(({ model }) => model)];
  const known = new Set(modelProblems(agent));
  return fallbacks.flatMap((fallback, i) => {
    const { model, maxTokens = agent.maxTokens } = fallback;
    const thinking = fallback.thinking === undefined ? agent.thinking : fallback.thinking;
    const effort = fallback.effort === undefined ? agent.effort : fallback.effort;
    const asked = {
      ...agent,
      model,
      maxTokens,
      thinking: thinking ?? undefined,
      effort: effort ?? undefined,
    };
    const problems = [
      models.indexOf(model) <= i && 'is asked already; name each model once',
      agent.prices !== undefined &&
        fallback.prices === undefined &&
        'needs prices, as the agent has',
      agent.prices === undefined &&
        fallback.prices !== undefined &&
        'has prices, and the agent none',
      agent.compaction !== undefined &&
        !compactsConversations(model) &&
        'the API does not compact for it, and the agent has compaction',
      ...modelProblems(asked).filter((problem) => !known.has(problem)),
    ];
    return problems
      .filter((problem) => typeof problem === 'string')
      .map((problem) => `fallbacks.${i} (${model}): ${problem}`);
  });
}

/** What of a spec follows from them. */
export function fallbackSpecs({ fallbacks }: Checked): { fallbacks?: FallbackSpec[] } {
  if (fallbacks === undefined) return {};
  return {
    fallbacks: fallbacks.map(({ model, on = FALLBACK_REASONS, maxTokens, thinking, effort }) => ({
      model,
      on: [...on],
      ...defined({ max_tokens: maxTokens }),
      ...(thinking === undefined
        ? {}
        : { thinking: thinking && thinkingParam(thinking as Thinking) }),
      ...defined({ effort }),
    })),
  };
}
