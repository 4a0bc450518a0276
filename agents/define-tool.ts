import type { Tool as ApiTool } from '@anthropic-ai/sdk/resources/messages';
import type { Logger } from '@temporalio/common';
import { z } from 'zod';
import type { SubAgentSpec } from '../core/agent-spec.ts';
import type { ToolPolicy, ToolPolicyOverrides } from '../core/calls/tool-policy.ts';
import { MAX_LOCAL_TIME, toolPolicy } from '../core/calls/tool-policy.ts';
import { DEFAULT_RESULT_BYTES } from '../core/conversation/cut-result.ts';
import { defined, isRecord } from '../core/json.ts';
import { TOOL_NAME_PATTERN } from '../core/names.ts';
import type { AccessOption } from './access-option.ts';
import { accessOption, fieldProblems } from './access-option.ts';
import type { Duration } from './check-options.ts';
import {
  callable,
  checkOptions,
  declaring,
  duration,
  halfProblems,
  queueName,
  someOf,
  someText,
  subjectOf,
  wholeNumber,
  wrongOptions,
} from './check-options.ts';
import type { InputOf, InputSchema, ParsedInput } from './input-schema.ts';
import { compileSchema } from './input-schema.ts';

/** Which call it is, and for whom. */
interface CallContext {
  /** Also the workflow id. */
  readonly turnId: string;
  /** The `tool_use` id, unique in its turn. */
  readonly callId: string;
  /** Name of the agent. */
  readonly agent: string;
  /**
   * The `user` that the turn or its session was started with. `undefined` where there was none, and in
   * turns that an earlier version of Plait started.
   */
  readonly user?: string;
  /** The session whose turn it is. `undefined` for a turn by itself. */
  readonly sessionId?: string;
}

/** What `run` gets besides its input. */
export interface ToolContext<Context = unknown> extends CallContext {
  /**
   * The same for every attempt of this call, also after a workflow reset, and different for every
   * call. Pass it to the system that the call changes, so that another attempt does not change it again.
   */
  readonly idempotencyKey: string;
  /** From 1. */
  readonly attempt: number;
  /** Aborts when the call is cancelled, its time is up, it is paused, or the worker shuts down. */
  readonly signal: AbortSignal;
  /**
   * Records progress for the next attempt. The details are JSON and replace the earlier ones. You need
   * not call it to stay alive: Plait heartbeats by itself.
   */
  readonly heartbeat: (details?: unknown) => void;
  /** The details that an earlier attempt recorded last; `undefined` on the first. */
  readonly heartbeatDetails: unknown;
  /** The turn's `context`, which the model never sees. */
  readonly context: Context;
  /** Temporal's logger, with the ids of the workflow and the call on every line. */
  readonly log: Logger;
  /**
   * Lets any process complete the call, hours or days later (asynchronous completion). Give `token` to
   * the process that will call `AgentClient.completeToolCall(token, result)` or `failToolCall`, and
   * return from `run` what `later()` has returned. While the call waits, it needs no worker. The token is the
   * same for every attempt. It is not a secret: anyone who can reach Temporal can complete calls.
   *
   * Throws a `TypeError` for wrong options. Throws a `ToolError` in a call by code (`allowedCallers`),
   * which cannot wait: the call fails, and the model reads that it must call the tool directly. Throws a
   * `ToolError` in every call of a tool with `execution: 'local'`.
   */
  readonly later: (options?: LaterOptions) => Later;
}

export interface LaterOptions {
  /** A call that nobody has completed by then times out. @default '7d' */
  timeout?: Duration;
}

/** What `run` returns for a call that another process completes. */
export interface Later {
  /** Identifies the call, for `AgentClient.completeToolCall`. */
  readonly token: string;
}

/** What an approval function gets besides the input. */
export interface ApprovalContext<Context = unknown> extends CallContext {
  /** The turn's `context`. */
  readonly context: Context;
}

