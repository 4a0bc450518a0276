import type { Model } from '@anthropic-ai/sdk/resources/messages';
import { z } from 'zod';
import type { AgentLimits, AgentSpec } from '../core/agent-spec.ts';
import type { AtEnd, BackgroundPolicy } from '../core/calls/background.ts';
import { AT_END } from '../core/calls/background.ts';
import type { BatchPolicy, OnToolFailure } from '../core/calls/batch-policy.ts';
import { ON_TOOL_FAILURE } from '../core/calls/batch-policy.ts';
import type { TurnOwner } from '../core/calls/tool-call.ts';
import { DEFAULT_DEPTH } from '../core/calls/sub-agent.ts';
import { compactionParams, MIN_TRIGGER_TOKENS } from '../core/conversation/compaction.ts';
import { toolsetOf } from '../core/conversation/toolsets.ts';
import { defined, isRecord } from '../core/json.ts';
import { GET_AGENT_RESULT } from '../core/names.ts';
import { SERVED_SEPARATOR } from '../core/served-tools.ts';
import type { OnLimit } from '../core/turn/budget.ts';
import { ON_LIMIT } from '../core/turn/budget.ts';
import type { Prices } from '../core/turn/prices.ts';
import type { ApprovalRequest } from '../core/turn/protocol.ts';
import type { Duration } from './check-options.ts';
import {
  callable,
  checkOptions,
  declaring,
  duration,
  halfProblems,
  isJson,
  queueName,
  someText,
  subjectOf,
  wholeNumber,
  wrongOptions,
} from './check-options.ts';
import type { Tool } from './define-tool.ts';
import { isTool } from './define-tool.ts';
import type { McpServer } from './mcp-server.ts';
import { isMcpServer } from './mcp-server.ts';
import { getAgentResultTool } from './get-agent-result.ts';
import type { ModelFallback } from './fallbacks.ts';
import { fallbackPrices, fallbackProblems, fallbacksOption, fallbackSpecs } from './fallbacks.ts';
import { isZod, zodParser } from './input-schema.ts';
import { compactsConversations } from './model-features.ts';
import type { AgentModelOptions } from './model-options.ts';
import { modelOptions, modelProblems, modelSpec } from './model-options.ts';
import type { CompiledOutput, OutputOption } from './output-schema.ts';
import { compileOutput } from './output-schema.ts';
import { PARALLEL_TOOL_USE } from '../core/calls/texts.ts';
import type { ServerTool } from './server-tools.ts';
import { serverToolProblems, toolSpecs } from './server-tools.ts';

