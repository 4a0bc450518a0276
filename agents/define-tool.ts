import { defined } from '../core/json.ts';
import type { Tool as ApiTool } from '@anthropic-ai/sdk/resources/messages';
import type { Logger } from '@temporalio/common';
import { z } from 'zod';
import { DEFAULT_RESULT_BYTES } from '../core/conversation/cut-result.ts';
import { TOOL_NAME_PATTERN } from '../core/names.ts';
import type { ToolPolicy, ToolPolicyOverrides } from '../core/calls/tool-policy.ts';
import { toolPolicy } from '../core/calls/tool-policy.ts';
import type { AccessOption } from './access-option.ts';
import { accessOption, checkFields } from './access-option.ts';
import type { Duration } from './check-options.ts';
import { checkOptions, duration } from './check-options.ts';
import { DeclarationError } from './declaration-error.ts';
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
  /**
   * Hands the call over to be completed from outside, hours or days later, by any process: give
   * `token` to whoever will call `AgentClient.completeToolCall(token, result)` or `failToolCall`, and
   * return what this returned. Until then the call costs no worker. The token is the same for every
   * attempt, and it is no secret: who may talk to Temporal may complete calls.
   *
   * Throws a `TypeError` for wrong options, and a `ToolError` in a call by code (`allowedCallers`), which
   * cannot wait: the call has failed, and the model is told to call the tool directly.
   */
  readonly later: (options?: LaterOptions) => Later;
}

export interface LaterOptions {
  /** When nobody has completed the call by then, it has timed out. @default '7d' */
  timeout?: Duration;
}

/** What `run` returns for a call that is completed from outside. */
export interface Later {
  /** Names the call, for `AgentClient.completeToolCall`. */
  readonly token: string;
}

/** What an approval function gets besides the input. */
export interface ApprovalContext<Context = unknown> {
  /** The turn's `context`. */
  readonly context: Context;
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
  /**
   * A queue of its own: for tools that only some workers can run, or that share a rate limit
   * (`maxTaskQueueActivitiesPerSecond` of its workers, enforced by the server over all of them). Calls
   * wait there as long as it takes. `createWorker` serves it unless its `taskQueues` says otherwise.
   * @default the queue of the turn
   */
  taskQueue?: string;
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
   * What a call touches, where calls of one reply must not run at the same time.
   * @default nothing: every call starts at once
   */
  access?: AccessOption<InputOf<Schema>>;
  /**
   * Most calls of this tool that run at once in one turn; the others wait. For a limit that holds
   * across turns and workers see `activity.taskQueue`. @default no limit but the agent's
   */
  concurrency?: number;
  /**
   * Whether a person must allow a call before it runs. A function is called with the model's reply;
   * only `false` lets the call run, and one that throws asks. The other calls of the reply do not
   * wait. @default 'never'
   */
  approval?:
    | 'always'
    | 'never'
    | ((input: InputOf<Schema>, ctx: ApprovalContext<Context>) => boolean | Promise<boolean>);
  /** How long a call waits for a person before it is denied. @default '7d' */
  approvalTimeout?: Duration;
  /**
   * Most text of a result that the model sees, in bytes of UTF-8; what is longer is cut in the middle
   * and says so. With a storage the model can read the rest with `read_result`. Images, documents and
   * search results do not count; with a storage they may be as large as the API takes them. @default 100000, about 25,000 tokens
   */
  maxResultBytes?: number;
  /**
   * The model is told of it when it has searched for it, with a `tool_search_tool` among the agent's
   * `serverTools`. @default false
   */
  deferLoading?: boolean;
  /**
   * Who may call it: the model (`direct`), code of the model in a sandbox (`code_execution_…`, with that
   * tool among the agent's `serverTools`), or both. Code waits a few minutes at most and is given text
   * only: a tool for code has no `approval`, its `ctx.later()` throws, and a result with images is a failed
   * call. https://platform.claude.com/docs/en/agents-and-tools/tool-use/programmatic-tool-calling
   * @default `['direct']`
   */
  allowedCallers?: NonNullable<ApiTool['allowed_callers']>;
  /**
   * Does the work. Runs in an activity, so anything is allowed.
   *
   * Contract: returns a text, a JSON value, or Anthropic content blocks (`text`, `image`, `document`,
   * `search_result`; an action of the browser also one `browser_state`), or `ctx.later()`. An image or a
   * document that the API would refuse makes the call fail. A thrown error is told to the model with its
   * causes. Stops soon
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
  readonly access: AccessOption | undefined;
  readonly approval:
    | 'always'
    | 'never'
    | ((input: unknown, ctx: ApprovalContext<Context>) => unknown);
  readonly maxResultBytes: number;
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
      taskQueue: z.string().min(1, 'is empty').optional(),
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
  access: accessOption.optional(),
  concurrency: z.number().int().min(1).optional(),
  approval: z
    .custom<Tool['approval']>(
      (value) => value === 'always' || value === 'never' || typeof value === 'function',
      'must be "always", "never" or a function of the input',
    )
    .default('never'),
  approvalTimeout: duration.optional(),
  maxResultBytes: z.number().int().min(1_000).default(DEFAULT_RESULT_BYTES),
  deferLoading: z.boolean().default(false),
  allowedCallers: z
    .array(
      z.enum([
        'direct',
        'code_execution_20250825',
        'code_execution_20260120',
        'code_execution_20260521',
      ]),
    )
    .min(1, 'is empty; leave it out')
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
  const problem = checkFields(checked.access, jsonSchema);
  if (problem !== undefined) throw new DeclarationError(`${subject}: ${problem}`);
  const { concurrency, approvalTimeout, allowedCallers } = checked;
  if (checked.approval !== 'never' && allowedCallers?.some((caller) => caller !== 'direct')) {
    throw new DeclarationError(
      `${subject}: code that calls it waits a few minutes at most, so it cannot wait for a person: leave out approval, or code_execution in allowedCallers`,
    );
  }
  const overrides = { ...checked.activity, concurrency, approvalTimeout };
  const repeatable = annotations.readOnlyHint === true || annotations.idempotentHint === true;
  return {
    name,
    spec: {
      name,
      description,
      input_schema: jsonSchema,
      ...(checked.deferLoading ? { defer_loading: true } : {}),
      ...defined({ allowed_callers: allowedCallers }),
    },
    annotations: annotations as ToolAnnotations,
    policy: toolPolicy(repeatable, overrides as ToolPolicyOverrides),
    access: checked.access,
    approval: checked.approval,
    maxResultBytes: checked.maxResultBytes,
    parse,
    run: options.run as Tool<Context>['run'],
  };
}
