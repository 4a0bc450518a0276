import { createHash } from 'node:crypto';
import type { Context } from '@temporalio/activity';
import type { LogMetadata, Logger } from '@temporalio/common';
import { z } from 'zod';
import { checkOptions, duration } from '../../agents/check-options.ts';
import type { Later, LaterOptions, ToolContext } from '../../agents/define-tool.ts';
import { ToolError } from '../../agents/tool-error.ts';
import { CODE_CANNOT_WAIT_FOR_COMPLETION } from '../../core/calls/texts.ts';
import { encodeCallToken } from '../../core/calls/token.ts';
import type { ToolCallArgs } from '../../core/calls/tool-call.ts';
import { DEFAULT_WAIT } from '../../core/calls/tool-policy.ts';
import { isErrorValue } from '../../core/failures.ts';
import { canonicalJson, defined } from '../../core/json.ts';
import type { Secrets } from '../model/secrets.ts';
import type { ToolAttempt } from './attempt.ts';
import { redactJson, stackText } from './redact.ts';

/** What `run` gets beside its input. */
export function toolContext(
  activity: Context,
  attempt: ToolAttempt,
  {
    input,
    args,
    context,
    secrets,
  }: { input: unknown; args: ToolCallArgs; context: unknown; secrets: Secrets },
): ToolContext {
  const key = () => keyOf(activity, input, args);
  return {
    get idempotencyKey() {
      return key();
    },
    turnId: turnIdOf(activity),
    callId: activity.info.activityId,
    agent: args.agent,
    ...defined({ user: args.user, sessionId: args.sessionId }),
    attempt: attempt.report().attempt,
    get signal() {
      return attempt.signal;
    },
    heartbeat: (details) => attempt.heartbeat(details),
    heartbeatDetails: attempt.heartbeatDetails,
    context,
    log: redactedLog(activity.log, secrets),
    later(options) {
      // Before there is a token, so before anything outside can begin.
      if (args.byCode === true) {
        throw new ToolError(CODE_CANNOT_WAIT_FOR_COMPLETION, { retryable: false });
      }
      return new AsyncCompletion(activity, key(), options);
    },
  };
}

function turnIdOf({ info }: Context): string {
  return info.workflowExecution?.workflowId ?? '';
}

function redactedLog(log: Logger, secrets: Secrets): Logger {
  const clean = (message: string, meta: LogMetadata | undefined): [string, LogMetadata?] => {
    const text = secrets.redact(message);
    return meta === undefined ? [text] : [text, cleanMeta(meta, secrets)];
  };
  return {
    log: (level, message, meta) => void log.log(level, ...clean(message, meta)),
    trace: (message, meta) => void log.trace(...clean(message, meta)),
    debug: (message, meta) => void log.debug(...clean(message, meta)),
    info: (message, meta) => void log.info(...clean(message, meta)),
    warn: (message, meta) => void log.warn(...clean(message, meta)),
    error: (message, meta) => void log.error(...clean(message, meta)),
  };
}

/** An error is shown by its stacks, and what JSON cannot show is left to the logger. */
function cleanMeta(meta: LogMetadata, secrets: Secrets): LogMetadata {
  return Object.fromEntries<unknown>(
    Reflect.ownKeys(meta).map((name) => {
      const value: unknown = Reflect.get(meta, name);
      if (isErrorValue(value)) return [name, stackText(value, secrets.redact)];
      try {
        return [name, redactJson(value, secrets.redact)];
      } catch {
        return [name, value];
      }
    }),
  );
}

/** What a tool returns for a call that waits to be completed from outside. */
export class AsyncCompletion implements Later {
  readonly token: string;
  /** What the token must hold; the same for every attempt. */
  readonly key: string;
  /** In milliseconds. */
  readonly timeout: number;

  constructor(activity: Context, key: string, options: LaterOptions = {}) {
    this.token = encodeCallToken({
      turnId: turnIdOf(activity),
      callId: activity.info.activityId,
      key,
    });
    this.key = key;
    this.timeout = checked(options).timeout ?? DEFAULT_WAIT;
  }
}

const laterOptions = z.strictObject({ timeout: duration.optional() });

/** Not a `DeclarationError`: the tool runs, and the model reads the mistake of its author. */
function checked(options: LaterOptions): { timeout?: number | undefined } {
  try {
    return checkOptions('ctx.later()', laterOptions, options);
  } catch (error) {
    throw new TypeError((error as Error).message, { cause: error });
  }
}

/** What makes a tool call the one that it is, in every attempt and after a reset. */
export interface CallIdentity {
  /** No run id: a workflow reset gives the workflow a new run that repeats the same calls. */
  workflowId: string;
  round: number;
  tool: string;
  input: unknown;
  /** How many calls before it in the same reply have the same tool and input. */
  occurrence: number;
}

/**
 * 64 hex digits, the same for every attempt of a call and different for every call. Made from what
 * the call is and not from its `tool_use` id: after a reset to before the reply the model is asked
 * again and gives new ids, and a payment must not be made twice for that.
 */
export function idempotencyKey(call: CallIdentity): string {
  return createHash('sha256').update(canonicalJson(call)).digest('hex');
}

function keyOf(activity: Context, input: unknown, { round, occurrence }: ToolCallArgs): string {
  const workflowId = turnIdOf(activity);
  const tool = activity.info.activityType;
  return idempotencyKey({ workflowId, round, tool, input, occurrence });
}
