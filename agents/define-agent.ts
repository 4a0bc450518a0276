import type { Model } from '@anthropic-ai/sdk/resources/messages';
import { z } from 'zod';
import type { AgentLimits, AgentSpec } from '../core/agent-spec.ts';
import type { BatchPolicy, OnToolFailure } from '../core/batch-policy.ts';
import { ON_TOOL_FAILURE } from '../core/batch-policy.ts';
import type { ApprovalRequest } from '../core/turn-messages.ts';
import type { Duration } from './check-options.ts';
import { checkOptions, duration } from './check-options.ts';
import { DeclarationError } from './declaration-error.ts';
import type { Tool } from './define-tool.ts';
import type { AgentModelOptions } from './model-options.ts';
import { modelOptions, modelSpec } from './model-options.ts';
import { PARALLEL_TOOL_USE } from './parallel-tool-use.ts';

export interface AgentOptions<Context> extends AgentModelOptions {
  /** 1 to 64 letters, digits, `_`, `-` and `.`; unique among the agents of a worker. */
  name: string;
  /** Any model id of the Messages API, for example `claude-opus-5-5`. There is no default. */
  model: Model;
  /** The system prompt. @default none */
  system?: string;
  /** Names must be unique. @default [] */
  tools?: readonly Tool<Context>[];
  /**
   * Limit for one reply of the model, in tokens, thinking included. Must not exceed what the model
   * allows. @default 32000
   */
  maxTokens?: number;
  limits?: {
    /**
     * Most replies of the model in one turn. When the last one still asks for tools, they are not
     * run, and the turn ends with `max_rounds`. @default 50
     */
    rounds?: number;
    /**
     * Most tool calls of one turn that run at once, up to 500; the others wait. Above some 1,000
     * Temporal's server no longer follows. @default 500
     */
    concurrency?: number;
    /**
     * Continue turns and sessions as new above so many events of history, at least 20.
     * @default when Temporal suggests it, at some 4,000 events or 4 MB
     */
    historyEvents?: number;
  };
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
  readonly onApproval: ((request: AnnouncedApproval) => unknown) | undefined;
  /** The checked context, or an error whose message says what is wrong with it. */
  readonly parseContext: (context: unknown) => Promise<unknown>;
}

declare const contextType: unique symbol;

/** A declared agent. `Context` is what its turns are started with. */
export interface Agent<Context = unknown> extends AgentDefinition {
  /** For the compiler only. */
  readonly [contextType]?: Context;
}

/** Above some 1,000 activities at once the server force-fails workflow tasks of the turn. */
const MAX_CONCURRENCY = 500;

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
      rounds: z.number().int().min(1).optional(),
      concurrency: z.number().int().min(1).max(MAX_CONCURRENCY).optional(),
      historyEvents: z.number().int().min(20).max(50_000).optional(),
    })
    .optional(),
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
  parallelToolUse: z.boolean().default(true),
  ...modelOptions,
});

/**
 * Declares an agent.
 *
 * Throws a `DeclarationError` that names every mistake: a missing model, doubled tool names, an
 * unknown option.
 */
export function defineAgent<Context = unknown>(options: AgentOptions<Context>): Agent<Context> {
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
  const { contextSchema } = checked;
  return {
    name: checked.name,
    spec: agentSpec(checked),
    tools,
    limits: {
      rounds: checked.limits?.rounds ?? 50,
      concurrency: checked.limits?.concurrency ?? MAX_CONCURRENCY,
      ...(checked.limits?.historyEvents === undefined
        ? {}
        : { historyEvents: checked.limits.historyEvents }),
    },
    batch: {
      onToolFailure: checked.onToolFailure,
      ...(checked.batchTimeout === undefined ? {} : { batchTimeout: checked.batchTimeout }),
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

function agentSpec(options: z.output<typeof agentOptions>): AgentSpec {
  const nudge = options.parallelToolUse && options.tools.length > 0 ? [PARALLEL_TOOL_USE] : [];
  const system = [...(options.system === undefined ? [] : [options.system]), ...nudge].join('\n\n');
  return {
    model: options.model,
    max_tokens: options.maxTokens,
    ...(system === '' ? {} : { system }),
    ...(options.tools.length === 0 ? {} : { tools: options.tools.map(({ spec }) => spec) }),
    ...modelSpec(options),
  };
}
