import type { AuthProvider, OAuthClientProvider } from '@modelcontextprotocol/client';
import { z } from 'zod';
import { callable, someText } from '../agents/check-options.ts';
import type { McpCaller } from '../agents/mcp-server.ts';

/** A server that the worker starts as a process of its own, and speaks to by its standard input and output. */
export interface StdioTransport {
  type: 'stdio';
  /** A program, looked up in the `PATH` of the worker. */
  command: string;
  /** @default none */
  args?: readonly string[];
  /**
   * The environment of the process, beside `PATH`, `HOME` and what else every program needs. Nothing else of
   * the worker's environment is passed on. @default none
   */
  env?: Readonly<Record<string, string>>;
  /** @default that of the worker */
  cwd?: string;
}

/** A server that is reached by streamable HTTP. */
export interface HttpTransport<Context = unknown> {
  type: 'http';
  /** `https://…`, or `http://…`, without a user name or a password. */
  url: string;
  /**
   * Headers of every request to the server, such as `authorization`. A function is called on the worker before
   * each request, with the agent, the `user` and the `context` of the turn: every caller gets connections and
   * lists of its own. What it returns is in no history. @default none
   */
  headers?:
    | Readonly<Record<string, string>>
    | ((
        caller: McpCaller<Context>,
      ) => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>);
  /**
   * An OAuth provider of the MCP SDK, or `{ token }`, for each caller; called once for each connection.
   * @default none
   */
  auth?: (caller: McpCaller<Context>) => AuthProvider | OAuthClientProvider;
}

/** Checked. */
export type Transport = StdioTransport | HttpTransport;

const texts = z.record(z.string(), z.string());

const stdio = z.strictObject({
  type: z.literal('stdio'),
  command: someText('it names the program'),
  args: z.array(z.string()).optional(),
  env: texts.optional(),
  cwd: z.string().optional(),
});

const isFunction = (value: unknown) => typeof value === 'function';

const http = z.strictObject({
  type: z.literal('http'),
  url: z.string().check(({ value, issues }) => {
    const message = urlProblem(value);
    if (message !== undefined) issues.push({ code: 'custom', input: value, message });
  }),
  headers: z
    .union([
      texts,
      callable(
        z.custom<Exclude<HttpTransport['headers'], object>>(isFunction, 'must be a function'),
      ),
    ])
    .optional(),
  auth: callable(
    z.custom<NonNullable<HttpTransport['auth']>>(isFunction, 'must be a function of the caller'),
  ).optional(),
});

function urlProblem(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    return 'must be a URL with http or https';
  }
  if (url.username === '' && url.password === '') return undefined;
  return 'must not hold a user name or a password; use headers';
}

export const transportOption = z.discriminatedUnion('type', [stdio, http], {
  error: ({ code }) => (code === 'invalid_union' ? 'must be "stdio" or "http"' : undefined),
}) as unknown as z.ZodType<Transport>;