/** The hints of the Model Context Protocol about what a tool does. */
export interface ToolAnnotations {
  /** A name for people. */
  title?: string;
  /** It changes nothing. It may be retried after anything. @default false */
  readOnlyHint?: boolean;
  /** It may destroy something. For people to read; Plait does nothing with it. @default true */
  destructiveHint?: boolean;
  /** Calling it again with the same input changes nothing more. It may be retried. @default false */
  idempotentHint?: boolean;
  /** It talks to systems that others control. For people to read. @default true */
  openWorldHint?: boolean;
}

/** Time and attempts of one call, under Temporal's own option names. */
export interface ToolActivityOptions {
  /**
   * Limit for one attempt. When it is up, `ctx.signal` aborts.
   * @default '2m'; with `execution: 'local'` '5s', the most that there is
   */
  startToCloseTimeout?: Duration;
  /**
   * How soon a lost worker, a cancel or a pause is noticed. Plait heartbeats for the tool; the tool must
   * not block the event loop. @default '10s'
   */
  heartbeatTimeout?: Duration;
  /** Limit for waiting until a worker takes the call. @default none: a call may wait */
  scheduleToStartTimeout?: Duration;
  /** Limit for all attempts and the waits between them. @default none */
  scheduleToCloseTimeout?: Duration;
  /**
   * A task queue for tools that only some workers can run, or that share a rate limit
   * (`maxTaskQueueActivitiesPerSecond` of its workers, which the server enforces over all of them). Calls
   * wait there as long as it takes. `createWorker` serves it unless its `taskQueues` says otherwise.
   * @default the queue of the turn
   */
  taskQueue?: string;
  retry?: {
    /**
     * How often a call is tried. A tool that is not safe to repeat is tried again only after attempts
     * that never reached `run`. @default 3 if `readOnlyHint` or `idempotentHint`, otherwise 5
     */
    maximumAttempts?: number;
    /** Wait before the second attempt. @default '1s' */
    initialInterval?: Duration;
    /** Longest wait between two attempts. @default '30s' */
    maximumInterval?: Duration;
    /** Growth of the wait, at least 1. @default 2 */
    backoffCoefficient?: number;
    /** Names of errors (`error.name`) that end the call at once. @default [] */
    nonRetryableErrorTypes?: string[];
  };
}

