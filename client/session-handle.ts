import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';
import {
  jsonProblem,
  optionalTextProblem,
  recordProblem,
  rejectIf,
  textProblem,
} from '../core/arguments.ts';
import type { Message } from '../core/conversation/messages.ts';
import { messageCount } from '../core/conversation/transcript.ts';
import { fingerprint } from '../core/fingerprint.ts';
import { defined, shorten } from '../core/json.ts';
import { IDEMPOTENCY_KEY_LIMIT } from '../core/names.ts';
import type {
  Close,
  SendReceipt,
  SessionInput,
  SessionState,
  SessionTranscript,
  WhenBusy,
} from '../core/session/protocol.ts';
import {
  CLOSE_UPDATE,
  DESCRIBE_QUERY,
  SEND_UPDATE,
  TRANSCRIPT_QUERY,
} from '../core/session/protocol.ts';
import { findInputProblem, InvalidTurnError } from '../core/turn/input.ts';
import type { ApprovalRequest } from '../core/turn/protocol.ts';
import type { TurnResult } from '../core/turn/result.ts';
import type { SessionStart } from './ask-session.ts';
import { askSession, updateSession } from './ask-session.ts';
import type { MessageRange } from './client-storage.ts';
import { readMessages, withoutFiles } from './client-storage.ts';
import {
  SendRejectedError,
  SessionBusyError,
  SessionClosedError,
  TurnFailedError,
  TurnNotFoundError,
} from './errors.ts';
import type { TurnSnapshot } from './follow/snapshot.ts';
import type { TurnStreamEvent } from './follow/stream-events.ts';
import type { StreamOptions } from './follow/stream.ts';
import { isRunning, waitForTurn } from './follow/wait-for-turn.ts';
import type { WatchOptions } from './follow/watch.ts';
import type { StartSpan } from '../core/trace/traces.ts';
import type { SessionCreation } from './start.ts';
import { sizeProblem } from './start-arguments.ts';
import { aboutServer } from './temporal-errors.ts';
import type { HandleOptions } from './turn-handle.ts';
import { traced } from './traced.ts';
import { TurnHandle } from './turn-handle.ts';

/** For the key within an Update's id, which may be as long as a workflow id. */
const MAX_ID = 200;

function sendSpan(sessionId: string, agent: string | undefined): StartSpan {
  return {
    name: agent === undefined ? 'send_message' : `send_message ${agent}`,
    attributes: {
      'gen_ai.conversation.id': sessionId,
      ...defined({ 'gen_ai.agent.name': agent }),
    },
  };
}

/** How long a session may take to notice that its turn has ended. */
const TAKE_OVER_MS = 5_000;
const PAUSE_MS = 10;

/** What `send` takes besides the message. */
export interface SendOptions {
  /**
   * Names the message, in up to 200 characters: the same message, sent again with the same key, is the
   * same turn. A session remembers the last 500 keys.
   * @default a random UUID
   */
  idempotencyKey?: string;
  /** What happens to the message while a turn runs. @default the session's */
  whenBusy?: WhenBusy;
  /**
   * Let `stream()` of the message's turn report replies while the model writes them, for up to five
   * heartbeats a second, each an Action, or none where the workers have a `streamTransport`. A running turn
   * that takes the message in stays as it is.
   * @default the session's
   */
  stream?: boolean;
}

/** The state of a session, as `describe` reads it. */
export interface SessionDescription extends SessionState {
  sessionId: string;
}

/** A part of a session's conversation. */
export interface TranscriptPage {
  messages: Message[];
  /** Index of the first of them. */
  from: number;
  /** How many messages the whole conversation has. */
  total: number;
}

/** One session. It holds only the id, so any process can make another handle of the same session. */
export class SessionHandle<Output = unknown> {
  /** Also the workflow id. */
  readonly sessionId: string;
  /** Temporal's own handle, for everything that is not here. */
  readonly workflow: WorkflowHandle;
  private readonly client: Client;
  private readonly options: HandleOptions;
  /** How the first message creates the session; `undefined` where a message must not. */
  private readonly creation: SessionCreation | undefined;

  constructor(
    client: Client,
    sessionId: string,
    { creation, ...options }: HandleOptions & { creation?: SessionCreation } = {},
  ) {
    this.client = client;
    this.sessionId = sessionId;
    this.creation = creation;
    this.options = options;
    this.workflow = client.workflow.getHandle(sessionId);
  }

