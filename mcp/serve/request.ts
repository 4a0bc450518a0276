import type { ServerContext } from '@modelcontextprotocol/server';
import type { Caller } from '../../callers/caller.ts';
import { idFor } from '../../callers/caller.ts';
import { isRecord } from '../../core/json.ts';

/** A request of a caller. */
export interface McpRequest {
  caller: Caller;
  ctx: ServerContext;
}

/** As Plait's own MCP client sends it with each call, the same for every attempt. */
const IDEMPOTENCY_KEY = 'io.github.plait-agents/idempotencyKey';

/**
 * The id of a new turn or session, where the client says which call it is: another attempt then finds the same.
 * The same key of another caller is another call.
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

/** What the client calls the call, the same in every attempt; `undefined` where it does not. */
export function keyOf({ mcpReq }: ServerContext): string | undefined {
  const { _meta: meta } = mcpReq;
  const key: unknown = isRecord(meta) ? meta[IDEMPOTENCY_KEY] : undefined;
  return typeof key === 'string' && key !== '' ? key : undefined;
}

/** Tells the client what the turn is doing, where it wants to know. */
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
