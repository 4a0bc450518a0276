import { createHash } from 'node:crypto';
import { canonicalJson } from '../../core/json.ts';

/** What makes a tool call the one that it is, whoever repeats it. */
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
