import { randomUUID } from 'node:crypto';
import { Client, Connection, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { DataConverter, StorageDriver } from '@temporalio/common';
import { msToNumber } from '@temporalio/common/lib/time.js';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { Duration } from '../agents/check-options.ts';
import type { Agent } from '../agents/define-agent.ts';
import type { OnToolFailure } from '../core/batch-policy.ts';
import { causeChain } from '../core/failures.ts';
import type { Json } from '../core/json.ts';
import { shorten } from '../core/json.ts';
import { DEFAULT_TASK_QUEUE, TURN_WORKFLOW } from '../core/names.ts';
import { turnAttributes, userProblem } from '../core/search-attributes.ts';
import { InvalidTurnError, openingMessages } from '../core/turn-input.ts';
import type { TurnArgs, TurnInput, TurnResult } from '../core/turn.ts';
import { withStorage } from '../storage/data-converter.ts';
import { completeCall } from './complete-call.ts';
import { digestOf } from './digest.ts';
import { TurnIdInUseError } from './errors.ts';
import type { ListedTurn, ListTurnsOptions } from './list-turns.ts';
import { listTurns } from './list-turns.ts';
import { SearchableStarts } from './searchable-starts.ts';
import { startedWith } from './started-with.ts';
import { aboutTurn } from './temporal-errors.ts';
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

export interface StartTurnOptions<Context = unknown> {
  /**
   * The workflow id. Starting a turn that exists starts nothing and returns its handle, so a caller
   * that is not sure whether it has started may start again.
   * @default the agent's name and a random UUID
   */
  turnId?: string;
  /** What the tools should know and the model should not; JSON. */
  context?: Context;
  /**
   * Who the turn is for, so that `listTurns` and Temporal's own lists find it; 1 to 255 characters.
   * Neither the model nor the tools are told. It is kept as plain text, whatever codec the payloads
   * have: an id rather than a name or an address. Lost where the search attributes are not registered.
   */
  user?: string;
  /** @default the client's */
  taskQueue?: string;
  /** Instead of the agent's. */
  onToolFailure?: OnToolFailure;
  /** Limit for all calls of one reply together, instead of the agent's. */
  batchTimeout?: Duration;
}

/** The options of a start; required with a `context` where the agent declares one. */
type StartOptions<Context> = unknown extends Context
  ? [options?: StartTurnOptions]
  : [options: StartTurnOptions<Context> & { context: Context }];

/** Starts turns and finds them again. Cheap to make; one per process is enough. */
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
      ...(dataConverter === undefined ? {} : { dataConverter }),
    });
  }

  /**
   * Starts a turn: `agent` is the agent or its name, `input` a text, content blocks, or a whole
   * conversation that ends with the user.
   *
   * Throws an `InvalidTurnError` for a wrong input, a `TurnIdInUseError` for an id that belongs to
   * another turn, a `TemporalUnavailableError`.
   */
  async start<Context = unknown>(
    agent: Agent<Context> | string,
    input: TurnInput,
    ...[options = {}]: StartOptions<Context>
  ): Promise<TurnHandle> {
    const name = typeof agent === 'string' ? agent : agent.name;
    const { context, taskQueue = this.taskQueue, onToolFailure } = options;
    const batchTimeout = milliseconds(options.batchTimeout);
    const args: TurnArgs = {
      agent: name,
      input,
      ...(context === undefined ? {} : { context }),
      ...(onToolFailure === undefined ? {} : { onToolFailure }),
      ...(batchTimeout === undefined ? {} : { batchTimeout }),
    };
    openingMessages(args);
    if (options.turnId === '') throw new InvalidTurnError('turnId is empty');
    const { user } = options;
    const problem = user === undefined ? undefined : userProblem(user);
    if (problem !== undefined) throw new InvalidTurnError(`user ${problem}`);
    const turnId = options.turnId ?? `${name}-${randomUUID()}`;
    const inputDigest = turnDigest(args);
    await aboutTurn(turnId, this.client.options.namespace, async () => {
      try {
        await this.starts.start(turnAttributes({ agent: name, user }), (attributes) =>
          this.client.workflow.start(TURN_WORKFLOW, {
            workflowId: turnId,
            taskQueue,
            args: [args],
            // An id names one turn for ever, not the latest of several.
            workflowIdReusePolicy: 'REJECT_DUPLICATE',
            memo: { agent: name, inputDigest },
            ...attributes,
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
    return this.getHandle(turnId);
  }

  /** Starts a turn and waits for its result. */
  async execute<Context = unknown>(
    agent: Agent<Context> | string,
    input: TurnInput,
    ...options: StartOptions<Context>
  ): Promise<TurnResult> {
    const turn = await this.start(agent, input, ...options);
    return await turn.result();
  }

  /** The handle of a turn, whether it exists or not: asking it something will tell. */
  getHandle(turnId: string): TurnHandle {
    return new TurnHandle(this.client, turnId);
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
   * The calls that wait for a person, of all turns that run. Decide about one with
   * `getHandle(turnId).approve(callId, { by })` or `deny`.
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
   * returned: a text, a JSON value, content blocks. The same completion may be sent again when its
   * answer was lost.
   *
   * Throws a `CompletionRefusedError` when it is not taken, a `WorkerUnavailableError`, a
   * `TemporalUnavailableError`.
   */
  async completeToolCall(token: string, result: unknown): Promise<void> {
    // What is nothing to JSON is nothing to the model either.
    const value = (result ?? null) as Json;
    await completeCall(this.client, token, { type: 'succeeded', value });
  }

  /**
   * Ends such a call as failed; the model reads the message. Throws what `completeToolCall` throws.
   */
  async failToolCall(token: string, message: string): Promise<void> {
    await completeCall(this.client, token, { type: 'failed', message });
  }

  /** Closes the connection, if Plait made it. */
  async close(): Promise<void> {
    await this.owned?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function turnDigest(args: unknown): string {
  try {
    return digestOf(args);
  } catch (error) {
    throw new InvalidTurnError(`input and context must be JSON: ${causeChain(error)}`, {
      cause: error,
    });
  }
}

function milliseconds(given: Duration | undefined): number | undefined {
  if (given === undefined) return undefined;
  try {
    return msToNumber(given as Parameters<typeof msToNumber>[0]);
  } catch {
    throw new InvalidTurnError(
      `batchTimeout: ${JSON.stringify(given)} is not a duration; write milliseconds, or a text like '30s'`,
    );
  }
}

/** The line beside the turn in the Temporal UI, which shows 200 characters at most. */
function summaryOf(agent: string, input: TurnInput): string {
  const text = typeof input === 'string' ? input : `${input.length} parts`;
  return shorten(`${agent}: ${text.replaceAll(/\s+/g, ' ')}`, 200);
}
