import { defined } from '../core/json.ts';
import { z } from 'zod';
import type { AgentSpec, CacheSpec } from '../core/agent-spec.ts';
import { DEFAULT_CACHE } from '../core/agent-spec.ts';
import type { Tool } from './define-tool.ts';
import { refusedEffort, refusedThinking, refusedToolChoice } from './model-features.ts';

/**
 * How the model thinks; which types there are depends on the model.
 *
 * - `adaptive`: as much as it finds useful, see `effort`. Claude 4.6 and later.
 * - `enabled`: up to `budgetTokens` a reply, at least 1,024 and fewer than `maxTokens`. Claude 4.6 and
 *   older.
 * - `between_tools`: only between its tool calls. Sonnet and Haiku from 5.5 on.
 * - `disabled`: not at all. Not for Fable, Mythos, and Opus and Sonnet from 5.5 on.
 *
 * `display` is whether the text of the thinking comes with the reply: `summarized` or `omitted`; the newest
 * models omit it by default. Billed is the whole of it either way.
 * https://platform.claude.com/docs/en/build-with-claude/thinking
 */
export type Thinking =
  | { type: 'adaptive'; display?: 'summarized' | 'omitted' }
  | { type: 'enabled'; budgetTokens: number; display?: 'summarized' | 'omitted' }
  | { type: 'between_tools' }
  | { type: 'disabled' };

export type Effort = (typeof EFFORTS)[number];

/**
 * Whether the model calls tools. `any` and `tool` hold for the first reply of a turn, which must call a
 * tool; with the replies after it the model is free again. The newest models refuse both, and older ones
 * refuse them beside thinking of type `enabled`. `disableParallelToolUse`: at most one call a reply; not
 * beside tools that code may call (`allowedCallers`). Plait itself runs calls in parallel or in order as
 * their tools say, so it is rarely needed.
 */
export type ToolChoice =
  | { type: 'auto' | 'any'; disableParallelToolUse?: boolean }
  | { type: 'tool'; name: string; disableParallelToolUse?: boolean }
  | { type: 'none' };

/**
 * How an agent's requests to the model are made. What the model is known to refuse is a
 * `DeclarationError`; what the API refuses later fails the turn with the API's own text.
 */
export interface AgentModelOptions {
  /** @default what the model does by itself */
  thinking?: Thinking;
  /**
   * How much the model spends on a reply: thinking, text and the number of its calls. Give room with
   * `maxTokens`, 64000 or more, for `xhigh` and `max`. @default the model's own, `medium` or `high`
   */
  effort?: Effort;
  /** @default `{ type: 'auto' }` */
  toolChoice?: ToolChoice;
  /**
   * Texts at which the model stops, none of them blank; the turn ends with `stop_sequence`, and
   * `stopDetails` is the text. @default none
   */
  stopSequences?: readonly string[];
  /**
   * Asks once more, with this many tokens instead of `maxTokens` (it must be above), when a reply was cut off
   * by that limit. The reply that was cut is thrown away; its tokens count. @default none: the turn ends with `max_tokens`
   */
  maxTokensRetry?: number;
  /**
   * Prompt caching. `ttl` is how long an entry lives after its last use; writing one for an hour costs
   * 2 times the price of input, for five minutes 1.25 times, and reading one a tenth. Plait places the
   * breakpoints; a `cache_control` in your own content blocks is left out. With `false` nothing is
   * added to the requests or left out of them.
   * @default `{ ttl: '5m' }`, or `{ ttl: '1h' }` where a tool may wait for a person
   */
  cache?: CacheSpec;
}

const EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max'] as const;
const display = z.enum(['summarized', 'omitted']).optional();
const disableParallelToolUse = z.boolean().optional();

/** Their schemas, for `defineAgent`. */
export const modelOptions = {
  thinking: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('adaptive'), display }),
      z.strictObject({
        type: z.literal('enabled'),
        budgetTokens: z.number().int().min(1_024),
        display,
      }),
      z.strictObject({ type: z.literal('between_tools') }),
      z.strictObject({ type: z.literal('disabled') }),
    ])
    .optional(),
  effort: z.enum(EFFORTS).optional(),
  toolChoice: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('auto'), disableParallelToolUse }),
      z.strictObject({ type: z.literal('any'), disableParallelToolUse }),
      z.strictObject({ type: z.literal('tool'), name: z.string(), disableParallelToolUse }),
      z.strictObject({ type: z.literal('none') }),
    ])
    .optional(),
  stopSequences: z
    .array(z.string().refine((text) => text.trim() !== '', 'is blank'))
    .min(1, 'is empty; leave it out')
    .optional(),
  maxTokensRetry: z.number().int().min(1).optional(),
  cache: z
    .union([z.literal(false), z.strictObject({ ttl: z.enum(['5m', '1h']) })], {
      error: "must be false, { ttl: '5m' } or { ttl: '1h' }",
    })
    .optional(),
};

