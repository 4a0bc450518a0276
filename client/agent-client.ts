import { randomUUID } from 'node:crypto';
import { Client, Connection, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { DataConverter, StorageDriver } from '@temporalio/common';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { Agent } from '../agents/define-agent.ts';
import type { Json } from '../core/json.ts';
import { defined, shorten } from '../core/json.ts';
import { DEFAULT_TASK_QUEUE, SESSION_WORKFLOW, TURN_WORKFLOW } from '../core/names.ts';
import type { SessionArgs } from '../core/session/protocol.ts';
import { InvalidTurnError } from '../core/turn/input.ts';
import type { TurnInput } from '../core/turn/input.ts';
import type { TurnResult } from '../core/turn/result.ts';
import { areMessages } from '../core/conversation/acceptable.ts';
import type { Message } from '../core/conversation/messages.ts';
import { withoutThinking } from '../core/conversation/sendable.ts';
import { withStorage } from '../storage/data-converter.ts';
import { completeCall } from './complete-call.ts';
import { digestOf } from './digest.ts';
import { storedFiles, withoutFiles } from './files.ts';
import { InvalidSessionError, SessionIdInUseError, TurnIdInUseError } from './errors.ts';
import type { ListedSession, ListSessionsOptions } from './list-sessions.ts';
import { listSessions } from './list-sessions.ts';
import { parserOf } from './output.ts';
import type { ListedTurn, ListTurnsOptions } from './list-turns.ts';
import { listTurns } from './list-turns.ts';
import { SearchableStarts } from './searchable-starts.ts';
import { SessionHandle } from './session-handle.ts';
import {
  attributesOfSession,
  attributesOfTurn,
  nameOf,
  sessionArgs,
  summaryOf,
  turnArgs,
  turnDigest,
} from './start-arguments.ts';
import type {
  GetTurnOptions,
  OptionsOf,
  OpenSessionOptions,
  StartSessionOptions,
  StartTurnOptions,
} from './options.ts';
import { startedWith } from './started-with.ts';
import { aboutServer, aboutTurn } from './temporal-errors.ts';
import { TurnHandle } from './turn-handle.ts';
import type { ApprovalsOptions, WaitingCall } from './waiting-calls.ts';
import { waitingCalls } from './waiting-calls.ts';

export interface AgentClientOptions {
  /**
   * A Temporal client that you already have. Left out, Plait connects by Temporal's environment
   * configuration (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TLS, profiles), to
   * localhost:7233 by default, with the first request.
   */
  client?: Client;
  /** Where turns are started that do not say otherwise. @default 'plait' */
  taskQueue?: string;
  /**
   * Temporal's option: a turn that a worker of this very process will run begins with the start's
   * own answer, some 10 ms sooner. Only with a `client` whose connection is that worker's
   * `NativeConnection`; with any other Temporal refuses every start. @default false
   */
  requestEagerStart?: boolean;
  /**
   * The storage of the workers, so that large inputs and results can pass. Has no effect beside
   * `client`: give that one's data converter `withStorage(...)` from `plait/storage`.
   */
  storage?: StorageDriver;
  /** Codecs and converters for the connection that Plait makes. Has no effect beside `client`. */
  dataConverter?: DataConverter;
}

/** Temporal's limit for an id is 255 on some servers, and a turn's id is longer than its session's. */
const MAX_SESSION_ID = 200;

/** Starts turns and sessions, and finds them again. Cheap to make; one per process is enough. */
export class AgentClient {
  /** Temporal's client, for everything that is not here. */
  readonly client: Client;
  private readonly taskQueue: string;
  private readonly requestEagerStart: boolean;
  private readonly owned: Connection | undefined;
  private readonly starts = new SearchableStarts();

  constructor(options: AgentClientOptions = {}) {
    this.taskQueue = options.taskQueue ?? DEFAULT_TASK_QUEUE;
    this.requestEagerStart = options.requestEagerStart ?? false;
    if (options.client !== undefined) {
      this.client = options.client;
      return;
    }
    const { connectionOptions, namespace } = loadClientConnectConfig();
    this.owned = Connection.lazy(connectionOptions);
    const dataConverter = withStorage(options.dataConverter, options.storage);
    this.client = new Client({
      connection: this.owned,
      namespace: namespace ?? 'default',
      ...defined({ dataConverter }),
    });
  }

  /**
   * Starts a turn: `agent` is the agent or its name, `input` a text, content blocks, or a whole
   * conversation that ends with the user. Data of images and documents from 8 KiB on goes to the
   * storage, where the client has one.
   *
   * Throws an `InvalidTurnError` for a wrong input, images and documents included that the API would
   * refuse, a `TurnIdInUseError` for an id that belongs to another turn, a `TemporalUnavailableError`.
   */
  async start<Context = unknown, AgentOutput = unknown, Output = AgentOutput>(
    agent: Agent<Context, AgentOutput> | string,
    input: TurnInput,
    ...[options = {}]: OptionsOf<Context, StartTurnOptions<Context, Output>>
  ): Promise<TurnHandle<Output>> {
    const args = turnArgs(agent, input, options);
    const { agent: name } = args;
    const { taskQueue = this.taskQueue, user } = options;
    if (options.turnId === '') throw new InvalidTurnError('turnId is empty');
    const attributes = attributesOfTurn(name, user);
    const turnId = options.turnId ?? `${name}-${randomUUID()}`;
    const inputDigest = turnDigest(args);
    const sent = { ...args, input: await withoutFiles(this.client, input, 'input') };
    await aboutTurn(turnId, this.client.options.namespace, async () => {
      try {
        await this.starts.start(attributes, (registered) =>
          this.client.workflow.start(TURN_WORKFLOW, {
            workflowId: turnId,
            taskQueue,
            args: [sent],
            // An id names one turn for ever, not the latest of several.
            workflowIdReusePolicy: 'REJECT_DUPLICATE',
            memo: { agent: name, inputDigest },
            ...registered,
            ...(this.requestEagerStart ? { requestEagerStart: true } : {}),
            staticSummary: summaryOf(name, input),
          }),
        );
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
        const existing = await startedWith(this.client, turnId, turnDigest);
        if (existing !== inputDigest) throw new TurnIdInUseError(turnId);
      }
    });
    return new TurnHandle<Output>(this.client, turnId, parserOf(agent, options.output));
  }

  /**
   * The session with this id, a long conversation with an agent: `await session.send('Hello')`. It is
   * created with its first message, and then the options hold; one that exists keeps its own.
   *
   * Throws an `InvalidSessionError` for wrong options.
   */
  openSession<Context = unknown, Output = unknown>(
    agent: Agent<Context, Output> | string,
    sessionId: string,
    ...[options = {}]: OptionsOf<Context, OpenSessionOptions<Context>>
  ): SessionHandle<Output> {
    const args = sessionArgs(agent, options);
    const { starts } = this;
    const attributes = attributesOfSession(args.agent, options.user);
    const start = this.sessionStart(sessionId, args, options.taskQueue);
    const creation = { agent: args.agent, start, attributes, starts };
    const parse = parserOf(agent, undefined);
    return new SessionHandle<Output>(this.client, sessionId, creation, parse);
  }

  /**
   * The handle of a session that exists; sending it something never creates one. Makes no request, so it
   * is the first use of the handle that throws a `SessionNotFoundError`.
   */
  getSession(sessionId: string): SessionHandle {
    return new SessionHandle(this.client, sessionId);
  }

  /**
   * Starts a session now, with a conversation to go on from: a fork of another one, or the move to
   * another version of an agent.
   *
   * Throws an `InvalidSessionError`, a `SessionIdInUseError`, a `TemporalUnavailableError`.
   */
  async startSession<Context = unknown, Output = unknown>(
    agent: Agent<Context, Output> | string,
    ...[options = {}]: OptionsOf<Context, StartSessionOptions<Context>>
  ): Promise<SessionHandle<Output>> {
    const name = nameOf(agent);
    const sessionId = options.sessionId ?? `${name}-${randomUUID()}`;
    const given = options.messages ?? [];
    // What are no messages at all is for the check to say.
    const messages = areMessages(given) ? withoutThinking(given) : (given as Message[]);
    const args = sessionArgs(agent, options, messages);
    const inputDigest = digestOf(args);
    const sent = await this.withoutFiles(args);
    const { memo, ...start } = this.sessionStart(sessionId, sent, options.taskQueue);
    try {
      await this.starts.start(attributesOfSession(name, options.user), (attributes) =>
        this.client.workflow.start(SESSION_WORKFLOW, {
          ...start,
          ...attributes,
          workflowIdReusePolicy: 'REJECT_DUPLICATE',
          memo: { ...memo, inputDigest },
        }),
      );
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) {
        throw aboutServer(error, this.client.options.namespace);
      }
      const { memo: known } = await this.client.workflow.getHandle(sessionId).describe();
      if (known?.['inputDigest'] !== inputDigest) throw new SessionIdInUseError(sessionId);
    }
    return new SessionHandle<Output>(this.client, sessionId, undefined, parserOf(agent, undefined));
  }

  private async withoutFiles(args: SessionArgs): Promise<SessionArgs> {
    if (args.messages === undefined) return args;
    try {
      return { ...args, messages: await withoutFiles(this.client, args.messages, 'messages') };
    } catch (error) {
      throw error instanceof InvalidTurnError ? new InvalidSessionError(error.message) : error;
    }
  }

  private sessionStart(sessionId: string, args: SessionArgs, taskQueue = this.taskQueue) {
    if (sessionId === '' || sessionId.length > MAX_SESSION_ID) {
      throw new InvalidSessionError(`sessionId must have 1 to ${MAX_SESSION_ID} characters`);
    }
    const hasStorage = this.client.options.loadedDataConverter.externalStorage !== undefined;
    return {
      workflowId: sessionId,
      taskQueue,
      args: [hasStorage ? { ...args, storage: true } : args] as [SessionArgs],
      memo: { agent: args.agent },
      staticSummary: shorten(`${args.agent}: session`, 200),
    };
  }

  /**
   * Starts a turn and waits for its result, however long that takes. Throws what `start` and
   * `TurnHandle.result` throw.
   */
  async execute<Context = unknown, AgentOutput = unknown, Output = AgentOutput>(
    agent: Agent<Context, AgentOutput> | string,
    input: TurnInput,
    ...options: OptionsOf<Context, StartTurnOptions<Context, Output>>
  ): Promise<TurnResult<Output>> {
    const turn = await this.start<Context, AgentOutput, Output>(agent, input, ...options);
    return await turn.result();
  }

  /** The handle of a turn, whether it exists or not: asking it something will tell. */
  getTurn<Output = unknown>(
    turnId: string,
    { agent, output }: GetTurnOptions<Output> = {},
  ): TurnHandle<Output> {
    return new TurnHandle<Output>(this.client, turnId, parserOf(agent, output));
  }

  /**
   * The turns of the namespace, as far as the server still keeps them: those that run first, then the
   * newest end. All without options; what has changed within the last second may be missing.
   *
   * Throws a `SearchAttributesMissingError` where turns are asked for by `agent`, `user` or
   * `stopReason` and `plait setup` has not been run, and a `TemporalUnavailableError`. Turns that were
   * started before it was run, or with a plain Temporal client, are not found by these.
   */
  listTurns(options: ListTurnsOptions = {}): AsyncGenerator<ListedTurn, void, undefined> {
    return listTurns(this.client, options);
  }

  /**
   * The sessions of the namespace by agent, user and what they are doing, those that take messages
   * first. The server's lists are about a second behind.
   *
   * Throws a `SearchAttributesMissingError` when it is asked for what the server cannot find by, a
   * `TemporalUnavailableError`.
   */
  listSessions(options: ListSessionsOptions = {}): AsyncGenerator<ListedSession, void, undefined> {
    return listSessions(this.client, options);
  }

  /**
   * The calls that wait for a person, of all turns that run. Decide about one with
   * `getTurn(turnId).approve(callId, { by })` or `deny`.
   *
   * A call that has begun to wait within the last second may be missing: the server's list of turns
   * is that much behind. Turns whose workers do not answer are told last, by a
   * `WorkerUnavailableError` after all the other calls. Throws a `TemporalUnavailableError`.
   */
  approvals(options: ApprovalsOptions = {}): AsyncGenerator<WaitingCall, void, undefined> {
    return waitingCalls(this.client, options);
  }

  /**
   * Completes a call whose tool has left it to somebody outside, with what the tool would have
   * returned: a text, a JSON value, content blocks. Text above the tool's `maxResultBytes` is cut like any
   * other result. The same completion may be sent again when its answer was lost.
   *
   * Throws a `CompletionRejectedError` when it is not taken, a `WorkerUnavailableError`, a
   * `TemporalUnavailableError`.
   */
  async completeToolCall(token: string, result: unknown): Promise<void> {
    // What is nothing to JSON is nothing to the model either.
    const value = (await storedFiles(this.client, result ?? null)) as Json;
    await completeCall(this.client, token, { type: 'succeeded', value });
  }

  /**
   * Ends such a call as failed; the model reads the message, the first 3,000 characters of it. Throws a
   * `TypeError` for a blank message, and otherwise what `completeToolCall` throws.
   */
  async failToolCall(token: string, message: string): Promise<void> {
    await completeCall(this.client, token, { type: 'failed', message });
  }

  /** Closes the connection, if Plait made it; a `client` that was given stays open. Turns go on. */
  async close(): Promise<void> {
    await this.owned?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
