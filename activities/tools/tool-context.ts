import { createHash } from 'node:crypto';
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
import { redactJson, stackText } from './redact.ts';

/** A running call: in its activity, or before its activity has begun. */
export interface RunningCall {
  readonly turnId: string;
  readonly callId: string;
  readonly tool: string;
  /** From 1. */
  readonly attempt: number;
  readonly signal: AbortSignal;
  readonly heartbeatDetails: unknown;
  heartbeat(details: unknown): void;
  readonly log: Logger;
  /** Throws if the call cannot be left to somebody outside yet. */
  readonly rejectLater?: () => void;
}

/** What `run` gets beside its input. */
export function toolContext(
  call: RunningCall,
  { input, args, context, secrets }: ToolContextOptions,
): ToolContext {
  const { turnId, tool } = call;
  const { round, occurrence } = args;
  const key = () => idempotencyKey({ workflowId: turnId, round, tool, input, occurrence });
  return {
    get idempotencyKey() {
      return key();
    },
    turnId,
    get callId() {
      return call.callId;
    },
    agent: args.agent,
    ...defined({ user: args.user, sessionId: args.sessionId }),
    attempt: call.attempt,
    get signal() {
      return call.signal;
    },
    heartbeat: (details) => call.heartbeat(details),
    heartbeatDetails: call.heartbeatDetails,
    context,
    log: redactedLog(call.log, secrets),
    later(options) {
      // Checked before there is a token, so before anything outside can begin.
      if (args.byCode === true) {
        throw new ToolError(CODE_CANNOT_WAIT_FOR_COMPLETION, { retryable: false });
      }
      call.rejectLater?.();
      return new AsyncCompletion(call, key(), options);
    },
  };
}

export interface ToolContextOptions {
  input: unknown;
  args: Pick<ToolCallArgs, 'agent' | 'round' | 'occurrence' | 'byCode' | 'user' | 'sessionId'>;
  context: unknown;
  secrets: Secrets;
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

/** Writes an error as its stacks. Values that JSON cannot show are left to the logger. */
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
  /** Goes into the token; the same for every attempt. */
  readonly key: string;
  /** In milliseconds. */
  readonly timeout: number;

  constructor(
    { turnId, callId }: Pick<RunningCall, 'turnId' | 'callId'>,
    key: string,
    options: LaterOptions = {},
  ) {
    this.token = encodeCallToken({ turnId, callId, key });
    this.key = key;
    this.timeout = checked(options).timeout ?? DEFAULT_WAIT;
  }
}

const laterOptions = z.strictObject({ timeout: duration.optional() });

/** Not a `DeclarationError`: the tool already runs, and the model reads its author's mistake. */
function checked(options: LaterOptions): { timeout?: number | undefined } {
  try {
    return checkOptions('ctx.later()', laterOptions, options);
  } catch (error) {
    throw new TypeError((error as Error).message, { cause: error });
  }
}

/** What identifies a tool call, in every attempt and after a reset. */
export interface CallIdentity {
  /** Not the run id: a workflow reset starts a new run that repeats the same calls. */
  workflowId: string;
  round: number;
  tool: string;
  input: unknown;
  /** How many calls before it in the same reply have the same tool and input. */
  occurrence: number;
}

/**
 * 64 hex digits, the same for every attempt of a call and different for every call. Made from what the call
 * is and not from its `tool_use` id: after a reset to before the reply the model is asked again and gives new
 * ids, and that must not repeat a payment.
 */
export function idempotencyKey(call: CallIdentity): string {
  return createHash('sha256').update(canonicalJson(call)).digest('hex');
}
