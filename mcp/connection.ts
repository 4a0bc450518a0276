import { setTimeout as sleep } from 'node:timers/promises';
import type {
  Client,
  Transport as ClientTransport,
  PriorDiscovery,
  Progress,
} from '@modelcontextprotocol/client';
import type { ToolContext } from '../agents/define-tool.ts';
import type {
  CalledTool,
  ListedTool,
  McpCaller,
  McpWorker,
  ServedQuestions,
  ServedResult,
} from '../agents/mcp-server.ts';
import { defined, isRecord, shorten } from '../core/json.ts';
import { readQuestions } from '../core/calls/question.ts';
import type { AnsweredQuestions } from '../core/calls/question.ts';
import {
  asksToWait,
  asksUnusably,
  callFailure,
  isSessionGone,
  unreachable,
} from './call-failure.ts';
import { fetchFor } from './http.ts';
import { IMPLEMENTATION } from './implementation.ts';
import { clientPackage } from './package.ts';
import { servedResult } from './result.ts';
import { isSecretName } from './secret-names.ts';
import { StdioProcess } from './stdio-process.ts';
import { traceContext } from './trace-context.ts';
import type { Transport } from './transports.ts';

export interface ConnectionOptions {
  name: string;
  transport: Transport;
  /** In milliseconds. */
  timeout: number;
  /** In milliseconds. */
  ttl: number;
  protocol: 'auto' | 'legacy' | 'modern';
  worker: McpWorker;
  caller: McpCaller;
}

/** The revision of MCP without `initialize`. */
const MODERN = '2026-07-28';

/** The pauses between attempts to connect. */
const PAUSES_MS = [500, 2_000];

/** For at most this time after a failed attempt, everybody who asks gets its error. */
const LONGEST_PAUSE_MS = 5_000;

/** A process that has to be downloaded first takes a while. */
const CONNECT_TIMEOUT_MS = 30_000;

/** A server may report progress at every step, but each heartbeat is an Action. */
const PROGRESS_EVERY_MS = 5_000;

const PRIOR_MS = 3_600_000;

/** A busy server answers with only a state, which goes back to it after this pause. */
const PUT_OFF_MS = 1_000;
const MOST_PUT_OFF = 30;

/**
 * The questions to a person that a server may ask, in the revision of MCP in which a question is the result
 * of a call. In the older revision a question is a request that somebody has to answer while the call runs,
 * and a person may take days.
 */
const ASKED_IN_RESULTS = { elicitation: { form: {}, url: {} } };

/** In `_meta` of every call. MCP itself has no name for it. */
const IDEMPOTENCY_KEY = 'io.github.plait-agents/idempotencyKey';

interface Listed {
  tools: readonly ListedTool[];
  ttlMs?: number;
}

interface Remembered {
  tools: Promise<readonly ListedTool[]>;
  /** Milliseconds since the epoch. */
  until: number;
}

/** One connection to a server. It is opened when it is first used, and again after it was lost. */
export class Connection {
  private readonly options: ConnectionOptions;
  private opening: Promise<Client> | undefined;
  private client: Client | undefined;
  private listing: Remembered | undefined;
  /** Why the process has ended. */
  private why: Error | undefined;
  /** The revisions that the server has said it speaks, so that it is not asked again. */
  private prior: { verdict: PriorDiscovery; until: number } | undefined;
  private failure: { error: unknown; until: number; count: number } | undefined;
  private isClosed = false;
  private inUse = 0;
  private lastUse = Date.now();

  constructor(options: ConnectionOptions) {
    this.options = options;
    const { transport, worker } = options;
    if (transport.type !== 'stdio') return;
    for (const [name, value] of Object.entries(transport.env ?? {})) {
      if (isSecretName(name)) worker.secret(value);
    }
  }

  isIdle(milliseconds: number): boolean {
    return this.inUse === 0 && Date.now() - this.lastUse >= milliseconds;
  }

  async list(signal: AbortSignal): Promise<readonly ListedTool[]> {
    return await this.use(async () => {
      if (this.listing === undefined || Date.now() >= this.listing.until) {
        this.listing = this.listNow();
      }
      return await untilAborted(this.listing.tools, signal);
    });
  }

