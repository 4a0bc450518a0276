import type { Tool as ApiTool } from '@anthropic-ai/sdk/resources/messages';
import type { Logger } from '@temporalio/common';
import { z } from 'zod';
import { TOOL_NAME_PATTERN } from '../core/names.ts';
import type { ToolPolicy, ToolPolicyOverrides } from '../core/tool-policy.ts';
import { toolPolicy } from '../core/tool-policy.ts';
import type { Duration } from './check-options.ts';
import { checkOptions, duration } from './check-options.ts';
import type { InputOf, InputSchema, ParsedInput } from './input-schema.ts';
import { compileSchema } from './input-schema.ts';

/** What `run` gets besides its input. */
export interface ToolContext<Context = unknown> {
  /**
   * The same for every attempt of this call and different for every call, also after a workflow
   * reset. Hand it to whatever has an effect, so that a repeated attempt has no second one.
   */
  readonly idempotencyKey: string;
  /** From 1. */
  readonly attempt: number;
  /** Aborts when the call is cancelled, its time is up, it is paused, or the worker shuts down. */
  readonly signal: AbortSignal;
  /**
   * Records progress for the next attempt. Not needed to stay alive: Plait heartbeats by itself.
   * Details are JSON and replace the earlier ones.
   */
  readonly heartbeat: (details?: unknown) => void;
  /** The last recorded details of an earlier attempt, `undefined` on the first. */
  readonly heartbeatDetails: unknown;
  /** The turn's `context`, which the model never sees. */
  readonly context: Context;
  /** Temporal's logger, with the ids of the workflow and the call on every line. */
  readonly log: Logger;
}

/** The hints of the Model Context Protocol about what a tool does. */
export interface ToolAnnotations {
  /** A name for people. */
  title?: string;
  /** It changes nothing. It may be retried after anything. @default false */
  readOnlyHint?: boolean;
  /** It may destroy something. Told to people; Plait draws no conclusion from it. @default true */
  destructiveHint?: boolean;
  /** Calling it again with the same input changes nothing more. It may be retried. @default false */
  idempotentHint?: boolean;
  /** It reaches beyond a closed world. Told to people only. @default true */
  openWorldHint?: boolean;
}

/** Time and attempts of one call, under Temporal's own option names. */
export interface ToolActivityOptions {
  /** Limit for one attempt. When it is up, `ctx.signal` aborts. @default '2m' */
  startToCloseTimeout?: Duration;
  /**
   * How soon a lost worker, a cancel or a pause is noticed. Plait heartbeats for the tool, which only
   * has to leave the event loop free. @default '10s'
   */
  heartbeatTimeout?: Duration;
  /** Limit for waiting until a worker takes the call. @default none: waiting is not failing */
  scheduleToStartTimeout?: Duration;
  /** Limit for all attempts together with the waiting between them. @default none */
  scheduleToCloseTimeout?: Duration;
  retry?: {
    /**
     * For a tool that is not safe to repeat these are spent only on attempts that never reached
     * `run`. @default 3 if `readOnlyHint` or `idempotentHint`, otherwise 5
     */
    maximumAttempts?: number;
    /** Wait before the second attempt. @default '1s' */
    initialInterval?: Duration;
    /** Longest wait between two attempts. @default '30s' */
    maximumInterval?: Duration;
    /** Growth of the wait, at least 1. @default 2 */
    backoffCoefficient?: number;
    /** Names of errors (`error.name`) after which there is no other attempt. @default [] */
    nonRetryableErrorTypes?: string[];
  };
}