/** What `defineAgent` takes. */
export interface AgentOptions<Context, Output = unknown> extends AgentModelOptions {
  /** 1 to 64 letters, digits, `_`, `-` and `.`; unique among the agents of a worker. */
  name: string;
  /** Any model id of the Messages API, for example `claude-opus-5-5`. There is no default. */
  model: Model;
  /**
   * Models that take over, in this order, when the one before is overloaded or declines to answer. Each
   * reply says which model wrote it, and so does `TurnResult.fallback`. A fallback uses the agent's options
   * except those that it sets itself, so they must suit it too. It cannot use the prompt cache of the model
   * before it, and usually does not read that model's thinking. @default none
   */
  fallbacks?: readonly ModelFallback[];
  /**
   * A task queue only for this agent's model calls, so that you can limit them without slowing tools: see
   * `maxConcurrentModelCalls` and `maxModelCallsPerSecond` of the workers that serve it. `createWorker`
   * serves it unless its `taskQueues` says otherwise. Agents may share a queue; a tool must not have the
   * same one. A turn outside a session then takes some 20 ms longer.
   * @default the queue of the turn
   */
  modelTaskQueue?: string;
  /** The system prompt. @default none */
  system?: string;
  /**
   * What the agent does, when to ask it, and what it answers. If you offer the agent as an MCP server, its
   * clients read this; the agent itself does not. @default none
   */
  description?: string;
  /**
   * What `defineTool`, `agentTool` and `mcpServer` (of `plait/mcp`) return. Names must be unique. The tools of
   * a server are listed when a turn or a session begins, and stay as they are until it ends. @default []
   */
  tools?: readonly (Tool<Context> | McpServer)[];
  /**
   * Tools that Anthropic defines, sent as they are. The API itself runs web search, web fetch, code
   * execution and tool search. You run memory, bash, the text editor and the browser and computer toolsets:
   * give the agent a tool of the same name (`browser` and `computer` for the toolsets). The model then reads
   * Anthropic's description and schema instead of yours; your `inputSchema` still checks the input.
   *
   * The tool of a toolset gets the action beside its input: `{ action: 'left_click', coordinate: [10, 20] }`.
   * Actions of one toolset run in call order, beside other tools; when one fails, those after it are
   * skipped. @default []
   */
  serverTools?: readonly ServerTool[];
  /**
   * Limit for one reply of the model, in tokens, thinking included. Above what the model allows
   * (128,000 for the newest) the API rejects the first request, and the turn fails with its text.
   * @default 32000
   */
  maxTokens?: number;
  /**
   * Longest wait that the API may ask for with `retry-after`. If it asks for more, an overloaded model's
   * fallback is asked; otherwise the turn fails at once, with the wait in its message. @default '10m'
   */
  maxRetryAfter?: Duration;
  /**
   * What one turn may spend. When it reaches a limit, what runs is brought to its end, open calls are
   * answered, and the turn ends with a stop reason that names the limit; see `onLimit`. A turn may be
   * started with limits of its own; the tighter one holds.
   */
  limits?: {
    /**
     * Most replies of the model in one turn. When the last one still asks for tools, they are not
     * run, and the turn ends with `max_rounds`. @default 50
     */
    rounds?: number;
    /**
     * Most tool calls of one turn; skipped ones do not count. When a reply asks for more than are left,
     * the first ones run, and the turn ends with `max_tool_calls`. 0 lets the model answer without
     * tools. @default none
     */
    toolCalls?: number;
    /**
     * Most tokens of all requests of one turn, those from the prompt cache included. Every request
     * holds the whole conversation. The count is known only with the reply: when a reply reaches the
     * limit, its tools are not run, and the turn ends with `max_input_tokens`. @default none
     */
    inputTokens?: number;
    /** Most tokens of all replies of one turn; otherwise like `inputTokens`. @default none */
    outputTokens?: number;
    /**
     * Most US dollars for the tokens of one turn, by `prices`; otherwise like `inputTokens`, with
     * `max_cost`. Attempts that brought no reply do not count. @default none
     */
    costUSD?: number;
    /**
     * Longest time from the start of a turn to its end, waiting for people, workers and the model's API
     * included. When it is up, running calls are cancelled and answered as timed out, the others are
     * skipped, a running model request is aborted, and the turn ends with `max_wall_time`.
     * @default none
     */
    wallTime?: Duration;
    /**
     * Most tool calls of one turn that run at once, up to 500; the others wait. Temporal's server cannot
     * keep up with more than some 1,000. @default 500
     */
    concurrency?: number;
    /**
     * Most levels of sub-agents below a turn, 0 to 10: with 1 its sub-agents cannot call others. The limit of
     * the turn that you start applies to all levels below it. @default 3
     */
    depth?: number;
    /**
     * Continue turns and sessions in a new run after this many events of history, 20 to 50000. If a run takes
     * less than a second, the server delays the next one (`history.workflowIdReuseMinimalInterval`).
     * @default when Temporal suggests it, at some 4,000 events or 4 MB
     */
    historyEvents?: number;
  };
  /**
   * What a turn does when it has reached a limit and answered its open calls: `stop`, or `lastWord` to ask
   * the model once more, without calls. That reply may exceed the limit; after `wallTime` there is none. A turn
   * may be started with another choice. @default 'stop'
   */
  onLimit?: OnLimit;
  /**
   * What the answer of a turn must be: a zod schema of an object, or a JSON Schema. The Messages API holds
   * the model to it (`output_config.format`), and Plait checks the answer, refinements included.
   * `TurnResult.output` is the answer. A turn may be started with another schema. @default any text
   */
  output?: OutputOption<Output>;
  /**
   * How often the model is asked again for an answer that does not match `output`, at most 20 times. It
   * reads what is wrong each time, and each time is a round. After that the turn ends with
   * `invalid_output`. @default 2
   */
  outputRepairs?: number;
  /**
   * What one failing call does to the other calls of its reply: `report` it and let the model read
   * mixed results, `cancelSiblings`, or `failTurn` once all have ended (stop reason `tool_failure`).
   * A turn may be started with another choice. @default 'report'
   */
  onToolFailure?: OnToolFailure;
  /**
   * Whether calls of tools with `readOnlyHint` start while the model's reply still comes; see the tool's
   * option of the same name.
   * @default true, unless the worker has activity interceptors or a rate limit, which an early call would
   * bypass, was made without `createWorker`, or the agent has a `modelTaskQueue`
   */
  startCallsEarly?: boolean;
  /**
   * Limit for all calls of one reply together. When it is up, running calls are cancelled and answered as
   * timed out. Calls that have not started (queued, behind another call, waiting for a person) are skipped,
   * and the model goes on with what is there. A turn may be started with another limit.
   * @default none
   */
  batchTimeout?: Duration;
  /**
   * What happens to calls that still run when `batchTimeout` is up. `cancel`: they are cancelled. `continue`: the
   * model reads that they go on, and gets their results later. Calls with an `access`, and calls by code, are
   * cancelled in both cases. @default 'cancel'
   */
  onTimeout?: 'cancel' | 'continue';
  /**
   * What happens to calls in the background when the model has ended its turn: those of an `agentTool` with
   * `mode: 'background'`, and those that go on after `batchTimeout`. `wait`: the turn waits for them, and the
   * model goes on with their results. `cancel`: they are cancelled. @default 'wait'
   */
  backgroundAtEnd?: AtEnd;
  /**
   * Called once for every call that waits for a person, as an activity: send the mail, post to the
   * chat. When it throws, it is retried a few times; the call itself is not affected.
   */
  onApproval?: (request: AnnouncedApproval) => unknown;
  /**
   * What a turn's `context` must be: a zod schema. Checked when a turn begins; its output is
   * `ctx.context`. @default anything
   */
  contextSchema?: z.core.$ZodType<Context>;
  /**
   * Let the API replace earlier messages by a summary when a conversation has grown long; `{}` takes the
   * API's defaults. The transcript keeps what was replaced. A beta of the API, for Claude 4.6 and later.
   * @default never
   */
  compaction?: {
    /** Compact a request of at least this many tokens, at least 50000. @default 150000, the API's */
    triggerTokens?: number;
    /** The prompt for the summary. @default the API's own */
    instructions?: string;
  };
  /**
   * Let `turn.stream()` report replies while the model writes them. A reply that is longer than a fifth of a
   * second then costs up to five heartbeats a second, each an Action, whether anybody follows or not;
   * none where the workers have a `streamTransport`. A turn may be started with another choice. @default false
   */
  stream?: boolean;
  /**
   * Show in the Temporal UI what a turn is about: the user's first words, the arguments of calls, who decided
   * about them. `false` leaves all of it out of summaries and details, whatever the tools say; inputs and
   * results still have it. Then start turns with the agent, not with its name alone: the client writes the
   * user's words. See also `summary` of a tool. @default true
   */
  summaries?: boolean;
  /**
   * Add Anthropic's instruction to call independent tools in parallel to the system prompt, where
   * the agent has tools. @default true
   */
  parallelToolUse?: boolean;
}

