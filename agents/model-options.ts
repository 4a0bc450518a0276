import { z } from 'zod';
import type { AgentSpec, CacheSpec } from '../core/agent-spec.ts';
import { DEFAULT_CACHE } from '../core/agent-spec.ts';
import { defined } from '../core/json.ts';
import type { Prices } from '../core/turn/prices.ts';
import { oneOf, someOf, someText, wholeNumber } from './check-options.ts';
import { SERVED_SEPARATOR } from '../core/served-tools.ts';
import type { Tool } from './define-tool.ts';
import type { McpServer } from './mcp-server.ts';
import { effortProblem, thinkingProblem, toolChoiceProblem } from './model-features.ts';

/**
 * How the model thinks. Which types there are depends on the model:
 *
 * - `adaptive`: as much as it finds useful, see `effort`. Claude 4.6 and later.
 * - `enabled`: up to `budgetTokens` a reply, at least 1,024 and fewer than `maxTokens`. Claude 4.6 and
 *   older.
 * - `between_tools`: only between its tool calls. Sonnet and Haiku from 5.5 on.
 * - `disabled`: not at all. Not for Fable, Mythos, and Opus and Sonnet from 5.5 on.
 *
 * `display` says whether the text of the thinking comes with the reply: `summarized` or `omitted`. The
 * newest models omit it by default. You pay for all of the thinking either way.
 * https://platform.claude.com/docs/en/build-with-claude/thinking
 */
export type Thinking =
  | { type: 'adaptive'; display?: 'summarized' | 'omitted' }
  | { type: 'enabled'; budgetTokens: number; display?: 'summarized' | 'omitted' }
  | { type: 'between_tools' }
  | { type: 'disabled' };

export type Effort = (typeof EFFORTS)[number];

/**
 * Whether the model calls tools. `any` and `tool` make it call one in the first reply of a turn; in later
 * replies it is free again. The API rejects both for the newest models, and for older ones beside thinking
 * of type `enabled`. `disableParallelToolUse` allows one call a reply at most; the API rejects it beside
 * tools that code may call (`allowedCallers`). You rarely need it: Plait runs calls in parallel or in order
 * as their tools say.
 */
export type ToolChoice =
  | { type: 'auto' | 'any'; disableParallelToolUse?: boolean }
  | { type: 'tool'; name: string; disableParallelToolUse?: boolean }
  | { type: 'none' };

/**
 * How an agent's requests to the model are made. `defineAgent` throws a `DeclarationError` for what it
 * knows that the API rejects. A turn fails with the API's own text for the rest.
 */
export interface AgentModelOptions {
  /** @default the model's own */
  thinking?: Thinking;
  /**
   * How much the model spends on a reply: thinking, text and the number of its calls. `xhigh` and `max`
   * need room: set `maxTokens` to 64000 or more. @default the model's own, `medium` or `high`
   */
  effort?: Effort;
  /** @default `{ type: 'auto' }` */
  toolChoice?: ToolChoice;
  /**
   * Texts at which the model stops; none may be blank. The turn ends with `stop_sequence`, and
   * `stopDetails` is the text. @default none
   */
  stopSequences?: readonly string[];
  /**
   * When a reply is cut off by `maxTokens`, ask once more with this limit, which must be above it. The
   * reply that was cut is thrown away; its tokens count. @default none: the turn ends with `max_tokens`
   */
  maxTokensRetry?: number;
  /**
   * Prompt caching. `ttl` is how long an entry lives after its last use. Writing an entry for an hour
   * costs 2 times the price of input, for five minutes 1.25 times; reading one costs a tenth. Plait
   * places the breakpoints and leaves out any `cache_control` in your own content blocks. With `false`
   * requests are sent without breakpoints of Plait's, and with yours.
   * @default `{ ttl: '5m' }`, or `{ ttl: '1h' }` where a tool may wait for a person
   */
  cache?: CacheSpec;
  /**
   * What the model costs, in USD per million tokens. Needed for `limits.costUSD` and for the `costUSD` of
   * results; `examplePrices` has some. @default none
   */
  prices?: Prices;
}

const EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max'] as const;
const display = z.enum(['summarized', 'omitted']).optional();
const disableParallelToolUse = z.boolean().optional();
const price = z.number('must be a number of USD').min(0, 'must not be below 0');

/** Another `type` than these. */
function wrongType(...types: string[]) {
  const message = `must be ${oneOf(types)}`;
  return {
    error: ({ code }: { code: string }) => (code === 'invalid_union' ? message : undefined),
  };
}

