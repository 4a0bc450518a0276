import type { CalledTool, ListedTool, McpCaller, McpConnections } from '../agents/mcp-server.ts';
import type { ServedQuestions, ServedResult } from '../agents/mcp-server.ts';
import type { AnsweredQuestions } from '../core/calls/question.ts';
import type { ToolContext } from '../agents/define-tool.ts';
import { canonicalJson, defined } from '../core/json.ts';
import type { ConnectionOptions } from './connection.ts';
import { Connection } from './connection.ts';

/** How long a caller's connection is kept after its last use. */
const IDLE_MS = 300_000;

type Options = Omit<ConnectionOptions, 'caller'>;

/** The connections of one worker to one server. */
export class Connections implements McpConnections {
  private readonly options: Options;
  private readonly byCaller = new Map<string, Connection>();
  private readonly tellsApart: boolean;
  private isClosed = false;
  private sweeper: NodeJS.Timeout | undefined;

  constructor(options: Options) {
    this.options = options;
    const { transport } = options;
    this.tellsApart =
      transport.type === 'http' &&
      (typeof transport.headers === 'function' || transport.auth !== undefined);
  }

  async list(caller: McpCaller, signal: AbortSignal): Promise<readonly ListedTool[]> {
    return await this.of(caller).list(signal);
  }

  async call(
    tool: CalledTool,
    input: unknown,
    ctx: ToolContext,
    answered?: AnsweredQuestions,
  ): Promise<ServedResult | ServedQuestions> {
    const { agent, user, context } = ctx;
    return await this.of({ agent, ...defined({ user }), context }).call(tool, input, ctx, answered);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearInterval(this.sweeper);
    await Promise.allSettled([...this.byCaller.values()].map((one) => one.close()));
  }

  /** One for all callers, or one for each if the server can distinguish them. */
  private of(caller: McpCaller): Connection {
    const key = this.tellsApart ? canonicalJson(caller) : '';
    const known = this.byCaller.get(key);
    if (known !== undefined) return known;
    const made = new Connection({ ...this.options, caller });
    this.byCaller.set(key, made);
    if (this.isClosed) void made.close();
    else if (this.tellsApart) this.sweeper ??= setInterval(() => this.sweep(), IDLE_MS / 5).unref();
    return made;
  }

  private sweep(): void {
    for (const [key, connection] of this.byCaller) {
      if (!connection.isIdle(IDLE_MS)) continue;
      this.byCaller.delete(key);
      void connection.close();
    }
  }
}