export type CheckedModelOptions = {
  [Key in keyof typeof modelOptions]?: z.output<(typeof modelOptions)[Key]>;
} & {
  model: string;
  maxTokens: number;
  tools: readonly Tool[];
};

/** What does not go together, or not with the model. */
export function modelProblems(options: CheckedModelOptions): string[] {
  const { model, maxTokens, thinking, effort, toolChoice, maxTokensRetry, tools } = options;
  const forced = toolChoice?.type === 'any' || toolChoice?.type === 'tool';
  const budget = thinking?.type === 'enabled' ? thinking.budgetTokens : 0;
  const problems: (string | false | undefined)[] = [
    thinking && about('thinking', thinking.type, refusedThinking(model, thinking.type)),
    effort && about('effort', effort, refusedEffort(model, effort)),
    toolChoice && about('toolChoice', toolChoice.type, refusedToolChoice(model, toolChoice.type)),
    budget >= maxTokens && `thinking.budgetTokens must be below maxTokens (${maxTokens})`,
    forced && budget > 0 && "toolChoice: a tool cannot be forced with thinking 'enabled'",
    forced && tools.length === 0 && 'toolChoice: there are no tools',
    toolChoice?.type === 'tool' &&
      tools.length > 0 &&
      !tools.some(({ name }) => name === toolChoice.name) &&
      `toolChoice: there is no tool named ${toolChoice.name}`,
    disablesParallel(toolChoice) &&
      tools.some(({ spec }) => spec.allowed_callers?.some((caller) => caller !== 'direct')) &&
      'toolChoice.disableParallelToolUse: the API does not take it beside tools that code may call',
    maxTokensRetry !== undefined &&
      maxTokensRetry <= maxTokens &&
      `maxTokensRetry must be above maxTokens (${maxTokens})`,
  ];
  return problems.filter((problem) => typeof problem === 'string');
}

function disablesParallel(choice: CheckedModelOptions['toolChoice']): boolean {
  return choice !== undefined && choice.type !== 'none' && choice.disableParallelToolUse === true;
}

function about(option: string, value: string, problem: string | undefined): string | undefined {
  return problem === undefined ? undefined : `${option} '${value}': ${problem}`;
}

/** What of a spec follows from them. Absent where nothing was chosen, so that digests stay. */
export function modelSpec(options: CheckedModelOptions): Partial<AgentSpec> {
  const { thinking, effort, toolChoice, stopSequences, maxTokensRetry } = options;
  const waits = options.tools.some(({ approval }) => approval !== 'never');
  const cache = options.cache ?? (waits ? { ttl: '1h' } : DEFAULT_CACHE);
  const isDefaultCache = cache !== false && cache.ttl === DEFAULT_CACHE.ttl;
  return {
    ...(thinking === undefined ? {} : { thinking: thinkingParam(thinking as Thinking) }),
    ...(effort === undefined ? {} : { output_config: { effort } }),
    ...(toolChoice === undefined ? {} : { tool_choice: toolChoiceParam(toolChoice as ToolChoice) }),
    ...defined({ stop_sequences: stopSequences, max_tokens_retry: maxTokensRetry }),
    ...(isDefaultCache ? {} : { cache }),
  };
}

export function thinkingParam(thinking: Thinking): NonNullable<AgentSpec['thinking']> {
  if (thinking.type !== 'enabled') return thinking;
  const { budgetTokens, ...rest } = thinking;
  return { ...rest, budget_tokens: budgetTokens };
}

function toolChoiceParam(choice: ToolChoice): NonNullable<AgentSpec['tool_choice']> {
  if (choice.type === 'none') return choice;
  const { disableParallelToolUse: one, ...rest } = choice;
  return { ...rest, ...defined({ disable_parallel_tool_use: one }) };
}
