import type { Model } from '@anthropic-ai/sdk/resources/messages';
import { z } from 'zod';
import type { FallbackSpec } from '../core/agent-spec.ts';
import { defined } from '../core/json.ts';
import type { FallbackReason } from '../core/agent-spec.ts';
import { FALLBACK_REASONS } from '../core/agent-spec.ts';
import type { Prices } from '../core/turn/prices.ts';
import { someOf, wholeNumber } from './check-options.ts';
import { compactsConversations } from './model-features.ts';
import type { CheckedModelOptions, Effort, Thinking } from './model-options.ts';
import { modelOptions, modelProblems, thinkingParam } from './model-options.ts';

/** A model that takes over when the one before it cannot answer, and which options differ for it. */
export interface ModelFallback {
  /** Another than the agent's and those of the other fallbacks. */
  model: Model;
  /**
   * When it takes over:
   *
   * - `overloaded`: the API answered 529 `overloaded_error`, or Bedrock 503
   *   `ServiceUnavailableException`, to the third attempt or a later one, some three seconds after the
   *   first. The rest of the turn stays with the fallback; the next turn of a session begins
   *   with the agent's model again.
   * - `refusal`: the model declined to answer. What it said is thrown away, its tokens count, and it
   *   is not asked again: a session stays with the fallback.
   *
   * @default both
   */
  on?: readonly FallbackReason[];
  /** @default the agent's */
  maxTokens?: number;
  /** `null`: the model's own default. @default the agent's */
  thinking?: Thinking | null;
  /** `null`: the model's own default. @default the agent's */
  effort?: Effort | null;
  /** What it costs. Needed where the agent has `prices`. */
  prices?: Prices;
}

/** The schema of the option, for `defineAgent`. */
export const fallbacksOption = someOf(
  z.strictObject({
    model: z.string('must name a model').min(1, 'must name a model'),
    on: someOf(z.enum(FALLBACK_REASONS)).optional(),
    maxTokens: wholeNumber(1).optional(),
    thinking: modelOptions.thinking.unwrap().nullable().optional(),
    effort: modelOptions.effort.unwrap().nullable().optional(),
    prices: modelOptions.prices,
  }),
).optional();

type Checked = CheckedModelOptions & {
  fallbacks?: z.output<typeof fallbacksOption>;
  compaction?: unknown;
};

/**
 * The agent's options also apply to each fallback that does not override them. Finds those that do not suit
 * its model.
 */
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
      models.indexOf(model) <= i && 'this model is named twice; name each model once',
      agent.prices !== undefined &&
        fallback.prices === undefined &&
        'needs prices, because the agent has them',
      agent.prices === undefined &&
        fallback.prices !== undefined &&
        'has prices, and the agent has none; give the agent prices too',
      agent.compaction !== undefined &&
        !compactsConversations(model) &&
        'the API does not compact for this model, and the agent has compaction',
      ...modelProblems(asked).filter((problem) => !known.has(problem)),
    ];
    return problems
      .filter((problem) => typeof problem === 'string')
      .map((problem) => `fallbacks[${i}] (${model}): ${problem}`);
  });
}

/** What goes into the pinned spec of the fallbacks. */
export function fallbackSpecs({ fallbacks }: Checked): { fallbacks?: FallbackSpec[] } {
  if (fallbacks === undefined) return {};
  return {
    fallbacks: fallbacks.map(({ model, on = FALLBACK_REASONS, maxTokens, thinking, effort }) => ({
      model,
      on: [...on],
      ...defined({
        max_tokens: maxTokens,
        thinking: thinking && thinkingParam(thinking as Thinking),
        effort,
      }),
    })),
  };
}

/** The prices of the fallbacks that have some. */
export function fallbackPrices({ fallbacks = [] }: Checked): [string, Prices][] | undefined {
  const priced = fallbacks.flatMap(({ model, prices }): [string, Prices][] =>
    prices === undefined ? [] : [[model, defined(prices)]],
  );
  return priced.length === 0 ? undefined : priced;
}