/** A call that waits for a person, and where. */
export interface AnnouncedApproval extends ApprovalRequest, TurnOwner {
  agent: string;
  turnId: string;
}

/** A declared agent, without the type of its context. */
export interface AgentDefinition {
  readonly name: string;
  readonly description?: string | undefined;
  readonly spec: AgentSpec;
  /** The agent's own tools. */
  readonly tools: ReadonlyMap<string, Tool>;
  /** MCP servers, whose tools are added to the agent's own. */
  readonly servers?: readonly McpServer[];
  readonly limits: AgentLimits;
  readonly batch: BatchPolicy;
  /** Set where calls may go on in the background. */
  readonly background?: BackgroundPolicy;
  readonly onLimit: OnLimit;
  readonly prices: Prices | undefined;
  /** The prices of those fallbacks that have some. */
  readonly fallbackPrices: [model: string, prices: Prices][] | undefined;
  readonly modelTaskQueue: string | undefined;
  /** In milliseconds. */
  readonly maxRetryAfter: number;
  readonly output: CompiledOutput | undefined;
  readonly outputRepairs: number | undefined;
  /** `undefined`: the worker decides. */
  readonly startCallsEarly: boolean | undefined;
  readonly stream: boolean;
  readonly summaries: boolean;
  readonly onApproval: ((request: AnnouncedApproval) => unknown) | undefined;
  /** The checked context, or an error whose message says what is wrong with it. */
  readonly parseContext: (context: unknown) => Promise<unknown>;
}

