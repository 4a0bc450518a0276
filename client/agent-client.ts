import { createHash, randomUUID } from 'node:crypto';
import { Client, Connection, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { DataConverter, StorageDriver } from '@temporalio/common';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { Agent } from '../agents/define-agent.ts';
import { causeChain } from '../core/failures.ts';
import { canonicalJson, shorten } from '../core/json.ts';
import { DEFAULT_TASK_QUEUE, TURN_WORKFLOW } from '../core/names.ts';
import { InvalidTurnError, openingMessages } from '../core/turn-input.ts';
import type { TurnArgs, TurnInput, TurnResult } from '../core/turn.ts';
import { withStorage } from '../storage/data-converter.ts';
import { TurnIdInUseError } from './errors.ts';
import { startedWith } from './started-with.ts';
import { aboutTurn } from './temporal-errors.ts';
import { TurnHandle } from './turn-handle.ts';

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
  /** @default the client's */
  taskQueue?: string;
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
  private readonly owned: Connection | undefined;

  constructor(options: AgentClientOptions = {}) {
    this.taskQueue = options.taskQueue ?? DEFAULT_TASK_QUEUE;
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
    const { context, taskQueue = this.taskQueue } = options;
    const args: TurnArgs = { agent: name, input, ...(context === undefined ? {} : { context }) };
    openingMessages(args);
    if (options.turnId === '') throw new InvalidTurnError('turnId is empty');
    const turnId = options.turnId ?? `${name}-${randomUUID()}`;
    const inputDigest = digestOf(args);
    await aboutTurn(turnId, this.client.options.namespace, async () => {
      try {
        await this.client.workflow.start(TURN_WORKFLOW, {
          workflowId: turnId,
          taskQueue,
          args: [args],
          // An id names one turn for ever, not the latest of several.
          workflowIdReusePolicy: 'REJECT_DUPLICATE',
          memo: { agent: name, inputDigest },
          staticSummary: summaryOf(name, input),
        });
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
        const existing = await startedWith(this.client, turnId, digestOf);
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

  /** Closes the connection, if Plait made it. */
  async close(): Promise<void> {
    await this.owned?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function digestOf(args: unknown): string {
  return createHash('sha256').update(jsonOf(args)).digest('hex');
}

function jsonOf(args: unknown): string {
  try {
    return canonicalJson(args);
  } catch (error) {
    throw new InvalidTurnError(`input and context must be JSON: ${causeChain(error)}`, {
      cause: error,
    });
  }
}

/** The line beside the turn in the Temporal UI, which shows 200 characters at most. */
function summaryOf(agent: string, input: TurnInput): string {
  const text = typeof input === 'string' ? input : `${input.length} parts`;
  return shorten(`${agent}: ${text.replaceAll(/\s+/g, ' ')}`, 200);
}
