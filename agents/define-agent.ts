import type { Model } from '@anthropic-ai/sdk/resources/messages';
import { z } from 'zod';
import type { AgentSpec } from '../core/agent-spec.ts';
import { checkOptions } from './check-options.ts';
import { DeclarationError } from './declaration-error.ts';
import type { Tool } from './define-tool.ts';
import { PARALLEL_TOOL_USE } from './parallel-tool-use.ts';

export interface AgentOptions<Context> {
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
  };
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

/** A declared agent, without the type of its context. */
export interface AgentDefinition {
  readonly name: string;
  readonly spec: AgentSpec;
  readonly tools: ReadonlyMap<string, Tool>;
  readonly limits: { readonly rounds: number };
  /** The checked context, or an error whose message says what is wrong with it. */
  readonly parseContext: (context: unknown) => Promise<unknown>;
}

declare const contextType: unique symbol;

/** A declared agent. `Context` is what its turns are started with. */
export interface Agent<Context = unknown> extends AgentDefinition {
  /** For the compiler only. */
  readonly [contextType]?: Context;
}

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
  limits: z.strictObject({ rounds: z.number().int().min(1).optional() }).optional(),
  contextSchema: z
    .custom<z.core.$ZodType>(
      (value) => typeof value === 'object' && value !== null && '_zod' in value,
      'must be a zod 4 schema',
    )
    .optional(),
  parallelToolUse: z.boolean().default(true),
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
    limits: { rounds: checked.limits?.rounds ?? 50 },
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
  };
}
