import { z } from 'zod';
import { callable, checkOptions, declaring } from '../agents/check-options.ts';
import type { Agent, AgentDefinition } from '../agents/define-agent.ts';
import { isAgent } from '../agents/define-agent.ts';
import type { CallerIdentity } from '../callers/caller.ts';
import type { Authorize } from '../callers/caller-of-request.ts';
import { callerOfRequest, warn } from '../callers/caller-of-request.ts';
import type { AgentClient } from '../client/agent-client.ts';
import type { PlaitErrorCode } from '../core/errors.ts';
import { PlaitError } from '../core/errors.ts';
import { isRecord } from '../core/json.ts';
import { AWAY, Chats } from './chats.ts';
import { HttpError } from './http-error.ts';
import { routeOf } from './route.ts';

/** Who makes a request, as `authorize` of `chatHandler` says. Where `decides` is false, its pages are not asked. */
export type ChatIdentity<Context = unknown> = CallerIdentity<Context>;

/** What `chatHandler` takes. */
export interface ChatHandlerOptions<Context = unknown> {
  /** Starts the sessions and finds them again. Closing it is up to you. */
  client: AgentClient;
  /** Answers. Workers must have it. */
  agent: Agent<Context>;
  /**
   * Says who makes a request, from its headers; called for every one. Return `undefined` to reject it with 401, or
   * a `Response` of your own. What it throws goes to `onError`, and the request is rejected with 500.
   */
  authorize: Authorize<Context>;
  /**
   * What happens to a message that is sent while a turn of the chat runs.
   *
   * - `reject`: it is rejected with 409
   * - `queue`: it waits, and its answer comes when the turn has ended
   * - `interrupt`: the turn is cancelled
   *
   * @default 'reject'
   */
  whenBusy?: 'reject' | 'queue' | 'interrupt';
  /**
   * Whether pages get what the model writes into calls. Without it, a person who decides about a call does not see
   * what it would do. @default true
   */
  inputs?: boolean;
  /**
   * Whether pages get what tools return: data, or the first 20,000 characters of a text. Without it they get
   * `null`. Why calls failed never leaves the server. @default true
   */
  outputs?: boolean;
  /**
   * Called with errors that pages do not see: Temporal or the storage does not answer, `authorize` throws.
   * @default a warning of the process, of the type `PlaitWarning`
   */
  onError?: (error: unknown) => void;
}

/** Serves the chats of an agent to web pages. */
export interface ChatHandler {
  /** Answers one request. Needs no `this`. */
  readonly fetch: (request: Request) => Promise<Response>;
  /** Ends the answers that are under way, as a lost connection would. Their turns go on. */
  close(): Promise<void>;
}

const handlerOptions = z.strictObject({
  client: z.custom<AgentClient>(
    (value) => isRecord(value) && typeof value['openSession'] === 'function',
    'must be an AgentClient',
  ),
  agent: z.custom<AgentDefinition>(isAgent, 'must come from defineAgent'),
  authorize: callable(
    z.custom<Authorize>(
      (value) => typeof value === 'function',
      'must be a function that says who makes a request; without it anybody could start turns',
    ),
  ),
  whenBusy: z
    .enum(['reject', 'queue', 'interrupt'], { error: "must be 'reject', 'queue' or 'interrupt'" })
    .default('reject'),
  inputs: z.boolean({ error: 'must be true or false' }).default(true),
  outputs: z.boolean({ error: 'must be true or false' }).default(true),
  onError: callable(
    z.custom<(error: unknown) => void>(
      (value) => typeof value === 'function',
      'must be a function',
    ),
  ).default(() => warn),
});

/**
 * Serves an agent to web pages, in the AI SDK's UI message stream protocol, which `useChat` speaks, and in AG-UI;
 * the body of a request says which. `fetch` takes a `Request` and returns a `Response`: Hono, Next.js, Bun and Deno
 * call it as it is, and `getRequestListener` of `@hono/node-server` adapts it to Node's `http`.
 *
 * Each chat is a session. A caller reaches only its own chats, and turns that were started with its `user`.
 *
 * Throws a `DeclarationError` for wrong options.
 *
 * @example
 * const { fetch } = chatHandler({
 *   client: new AgentClient(),
 *   agent: support,
 *   authorize: async ({ headers }) => {
 *     const session = await verify(headers.get('cookie'));
 *     return session && { user: session.userId, context: { tenant: session.tenant } };
 *   },
 * });
 * app.all('/api/chat/*', ({ req }) => fetch(req.raw)); // Hono; also '/api/chat' itself
 */
export function chatHandler<Context = unknown>(options: ChatHandlerOptions<Context>): ChatHandler {
  const { authorize, ...checked } = declaring('chatHandler', () =>
    checkOptions('chatHandler', handlerOptions, options),
  );
  const { onError } = checked;
  const chats = new Chats(checked);
  return {
    async fetch(request) {
      const caller = await callerOfRequest(request, authorize, {
        handler: 'chatHandler',
        onError,
        reject: textResponse,
      });
      if (caller instanceof Response) return caller;
      try {
        const route = routeOf(request.method, new URL(request.url).pathname);
        if (route === undefined) throw new HttpError(404, 'There is nothing here.');
        return await chats.answer(route, request, caller);
      } catch (error) {
        return failure(error, onError);
      }
    },
    async close() {
      chats.close();
    },
  };
}

/** Errors about what the page asked for, in words for its user. */
const ABOUT_THE_REQUEST: Partial<Record<PlaitErrorCode, [status: number, text: string]>> = {
  INVALID_TURN: [
    400,
    'This message cannot be sent: an image or a document is invalid or too large.',
  ],
  SEND_REJECTED: [400, 'This message cannot be sent.'],
  SESSION_BUSY: [409, 'The agent is still at work on the message before.'],
  SESSION_CLOSED: [410, 'This chat has ended. Begin another one.'],
  SESSION_NOT_FOUND: [404, 'There is no such chat.'],
  TURN_NOT_FOUND: [404, 'There is no such turn.'],
};

/** An error in words. What does not concern the page is reported to the operator instead. */
function failure(error: unknown, report: (error: unknown) => void): Response {
  if (error instanceof HttpError) return textResponse(error.status, error.message);
  const code = error instanceof PlaitError ? error.code : undefined;
  const [status, text] = (code && ABOUT_THE_REQUEST[code]) ?? [503, AWAY];
  if (status >= 500 || code === 'INVALID_TURN' || code === 'SEND_REJECTED') report(error);
  return textResponse(status, text);
}

/** `useChat` shows this text as the message of its error. */
function textResponse(status: number, text: string, headers: Record<string, string> = {}) {
  return new Response(text, {
    status,
    headers: { 'content-type': 'text/plain; charset=utf-8', ...headers },
  });
}
