import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { AgentDefinition } from '../../agents/define-agent.ts';
import { within } from '../../agents/in-time.ts';
import type {
  ListedTool,
  McpCaller,
  McpConnections,
  McpServer,
  McpWorker,
} from '../../agents/mcp-server.ts';
import type { Listing } from '../../agents/served-tools.ts';
import { listingOf, withServed } from '../../agents/served-tools.ts';
import type { AgentSpec, PinnedSpec } from '../../core/agent-spec.ts';
import { serverAbsentText } from '../../core/calls/texts.ts';
import { causeChain, SERVER_UNAVAILABLE } from '../../core/failures.ts';
import { withServedTools } from '../../core/served-tools.ts';
import type { TranscriptStore } from '../transcript/store.ts';

/** Longer than a server takes that its first caller starts. The model waits meanwhile. */
const LIST_TIMEOUT_MS = 30_000;

/** Attempts to list the tools of a server without which the turn cannot run. */
const LIST_ATTEMPTS = 4;

/** The MCP servers of one worker: its connections to them, and the tools that turns have pinned. */
export class Served {
  private readonly worker: McpWorker;
  private readonly store: Pick<TranscriptStore, 'specOf'>;
  private readonly connections = new Map<McpServer, McpConnections>();
  /** By the server's list, which is the same for many turns. */
  private readonly listings = new WeakMap<readonly ListedTool[], Promise<Listing>>();
  /** By the pinned spec, which comes with each call of a turn. */
  private readonly agents = new WeakMap<AgentSpec, Map<AgentDefinition, AgentDefinition>>();

  constructor(store: Pick<TranscriptStore, 'specOf'>, worker: McpWorker) {
    this.store = store;
    this.worker = worker;
  }

  /** The agent's spec with the tools that its servers list now. Throws where one cannot be done without. */
  async list(agent: AgentDefinition, caller: McpCaller): Promise<AgentSpec> {
    const { servers = [] } = agent;
    if (servers.length === 0) return agent.spec;
    // A server that is away must not keep the others from being listed.
    const listings = await Promise.all(servers.map((server) => this.listOne(server, caller)));
    const listed = listings.flatMap((listing) => listing ?? []);
    const absent = servers.flatMap(({ name }, i) =>
      listings[i] === undefined ? serverAbsentText(name) : [],
    );
    return withServedTools(agent.spec, { listed, absent });
  }

  /** The agent with the tools of its pinned spec. */
  with(agent: AgentDefinition, spec: AgentSpec): AgentDefinition {
    if (spec.served === undefined) return agent;
    const known = this.agents.get(spec) ?? new Map<AgentDefinition, AgentDefinition>();
    this.agents.set(spec, known);
    const made =
      known.get(agent) ??
      withServed(agent, spec, (server, ...call) => this.connectionsTo(server).call(...call));
    known.set(agent, made);
    return made;
  }

  /** The same for a call that brings the spec along because an MCP server listed its tool. */
  async withPinned(agent: AgentDefinition, spec: PinnedSpec | undefined): Promise<AgentDefinition> {
    return spec === undefined ? agent : this.with(agent, await this.store.specOf(spec));
  }

  /** The worker has shut down. */
  async close(): Promise<void> {
    const all = [...this.connections.values()];
    await Promise.allSettled(all.map((connections) => connections.close()));
  }

  private async listOne(server: McpServer, caller: McpCaller): Promise<Listing | undefined> {
    const { cancellationSignal, info, log } = Context.current();
    const late = AbortSignal.timeout(LIST_TIMEOUT_MS);
    const signal = AbortSignal.any([cancellationSignal, late]);
    try {
      const tools = await within(
        this.connectionsTo(server).list(caller, signal),
        LIST_TIMEOUT_MS + 1_000,
      );
      const known = this.listings.get(tools);
      if (known !== undefined) return await known;
      const made = listingOf(server, tools);
      this.listings.set(tools, made);
      for (const problem of (await made).problems) {
        const about = { server: server.name, problem };
        log.warn('The tools of an MCP server are not as declared', about);
      }
      return await made;
    } catch (error) {
      cancellationSignal.throwIfAborted();
      const problem = late.aborted
        ? `it has not listed its tools within ${LIST_TIMEOUT_MS / 1_000} s`
        : causeChain(error);
      log.warn('An MCP server cannot be reached', { server: server.name, problem });
      if (server.onUnavailable === 'absent') return undefined;
      throw ApplicationFailure.create({
        message: `The MCP server ${server.name} cannot be reached: ${problem.replace(/\.$/, '')}. Start it, or let turns begin without its tools: onUnavailable: 'absent'.`,
        type: SERVER_UNAVAILABLE,
        nonRetryable: info.attempt >= LIST_ATTEMPTS,
        nextRetryDelay: '1s',
      });
    }
  }

  private connectionsTo(server: McpServer): McpConnections {
    const known = this.connections.get(server);
    if (known !== undefined) return known;
    const made = server.connections(this.worker);
    this.connections.set(server, made);
    return made;
  }
}
