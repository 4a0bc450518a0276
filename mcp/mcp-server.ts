import { z } from 'zod';
import type { Duration } from '../agents/check-options.ts';
import {
  checkOptions,
  declaring,
  duration,
  someOf,
  subjectOf,
  wholeNumber,
  wrongOptions,
} from '../agents/check-options.ts';
import { toolSettings } from '../agents/define-tool.ts';
import type { ToolActivityOptions } from '../agents/define-tool.ts';
import type { McpServer, McpToolOptions, McpToolSettings } from '../agents/mcp-server.ts';
import { defined } from '../core/json.ts';
import { SERVED_SEPARATOR } from '../core/served-tools.ts';
import { Connections } from './connections.ts';
import type { HttpTransport, StdioTransport, Transport } from './transports.ts';
import { transportOption } from './transports.ts';

/** What `mcpServer` takes. */
export interface McpServerOptions<Context = unknown> {
  /**
   * 1 to 32 letters, digits, `_` and `-`, without `__`; unique among the servers of an agent. The model knows
   * the tool `read_file` of the server `files` as `files__read_file`, and so does the Temporal UI.
   */
  name: string;
  /**
   * How the server is reached: a process that the worker starts, `{ type: 'stdio', command, args, env, cwd }`,
   * or streamable HTTP, `{ type: 'http', url, headers, auth }`.
   */
  transport: StdioTransport | HttpTransport<Context>;
  /** Only these tools, by the server's names. @default all */
  allow?: readonly string[];
  /** All but these tools, by the server's names. Turns that already know one cannot call it any more. @default none */
  deny?: readonly string[];
  /** Settings of single tools, by the server's names. @default as the server describes them */
  tools?: Readonly<Record<string, McpToolOptions<Context>>>;
  /**
   * Time, attempts and task queue of all calls. Give a server whose process holds state a `taskQueue` that one
   * worker alone serves: each worker has a process of its own. `startToCloseTimeout` limits a whole attempt,
   * however much progress it reports, and is an hour by default.
   */
  activity?: ToolActivityOptions;
  /**
   * Longest silence of the server during a call. Each progress notification begins it anew.
   * @default '2m'
   */
  timeout?: Duration;
  /**
   * How long a worker remembers what the server has listed, unless the server says that it has changed, or
   * allows less. Turns that run keep what they began with. @default '5m'
   */
  ttl?: Duration;
  /**
   * What a turn or session does that begins while the server cannot be reached: go on without its tools,
   * which the model reads in one line, or `fail`. What it begins without it never gets. @default 'absent'
   */
  onUnavailable?: 'absent' | 'fail';
  /**
   * Which revision of MCP is spoken: `legacy` begins with `initialize`, `modern` is 2026-07-28, `auto` asks
   * the server. Many processes do not answer that question. @default 'auto' over HTTP, 'legacy' over stdio
   */
  protocol?: 'auto' | 'legacy' | 'modern';
  /** Most text of a result that the model sees, in bytes; see `ToolOptions`. @default 100000 */
  maxResultBytes?: number;
  /**
   * The model sees the tools only after it has searched for them: for a server with many. The agent needs a
   * `tool_search_tool` among its `serverTools`. @default false
   */
  deferLoading?: boolean;
}

const TOOL = z.strictObject(toolSettings);
const names = someOf(z.string());

const serverOptions = z.strictObject({
  name: z
    .string()
    .regex(/^[a-zA-Z0-9_-]{1,32}$/, 'must be 1 to 32 letters, digits, "_" and "-"')
    .refine(
      (name) => !name.includes(SERVED_SEPARATOR),
      'must not hold "__", which stands between the names of a server and its tools',
    ),
  transport: transportOption,
  allow: names.optional(),
  deny: names.optional(),
  tools: z.record(z.string(), TOOL).optional(),
  activity: toolSettings.activity,
  timeout: duration.default(120_000),
  ttl: duration.default(300_000),
  onUnavailable: z.enum(['absent', 'fail']).default('absent'),
  protocol: z.enum(['auto', 'legacy', 'modern']).optional(),
  maxResultBytes: wholeNumber(1_000).optional(),
  deferLoading: z.boolean().optional(),
});

/** Longer than any work that reports progress; it ends calls that would go on forever. */
const LONGEST_CALL = 3_600_000;

/**
 * Declares an MCP server whose tools an agent gets. Nothing is started or connected before a turn begins.
 *
 * Each call is an activity named `<server>__<tool>`. A tool that the server does not annotate as read-only
 * or idempotent runs at most once, and in call order with the other such tools of the server. Annotations are
 * claims of the server: `tools` overrides them.
 *
 * Throws a `DeclarationError` that names every mistake.
 *
 * @example
 * const files = mcpServer({
 *   name: 'files',
 *   transport: {
 *     type: 'stdio',
 *     command: 'npx',
 *     args: ['-y', '@modelcontextprotocol/server-filesystem', '/srv/data'],
 *   },
 *   deny: ['move_file'],
 *   tools: { write_file: { approval: 'always', annotations: { idempotentHint: true } } },
 * });
 * const clerk = defineAgent({ name: 'clerk', model: 'claude-opus-5-5', tools: [files] });
 */
export function mcpServer<Context = unknown>(options: McpServerOptions<Context>): McpServer {
  const subject = subjectOf('mcpServer', options);
  return declaring(subject, () => {
    const checked = checkOptions(subject, serverOptions, options);
    const { name, transport, allow, deny, onUnavailable, maxResultBytes, deferLoading } = checked;
    const tools = new Map(Object.entries(checked.tools ?? {})) as Map<string, McpToolSettings>;
    const problems = [...tools].flatMap(([tool, settings]) => toolProblems(tool, settings));
    if (problems.length > 0) throw wrongOptions(subject, problems);
    const activity = { startToCloseTimeout: LONGEST_CALL, ...checked.activity };
    const activities = [activity, ...[...tools.values()].map((tool) => tool.activity)];
    const queues = activities.flatMap((one) => queueOf(one) ?? []);
    const { timeout, ttl, protocol = transport.type === 'http' ? 'auto' : 'legacy' } = checked;
    return {
      type: 'mcpServer',
      name,
      selection: defined({ allow, deny }),
      defaults: { activity, ...defined({ maxResultBytes, deferLoading }) },
      tools,
      onUnavailable,
      taskQueues: [...new Set(queues)],
      spanAttributes: spanAttributes(transport),
      connections: (worker) => new Connections({ name, transport, timeout, ttl, protocol, worker }),
    };
  });
}

/** https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/mcp.md#client */
function spanAttributes(transport: Transport): Record<string, string | number> {
  if (transport.type === 'stdio') return { 'network.transport': 'pipe' };
  const { hostname, port, protocol } = new URL(transport.url);
  return {
    'network.transport': 'tcp',
    'network.protocol.name': 'http',
    'server.address': hostname.replaceAll(/^\[|\]$/g, ''),
    'server.port': port === '' ? (protocol === 'http:' ? 80 : 443) : Number(port),
  };
}

function queueOf(activity: object | undefined): string | undefined {
  const { taskQueue } = (activity ?? {}) as ToolActivityOptions;
  return taskQueue;
}

function toolProblems(tool: string, { startCallsEarly, annotations }: McpToolSettings): string[] {
  // The server's own hints are not known yet, and may change.
  if (startCallsEarly !== true || annotations?.readOnlyHint === true) return [];
  return [
    `tools.${tool}.startCallsEarly: a call may start although its reply is never committed, so it must change nothing; add annotations.readOnlyHint, or leave startCallsEarly out`,
  ];
}
