import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { CallToolResult, ListToolsResult, ServerContext } from '@modelcontextprotocol/server';
import { functionProblem, recordProblem, rejectIf } from '../core/arguments.ts';
import { DeclarationError } from '../agents/declaration-error.ts';
import { defined, isRecord } from '../core/json.ts';
import { optionalPackage } from '../storage/optional-package.ts';

/** A tool of a scripted MCP server, as the server lists it. */
export interface ScriptedMcpTool {
  description?: string;
  /** A JSON Schema of an object. @default any object */
  inputSchema?: Record<string, unknown>;
  outputSchema?: Record<string, unknown>;
  /** Sent as they are, so they may lie. */
  annotations?: Record<string, unknown>;
  /**
   * Answers a call: a text, or a result of MCP (`content`, `structuredContent`, `isError`). What it throws
   * becomes an error of JSON-RPC. A promise that never settles is a server that hangs.
   */
  run: (input: Record<string, unknown>, call: McpCallContext) => unknown;
}

/** What `run` of a scripted tool gets beside the input. */
export interface McpCallContext {
  /** `_meta` of the request. */
  readonly meta: Readonly<Record<string, unknown>>;
  /**
   * MCP's answers to what the tool has asked, by its own names: a tool asks with a result
   * `{ resultType: 'input_required', inputRequests, requestState }`. Empty where it has not asked.
   */
  readonly answers: Readonly<Record<string, unknown>>;
  /** The `requestState` that came back. */
  readonly state: string | undefined;
  /** Aborts when the client cancels the call. */
  readonly signal: AbortSignal;
  /** Tells the client how far the call is, if it wants to know. */
  readonly progress: (progress: number, total?: number, message?: string) => Promise<void>;
  /** The connection of this call, and all others, break off. */
  readonly dropConnections: () => void;
}

/** What `startMcpServer` takes. */
export interface McpServerScript {
  tools: Readonly<Record<string, ScriptedMcpTool>>;
  /** Which revisions of MCP it speaks: those with `initialize`, 2026-07-28, or all. @default 'both' */
  era?: 'legacy' | 'modern' | 'both';
  /** @default a free one */
  port?: number;
}

/** What the server has received. */
export interface McpServerCall {
  tool: string;
  input: Record<string, unknown>;
  meta: Record<string, unknown>;
  headers: Record<string, string>;
}

/** A scripted MCP server that runs. */
export interface ScriptedMcpServer extends AsyncDisposable {
  /** For `mcpServer({ transport })`. */
  readonly transport: { readonly type: 'http'; readonly url: string };
  /** In the order in which they came. */
  readonly calls: readonly McpServerCall[];
  /** How often its tools were listed. */
  readonly lists: number;
  /** Replaces the tools, and notifies the clients that listen. */
  setTools(tools: McpServerScript['tools']): void;
  /** Breaks all connections off, and takes no more. */
  close(): Promise<void>;
}

const ANY_OBJECT = { type: 'object' } as const;

/**
 * Starts an MCP server for tests, over streamable HTTP on this machine. Its tools are functions of the test,
 * which may be slow, hang, lie, or return far too much. Needs the package `@modelcontextprotocol/server`.
 *
 * @example
 * await using notes = await startMcpServer({
 *   tools: { add: { run: ({ text }) => `added: ${text}` } },
 * });
 * const agent = defineAgent({
 *   name: 'clerk',
 *   model: 'claude-opus-5-5',
 *   tools: [mcpServer({ name: 'notes', transport: notes.transport })],
 * });
 */