/** What `defineTool` takes. */
export interface ToolOptions<Schema extends InputSchema, Context> {
  /**
   * 1 to 64 letters, digits, `_` and `-`; also the activity type in the Temporal UI. Two agents may have
   * different tools of the same name.
   */
  name: string;
  /** What it does, when to use it, what it returns. The model chooses tools by this text. */
  description: string;
  /**
   * A zod schema, whose output is what `run` gets, or a JSON Schema of an object. Input that does not
   * match it, or cannot be checked within 100 ms, never reaches `run`: the model reads what is wrong.
   */
  inputSchema: Schema;
  /** Without `readOnlyHint` or `idempotentHint`, `run` is never started twice for a call. @default {} */
  annotations?: ToolAnnotations;
  activity?: ToolActivityOptions;
  /**
   * Where a call runs. `local`: within the workflow task, in the worker that has the turn, as a local activity
   * of Temporal's. The calls of a reply run locally only if all of them may; they are then done sooner and cost
   * one Action in all, instead of one for each call. When an attempt fails, or takes longer than its
   * `startToCloseTimeout`, the call goes on as an activity.
   *
   * Needs `readOnlyHint` or `idempotentHint`, since a call whose worker is lost runs again, and a
   * `startToCloseTimeout` of at most 5 seconds, which is then the default. Not together with `approval`,
   * `activity.taskQueue` or `maximumAttempts: 1`. `ctx.later()` throws a `ToolError`.
   * @default 'activity'
   */
  execution?: 'activity' | 'local';
  /**
   * What a call reads and writes. Calls of one reply that touch the same thing do not run at the same
   * time. @default nothing: every call starts at once
   */
  access?: AccessOption<InputOf<Schema>>;
  /**
   * Most calls of this tool that run at once in one turn; the others wait. For a limit across turns and
   * workers, see `activity.taskQueue`. @default the agent's `limits.concurrency`
   */
  concurrency?: number;
  /**
   * Whether a person must allow a call before it runs. A function decides when the model's reply is
   * there: only `false` lets the call run without a person. If the function throws, blocks the process
   * for 100 ms, or does not answer within 10 seconds, a person is asked. The other calls of the reply
   * do not wait for the person. @default 'never'
   */
  approval?:
    | 'always'
    | 'never'
    | ((input: InputOf<Schema>, ctx: ApprovalContext<Context>) => boolean | Promise<boolean>);
  /** How long a call waits for a person before it is denied. @default '7d' */
  approvalTimeout?: Duration;
  /**
   * What people see of a call's arguments: in the Temporal UI, in `turn.watch()` and on the command line. A
   * function makes one line of them, of at most 120 characters; if it throws, blocks the process for 100 ms
   * or returns no text, nothing is shown. `false` shows nothing. The arguments are still in the input of the
   * activity.
   * @default the arguments, each cut to 40 characters
   */
  summary?: ((input: InputOf<Schema>) => string) | false;
  /**
   * Whether a call may start while the model's reply still comes, so that it is done sooner. `run` is then
   * also called for replies that are torn, declined or cut off, which never become part of the conversation;
   * `ctx.signal` aborts. Turn it off for a tool that costs money per call. Only with `readOnlyHint`.
   * @default true with `readOnlyHint`, otherwise false
   */
  startCallsEarly?: boolean;
  /**
   * Most text of a result that the model sees, in bytes of UTF-8. A longer text is cut in the middle,
   * with a notice. With a storage, the model can read the rest with `read_result`. Images, documents and
   * search results do not count.
   * @default 100000, about 25,000 tokens
   */
  maxResultBytes?: number;
  /**
   * The model sees the tool only after it has searched for it. The agent needs a `tool_search_tool` among
   * its `serverTools`. @default false
   */
  deferLoading?: boolean;
  /**
   * Who may call it: the model (`direct`), code that the model writes and the API runs (`code_execution_…`,
   * with that tool among the agent's `serverTools`), or both. Code waits a few minutes at most and gets
   * text only. So a tool for code must not have `approval`, its `ctx.later()` throws, and its call fails
   * when the result holds images.
   * https://platform.claude.com/docs/en/agents-and-tools/tool-use/programmatic-tool-calling
   * @default `['direct']`
   */
  allowedCallers?: NonNullable<ApiTool['allowed_callers']>;
  /**
   * Does the work. It runs in an activity, so it may do anything.
   *
   * Return a text, a JSON value, Anthropic content blocks (`text`, `image`, `document`, `search_result`;
   * an action of the browser also one `browser_state`), or `ctx.later()`. The call fails for an image or a
   * document that the API would reject. The model reads a thrown error with its causes. Stop soon after
   * `ctx.signal` aborts. `run` is called once per call at most, unless the annotations allow more.
   */
  run: (input: InputOf<Schema>, ctx: ToolContext<Context>) => unknown;
}

/** A declared tool. `Context` is what its `run` needs as `ctx.context`. */
export interface Tool<Context = unknown> {
  readonly name: string;
  /** What the model reads of it. */
  readonly spec: ApiTool;
  readonly annotations: ToolAnnotations;
  readonly policy: ToolPolicy;
  readonly access: AccessOption | undefined;
  readonly startCallsEarly: boolean;
  readonly approval:
    | 'always'
    | 'never'
    | ((input: unknown, ctx: ApprovalContext<Context>) => unknown);
  /** `undefined`: the arguments as they are. */
  readonly summary: ((input: unknown) => unknown) | false | undefined;
  readonly maxResultBytes: number;
  readonly parse: (input: unknown) => Promise<ParsedInput>;
  readonly run: (input: unknown, ctx: ToolContext<Context>) => unknown;
  /** Where it is another agent: made by `agentTool`. */
  readonly subAgent?: SubAgent;
}

