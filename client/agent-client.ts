import { Client, Connection } from '@temporalio/client';
import type { DataConverter, StorageDriver } from '@temporalio/common';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { Duration } from '../agents/check-options.ts';
import type { Agent } from '../agents/define-agent.ts';
import { defined, isRecord } from '../core/json.ts';
import { CompletionRejectedError, InvalidSessionError } from './errors.ts';
import { DEFAULT_TASK_QUEUE } from '../core/names.ts';
import type { Traces } from '../core/trace/traces.ts';
import { notTracesProblem } from '../core/trace/traces.ts';
import type { TurnInput } from '../core/turn/input.ts';
import { InvalidTurnError } from '../core/turn/input.ts';
import {
  given,
  jsonProblem,
  optionalFunctionProblem,
  optionalTextProblem,
  recordProblem,
  rejectIf,
  textProblem,
} from '../core/arguments.ts';
import type { TurnResult } from '../core/turn/result.ts';
import { withStorage } from '../storage/data-converter.ts';
import type { StreamTransport } from '../transport/stream-transport.ts';
import { transportProblem } from '../transport/stream-transport.ts';
import { storedResult } from './client-storage.ts';
import { completeCall } from './complete-call.ts';
import { withDefaults } from './connection-options.ts';
import type { ListedSession, ListedTurn, ListSessionsOptions, ListTurnsOptions } from './lists.ts';
import { listSessions, listTurns } from './lists.ts';
import type {
  GetTurnOptions,
  OpenSessionOptions,
  OptionsOf,
  StartSessionOptions,
  StartTurnOptions,
} from './options.ts';
import { parserOf } from './parse-output.ts';
import type { PieceSource } from './follow/pieces.ts';
import { pieceSource } from './follow/pieces.ts';
import { Patience } from './patience.ts';
import { SessionHandle } from './session-handle.ts';
import type { Starter } from './start.ts';
import { SearchableStarts, sessionCreation, startSession, startTurn } from './start.ts';
import { milliseconds } from './start-arguments.ts';
import { TurnHandle } from './turn-handle.ts';
import type { ApprovalsOptions, WaitingCall } from './waiting-calls.ts';
import { waitingCalls } from './waiting-calls.ts';

/** What an `AgentClient` takes. */
export interface AgentClientOptions {
  /**
   * A Temporal client that you already have. Without one, Plait connects with the first request, by
   * Temporal's environment configuration (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TLS,
   * profiles), by default to localhost:7233.
   */
  client?: Client;
  /** The task queue of turns and sessions whose options name none. @default 'plait' */
  taskQueue?: string;
  /**
   * Temporal's option: the answer to a start carries the turn's first task, some 10 ms sooner. It needs
   * a `client` whose connection is the `NativeConnection` of a worker in this process; with any other
   * connection Temporal rejects every start. @default false
   */
  requestEagerStart?: boolean;
  /**
   * The storage of the workers, for large inputs and results. No effect with `client`: give the data
   * converter of that client `withStorage(...)` from `plait/storage`.
   */
  storage?: StorageDriver;
  /**
   * The stream transport of the workers, such as `openTransport(…)` of `plait/transport` returns: with it,
   * `turn.stream()` gets the text of a reply in pieces of some 20 ms each. You close it.
   * @default none: a partial reply comes with the heartbeats of its request
   */
  streamTransport?: StreamTransport;
  /**
   * Codecs and converters for the connection that Plait makes, such as `encryptedBy(codec)` from
   * `plait/storage`. No effect with `client`.
   */
  dataConverter?: DataConverter;
  /**
   * Called when a start or a result waits, some seconds after it began to: the server does not answer, or
   * no worker takes what the turn has to do. Once a minute for each task queue. Also called when the
   * `streamTransport` does not work, once for each reason.
   * @default a warning of the process, of the type `PlaitWarning`
   */
  onWarning?: (message: string) => void;
  /**
   * Where the traces of turns go: `openTelemetry()` of `plait/telemetry`, as the workers have it. Each start, and
   * each message to a session, is then a span of the active trace or of a new one, and the turn is part of that
   * trace. @default the trace of a turn begins with the turn, if its workers write traces
   */
  traces?: Traces;
  /**
   * Longest time that `start`, `execute` and `result` wait for a worker or for the server. Then they throw
   * a `WorkerUnavailableError` or a `TemporalUnavailableError`; the turn goes on. Waiting for a person, for
   * the model or for a tool that runs does not count. @default no limit
   */
  workerTimeout?: Duration;
}