export interface ToolOptions<Schema extends InputSchema, Context> {
  /**
   * 1 to 64 letters, digits, `_` and `-`; also the activity type in the Temporal UI. Different
   * agents may have different tools of one name.
   */
  name: string;
  /** What it does, when to use it, what it returns. The model chooses tools by this text. */
  description: string;
  /**
   * A zod schema, whose output is what `run` gets, or a JSON Schema of an object. Input that breaks
   * it never reaches `run`: the model is told what is wrong.
   */
  inputSchema: Schema;
  /** Without `readOnlyHint` or `idempotentHint` the tool is never begun twice. @default {} */
  annotations?: ToolAnnotations;
  activity?: ToolActivityOptions;
  /**
   * Does the work. Runs in an activity, so anything is allowed.
   *
   * Contract: returns a text, a JSON value, or Anthropic content blocks (`text`, `image`, `document`,
   * `search_result`), at most 2 MB; a thrown error is told to the model with its causes. Stops soon
   * after `ctx.signal` aborts. Is called at most once per call, unless the annotations allow more.
   */
  run: (input: InputOf<Schema>, ctx: ToolContext<Context>) => unknown;
}

/** A declared tool. `Context` is what its `run` needs as `ctx.context`. */
export interface Tool<Context = unknown> {
  readonly name: string;
  /** What the model is told. */
  readonly spec: ApiTool;
  readonly annotations: ToolAnnotations;
  readonly policy: ToolPolicy;
  readonly parse: (input: unknown) => Promise<ParsedInput>;
  readonly run: (input: unknown, ctx: ToolContext<Context>) => unknown;
}

const hint = z.boolean().optional();
const toolOptions = z.strictObject({
  name: z
    .string()
    .regex(TOOL_NAME_PATTERN, 'must be 1 to 64 letters, digits, "_" and "-"')
    .refine(
      (name) => !name.startsWith('__temporal_'),
      'must not begin with "__temporal_", which Temporal reserves',
    ),
  description: z
    .string()
    .refine((text) => text.trim() !== '', 'is empty; the model chooses tools by it'),
  inputSchema: z.custom<InputSchema>(
    (value) => typeof value === 'object' && value !== null,
    'must be a zod schema or a JSON Schema',
  ),
  annotations: z
    .strictObject({
      title: z.string().optional(),
      readOnlyHint: hint,
      destructiveHint: hint,
      idempotentHint: hint,
      openWorldHint: hint,
    })
    .optional(),
  activity: z
    .strictObject({
      startToCloseTimeout: duration.optional(),
      heartbeatTimeout: duration.optional(),
      scheduleToStartTimeout: duration.optional(),
      scheduleToCloseTimeout: duration.optional(),
      retry: z
        .strictObject({
          maximumAttempts: z.number().int().min(1).optional(),
          initialInterval: duration.optional(),
          maximumInterval: duration.optional(),
          backoffCoefficient: z.number().min(1).optional(),
          nonRetryableErrorTypes: z.array(z.string()).optional(),
        })
        .refine(
          ({ initialInterval: first, maximumInterval: longest }) =>
            first === undefined || longest === undefined || first <= longest,
          'initialInterval must not be above maximumInterval',
        )
        .optional(),
    })
    .optional(),
  run: z.custom<Tool['run']>((value) => typeof value === 'function', 'must be a function'),
});

/**
 * Declares a tool.
 *
 * Throws a `DeclarationError` that names every mistake: a name or a schema that the API refuses, no
 * description, an unknown option, a duration that is none.
 */
export function defineTool<Schema extends InputSchema, Context = unknown>(
  options: ToolOptions<Schema, Context>,
): Tool<Context> {
  const subject = `defineTool(${JSON.stringify((options as { name?: unknown } | undefined)?.name)})`;
  const checked = checkOptions(subject, toolOptions, options);
  const { name, description, annotations = {} } = checked;
  const { jsonSchema, parse } = compileSchema(subject, checked.inputSchema);
  const repeatable = annotations.readOnlyHint === true || annotations.idempotentHint === true;
  return {
    name,
    spec: { name, description, input_schema: jsonSchema },
    annotations: annotations as ToolAnnotations,
    policy: toolPolicy(repeatable, checked.activity as ToolPolicyOverrides | undefined),
    parse,
    run: options.run as Tool<Context>['run'],
  };
}
