import type { CallToolResult, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { AgentDefinition } from '../../agents/define-agent.ts';
import type { Caller } from '../../callers/caller.ts';
import { ownerOf } from '../../callers/caller.ts';
import { mayReach } from '../../callers/reach.ts';
import type { AgentClient } from '../../client/agent-client.ts';
import type { SessionHandle } from '../../client/session-handle.ts';
import type { TurnHandle } from '../../client/turn-handle.ts';
import { NAME_LIMIT } from '../../core/arguments.ts';
import { defined } from '../../core/json.ts';
import { SESSION_WORKFLOW, TURN_WORKFLOW } from '../../core/names.ts';
import { IMPLEMENTATION } from '../implementation.ts';
import type { AboutTurn } from './answer.ts';
import type { Approve } from '../../core/turn/protocol.ts';
import { approvalsAnswer, dataAnswer, errorAnswer, failureAnswer, waitedAnswer } from './answer.ts';
import { serverPackage } from './package.ts';
import { answerSchema, toolsOf } from './offered-tools.ts';
import type { McpRequest } from './request.ts';
import { idOf, keyOf, progressOf, signalOf } from './request.ts';
import { waitForTurn } from './wait.ts';

export interface ServedAgentsOptions {
  client: AgentClient;
  agents: readonly AgentDefinition[];
  /** How long a call waits for the end of its turn, in milliseconds. */
  answerWithin: number;
  /** Called with errors that callers do not get to see. */
  onError: (error: unknown) => void;
}

/** In milliseconds. Some clients give up after 30 seconds. */
export const DEFAULT_ANSWER_WITHIN = 20_000;

const id = z.string().min(1).max(NAME_LIMIT);
const turnId = id.describe('The id of the turn.');
const question = z
  .int()
  .min(1)
  .optional()
  .describe('The number of the question that the call has, where turn_approvals lists one.');
const callId = id.describe('The id of the call, as turn_approvals lists it.');
const reason = z.string().optional().describe('Why, for the record.');
const prompt = z
  .string()
  .trim()
  .min(1)
  .describe(
    'What the agent is to do. It knows nothing of your conversation: say all that it needs.',
  );

type Sdk = Awaited<ReturnType<typeof serverPackage>>;

/** Agents as the tools of MCP servers: one server for each connection or request. */
export class ServedAgents {
  private readonly options: ServedAgentsOptions;
  private readonly sdk: Sdk;
  /** By the name of their tool. */
  private readonly tools: ReadonlyMap<string, AgentDefinition>;
  private readonly byName: ReadonlyMap<string, AgentDefinition>;
  private readonly outputs: ReadonlyMap<string, ReturnType<Sdk['fromJsonSchema']>>;
  /** Turns that are being cancelled because nobody waits for them any more. */
  private readonly cancelling = new Set<Promise<void>>();
  private isClosed = false;

  private constructor(options: ServedAgentsOptions, sdk: Sdk) {
    this.options = options;
    this.sdk = sdk;
    this.tools = toolsOf(options.agents);
    this.byName = new Map(options.agents.map((agent) => [agent.name, agent]));
    this.outputs = new Map(
      options.agents.flatMap(({ name, output }) =>
        output === undefined
          ? []
          : [[name, sdk.fromJsonSchema(answerSchema(output.config.format.schema) as never)]],
      ),
    );
  }

  /** Throws a `DeclarationError` if the SDK is not installed, or two tools would have the same name. */
  static async create(options: ServedAgentsOptions): Promise<ServedAgents> {
    return new ServedAgents(options, await serverPackage());
  }

  /**
   * From now on, a connection that ends cancels no turns. Returns when the cancellations that have begun are
   * done.
   */
  async close(): Promise<void> {
    this.isClosed = true;
    await this.settled();
  }

  /** Returns when all turns whose callers have given up are cancelled. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.cancelling);
  }

  /** A server for one caller. */
  serverFor(caller: Caller): McpServer {
    const server = new this.sdk.McpServer(IMPLEMENTATION, {
      capabilities: { tools: { listChanged: false } },
      instructions: INSTRUCTIONS,
    });
    for (const [name, agent] of this.tools) this.addAgent(server, name, agent, caller);
    this.addTurns(server, caller);
    if (caller.decides !== undefined) this.addDecisions(server, caller, caller.decides);
    return server;
  }

  private addAgent(server: McpServer, name: string, agent: AgentDefinition, caller: Caller): void {
    const outputSchema = this.outputs.get(agent.name);
    server.registerTool(
      name,
      {
        description: agent.description ?? `Asks the agent ${agent.name}.`,
        inputSchema: z.object({ prompt }),
        ...defined({ outputSchema }),
      },
      ({ prompt }, ctx) =>
        this.inWords(async () => {
          const turn = await this.start(agent, prompt, { caller, ctx });
          const about = { turnId: turn.turnId, agent: agent.name };
          return await this.answerOf(turn, about, { caller, ctx, isCall: true });
        }),
    );
  }

  private addTurns(server: McpServer, caller: Caller): void {
    const agentName = z
      .enum([...this.byName.keys()] as [string, ...string[]])
      .describe('The name of the agent.');
    server.registerTool(
      'turn_start',
      {
        description:
          'Starts a turn of an agent and answers with its id at once. The turn goes on whether or not you wait for it; turn_result has its answer.',
        inputSchema: z.object({ agent: agentName, prompt }),
        outputSchema: z.object({ turnId: z.string() }),
      },
      ({ agent: name, prompt }, ctx) =>
        this.inWords(async () => {
          const agent = this.byName.get(name) as AgentDefinition;
          const { turnId } = await this.start(agent, prompt, { caller, ctx });
          return dataAnswer({ turnId }, `Turn ${turnId} has started.`);
        }),
    );
    server.registerTool(
      'turn_result',
      {
        description:
          'Waits for the answer of a turn for some seconds. If the turn takes longer, it says what the turn is doing: call it again then.',
        inputSchema: z.object({ turnId }),
        annotations: { readOnlyHint: true },
      },
      ({ turnId }, ctx) =>
        this.aboutTurn(turnId, caller, async (turn, about) =>
          this.answerOf(turn, about, { caller, ctx, isCall: false }),
        ),
    );
    server.registerTool(
      'turn_approvals',
      {
        description: 'Lists the calls of a turn that wait for a person, with their inputs.',
        inputSchema: z.object({ turnId }),
        outputSchema: z.object({ calls: z.array(z.looseObject({ callId: z.string() })) }),
        annotations: { readOnlyHint: true },
      },
      ({ turnId }) =>
        this.aboutTurn(turnId, caller, async (turn) =>
          approvalsAnswer(turnId, await turn.approvals()),
        ),
    );
    server.registerTool(
      'turn_cancel',
      {
        description:
          'Asks a turn to stop. Its running calls are cancelled; turn_result then has what it did.',
        inputSchema: z.object({ turnId }),
        annotations: { idempotentHint: true },
      },
      ({ turnId }) =>
        this.aboutTurn(turnId, caller, async (turn) => {
          await turn.cancel();
          return dataAnswer({ turnId }, `Turn ${turnId} has been asked to stop.`);
        }),
    );
    server.registerTool(
      'session_send',
      {
        description:
          'Sends a message to an agent in a conversation that the agent remembers, and returns its answer. Without sessionId it begins a conversation; the answer names its sessionId.',
        inputSchema: z.object({
          agent: agentName,
          sessionId: id.optional().describe('The conversation to go on with.'),
          message: z.string().trim().min(1).describe('What you say to the agent.'),
        }),
      },
      ({ agent, sessionId, message }, ctx) =>
        this.inWords(async () => {
          const idempotencyKey = keyOf(ctx);
          const session = await this.session(agent, sessionId, { caller, ctx });
          if (session === undefined) return errorAnswer(`There is no session ${sessionId}.`);
          const turn = await session.send(message, defined({ idempotencyKey }));
          const about = { turnId: turn.turnId, agent, sessionId: session.sessionId };
          return await this.answerOf(turn, about, { caller, ctx, isCall: true });
        }),
    );
  }

  private addDecisions(
    server: McpServer,
    caller: Caller,
    as: NonNullable<Caller['decides']>,
  ): void {
    const { by } = as;
    server.registerTool(
      'turn_approve',
      {
        description:
          'Approves a call that waits for a person, so that it runs. Use it only after a person has seen the input and agreed.',
        inputSchema: z.object({
          turnId,
          callId,
          input: z
            .looseObject({})
            .optional()
            .describe('What the call is to run with, instead of what the model wrote.'),
          question,
          answer: z
            .looseObject({})
            .optional()
            .describe('The answer of a person to the question of the call, as its schema says.'),
          reason,
        }),
        annotations: { destructiveHint: true, idempotentHint: true },
      },
      ({ turnId, callId, input, question, answer, reason }) =>
        this.aboutTurn(turnId, caller, async (turn) => {
          const given = defined({ input, question, answer: answer as Approve['answer'], reason });
          await turn.approve(callId, { ...as, ...given });
          return dataAnswer({ turnId, callId }, `Call ${callId} has been approved, as ${by}.`);
        }),
    );
    server.registerTool(
      'turn_deny',
      {
        description: 'Denies a call that waits for a person. The agent reads the reason.',
        inputSchema: z.object({ turnId, callId, question, reason }),
        annotations: { destructiveHint: false, idempotentHint: true },
      },
      ({ turnId, callId, question, reason }) =>
        this.aboutTurn(turnId, caller, async (turn) => {
          await turn.deny(callId, { ...as, ...defined({ question, reason }) });
          return dataAnswer({ turnId, callId }, `Call ${callId} has been denied, as ${by}.`);
        }),
    );
  }

  private async start(
    agent: AgentDefinition,
    prompt: string,
    { caller, ctx }: McpRequest,
  ): Promise<TurnHandle> {
    const { client } = this.options;
    const turnId = idOf(agent.name, { caller, ctx });
    const turn = await client.start(agent, prompt, { ...ownerOf(caller), ...defined({ turnId }) });
    // Without its schema: the answer is sent as the model's own JSON.
    return client.getTurn(turn.turnId);
  }

  /** A new session, or the caller's own with this id; `undefined` if it has none. */
  private async session(
    name: string,
    sessionId: string | undefined,
    { caller, ctx }: McpRequest,
  ): Promise<SessionHandle | undefined> {
    const { client } = this.options;
    if (sessionId === undefined) {
      const agent = this.byName.get(name) as AgentDefinition;
      const made = defined({ sessionId: idOf(name, { caller, ctx }) });
      return await client.startSession(agent, { ...ownerOf(caller), ...made });
    }
    const session = client.getSession(sessionId);
    const reached = await this.reaches(session.workflow, SESSION_WORKFLOW, caller);
    return reached?.agent === name ? session : undefined;
  }

  /**
   * Waits for the turn, as long as a call may take. `isCall`: the turn belongs to this call, and is cancelled
   * with it, because nobody else knows of it. A caller with a key comes back, and gets the same turn.
   */
  private async answerOf(
    turn: TurnHandle,
    about: AboutTurn,
    { caller, ctx, isCall }: McpRequest & { isCall: boolean },
  ): Promise<CallToolResult> {
    const signal = signalOf({ caller, ctx });
    const giveUp = () => this.cancel(turn);
    if (isCall && keyOf(ctx) === undefined) {
      signal.addEventListener('abort', giveUp, { once: true });
      if (signal.aborted) giveUp();
    }
    try {
      const waited = await waitForTurn(turn, {
        within: this.options.answerWithin,
        signal,
        forPeople: !isCall,
        report: progressOf(ctx, turn.turnId),
      });
      return waitedAnswer(about, waited);
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  private cancel(turn: TurnHandle): void {
    if (this.isClosed) return;
    const cancelling = turn
      .cancel()
      .catch((error: unknown) => this.options.onError(error))
      .finally(() => this.cancelling.delete(cancelling));
    this.cancelling.add(cancelling);
  }

  /** Does something with a turn of the caller. Other callers' turns do not exist for it. */
  private async aboutTurn(
    turnId: string,
    caller: Caller,
    work: (turn: TurnHandle, about: AboutTurn) => Promise<CallToolResult>,
  ): Promise<CallToolResult> {
    return await this.inWords(async () => {
      const turn = this.options.client.getTurn(turnId);
      const reached = await this.reaches(turn.workflow, TURN_WORKFLOW, caller);
      if (reached === undefined) return errorAnswer(`There is no turn ${turnId}.`);
      return await work(turn, { turnId, ...reached });
    });
  }

  private async reaches(workflow: TurnHandle['workflow'], type: string, caller: Caller) {
    return await mayReach(workflow, type, caller, (agent) => this.byName.has(agent));
  }

  private async inWords(work: () => Promise<CallToolResult>): Promise<CallToolResult> {
    try {
      return await work();
    } catch (error) {
      return failureAnswer(error, this.options.onError);
    }
  }
}

const INSTRUCTIONS =
  'Each agent is a tool. A turn that takes longer than some seconds answers with its turnId and goes on by itself; turn_result waits for it.';