declare const contextType: unique symbol;
declare const outputType: unique symbol;

/** A declared agent. `Context` is what its turns are started with, `Output` what they answer. */
export interface Agent<Context = unknown, Output = unknown> extends AgentDefinition {
  /** These two exist for the compiler only. */
  readonly [contextType]?: Context;
  readonly [outputType]?: Output;
}

/** Recognized by its shape: it may come from another copy of Plait. */
export function isAgent(value: unknown): value is AgentDefinition {
  return (
    isRecord(value) &&
    typeof value['name'] === 'string' &&
    isRecord(value['spec']) &&
    value['tools'] instanceof Map &&
    [...value['tools'].values()].every(isTool) &&
    isRecord(value['limits']) &&
    isRecord(value['batch']) &&
    typeof value['parseContext'] === 'function'
  );
}

/** Above some 1,000 activities at once the server force-fails workflow tasks of the turn. */
const MAX_CONCURRENCY = 500;

const NO_MODEL = 'must name a model; there is no default';
const NOT_DOLLARS = 'must be a number of US dollars above 0';

const agentOptions = z.strictObject({
  name: z
    .string()
    .regex(/^[a-zA-Z0-9_.-]{1,64}$/, 'must be 1 to 64 letters, digits, "_", "-" and "."'),
  model: z.string(NO_MODEL).min(1, NO_MODEL),
  system: someText().optional(),
  description: someText().optional(),
  tools: z
    .array(
      z.custom<Tool | McpServer>(
        (value) => isTool(value) || isMcpServer(value),
        'must come from defineTool or mcpServer',
      ),
    )
    .default([]),
  maxTokens: wholeNumber(1).default(32_000),
  maxRetryAfter: duration.default(600_000),
  limits: z
    .strictObject({
      rounds: wholeNumber(1).optional(),
      toolCalls: wholeNumber(0).optional(),
      inputTokens: wholeNumber(1).optional(),
      outputTokens: wholeNumber(1).optional(),
      costUSD: z.number(NOT_DOLLARS).positive(NOT_DOLLARS).optional(),
      wallTime: duration.optional(),
      concurrency: wholeNumber(1, MAX_CONCURRENCY).optional(),
      depth: wholeNumber(0, 10).optional(),
      historyEvents: wholeNumber(20, 50_000).optional(),
    })
    .optional(),
  onLimit: z.enum(ON_LIMIT).default('stop'),
  fallbacks: fallbacksOption,
  modelTaskQueue: queueName.optional(),
  output: z
    .custom<OutputOption>(
      (value) => typeof value === 'object' && value !== null,
      'must be a zod 4 schema or a JSON Schema',
    )
    .optional(),
  outputRepairs: wholeNumber(0, 20).optional(),
  onToolFailure: z.enum(ON_TOOL_FAILURE).default('report'),
  batchTimeout: duration.optional(),
  onTimeout: z.enum(['cancel', 'continue']).optional(),
  backgroundAtEnd: z.enum(AT_END).optional(),
  startCallsEarly: z.boolean().optional(),
  onApproval: callable(
    z.custom<AgentDefinition['onApproval']>(
      (value) => typeof value === 'function',
      'must be a function',
    ),
  ).optional(),
  contextSchema: z.custom<z.core.$ZodType>(isZod, 'must be a zod 4 schema').optional(),
  compaction: z
    .strictObject({
      triggerTokens: wholeNumber(MIN_TRIGGER_TOKENS).optional(),
      // The API ignores an instruction of nothing but spaces.
      instructions: someText().optional(),
    })
    .optional(),
  stream: z.boolean().default(false),
  summaries: z.boolean().default(true),
  parallelToolUse: z.boolean().default(true),
  ...modelOptions,
  serverTools: z
    .array(
      z
        .custom<ServerTool>(
          (tool) =>
            isRecord(tool) &&
            typeof tool['type'] === 'string' &&
            'name' in tool === (toolsetOf(tool) === undefined),
          'must be a tool as the Messages API takes it: { type, name }, or { type } for a toolset',
        )
        .refine(isJson, 'must be JSON'),
    )
    .default([]),
});

