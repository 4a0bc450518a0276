import type { Model } from '@anthropic-ai/sdk/resources/messages';
import { z } from 'zod';
import type { AgentLimits, AgentSpec } from '../core/agent-spec.ts';
import type { BatchPolicy, OnToolFailure } from '../core/calls/batch-policy.ts';
import { ON_TOOL_FAILURE } from '../core/calls/batch-policy.ts';
import { compactionParams, MIN_TRIGGER_TOKENS } from '../core/conversation/compaction.ts';
import type { OnLimit } from '../core/turn/budget.ts';
import { ON_LIMIT } from '../core/turn/budget.ts';
import type { Prices } from '../core/turn/prices.ts';
import type { ApprovalRequest } from '../core/turn/protocol.ts';
import type { Duration } from './check-options.ts';
import { checkOptions, duration } from './check-options.ts';
import { DeclarationError } from './declaration-error.ts';
import type { Tool } from './define-tool.ts';
import type { AgentModelOptions } from './model-options.ts';
import type { ModelFallback } from './fallbacks.ts';
import { fallbackProblems, fallbacksOption, fallbackSpecs } from './fallbacks.ts';
import { modelOptions, modelProblems, modelSpec } from './model-options.ts';
import { prices } from './prices.ts';
import { compactsConversations } from './model-features.ts';
import { defined, isRecord } from '../core/json.ts';
import { toolsetOf } from '../core/conversation/toolsets.ts';
import type { ServerTool } from './server-tools.ts';
import { serverToolProblems, toolSpecs } from './server-tools.ts';
import type { CompiledOutput, OutputOption } from './output-schema.ts';
import { compileOutput } from './output-schema.ts';
import { PARALLEL_TOOL_USE } from '../core/calls/texts.ts';

