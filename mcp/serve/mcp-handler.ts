import { z } from 'zod';
import type { Duration } from '../../agents/check-options.ts';
import { callable, checkOptions, declaring, duration, someOf } from '../../agents/check-options.ts';
import type { Agent, AgentDefinition } from '../../agents/define-agent.ts';
import { isAgent } from '../../agents/define-agent.ts';
import type { Caller, CallerIdentity } from '../../callers/caller.ts';
import type { Authorize } from '../../callers/caller-of-request.ts';
import { callerOfRequest, warn } from '../../callers/caller-of-request.ts';
import type { AgentClient } from '../../client/agent-client.ts';
import { isRecord } from '../../core/json.ts';
import { serverPackage } from './package.ts';
import { DEFAULT_ANSWER_WITHIN, ServedAgents } from './served-agents.ts';

/** Who makes a request, as `authorize` of `mcpHandler` says. `decides: false` leaves `turn_approve` and `turn_deny` out. */
export type McpIdentity<Context = unknown> = CallerIdentity<Context>;

/** What `mcpHandler` takes. */
export interface McpHandlerOptions<Context = unknown> {
  /** Starts the turns and finds them again. Closing it is up to you. */
  client: AgentClient;
  /** Each becomes a tool, with its name, `description` and `output`. Workers must have them. */
  agents: readonly Agent<Context>[];
  /**
   * Says who makes a request, from its headers; called for every one. Return `undefined` to reject it with 401, or
   * a `Response` of your own. What it throws goes to `onError`, and the request is rejected with 500.
   */
  authorize: Authorize<Context>;
  /**
   * How long a call waits for the end of its turn before it answers with the turn's id. Some clients give up
   * after 30 seconds. @default '20s'
   */
  answerWithin?: Duration;
  /**
   * Called with errors that callers do not see: Temporal or the storage does not answer, `authorize` throws.
   * @default a warning of the process, of the type `PlaitWarning`
   */
  onError?: (error: unknown) => void;
}

/** Serves agents over MCP's streamable HTTP. */
export interface McpHandler {
  /** Answers one request. Needs no `this`. */
  readonly fetch: (request: Request, options?: { parsedBody?: unknown }) => Promise<Response>;
  /** Ends the requests that wait. Their turns go on. */
  close(): Promise<void>;
}

const handlerOptions = z.strictObject({
  client: z.custom<AgentClient>(
    (value) => isRecord(value) && typeof value['start'] === 'function',
    'must be an AgentClient',
  ),
  agents: someOf(z.custom<AgentDefinition>(isAgent, 'must come from defineAgent')),
  authorize: callable(
    z.custom<McpHandlerOptions['authorize']>(
      (value) => typeof value === 'function',
      'must be a function that says who makes a request; without it anybody could start turns',
    ),
  ),
  answerWithin: duration.default(DEFAULT_ANSWER_WITHIN),
  onError: callable(
    z.custom<(error: unknown) => void>(
      (value) => typeof value === 'function',
      'must be a function',
    ),
  ).default(() => warn),
});

/** The key under which the SDK hands the caller on to the server of a request. */
const CALLER = 'plaitCaller';

/**
 * Serves agents as the tools of an MCP server over HTTP, in both revisions of the protocol: each agent is a tool,
 * and `turn_start`, `turn_result`, `turn_approvals`, `turn_approve`, `turn_deny`, `turn_cancel` and
 * `session_send` are others. `fetch` takes a `Request` and returns a `Response`; for Node's `http`, Express or
 * Fastify wrap the handler with `toNodeHandler` of `@modelcontextprotocol/node`.
 *
 * A caller reaches only the turns and sessions that were started with its `user`.
 *
 * Throws a `DeclarationError` for wrong options, and where `@modelcontextprotocol/server` is not installed.
 *
 * @example
 * const handler = await mcpHandler({
 *   client: new AgentClient(),
 *   agents: [support],
 *   authorize: async ({ headers }) => {
 *     const session = await verify(headers.get('authorization'));
 *     return session && { user: session.userId, context: { tenant: session.tenant } };
 *   },
 * });
 * createServer(toNodeHandler(handler)).listen(8080);
 */
export async function mcpHandler<Context = unknown>(
  options: McpHandlerOptions<Context>,
): Promise<McpHandler> {
  const { authorize, ...checked } = declaring('mcpHandler', () =>
    checkOptions('mcpHandler', handlerOptions, options),
  );
  const { onError } = checked;
  const served = await ServedAgents.create(checked);
  const { createMcpHandler } = await serverPackage();
  const handler = createMcpHandler(
    ({ authInfo }) => served.serverFor(authInfo?.extra?.[CALLER] as Caller),
    { onerror: onError },
  );
  return {
    async fetch(request, { parsedBody } = {}) {
      const caller = await callerOfRequest(request, authorize, {
        handler: 'mcpHandler',
        onError,
        reject: rejection,
      });
      if (caller instanceof Response) return caller;
      const extra = { [CALLER]: { ...caller, request } };
      const authInfo = { token: '', clientId: '', scopes: [], extra };
      return await handler.fetch(request, { authInfo, parsedBody });
    },
    async close() {
      await served.close();
      await handler.close();
    },
  };
}

/** A JSON-RPC error without an id, since the request was not read. */
function rejection(status: number, message: string, headers: Record<string, string> = {}) {
  const body = { jsonrpc: '2.0', id: null, error: { code: -32_000, message } };
  return Response.json(body, { status, headers });
}