/** Another agent as a tool. */
export interface SubAgent {
  readonly spec: SubAgentSpec;
  /** What `defineAgent` has returned; declared there. */
  readonly definition: { readonly name: string };
  readonly hasPrices: boolean;
  /** How many levels of sub-agents it makes for the agent that has it. */
  readonly levels: number;
  /** Names the session of a call, where it has a memory of its own. */
  readonly session?: (input: unknown, ctx: ApprovalContext) => unknown;
}

/** Recognized by its shape: it may come from another copy of Plait. */
export function isTool(value: unknown): value is Tool {
  return (
    isRecord(value) &&
    typeof value['name'] === 'string' &&
    isRecord(value['spec']) &&
    isRecord(value['policy']) &&
    typeof value['parse'] === 'function' &&
    typeof value['run'] === 'function'
  );
}

/** Temporal's number: one above it becomes negative, and the server rejects the whole workflow task. */
const MAX_INT32 = 2 ** 31 - 1;

const hint = z.boolean().optional();
/** The names of Temporal's own queries, which no activity may have. */
const RESERVED = new Set(['__stack_trace', '__enhanced_stack_trace']);

export const toolName = z
  .string()
  .regex(TOOL_NAME_PATTERN, 'must be 1 to 64 letters, digits, "_" and "-"')
  .refine(
    (name) => !name.startsWith('__temporal_'),
    'must not begin with "__temporal_", which Temporal reserves',
  )
  .refine((name) => !RESERVED.has(name), 'is reserved by Temporal; choose another name');

export const toolDescription = someText('the model chooses tools by it');

/** The options that say how the calls of any tool run, also of one that a server offers. */
export const toolSettings = {
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
      taskQueue: queueName.optional(),
      retry: z
        .strictObject({
          maximumAttempts: wholeNumber(1, MAX_INT32).optional(),
          initialInterval: duration.optional(),
          maximumInterval: duration.optional(),
          backoffCoefficient: z.number().min(1, 'must be at least 1').optional(),
          nonRetryableErrorTypes: z.array(z.string()).optional(),
        })
        .check(({ value: { initialInterval: first = 0, maximumInterval: longest }, issues }) => {
          if (longest === undefined || first <= longest) return;
          const message = `must not be above maximumInterval (${longest} ms)`;
          issues.push({ code: 'custom', path: ['initialInterval'], input: first, message });
        })
        .optional(),
    })
    .optional(),
  execution: z.enum(['activity', 'local']).default('activity'),
  access: accessOption.optional(),
  concurrency: wholeNumber(1).optional(),
  approval: callable(
    z.custom<Tool['approval']>(
      (value) => value === 'always' || value === 'never' || typeof value === 'function',
      'must be "always", "never" or a function of the input',
    ),
  ).optional(),
  approvalTimeout: duration.optional(),
  summary: callable(
    z.custom<Tool['summary']>(
      (value) => value === false || typeof value === 'function',
      'must be a function of the input, or false',
    ),
  ).optional(),
  startCallsEarly: z.boolean().optional(),
  maxResultBytes: wholeNumber(1_000).optional(),
  deferLoading: z.boolean().optional(),
};

const toolOptions = z.strictObject({
  name: toolName,
  description: toolDescription,
  inputSchema: z.custom<InputSchema>(
    (value) => typeof value === 'object' && value !== null,
    'must be a zod schema or a JSON Schema',
  ),
  ...toolSettings,
  allowedCallers: someOf(
    z.enum([
      'direct',
      'code_execution_20250825',
      'code_execution_20260120',
      'code_execution_20260521',
    ]),
  ).optional(),
  run: callable(
    z.custom<Tool['run']>((value) => typeof value === 'function', 'must be a function'),
  ),
});