/** The schemas of these options, for `defineAgent`. */
export const modelOptions = {
  thinking: z
    .discriminatedUnion(
      'type',
      [
        z.strictObject({ type: z.literal('adaptive'), display }),
        z.strictObject({ type: z.literal('enabled'), budgetTokens: wholeNumber(1_024), display }),
        z.strictObject({ type: z.literal('between_tools') }),
        z.strictObject({ type: z.literal('disabled') }),
      ],
      wrongType('adaptive', 'enabled', 'between_tools', 'disabled'),
    )
    .optional(),
  effort: z.enum(EFFORTS).optional(),
  toolChoice: z
    .discriminatedUnion(
      'type',
      [
        z.strictObject({ type: z.literal('auto'), disableParallelToolUse }),
        z.strictObject({ type: z.literal('any'), disableParallelToolUse }),
        z.strictObject({ type: z.literal('tool'), name: z.string(), disableParallelToolUse }),
        z.strictObject({ type: z.literal('none') }),
      ],
      wrongType('auto', 'any', 'tool', 'none'),
    )
    .optional(),
  stopSequences: someOf(someText('the API rejects it')).optional(),
  maxTokensRetry: wholeNumber(1).optional(),
  cache: z
    .union([z.literal(false), z.strictObject({ ttl: z.enum(['5m', '1h']) })], {
      error: "must be false, { ttl: '5m' } or { ttl: '1h' }",
    })
    .optional(),
  prices: z
    .strictObject({
      input: price,
      output: price,
      cacheWrite5m: price.optional(),
      cacheWrite1h: price.optional(),
      cacheRead: price.optional(),
    })
    .optional(),
};

export type CheckedModelOptions = {
  [Key in keyof typeof modelOptions]?: z.output<(typeof modelOptions)[Key]>;
} & {
  model: string;
  maxTokens: number;
  tools: readonly Tool[];
  servers?: readonly McpServer[];
};

/** Options that contradict each other, or that the API rejects for the model. */
export function modelProblems(options: CheckedModelOptions): string[] {
  const { model, maxTokens, thinking, effort, toolChoice, maxTokensRetry, tools } = options;
  const { servers = [] } = options;
  const forced = toolChoice?.type === 'any' || toolChoice?.type === 'tool';
  const budget = thinking?.type === 'enabled' ? thinking.budgetTokens : 0;
  const problems: (string | false | undefined)[] = [
    thinking && about('thinking', thinking.type, thinkingProblem(model, thinking.type)),
    effort && about('effort', effort, effortProblem(model, effort)),
    toolChoice && about('toolChoice', toolChoice.type, toolChoiceProblem(model, toolChoice.type)),
    budget >= maxTokens &&
      `thinking.budgetTokens must be below maxTokens (${maxTokens}); got ${budget}`,
    forced &&
      budget > 0 &&
      "toolChoice: the API does not force a tool beside thinking 'enabled'; leave one of them out",
    forced &&
      tools.length + servers.length === 0 &&
      'toolChoice forces a tool, and the agent has none; give it one, or leave out toolChoice',
    toolChoice?.type === 'tool' &&
      tools.length > 0 &&
      !tools.some(({ name }) => name === toolChoice.name) &&
      !servers.some(({ name }) => toolChoice.name.startsWith(name + SERVED_SEPARATOR)) &&
      `toolChoice.name must be a tool of the agent; got ${JSON.stringify(toolChoice.name)}`,
    disablesParallel(toolChoice) &&
      tools.some(({ spec }) => spec.allowed_callers?.some((caller) => caller !== 'direct')) &&
      'toolChoice.disableParallelToolUse: the API rejects it beside tools that code may call; leave it out',
    maxTokensRetry !== undefined &&
      maxTokensRetry <= maxTokens &&
      `maxTokensRetry must be above maxTokens (${maxTokens}); got ${maxTokensRetry}`,
  ];
  return problems.filter((problem) => typeof problem === 'string');
}

function disablesParallel(choice: CheckedModelOptions['toolChoice']): boolean {
  return choice !== undefined && choice.type !== 'none' && choice.disableParallelToolUse === true;
}

function about(option: string, value: string, problem: string | undefined): string | undefined {
  return problem === undefined ? undefined : `${option} '${value}': ${problem}`;
}

/**
 * What goes into the pinned spec. Options that were not given are absent, so that the digests of old specs
 * stay.
 */
export function modelSpec(options: CheckedModelOptions): Partial<AgentSpec> {
  const { thinking, effort, toolChoice, stopSequences, maxTokensRetry } = options;
  const served = (options.servers ?? []).flatMap(({ tools }) => [...tools.values()]);
  const waits = [...options.tools, ...served].some(
    ({ approval = 'never' }) => approval !== 'never',
  );
  const cache = options.cache ?? (waits ? { ttl: '1h' } : DEFAULT_CACHE);
  const isDefaultCache = cache !== false && cache.ttl === DEFAULT_CACHE.ttl;
  return defined({
    thinking: thinking && thinkingParam(thinking as Thinking),
    output_config: effort && { effort },
    tool_choice: toolChoice && toolChoiceParam(toolChoice as ToolChoice),
    stop_sequences: stopSequences,
    max_tokens_retry: maxTokensRetry,
    cache: isDefaultCache ? undefined : cache,
  });
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