  async call(
    tool: CalledTool,
    input: unknown,
    ctx: ToolContext,
    answered?: AnsweredQuestions,
  ): Promise<ServedResult | ServedQuestions> {
    return await this.use(async () => {
      const client = await this.connectedFor(ctx);
      try {
        return await this.send(client, tool, input, { ctx, answered });
      } catch (error) {
        if (isSessionGone(error)) {
          // The server has forgotten the session, so it has not run the tool.
          await this.drop(client);
          const again = await this.connectedFor(ctx);
          return await this.send(again, tool, input, { ctx, answered }).catch(this.fail(tool));
        }
        return this.fail(tool)(error);
      }
    });
  }

  async close(): Promise<void> {
    this.isClosed = true;
    const client = this.client ?? (await this.opening?.catch(() => undefined));
    if (client !== undefined) await this.drop(client);
  }

  private async use<T>(work: () => Promise<T>): Promise<T> {
    this.inUse += 1;
    try {
      return await work();
    } finally {
      this.inUse -= 1;
      this.lastUse = Date.now();
    }
  }

  private fail({ repeatable }: CalledTool) {
    const { name, timeout } = this.options;
    return (error: unknown): never => {
      throw callFailure(error, { server: name, timeout, repeatable, why: this.why });
    };
  }

  private async connectedFor({ signal }: ToolContext): Promise<Client> {
    try {
      return await this.connected(signal);
    } catch (error) {
      signal.throwIfAborted();
      throw unreachable(this.options.name, error);
    }
  }

  /** Sends a call. If the server puts it off, it is sent again with what the server wants back. */
  private async send(
    client: Client,
    { tool, inputSchema }: CalledTool,
    input: unknown,
    { ctx, answered }: { ctx: ToolContext; answered: AnsweredQuestions | undefined },
  ): Promise<ServedResult | ServedQuestions> {
    const { name } = this.options;
    let reportedAt = 0;
    const onprogress = ({ progress, total, message }: Progress) => {
      if (Date.now() - reportedAt < PROGRESS_EVERY_MS) return;
      reportedAt = Date.now();
      ctx.heartbeat({ progress, total, message: message && shorten(message, 1_000) });
    };
    // A server must not take a call with answers for another attempt at the call that it has answered.
    const key = ctx.idempotencyKey + (answered === undefined ? '' : `.${answered.times}`);
    let { responses, state } = answered ?? {};
    for (let times = 0; times < MOST_PUT_OFF; times++) {
      if (times > 0) await sleep(PUT_OFF_MS, undefined, { signal: ctx.signal });
      const params = {
        name: tool,
        arguments: input as Record<string, unknown>,
        ...defined({ inputResponses: responses, requestState: state }),
        _meta: { ...traceContext(), [IDEMPOTENCY_KEY]: key },
      };
      const result: unknown = await client.callTool(params, {
        signal: ctx.signal,
        timeout: this.options.timeout,
        resetTimeoutOnProgress: true,
        onprogress,
        allowInputRequired: true,
        // Without its outputSchema, which is checked elsewhere: there a check cannot hold up other calls.
        toolDefinition: { name: tool, inputSchema: inputSchema as { type: 'object' } },
      });
      if (!isRecord(result) || result['resultType'] !== 'input_required') {
        return { type: 'result', ...servedResult(result) };
      }
      const { inputRequests, requestState } = result;
      state = typeof requestState === 'string' ? requestState : undefined;
      const read = readQuestions(name, inputRequests, state);
      if (read.type === 'unusable') throw asksUnusably(name, read.why);
      const { questions } = read;
      if (questions.length > 0) return { type: 'asks', questions, ...defined({ state }) };
      responses = undefined;
    }
    throw asksToWait(name);
  }

  /** Shared by all who ask meanwhile, so none of them can end it. */
  private listNow(): Remembered {
    const signal = AbortSignal.timeout(CONNECT_TIMEOUT_MS);
    const list = async () => {
      const client = await this.connected(signal);
      const options = { signal, timeout: CONNECT_TIMEOUT_MS, cacheMode: 'refresh' } as const;
      const { tools, ttlMs } = (await client.listTools(undefined, options)) as Listed;
      const allowed = Math.min(this.options.ttl, ttlMs ?? this.options.ttl);
      listing.until = Math.min(listing.until, Date.now() + allowed);
      return tools;
    };
    const forget = () => {
      if (this.listing === listing) this.listing = undefined;
    };
    const listing: Remembered = { tools: list(), until: Date.now() + this.options.ttl };
    listing.tools.catch(forget);
    return listing;
  }