/**
 * Declares an agent.
 *
 * Throws a `DeclarationError` that names every mistake: a missing model, two tools of one name, an
 * unknown option.
 *
 * @example
 * const support = defineAgent({
 *   name: 'support',
 *   model: 'claude-opus-5-5',
 *   system: 'You answer questions about orders.',
 *   tools: [getOrders, refund],
 *   limits: { rounds: 20 },
 * });
 */
export function defineAgent<Context = unknown, Output = unknown>(
  options: AgentOptions<Context, Output>,
): Agent<Context, Output> {
  const subject = subjectOf('defineAgent', options);
  return declaring(subject, () => {
    const { tools: given, ...others } = checkOptions(subject, agentOptions, options);
    const servers = given.filter(isMcpServer);
    const own = given.filter(isTool);
    const background = backgroundPolicy(own, others);
    // With this tool the model waits for calls in the background.
    const tools = background === undefined ? own : [...own, getAgentResultTool];
    const checked = { ...others, tools, servers };
    const problems = [
      ...agentProblems(checked),
      ...modelProblems(checked),
      ...fallbackProblems(checked),
      ...serverToolProblems(checked.serverTools, checked.tools),
    ];
    if (problems.length > 0) throw wrongOptions(subject, problems);
    const { contextSchema } = checked;
    const output =
      checked.output === undefined ? undefined : compileOutput(subject, checked.output);
    const half = halfProblems({ ...textsOf(checked), output: output?.config.format.schema });
    if (half.length > 0) throw wrongOptions(subject, half);
    return {
      name: checked.name,
      ...defined({ description: checked.description }),
      spec: agentSpec(checked, output),
      tools: new Map(checked.tools.map((tool) => [tool.name, tool])),
      ...(servers.length === 0 ? {} : { servers }),
      limits: {
        ...defined(checked.limits ?? {}),
        rounds: checked.limits?.rounds ?? 50,
        concurrency: checked.limits?.concurrency ?? MAX_CONCURRENCY,
      },
      onLimit: checked.onLimit,
      prices: checked.prices === undefined ? undefined : defined(checked.prices),
      fallbackPrices: fallbackPrices(checked),
      maxRetryAfter: checked.maxRetryAfter,
      modelTaskQueue: checked.modelTaskQueue,
      output,
      outputRepairs: checked.outputRepairs,
      startCallsEarly: checked.startCallsEarly,
      stream: checked.stream,
      summaries: checked.summaries,
      batch: {
        onToolFailure: checked.onToolFailure,
        ...defined({ batchTimeout: checked.batchTimeout }),
      },
      ...defined({ background }),
      onApproval: checked.onApproval,
      parseContext: contextParser(checked.name, contextSchema),
    };
  });
}

/** How an agent with these tools has calls in the background; `undefined` if it has none. */
function backgroundPolicy(
  tools: readonly Tool[],
  { onTimeout, backgroundAtEnd = 'wait' }: Pick<CheckedAgent, 'onTimeout' | 'backgroundAtEnd'>,
): BackgroundPolicy | undefined {
  const goesOn = onTimeout === 'continue';
  if (!goesOn && !tools.some(({ subAgent }) => subAgent?.spec.mode === 'background')) {
    return undefined;
  }
  return { atEnd: backgroundAtEnd, ...(goesOn ? { onTimeout } : {}) };
}

function contextParser(
  name: string,
  schema: z.core.$ZodType | undefined,
): AgentDefinition['parseContext'] {
  if (schema === undefined) return (context) => Promise.resolve(context);
  const parse = zodParser(schema);
  return async (context) => {
    const parsed = await parse(context);
    if (parsed.ok) return parsed.value;
    throw new TypeError(
      parsed.givenUpAfter === undefined
        ? `context of agent ${name} does not match its contextSchema:\n${parsed.problem}`
        : `context of agent ${name} could not be checked against its contextSchema within ${parsed.givenUpAfter} ms; give a smaller or simpler one`,
    );
  };
}

type CheckedAgent = Omit<z.output<typeof agentOptions>, 'tools'> & {
  tools: Tool[];
  servers: McpServer[];
};