  /**
   * Sends a message: a text, or content blocks. Returns when the session has it; wait for its turn with
   * `result()`. On a handle of `openSession`, the first message creates the session.
   *
   * Throws an `InvalidTurnError` for images and documents that the API would reject or that do not fit,
   * a `SendRejectedError`, a `SessionBusyError`, a `SessionClosedError`, a `StorageUnavailableError`, a
   * `WorkerUnavailableError` (send again with the same `idempotencyKey`), a `TemporalUnavailableError`,
   * and on a handle of `getSession` a `SessionNotFoundError`.
   *
   * @example
   * const session = agents.openSession('support', 'ticket-88');
   * const turn = await session.send('And their invoices?', { idempotencyKey: 'mail-17' });
   * console.log((await turn.result()).text);
   * await session.send('Only those of May.', { whenBusy: 'steer' });
   */
  async send(input: SessionInput, options: SendOptions = {}): Promise<SessionTurnHandle<Output>> {
    const problem = sendProblem(input, options);
    if (problem !== undefined) throw new SendRejectedError(this.sessionId, `${problem}.`);
    const { idempotencyKey = randomUUID(), whenBusy, stream } = options;
    const { creation } = this;
    const agent = creation?.agent;
    const argument = {
      input: await withoutFiles(this.client, input, 'input'),
      idempotencyKey,
      ...defined({ agent, whenBusy, stream }),
    };
    const size = sizeProblem(this.client, argument);
    if (size !== undefined) throw new SendRejectedError(this.sessionId, `${size}.`);
    // The server answers a known id without asking the session, so the id must depend on the message too.
    const id = `${shorten(idempotencyKey, MAX_ID)}-${fingerprint(argument.input)}`;
    const update = { name: SEND_UPDATE, argument, id };
    const request = (start?: SessionStart) =>
      traced(this.options.traces, this.client, sendSpan(this.sessionId, agent), (workflow) =>
        updateSession<SendReceipt>(this.client, this.sessionId, update, start, workflow),
      );
    try {
      const receipt = await (creation === undefined
        ? request()
        : creation.searchable.start(creation.attributes, (attributes) =>
            request({ ...creation.start, ...attributes }),
          ));
      return new SessionTurnHandle<Output>(this.client, this.sessionId, receipt, this.options);
    } catch (error) {
      if (!(error instanceof SessionBusyError)) throw error;
      // A caller who has the result of a turn may know of its end before the session does.
      if ((await this.describe()).status === 'busy') throw error;
      return await this.send(input, { ...options, idempotencyKey });
    }
  }

  /**
   * The handle of a turn of this session, which may still wait to begin. Makes no request: where the session has no
   * such turn, following the handle throws a `TurnNotFoundError` when the session has ended.
   *
   * Throws an `InvalidTurnError` for an id that is not a text.
   */
  getTurn(turnId: string): SessionTurnHandle<Output> {
    rejectIf(InvalidTurnError, textProblem('turnId', turnId));
    return new SessionTurnHandle<Output>(this.client, this.sessionId, { turnId }, this.options);
  }

  /**
   * Ends the session. The turns that run and wait end first, unless you set `interrupt`. Returns at
   * once; closing a closed session does nothing.
   *
   * Throws a `SessionNotFoundError`, a `WorkerUnavailableError`, a `TemporalUnavailableError`.
   */
  async close(options: Close = {}): Promise<void> {
    const update = { name: CLOSE_UPDATE, argument: options, id: randomUUID() };
    try {
      await updateSession(this.client, this.sessionId, update);
    } catch (error) {
      if (!(error instanceof SessionClosedError)) throw error;
    }
  }

  /**
   * What the session is doing. A worker answers this, also for a session that has ended.
   *
   * Throws a `SessionNotFoundError`, a `WorkerUnavailableError`, a `TemporalUnavailableError`.
   */
  async describe(): Promise<SessionDescription> {
    const state = await this.query<SessionState>(DESCRIBE_QUERY);
    return { sessionId: this.sessionId, ...state };
  }

  /**
   * The conversation, without the turn that runs. Where the workers have a `storage`, the client needs
   * the same one.
   *
   * Throws what `describe` throws, and a `StorageUnavailableError`.
   */
  async transcript(range: MessageRange = {}): Promise<TranscriptPage> {
    const { transcript } = await this.query<SessionTranscript>(TRANSCRIPT_QUERY);
    const messages = await readMessages(this.client, transcript, range);
    return { messages, from: range.from ?? 0, total: messageCount(transcript) };
  }