export interface AgentOptions<Context, Output = unknown> extends AgentModelOptions {
  /** 1 to 64 letters, digits, `_`, `-` and `.`; unique among the agents of a worker. */
  name: string;
  /** Any model id of the Messages API, for example `claude-opus-5-5`. There is no default. */
  model: Model;
  /**
   * Models to go on with, in this order, where the one before is overloaded or declines to answer. Which
   * one has answered stands in each reply, and in `TurnResult.fallback`. The agent's options hold for
   * them too, and must suit each. A fallback reads nothing from the cache of the model before it, and
   * mostly not its thinking. @default none
   */
  fallbacks?: readonly ModelFallback[];
  /**
   * A task queue of their own for the calls of the model, so that they can be limited without slowing
   * tools: `maxConcurrentModelCalls` and `maxModelCallsPerSecond` of the workers that serve it. Those of
   * `createWorker` serve it unless their `taskQueues` says otherwise. A turn that is not of a session
   * pays one step through the server for it. Agents may share one; a tool may not have the same.
   * @default the queue of the turn
   */
  modelTaskQueue?: string;
  /** The system prompt. @default none */
  system?: string;
  /** Names must be unique. @default [] */
  tools?: readonly Tool<Context>[];
  /**
   * Tools that Anthropic defines, sent as they are. Web search, web fetch, code execution and tool
   * search are run by the API itself. Memory, bash, the text editor and the browser and computer toolsets
   * are run by you: the agent needs a tool of the same name (`browser` and `computer` for the toolsets),
   * whose description and schema Anthropic's take the place of for the model; its `inputSchema` still
   * checks what comes. The tool of a toolset gets the member as `action` beside the member's input,
   * `{ action: 'left_click', coordinate: [10, 20] }`. Its actions run in call order, beside other tools,
   * and those after one that failed are skipped. @default []
   */
  serverTools?: readonly ServerTool[];
  /**
   * Limit for one reply of the model, in tokens, thinking included. Above what the model allows
   * (128,000 for the newest) the API refuses the first request, and the turn fails with its text.
   * @default 32000
   */
  maxTokens?: number;
  /**
   * What one turn may spend. On reaching one, what runs is brought to its end, open calls are answered,
   * and the turn ends with a stop reason that names the limit; see `onLimit`. A turn may be started with
   * limits of its own, and the tighter of both holds.
   */
  limits?: {
    /**
     * Most replies of the model in one turn. When the last one still asks for tools, they are not
     * run, and the turn ends with `max_rounds`. @default 50
     */
    rounds?: number;
    /**
     * Most tool calls of one turn, those that are skipped not counted. Of a reply that asks for more
     * than are left the first ones run, and the turn ends with `max_tool_calls`. 0 lets the model
     * answer without tools. @default none
     */
    toolCalls?: number;
    /**
     * Most tokens of all requests of one turn, those from the prompt cache included. Every request
     * holds the whole conversation. What a reply takes is known when it is there: its tools are not run
     * if it reaches the limit, and the turn ends with `max_input_tokens`. @default none
     */
    inputTokens?: number;
    /** Most tokens of all replies of one turn; otherwise as `inputTokens`. @default none */
    outputTokens?: number;
    /**
     * Most US dollars for the tokens of one turn, by `prices`; otherwise as `inputTokens`, with
     * `max_cost`. Attempts that brought no reply are not in it. @default none
     */
    costUSD?: number;
    /**
     * Longest time from the start of a turn to its end, waiting for people, workers and the model's API
     * included. When it is up, calls that run are cancelled and answered as timed out, others are
     * skipped, a model request is given up, and the turn ends with `max_wall_time`. @default none
     */
    wallTime?: Duration;
    /**
     * Most tool calls of one turn that run at once, up to 500; the others wait. Above some 1,000
     * Temporal's server no longer follows. @default 500
     */
    concurrency?: number;
    /**
     * Continue turns and sessions as new above so many events of history, 20 to 50000. A server makes
     * a run wait that follows one of less than a second (`history.workflowIdReuseMinimalInterval`).
     * @default when Temporal suggests it, at some 4,000 events or 4 MB
     */
    historyEvents?: number;
  };
  /**
   * What a turn does that has reached one of its limits and has answered its open calls: `stop`, or
   * `lastWord` to ask the model once more, with tools that it must not call. That reply comes on top of
   * the limit. There is none when `wallTime` is up. A turn may be started with another choice.
   * @default 'stop'
   */
  onLimit?: OnLimit;
  /**
   * What the model costs, in USD per million tokens, for `limits.costUSD` and for the `costUSD` of
   * results; `examplePrices` has some. @default none
   */
  prices?: Prices;
  /**
   * What the answer of a turn must be: a zod schema of an object, or a JSON Schema. The model is held
   * to it by the Messages API (`output_config.format`), and the answer is checked by it, refinements
   * included. `TurnResult.output` is the answer. A turn may be started with another schema.
   * @default any text
   */
  output?: OutputOption<Output>;
  /**
   * How often an answer that does not match `output` is asked for again, each time with what is wrong
   * with it, at most 20 times. Every time is a round. After that the turn ends with `invalid_output`.
   * @default 2
   */
  outputRepairs?: number;
  /**
   * What one failing call does to the other calls of its reply: `report` it and let the model read
   * mixed results, `cancelSiblings`, or `failTurn` once all have ended (stop reason `tool_failure`).
   * A turn may be started with another choice. @default 'report'
   */
  onToolFailure?: OnToolFailure;
  /**
   * Limit for all calls of one reply together. When it is up, what runs is cancelled and answered as
   * timed out, what has not started (queued, behind another call, waiting for a person) is skipped,
   * and the model goes on with what is there. A turn may be started with another limit.
   * @default none
   */
  batchTimeout?: Duration;
  /**
   * Called once for every call that waits for a person, as an activity: send the mail, post to the
   * chat. What it throws is retried a few times and does not touch the call.
   */
  onApproval?: (request: AnnouncedApproval) => unknown;
  /**
   * What a turn's `context` must be: a zod schema. Checked when a turn begins; its output is
   * `ctx.context`. @default anything
   */
  contextSchema?: z.core.$ZodType<Context>;
  /**
   * Let the API replace what the model has read by a summary when a conversation has grown long; `{}`
   * takes the API's defaults. The transcript keeps what was replaced. A beta of the API, for Claude
   * 4.6 and later. @default never
   */
  compaction?: {
    /** Compact a request that has at least so many tokens, at least 50000. @default 150000, the API's */
    triggerTokens?: number;
    /** The prompt for the summary, in place of the API's own. @default the API's own */
    instructions?: string;
  };
  /**
   * Add Anthropic's instruction to call independent tools in parallel to the system prompt, where
   * the agent has tools. @default true
   */
  parallelToolUse?: boolean;
}