/** The texts that go into requests as they were written. The tools check theirs themselves. */
function textsOf({
  model,
  system,
  stopSequences,
  compaction,
  serverTools,
  fallbacks,
}: CheckedAgent) {
  return { model, system, stopSequences, compaction, serverTools, fallbacks };
}

function agentProblems(checked: CheckedAgent): string[] {
  const { tools, servers, model, compaction, limits, prices } = checked;
  const names = tools.map(({ name }) => name);
  const doubled = doubledIn(names);
  const doubledServers = doubledIn(servers.map(({ name }) => name));
  const served = servers.map(({ name }) => `${name}${SERVED_SEPARATOR}`);
  const deferred = servers.filter(({ defaults, tools }) =>
    [defaults, ...tools.values()].some(({ deferLoading }) => deferLoading === true),
  );
  const searches = checked.serverTools.some(({ type }) => type.startsWith('tool_search_tool_'));
  const like = names.filter((name) => served.some((prefix) => name.startsWith(prefix)));
  const problems = [
    doubled.size > 0 && `tools: two are named ${[...doubled].join(', ')}; each needs its own name`,
    doubledServers.size > 0 &&
      `tools: two servers are named ${[...doubledServers].join(', ')}; each needs its own name`,
    checked.backgroundAtEnd !== undefined &&
      !names.includes(GET_AGENT_RESULT) &&
      "backgroundAtEnd has no effect: no call goes on in the background; give an agentTool mode: 'background', or set onTimeout: 'continue'",
    doubled.has(GET_AGENT_RESULT) &&
      `tools: ${GET_AGENT_RESULT} is Plait's own tool for calls in the background; rename yours`,
    deferred.length > 0 &&
      !searches &&
      `the server ${deferred.map(({ name }) => name).join(', ')} has deferLoading; add a tool_search_tool to serverTools`,
    like.length > 0 &&
      `tools: ${like.join(', ')} could be a tool of a server, whose tools are named ${served.map((prefix) => `${prefix}…`).join(', ')}; rename it`,
    compaction !== undefined &&
      !compactsConversations(model) &&
      `compaction: the API does not compact for ${model}; use Claude 4.6 or later`,
    limits?.costUSD !== undefined &&
      prices === undefined &&
      'limits.costUSD needs prices: what the model costs in USD per million tokens',
    ...subAgentProblems(tools, limits),
  ];
  return problems.filter((problem) => typeof problem === 'string');
}

function subAgentProblems(tools: readonly Tool[], limits: CheckedAgent['limits']): string[] {
  const { depth = DEFAULT_DEPTH, costUSD } = limits ?? {};
  return tools.flatMap(({ name, subAgent }) => {
    if (subAgent === undefined) return [];
    const { levels, hasPrices } = subAgent;
    return [
      ...(levels > depth
        ? [
            `tools: ${name} makes ${levels} levels of sub-agents, and limits.depth is ${depth}; raise limits.depth, or nest fewer`,
          ]
        : []),
      ...(costUSD !== undefined && !hasPrices
        ? [
            `limits.costUSD needs prices of every sub-agent too, and the agent of tool ${name} has none`,
          ]
        : []),
    ];
  });
}

function doubledIn(names: readonly string[]): Set<string> {
  return new Set(names.filter((name, i) => names.indexOf(name) !== i));
}

function agentSpec(options: CheckedAgent, output: CompiledOutput | undefined): AgentSpec {
  const { output_config: outputConfig, ...model } = modelSpec(options);
  const specs = toolSpecs(options.tools, options.serverTools);
  const hasTools = options.tools.length + options.servers.length > 0;
  const nudge = options.parallelToolUse && hasTools ? [PARALLEL_TOOL_USE] : [];
  const system = [...(options.system === undefined ? [] : [options.system]), ...nudge].join('\n\n');
  return {
    model: options.model,
    max_tokens: options.maxTokens,
    ...(system !== '' && { system }),
    ...(specs.length > 0 && { tools: specs }),
    ...model,
    ...(outputConfig === undefined && output === undefined
      ? {}
      : { output_config: { ...outputConfig, ...output?.config } }),
    ...(options.compaction && compactionParams(options.compaction)),
    ...fallbackSpecs(options),
  };
}