  /**
   * Asks the session, and asks again while it does not know that its turn has ended: a caller that has
   * seen a result must find it in the conversation.
   */
  private async query<T extends { runningTurn?: string }>(name: string): Promise<T> {
    for (const giveUpAt = Date.now() + TAKE_OVER_MS; ; await sleep(PAUSE_MS)) {
      const answer = await askSession(this.client, this.sessionId, () =>
        this.workflow.query<T>(name),
      );
      const { runningTurn } = answer;
      const isSettled = runningTurn === undefined || !(await hasEnded(this.client, runningTurn));
      if (isSettled || Date.now() > giveUpAt) return answer;
    }
  }
}

/** Finds here, without a request, what a session would reject. */
function sendProblem(input: unknown, options: SendOptions): string | undefined {
  return (
    recordProblem('options', options) ??
    optionalTextProblem('idempotencyKey', options.idempotencyKey, IDEMPOTENCY_KEY_LIMIT) ??
    jsonProblem('input', input) ??
    findInputProblem(input)
  );
}

async function hasEnded(client: Client, turnId: string): Promise<boolean> {
  try {
    return (await client.workflow.getHandle(turnId).describe()).closeTime !== undefined;
  } catch (error) {
    // The turn is about to begin.
    if (error instanceof WorkflowNotFoundError) return false;
    throw aboutServer(error, client.options.namespace);
  }
}

/** A turn of a session. It may not have begun yet, or its message may join the turn that runs. */
export class SessionTurnHandle<Output = unknown> extends TurnHandle<Output> {
  readonly sessionId: string;
  /**
   * The turn that ran when the message was sent with `whenBusy: 'steer'`. It reads the message if it
   * reaches a place where it can; otherwise the message becomes a turn of its own.
   */
  readonly joins: string | undefined;

  constructor(
    client: Client,
    sessionId: string,
    { turnId, joins }: SendReceipt,
    options?: HandleOptions,
  ) {
    super(client, turnId, options);
    this.sessionId = sessionId;
    this.joins = joins;
  }

  /**
   * Waits for the turn to begin and to end. When another turn has read the message, this is the result
   * of that turn. Call it as often as you like, from as many processes as you like.
   *
   * Throws what `TurnHandle.result` throws; a `TurnNotFoundError` also when the session ended before the
   * turn began.
   */
  override async result(): Promise<TurnResult<Output>> {
    const joined = await this.joinedResult();
    if (joined !== undefined) return joined;
    await this.begun();
    return await super.result();
  }

  /** Waits for the turn to begin, then follows it. See `TurnHandle.watch`. */
  override async *watch(options: WatchOptions = {}): AsyncGenerator<TurnSnapshot, void, undefined> {
    await this.begun(options.signal);
    yield* super.watch(options);
  }

  /** Waits for the turn to begin, then follows it. See `TurnHandle.stream`. */
  override async *stream(
    options: StreamOptions = {},
  ): AsyncGenerator<TurnStreamEvent, void, undefined> {
    try {
      await this.begun(options.signal);
    } catch (error) {
      if (options.signal?.aborted === true) return;
      throw error;
    }
    yield* super.stream(options);
  }

  /** The calls that wait for a person; none where the turn has not begun. See `TurnHandle.approvals`. */
  override async approvals(): Promise<ApprovalRequest[]> {
    try {
      return await super.approvals();
    } catch (error) {
      if (error instanceof TurnNotFoundError && (await isRunning(this.client, this.sessionId))) {
        return [];
      }
      throw error;
    }
  }

  /** The result of the turn that read the message; `undefined` where none did. */
  private async joinedResult(): Promise<TurnResult<Output> | undefined> {
    if (this.joins === undefined) return undefined;
    const running = new TurnHandle<Output>(this.client, this.joins, this.options);
    try {
      const result = await running.result();
      return result.joined?.includes(this.turnId) === true ? result : undefined;
    } catch (error) {
      if (!(error instanceof TurnFailedError)) throw error;
      if (error.progress?.joined?.includes(this.turnId) === true) throw error;
      return undefined;
    }
  }

  private begun(signal?: AbortSignal): Promise<void> {
    return waitForTurn(this.client, this.sessionId, this.turnId, signal);
  }
}