/** A call that waits for a person, and where. */
export interface AnnouncedApproval extends ApprovalRequest {
  agent: string;
  turnId: string;
}

/** A declared agent, without the type of its context. */
export interface AgentDefinition {
  readonly name: string;
  readonly spec: AgentSpec;
  readonly tools: ReadonlyMap<string, Tool>;
  readonly limits: AgentLimits;
  readonly batch: BatchPolicy;
  readonly onLimit: OnLimit;
  readonly prices: Prices | undefined;
  /** Where it has prices. */
  readonly fallbackPrices: [model: string, prices: Prices][] | undefined;
  readonly modelTaskQueue: string | undefined;
  readonly output: CompiledOutput | undefined;
  readonly outputRepairs: number | undefined;
  readonly onApproval: ((request: AnnouncedApproval) => unknown) | undefined;
  /** The checked context, or an error whose message says what is wrong with it. */
  readonly parseContext: (context: unknown) => Promise<unknown>;
}

declare const contextType: unique symbol;
declare const outputType: unique symbol;

/** A declared agent. `Context` is what its turns are started with, `Output` what they answer. */
export interface Agent<Context = unknown, Output = unknown> extends AgentDefinition {
  /** For the compiler only. */
  readonly [contextType]?: Context;
  /** For the compiler only. */
  readonly [outputType]?: Output;
}

/** Above some 1,000 activities at once the server force-fails workflow tasks of the turn. */
const MAX_CONCURRENCY = 500;

const limit = z.number().int().min(1).optional();

const agentOptions = z.strictObject({
  name: z
    .string()
    .regex(/^[a-zA-Z0-9_.-]{1,64}$/, 'must be 1 to 64 letters, digits, "_", "-" and "."'),
  model: z.string({ error: 'must be named: there is no default model' }).min(1, 'is empty'),
  system: z
    .string()
    .refine((text) => text.trim() !== '', 'is empty; leave it out')
    .optional(),
  tools: z
    .array(
      z.custom<Tool>(
        (tool) => typeof tool === 'object' && tool !== null && 'policy' in tool,
        'must come from defineTool',
      ),
    )
    .default([]),
  maxTokens: z.number().int().min(1).default(32_000),
  limits: z
    .strictObject({
      rounds: limit,
      toolCalls: z.number().int().min(0).optional(),
      inputTokens: limit,
      outputTokens: limit,
      costUSD: z.number().positive().optional(),
      wallTime: duration.optional(),
      concurrency: z.number().int().min(1).max(MAX_CONCURRENCY).optional(),
      historyEvents: z.number().int().min(20).max(50_000).optional(),
    })
    .optional(),
  onLimit: z.enum(ON_LIMIT).default('stop'),
  prices: prices.optional(),
  fallbacks: fallbacksOption,
  modelTaskQueue: z.string().min(1, 'is empty').optional(),
  output: z
    .custom<OutputOption>(
      (value) => typeof value === 'object' && value !== null,
      'must be a zod 4 schema or a JSON Schema',
    )
    .optional(),
  outputRepairs: z.number().int().min(0).max(20).optional(),
  onToolFailure: z.enum(ON_TOOL_FAILURE).default('report'),
  batchTimeout: duration.optional(),
  onApproval: z
    .custom<AgentDefinition['onApproval']>(
      (value) => typeof value === 'function',
      'must be a function',
    )
    .optional(),
  contextSchema: z
    .custom<z.core.$ZodType>(
      (value) => typeof value === 'object' && value !== null && '_zod' in value,
      'must be a zod 4 schema',
    )
    .optional(),
  compaction: z
    .strictObject({
      triggerTokens: z.number().int().min(MIN_TRIGGER_TOKENS).optional(),
      // The API takes an instruction of nothing but spaces for none.
      instructions: z
        .string()
        .refine((text) => text.trim() !== '', 'is empty; leave it out')
        .optional(),
    })
    .optional(),
  parallelToolUse: z.boolean().default(true),
  ...modelOptions,
  serverTools: z
    .array(
      z.custom<ServerTool>(
        (tool) =>
          isRecord(tool) &&
          typeof tool['type'] === 'string' &&
          'name' in tool === (toolsetOf(tool) === undefined),
        'must be a tool as the Messages API takes it, with a type and a name, or a toolset with a type only',
      ),
    )
    .default([]),
});