  private async connected(signal: AbortSignal): Promise<Client> {
    signal.throwIfAborted();
    if (this.client !== undefined) return this.client;
    const { failure } = this;
    if (failure !== undefined && Date.now() < failure.until) throw failure.error;
    this.opening ??= this.open().finally(() => {
      this.opening = undefined;
    });
    return await untilAborted(this.opening, signal);
  }

  private async open(): Promise<Client> {
    for (let attempt = 0; ; attempt++) {
      if (this.isClosed) throw new Error('the worker shuts down');
      try {
        const client = await this.connect();
        this.client = client;
        this.failure = undefined;
        return client;
      } catch (error) {
        this.prior = undefined;
        const pause = PAUSES_MS[attempt];
        if (pause === undefined || (error as Error).name === 'PackageMissingError') {
          const count = (this.failure?.count ?? 0) + 1;
          const until = Date.now() + Math.min(LONGEST_PAUSE_MS, 500 * 2 ** count);
          this.failure = { error, until, count };
          throw error;
        }
        await sleep(pause);
      }
    }
  }

  private async connect(): Promise<Client> {
    const { Client, StreamableHTTPClientTransport } = await clientPackage();
    const { transport, caller, worker, name, protocol } = this.options;
    const client = new Client(IMPLEMENTATION, {
      capabilities: ASKED_IN_RESULTS,
      versionNegotiation: { mode: protocol === 'modern' ? { pin: MODERN } : protocol },
      inputRequired: { autoFulfill: false },
      listChanged: {
        tools: { autoRefresh: false, debounceMs: 0, onChanged: () => this.forgetListing() },
      },
    });
    // Other errors need no handling: a broken stream is opened again, and calls report their own.
    this.why = undefined;
    // oxlint-disable unicorn/prefer-add-event-listener -- not an EventTarget
    client.onerror = (error) => {
      if (error.name === 'ProcessEndedError') this.why = error;
    };
    client.onclose = () => this.forget(client);
    // oxlint-enable unicorn/prefer-add-event-listener
    const wire =
      transport.type === 'stdio'
        ? new StdioProcess(transport, (line) =>
            worker.log('info', `MCP server ${name}: ${line}`, { server: name }),
          )
        : new StreamableHTTPClientTransport(new URL(transport.url), {
            fetch: fetchFor(transport, caller, worker),
            ...(transport.auth === undefined ? {} : { authProvider: transport.auth(caller) }),
          });
    withoutQuestions(wire);
    const { prior } = this;
    try {
      await client.connect(wire, {
        timeout: CONNECT_TIMEOUT_MS,
        ...(prior !== undefined && Date.now() < prior.until ? { prior: prior.verdict } : {}),
      });
    } catch (error) {
      await wire.close().catch(() => undefined);
      throw this.why ?? error;
    }
    const discover = client.getDiscoverResult();
    this.prior = {
      verdict: discover === undefined ? { kind: 'legacy' } : { kind: 'modern', discover },
      until: Date.now() + PRIOR_MS,
    };
    return client;
  }

  private forgetListing(): void {
    this.listing = undefined;
  }

  /** The connection has ended, and the next use opens another. A new process may list other tools. */
  private forget(client: Client): void {
    if (this.client !== client) return;
    this.client = undefined;
    this.listing = undefined;
  }

  private async drop(client: Client): Promise<void> {
    this.forget(client);
    await client.close().catch(() => undefined);
  }
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const listening = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    const stop = () => reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { signal: listening.signal });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    listening.abort();
  }
}

type Wire = Pick<ClientTransport, 'send'>;

/** The SDK declares the same in both revisions. In the older one a server must not expect an answer. */
function withoutQuestions(wire: Wire): void {
  const send = wire.send.bind(wire);
  wire.send = async (message, options) => {
    await send(
      'method' in message && message.method === 'initialize'
        ? { ...message, params: { ...message.params, capabilities: {} } }
        : message,
      options,
    );
  };
}
