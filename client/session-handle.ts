import { randomUUID } from 'node:crypto';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { fingerprint } from '../core/fingerprint.ts';
import { shorten } from '../core/json.ts';
import type { Message } from '../core/messages.ts';
import type { Close } from '../core/session-messages.ts';
import {
  CLOSE_UPDATE,
  DESCRIBE_QUERY,
  SEND_UPDATE,
  TRANSCRIPT_QUERY,
} from '../core/session-messages.ts';
import type { SendReceipt, SessionInput, SessionState, WhenBusy } from '../core/session.ts';
import { messageCount, type Transcript } from '../core/transcript.ts';
import type { StartOptions } from './ask-session.ts';
import { askSession, updateSession } from './ask-session.ts';
import type { MessageRange } from './read-messages.ts';
import { readMessages } from './read-messages.ts';
import { SessionClosedError } from './errors.ts';
import { SessionTurnHandle } from './session-turn-handle.ts';

/** Update ids may have as many characters as workflow ids, and the session checks the key itself. */
const MAX_ID = 200;

export interface SendOptions {
  /**
   * Names the message, in up to 200 characters: the same one, sent again with the same key, is the
   * same turn. A session remembers the last 500.
   * @default a random UUID
   */
  idempotencyKey?: string;
  /** What becomes of it while a turn runs, instead of the session's choice. */
  whenBusy?: WhenBusy;
}

export interface SessionDescription extends SessionState {
  sessionId: string;
}

/** A part of a session's conversation. */
export interface TranscriptPage {
  messages: Message[];
  /** Index of the first of them. */
  from: number;
  /** Messages of the whole conversation. */
  total: number;
}

/** One session. Holds nothing but the id, so it can be made again anywhere. */
export class SessionHandle {
  /** Also the workflow id. */
  readonly sessionId: string;
  /** Temporal's own handle, for everything that is not here. */
  readonly workflow: WorkflowHandle;
  private readonly client: Client;
  /** How to begin it, where the first message may. */
  private readonly start: (StartOptions & { agent: string }) | undefined;

  constructor(client: Client, sessionId: string, start?: StartOptions & { agent: string }) {
    this.client = client;
    this.sessionId = sessionId;
    this.start = start;
    this.workflow = client.workflow.getHandle(sessionId);
  }

  /**
   * Sends a message: a text, or content blocks. Returns when the session has taken it; wait for its
   * turn with `result()`. The session is created with its first message.
   *
   * Throws a `SendRefusedError`, a `SessionBusyError`, a `SessionClosedError`, a
   * `WorkerUnavailableError` (send again with the same `idempotencyKey`), a
   * `TemporalUnavailableError`, and from `getSession` also a `SessionNotFoundError`.
   */
  async send(input: SessionInput, options: SendOptions = {}): Promise<SessionTurnHandle> {
    const { idempotencyKey = randomUUID(), whenBusy } = options;
    const { agent, ...start } = this.start ?? {};
    const argument = {
      input,
      idempotencyKey,
      ...(agent === undefined ? {} : { agent }),
      ...(whenBusy === undefined ? {} : { whenBusy }),
    };
    // The server answers an id that it knows without asking the session, whatever the message is.
    const id = `${shorten(idempotencyKey, MAX_ID)}-${fingerprint(input)}`;
    const update = { name: SEND_UPDATE, argument, id };
    const receipt = await updateSession<SendReceipt>(
      this.client,
      this.sessionId,
      update,
      this.start === undefined ? undefined : (start as StartOptions),
    );
    return new SessionTurnHandle(this.client, this.sessionId, receipt);
  }

  /**
   * Takes no more messages. The turns that run and wait come to their end first, unless `interrupt`
   * is set. Returns at once; closing a closed session does nothing.
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
   * What the session is doing. A worker answers this, also for one that has ended.
   *
   * Throws a `SessionNotFoundError`, a `WorkerUnavailableError`, a `TemporalUnavailableError`.
   */
  async describe(): Promise<SessionDescription> {
    const state = await this.query<SessionState>(DESCRIBE_QUERY);
    return { sessionId: this.sessionId, ...state };
  }

  /**
   * The conversation, without the turn that runs. Needs the `storage` of the workers where they have
   * one.
   *
   * Throws what `describe` throws.
   */
  async transcript(range: MessageRange = {}): Promise<TranscriptPage> {
    const transcript = await this.query<Transcript>(TRANSCRIPT_QUERY);
    const messages = await readMessages(this.client, transcript, range);
    return { messages, from: range.from ?? 0, total: messageCount(transcript) };
  }

  private query<T>(name: string): Promise<T> {
    return askSession(this.client, this.sessionId, () => this.workflow.query<T>(name));
  }
}
