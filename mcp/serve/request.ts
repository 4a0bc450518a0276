import type { ServerContext } from '@modelcontextprotocol/server';
import type { Caller } from '../../callers/caller.ts';
import { idFor } from '../../callers/caller.ts';
import { isRecord } from '../../core/json.ts';

/** A request of a caller. */
export interface McpRequest {
  caller: Caller;
  ctx: ServerContext;
}

/** Plait's own MCP client sends it with each call, the same for every attempt. */
const IDEMPOTENCY_KEY = 'io.github.plait-agents/idempotencyKey';

/**
 * The id of a new turn or session, if the client says which call it is: then another attempt finds the same
 * one. The same key of another caller is another call.
 */
export function idOf(agent: string, { caller, ctx }: McpRequest): string | undefined {
  const key = keyOf(ctx);
  return key === undefined ? undefined : idFor(agent, caller, key);
}

/** Aborts when the caller has given up. */
export function signalOf({ caller: { request }, ctx }: McpRequest): AbortSignal {
  const { signal } = ctx.mcpReq;
  return request === undefined ? signal : AbortSignal.any([signal, request.signal]);
}

/** The client's key of the call, the same in every attempt; `undefined` if it sends none. */
export function keyOf({ mcpReq }: ServerContext): string | undefined {
  const { _meta: meta } = mcpReq;
  const key: unknown = isRecord(meta) ? meta[IDEMPOTENCY_KEY] : undefined;
  return typeof key === 'string' && key !== '' ? key : undefined;
}

/** Reports to the client what the turn is doing, if it has asked for that. */
export function progressOf({ mcpReq }: ServerContext, turnId: string): (doing: string) => void {
  const { _meta: { progressToken } = {} } = mcpReq;
  if (progressToken === undefined) return () => undefined;
  let progress = 0;
  return (doing) => {
    progress += 1;
    const message = doing === '' ? `turn ${turnId}` : `turn ${turnId}, ${doing}`;
    const params = { progressToken, progress, message };
    // The client may be gone.
    mcpReq.notify({ method: 'notifications/progress', params }).catch(() => undefined);
  };
}
