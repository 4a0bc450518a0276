import { createHash } from 'node:crypto';
import { jsonProblem, optionalTextProblem, recordProblem } from '../core/arguments.ts';
import { defined } from '../core/json.ts';
import { userProblem } from '../core/search-attributes.ts';

/** Who makes a request, as `authorize` of a handler says. */
export interface CallerIdentity<Context = unknown> {
  /**
   * Names the caller among all callers, those of other tenants included: 1 to 255 characters. It is the `user`
   * of the turns that it starts, and it reaches no turns of others.
   */
  user: string;
  /** The `context` of the turns that it starts: data for the tools, which the model does not see. */
  context?: Context;
  /** Whether it may approve and deny calls. @default true */
  decides?: boolean;
  /** Sent with its decisions, for `authorizeDecision` of the workers. It stands in history. @default none */
  proof?: string;
}

/** Who makes requests over one connection or with one request. */
export interface Caller {
  /** `undefined` for somebody who may reach all turns of the agents that are served. */
  user: string | undefined;
  context?: unknown;
  /** In whose name it decides about calls; `undefined` if it may not. */
  decides: { by: string; proof?: string } | undefined;
  /**
   * Over HTTP: the request, whose signal says that the caller is gone. Keep it referenced: MCP's SDK listens
   * to the signal of a clone, and Node drops that signal when the original request is garbage-collected.
   */
  request?: Request;
}

/** What is wrong with what an `authorize` has returned, if anything. */
export function identityProblem(identity: unknown): string | undefined {
  const problem = recordProblem('what authorize returns', identity);
  if (problem !== undefined) return problem;
  const { user, context, decides, proof } = identity as CallerIdentity;
  const wrong = userProblem(user);
  if (wrong !== undefined) return `user ${wrong}`;
  if (decides !== undefined && typeof decides !== 'boolean') return 'decides must be true or false';
  return optionalTextProblem('proof', proof, MAX_PROOF) ?? jsonProblem('context', context);
}

/** In characters; the limit that turns have. */
const MAX_PROOF = 10_000;

/** What the turns and sessions of a caller start with. */
export function ownerOf({ user, context }: Caller) {
  return defined({ user, context });
}

export function callerOf({ user, context, decides = true, proof }: CallerIdentity): Caller {
  return { user, context, decides: decides ? { by: user, ...defined({ proof }) } : undefined };
}

/**
 * The id of a turn or a session for a key that the caller chose. The same key gives the same id, but another
 * id for another caller.
 */
export function idFor(agent: string, { user }: Caller, key: string): string {
  const parts = JSON.stringify([user ?? null, key]);
  return `${agent}-${createHash('sha256').update(parts).digest('hex').slice(0, 32)}`;
}