function optionsProblem(options: AgentClientOptions): string | undefined {
  const problem = recordProblem('AgentClient: the options', options);
  if (problem !== undefined) return problem;
  const { client, taskQueue, onWarning, streamTransport, traces } = options;
  if (client !== undefined && !isClient(client)) {
    return `AgentClient: client must be a Client of @temporalio/client; got ${given(client)}`;
  }
  return (
    optionalFunctionProblem('AgentClient: onWarning', onWarning) ??
    transportProblem('AgentClient: streamTransport', streamTransport) ??
    notTracesProblem('AgentClient: traces', traces) ??
    optionalTextProblem('AgentClient: taskQueue', taskQueue)
  );
}

function timeLimit(workerTimeout: Duration | undefined): number | undefined {
  const limit = milliseconds('AgentClient: workerTimeout', workerTimeout, InvalidTurnError);
  if (limit === undefined || limit > 0) return limit;
  throw new InvalidTurnError(`AgentClient: workerTimeout must be above 0; got ${limit}`);
}

function emitWarning(message: string): void {
  process.emitWarning(message, 'PlaitWarning');
}

/** Recognized by its shape: a program may have two copies of the package. */
function isClient(client: unknown): boolean {
  return isRecord(client) && isRecord(client['workflow']) && isRecord(client['options']);
}

/** Starts turns and sessions, and finds them again. Cheap to make; one per process is enough. */
export class AgentClient {
  /** Temporal's client, for everything that is not here. */
  readonly client: Client;
  private readonly starter: Starter;
  private readonly owned?: Connection;
  private readonly patience: Patience;
  private readonly pieces: PieceSource | undefined;

  constructor(options: AgentClientOptions = {}) {
    rejectIf(InvalidTurnError, optionsProblem(options));
    if (options.client === undefined) {
      const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
      const dataConverter = withStorage(options.dataConverter, options.storage);
      this.owned = Connection.lazy(withDefaults(connectionOptions));
      this.client = new Client({
        connection: this.owned,
        namespace,
        ...defined({ dataConverter }),
      });
    } else {
      this.client = options.client;
    }
    const { streamTransport, onWarning = emitWarning } = options;
    this.pieces =
      streamTransport === undefined ? undefined : pieceSource(streamTransport, onWarning);
    this.patience = new Patience(this.client, {
      onWarning,
      workerTimeout: timeLimit(options.workerTimeout),
    });
    this.starter = {
      client: this.client,
      taskQueue: options.taskQueue ?? DEFAULT_TASK_QUEUE,
      requestEagerStart: options.requestEagerStart ?? false,
      searchable: new SearchableStarts(),
      traces: options.traces,
    };
  }