/**
 * Declares a tool.
 *
 * Throws a `DeclarationError` that names every mistake: a name or a schema that the API rejects, no
 * description, an unknown option, a text that is not a duration.
 *
 * @example
 * const getOrders = defineTool({
 *   name: 'get_orders',
 *   description: 'The orders of one customer.',
 *   inputSchema: z.object({ customer_id: z.number().int() }), // or a JSON Schema
 *   annotations: { readOnlyHint: true }, // safe to retry
 *   run: async ({ customer_id }, { signal }) => await orders.of(customer_id, { signal }),
 * });
 */
export function defineTool<Schema extends InputSchema, Context = unknown>(
  options: ToolOptions<Schema, Context>,
): Tool<Context> {
  const subject = subjectOf('defineTool', options);
  return declaring(subject, () => {
    const checked = checkOptions(subject, toolOptions, options);
    const { name, description, annotations = {} } = checked;
    const { jsonSchema, parse } = compileSchema(subject, checked.inputSchema);
    const { concurrency, approvalTimeout, allowedCallers } = checked;
    const problems = [
      ...fieldProblems(checked.access, jsonSchema),
      ...halfProblems({ description, inputSchema: jsonSchema }),
    ];
    const { approval = 'never' } = checked;
    if (approval !== 'never' && allowedCallers?.some((caller) => caller !== 'direct')) {
      problems.push(
        'approval: code that calls the tool waits a few minutes at most, and cannot wait for a person; leave out approval, or code_execution in allowedCallers',
      );
    }
    const readOnly = annotations.readOnlyHint === true;
    if (checked.startCallsEarly === true && !readOnly) {
      problems.push(
        'startCallsEarly needs annotations.readOnlyHint, since the reply may never count and its calls must change nothing; set the hint, or leave out startCallsEarly',
      );
    }
    const repeatable = readOnly || annotations.idempotentHint === true;
    const isLocal = checked.execution === 'local';
    if (isLocal) problems.push(...localProblems(checked, repeatable));
    if (problems.length > 0) throw wrongOptions(subject, problems);
    const overrides = {
      ...checked.activity,
      concurrency,
      approvalTimeout,
      ...(isLocal ? { execution: 'local' } : {}),
    };
    return {
      name,
      spec: {
        name,
        description,
        input_schema: jsonSchema,
        ...(checked.deferLoading === true && { defer_loading: true }),
        ...defined({ allowed_callers: allowedCallers }),
      },
      annotations: annotations as ToolAnnotations,
      policy: toolPolicy(repeatable, overrides as ToolPolicyOverrides),
      access: checked.access,
      startCallsEarly: checked.startCallsEarly ?? readOnly,
      approval,
      summary: checked.summary,
      maxResultBytes: checked.maxResultBytes ?? DEFAULT_RESULT_BYTES,
      parse,
      run: checked.run,
    };
  });
}

/** Why calls of this tool cannot run within the workflow task. */
function localProblems(
  { activity = {}, approval }: Pick<z.output<typeof toolOptions>, 'activity' | 'approval'>,
  repeatable: boolean,
): string[] {
  const { startToCloseTimeout = 0, taskQueue, retry } = activity;
  const problems = [
    !repeatable &&
      "execution: 'local' needs annotations.readOnlyHint or idempotentHint, since a call runs again when its worker is lost; say so if that does no harm, or leave out execution",
    approval !== undefined &&
      approval !== 'never' &&
      "execution: 'local' excludes approval, since a workflow task does not wait for a person; leave out one of them",
    taskQueue !== undefined &&
      "execution: 'local' excludes activity.taskQueue, since a local call runs in the worker that has the turn; leave out one of them",
    startToCloseTimeout > MAX_LOCAL_TIME &&
      `activity.startToCloseTimeout must be at most ${MAX_LOCAL_TIME} ms with execution: 'local', since the turn hears nothing meanwhile; got ${startToCloseTimeout} ms; give less, or leave out execution`,
    retry?.maximumAttempts === 1 &&
      "activity.retry.maximumAttempts must be more than 1 with execution: 'local', since a call runs again when its worker is lost; leave out one of them",
  ];
  return problems.filter((problem) => problem !== false);
}
