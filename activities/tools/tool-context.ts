import { createHash } from 'node:crypto';
import type { Context } from '@temporalio/activity';
import { z } from 'zod';
import { checkOptions, duration } from '../../agents/check-options.ts';
import type { Later, LaterOptions, ToolContext } from '../../agents/define-tool.ts';
import { ToolError } from '../../agents/tool-error.ts';
import { CODE_CANNOT_WAIT_FOR_COMPLETION } from '../../core/calls/texts.ts';
import { encodeCallToken } from '../../core/calls/token.ts';
import type { ToolCallArgs } from '../../core/calls/tool-call.ts';
import { DEFAULT_WAIT } from '../../core/calls/tool-policy.ts';
import { canonicalJson } from '../../core/json.ts';
import type { ToolAttempt } from './attempt.ts';

/** What `run` gets beside its input. */
export function toolContext(
  activity: Context,
  attempt: ToolAttempt,
  { input, args, context }: { input: unknown; args: ToolCallArgs; context: unknown },
): ToolContext {
  const key = () => keyOf(activity, input, args);
  return {
    get idempotencyKey() {
      return key();
    },
    attempt: activity.info.attempt,
    get signal() {
      return attempt.signal;
    },
    heartbeat: (details) => attempt.heartbeat(details),
    heartbeatDetails: attempt.heartbeatDetails,
    context,
    log: activity.log,
    later(options) {
      // Before there is a token, so before anything outside can begin.
      if (args.byCode === true) {
        throw new ToolError(CODE_CANNOT_WAIT_FOR_COMPLETION, { retryable: false });
      }
      return new AsyncCompletion(activity, key(), options);
    },
  };
}

/** What a tool returns for a call that waits to be completed from outside. */
export class AsyncCompletion implements Later {
  readonly token: string;
  /** What the token must hold; the same for every attempt. */
  readonly key: string;
  /** In milliseconds. */
  readonly timeout: number;

  constructor(activity: Context, key: string, options: LaterOptions = {}) {
    const turnId = activity.info.workflowExecution?.workflowId ?? '';
    this.token = encodeCallToken({ turnId, callId: activity.info.activityId, key });
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

function keyOf({ info }: Context, input: unknown, { round, occurrence }: ToolCallArgs): string {
  const workflowId = info.workflowExecution?.workflowId ?? '';
  return idempotencyKey({ workflowId, round, tool: info.activityType, input, occurrence });
}