  /**
   * Starts a turn. `agent` is the agent or its name; `input` is a text, content blocks, or a whole
   * conversation that ends with the user. Where the client has a storage, the data of images and
   * documents from 8 KiB on goes there.
   *
   * Throws an `InvalidTurnError` for a wrong input, including images and documents that the API would
   * reject; a `TurnIdInUseError` for an id that belongs to another turn; a `StorageUnavailableError`; a
   * `TemporalUnavailableError`.
   *
   * @example
   * const turn = await agents.start('support', 'What did customer 1234 order?', {
   *   turnId: 'ticket-88', // the workflow id: a second start with it returns the same turn
   *   context: { tenant: 'acme' }, // for the tools; the model never sees it
   * });
   * const { text, stopReason, usage } = await turn.result();
   */
  async start<Context = unknown, AgentOutput = unknown, Output = AgentOutput>(
    agent: Agent<Context, AgentOutput> | string,
    input: TurnInput,
    ...[options = {}]: OptionsOf<Context, StartTurnOptions<Context, Output>>
  ): Promise<TurnHandle<Output>> {
    const started = startTurn(this.starter, agent, input, options);
    const turnId = await this.patience.over(undefined, started);
    return new TurnHandle<Output>(this.client, turnId, {
      parse: parserOf(agent, options.output),
      ...this.following(),
    });
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

  /**
   * The handle of a turn that exists. Makes no request: where there is no such turn, the first use of
   * the handle throws a `TurnNotFoundError`.
   */
  getTurn<Output = unknown>(
    turnId: string,
    options: GetTurnOptions<Output> = {},
  ): TurnHandle<Output> {
    rejectIf(
      InvalidTurnError,
      textProblem('turnId', turnId),
      recordProblem('options', options),
      options?.agent === undefined ? undefined : recordProblem('agent', options.agent),
    );
    const { agent, output } = options;
    return new TurnHandle<Output>(this.client, turnId, {
      parse: parserOf(agent, output),
      ...this.following(),
    });
  }

  /**
   * Starts a session now, for example with the messages of another one: to fork it, or to move it to
   * another version of an agent.
   *
   * Throws an `InvalidSessionError`, a `SessionIdInUseError`, a `StorageUnavailableError`, a
   * `TemporalUnavailableError`.
   */
  async startSession<Context = unknown, Output = unknown>(
    agent: Agent<Context, Output> | string,
    ...[options = {}]: OptionsOf<Context, StartSessionOptions<Context>>
  ): Promise<SessionHandle<Output>> {
    const sessionId = await startSession(this.starter, agent, options);
    const parse = parserOf(agent, undefined);
    return new SessionHandle<Output>(this.client, sessionId, { parse, ...this.following() });
  }

  /**
   * The handle of a session that may not exist yet: its first message creates it, with these options. A
   * session that exists keeps the options that it was created with. Makes no request.
   *
   * Throws an `InvalidSessionError` for wrong options.
   */
  openSession<Context = unknown, Output = unknown>(
    agent: Agent<Context, Output> | string,
    sessionId: string,
    ...[options = {}]: OptionsOf<Context, OpenSessionOptions<Context>>
  ): SessionHandle<Output> {
    const creation = sessionCreation(this.starter, agent, sessionId, options);
    const parse = parserOf(agent, undefined);
    return new SessionHandle<Output>(this.client, sessionId, {
      creation,
      parse,
      ...this.following(),
    });
  }

  /**
   * The handle of a session that exists; a message never creates one. Makes no request: where there is
   * no such session, the first use of the handle throws a `SessionNotFoundError`.
   */
  getSession(sessionId: string): SessionHandle {
    rejectIf(InvalidSessionError, textProblem('sessionId', sessionId));
    return new SessionHandle(this.client, sessionId, this.following());
  }

  /**
   * The turns of the namespace within its retention: running ones first, then those that ended last. The
   * server's lists are about a second behind.
   *
   * Throws a `SearchAttributesMissingError` when you ask by `agent`, `user` or `stopReason` and
   * `plait setup` has not been run, a `TemporalUnavailableError`, and an `UnreadablePayloadError` when a
   * turn was written with another codec. Turns that were started before `plait setup`, or with a plain
   * Temporal client, are not found by these options.
   */
  listTurns(options: ListTurnsOptions = {}): AsyncGenerator<ListedTurn, void, undefined> {
    return listTurns(this.client, options);
  }

  /**
   * The sessions of the namespace within its retention: open ones first, then those that ended last. The
   * server's lists are about a second behind.
   *
   * Throws a `SearchAttributesMissingError` when you ask by `agent` or `user` and `plait setup` has not
   * been run, a `TemporalUnavailableError`, and an `UnreadablePayloadError` when a session was written
   * with another codec.
   */
  listSessions(options: ListSessionsOptions = {}): AsyncGenerator<ListedSession, void, undefined> {
    return listSessions(this.client, options);
  }

  /**
   * The calls that wait for a person, of all turns that run. Decide about one with
   * `getTurn(turnId).approve(callId, { by })` or `deny`.
   *
   * The server's list of turns is about a second behind, so a call that has just begun to wait may be
   * missing. After all other calls, it throws a `WorkerUnavailableError` for the turns whose workers do
   * not answer. Throws a `TemporalUnavailableError`, and an `UnreadablePayloadError` when a turn was
   * written with another codec.
   */
  approvals(options: ApprovalsOptions = {}): AsyncGenerator<WaitingCall, void, undefined> {
    return waitingCalls(this.client, options);
  }

  /**
   * Completes a call whose tool returned `ctx.later()`, with what the tool would have returned: a text, a
   * JSON value, content blocks. Text above the tool's `maxResultBytes` is cut like any other result. When
   * the answer was lost, send the same completion again.
   *
   * Throws a `CompletionRejectedError` when the call cannot be completed, a `StorageUnavailableError`, a
   * `WorkerUnavailableError`, a `TemporalUnavailableError`.
   */
  async completeToolCall(token: string, result: unknown): Promise<void> {
    const problem = jsonProblem('the result', result);
    if (problem !== undefined) throw new CompletionRejectedError(undefined, problem);
    const value = await storedResult(this.client, result);
    await completeCall(this.client, token, { type: 'succeeded', value });
  }

  /**
   * Ends such a call as failed. The model reads the message, up to 3,000 characters of it. Throws a
   * `TypeError` for a blank message, and otherwise what `completeToolCall` throws.
   */
  async failToolCall(token: string, message: string): Promise<void> {
    await completeCall(this.client, token, { type: 'failed', message });
  }

  private following() {
    const { patience, pieces } = this;
    const { traces } = this.starter;
    return { patience, pieces, traces };
  }

  /** Closes the connection that Plait made; a `client` that you gave stays open. Turns go on. */
  async close(): Promise<void> {
    await this.owned?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