/**
 * Declares an agent.
 *
 * Throws a `DeclarationError` that names every mistake: a missing model, doubled tool names, an
 * unknown option.
 */
export function defineAgent<Context = unknown, Output = unknown>(
  options: AgentOptions<Context, Output>,
): Agent<Context, Output> {
  const subject = `defineAgent(${JSON.stringify((options as { name?: unknown } | undefined)?.name)})`;
  const checked = checkOptions(subject, agentOptions, options);
  const tools = new Map(checked.tools.map((tool) => [tool.name, tool]));
  if (tools.size < checked.tools.length) {
    const names = checked.tools.map(({ name }) => name);
    const doubled = names.filter((name, i) => names.indexOf(name) !== i);
    throw new DeclarationError(
      `${subject}: two tools are named ${[...new Set(doubled)].join(', ')}`,
    );
  }
  if (checked.compaction !== undefined && !compactsConversations(checked.model)) {
    throw new DeclarationError(
      `${subject}: compaction: the API does not compact for ${checked.model}; name Claude 4.6 or a later model`,
    );
  }
  if (checked.limits?.costUSD !== undefined && checked.prices === undefined) {
    throw new DeclarationError(
      `${subject}: limits.costUSD needs prices: what the model costs in USD per million tokens`,
    );
  }
  const problems = [
    ...modelProblems(checked),
    ...fallbackProblems(checked),
    ...serverToolProblems(checked.serverTools, checked.tools),
  ];
  if (problems.length > 0) throw new DeclarationError(`${subject}: ${problems.join('; ')}`);
  const { contextSchema } = checked;
  const output = checked.output === undefined ? undefined : compileOutput(subject, checked.output);
  return {
    name: checked.name,
    spec: agentSpec(checked, output),
    tools,
    limits: {
      ...defined(checked.limits ?? {}),
      rounds: checked.limits?.rounds ?? 50,
      concurrency: checked.limits?.concurrency ?? MAX_CONCURRENCY,
    },
    onLimit: checked.onLimit,
    prices: checked.prices === undefined ? undefined : defined(checked.prices),
    fallbackPrices: fallbackPrices(checked),
    modelTaskQueue: checked.modelTaskQueue,
    output,
    outputRepairs: checked.outputRepairs,
    batch: {
      onToolFailure: checked.onToolFailure,
      ...defined({ batchTimeout: checked.batchTimeout }),
    },
    onApproval: checked.onApproval,
    async parseContext(context) {
      if (contextSchema === undefined) return context;
      const parsed = await z.safeParseAsync(contextSchema, context);
      if (parsed.success) return parsed.data;
      throw new TypeError(`context of agent ${checked.name}: ${z.prettifyError(parsed.error)}`);
    },
  };
}

function fallbackPrices({
  fallbacks = [],
}: z.output<typeof agentOptions>): [string, Prices][] | undefined {
  const priced = fallbacks.flatMap(({ model, prices: given }): [string, Prices][] =>
    given === undefined ? [] : [[model, defined(given)]],
  );
  return priced.length === 0 ? undefined : priced;
}

function agentSpec(
  options: z.output<typeof agentOptions>,
  output: CompiledOutput | undefined,
): AgentSpec {
  const { output_config: outputConfig, ...model } = modelSpec(options);
  const specs = toolSpecs(options.tools, options.serverTools);
  const nudge = options.parallelToolUse && options.tools.length > 0 ? [PARALLEL_TOOL_USE] : [];
  const system = [...(options.system === undefined ? [] : [options.system]), ...nudge].join('\n\n');
  return {
    model: options.model,
    max_tokens: options.maxTokens,
    ...(system === '' ? {} : { system }),
    ...(specs.length === 0 ? {} : { tools: specs }),
    ...model,
    ...(outputConfig === undefined && output === undefined
      ? {}
      : { output_config: { ...outputConfig, ...output?.config } }),
    ...(options.compaction === undefined ? {} : compactionParams(options.compaction)),
    ...fallbackSpecs(options),
  };
}