export async function startMcpServer(script: McpServerScript): Promise<ScriptedMcpServer> {
  rejectIf(DeclarationError, scriptProblem(script));
  const { createMcpHandler, legacyStatelessFallback, Server } = await serverPackage();
  const { era = 'both', port = 0 } = script;
  let { tools } = script;
  let lists = 0;
  const calls: McpServerCall[] = [];
  const sockets = new Set<Socket>();
  const dropConnections = () => {
    for (const socket of sockets) socket.destroy();
  };

  const factory = ({ requestInfo }: { requestInfo?: Request }) => {
    const server = new Server(
      { name: 'scripted', version: '1' },
      { capabilities: { tools: { listChanged: true } } },
    );
    server.setRequestHandler('tools/list', () => {
      lists += 1;
      return { tools: Object.entries(tools).map(listed) } as ListToolsResult;
    });
    server.setRequestHandler('tools/call', async ({ params }, ctx: ServerContext) => {
      const { name, arguments: input = {} } = params;
      const { _meta: meta = {} } = ctx.mcpReq;
      const headers = Object.fromEntries(requestInfo?.headers ?? []);
      calls.push({ tool: name, input, meta, headers });
      const tool = Object.hasOwn(tools, name) ? tools[name] : undefined;
      if (tool === undefined) throw new Error(`no tool ${name}`);
      const { progressToken } = meta;
      const result = await tool.run(input, {
        meta,
        answers: ctx.mcpReq.inputResponses ?? {},
        state: ctx.mcpReq.requestState<string>(),
        signal: ctx.mcpReq.signal,
        dropConnections,
        progress: async (progress, total, message) => {
          if (progressToken === undefined) return;
          await ctx.mcpReq.notify({
            method: 'notifications/progress',
            params: { progressToken, progress, ...defined({ total, message }) },
          });
        },
      });
      return (
        isRecord(result) ? result : { content: [{ type: 'text', text: String(result) }] }
      ) as CallToolResult;
    });
    return server;
  };
  const handler = createMcpHandler(factory, { legacy: era === 'both' ? 'stateless' : 'reject' });
  const answer = era === 'legacy' ? legacyStatelessFallback(factory) : handler.fetch;

  const http = createServer((request, response) => {
    serve(answer, request, response).catch(() => response.destroy());
  });
  http.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
  const { port: taken } = http.address() as AddressInfo;
  const close = async () => {
    const closed = new Promise((resolve) => http.close(resolve));
    dropConnections();
    await handler.close();
    await closed;
  };
  return {
    transport: { type: 'http', url: `http://127.0.0.1:${taken}/mcp` },
    calls,
    get lists() {
      return lists;
    },
    setTools(others) {
      tools = others;
      handler.notify.toolsChanged();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function scriptProblem(script: McpServerScript): string | undefined {
  const problem =
    recordProblem('startMcpServer: the script', script) ??
    recordProblem('startMcpServer: tools', script.tools);
  if (problem !== undefined) return problem;
  return Object.entries(script.tools)
    .map(([name, { run }]) => functionProblem(`startMcpServer: tools.${name}.run`, run))
    .find((one) => one !== undefined);
}

async function serverPackage() {
  return await optionalPackage(
    '@modelcontextprotocol/server',
    () => import('@modelcontextprotocol/server'),
    { what: 'startMcpServer', Invalid: DeclarationError },
  );
}

function listed([name, tool]: [string, ScriptedMcpTool]) {
  const { run: _, inputSchema = ANY_OBJECT, ...about } = tool;
  return { name, inputSchema, ...about };
}

/** Between Node's own requests and those of the web, which the SDK takes. */
async function serve(
  answer: (request: Request) => Promise<Response>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const aborted = new AbortController();
  response.on('close', () => aborted.abort());
  const { method = 'GET', headers, url = '/' } = request;
  const body = method === 'POST' ? await buffer(request) : null;
  const asked = new Request(`http://127.0.0.1${url}`, {
    method,
    headers: Object.entries(headers).map(([name, value]) => [name, String(value)]),
    body,
    signal: aborted.signal,
  });
  const answered = await answer(asked);
  response.writeHead(answered.status, Object.fromEntries(answered.headers));
  if (answered.body === null) response.end();
  else await pipeline(Readable.fromWeb(answered.body as never), response);
}
