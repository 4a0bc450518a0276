import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';
import { fingerprint } from '../core/fingerprint.ts';
import { defined, shorten } from '../core/json.ts';
import type { SearchAttributePair } from '@temporalio/common';
import type { Message } from '../core/conversation/messages.ts';
import type { Close } from '../core/session/protocol.ts';
import {
  CLOSE_UPDATE,
  DESCRIBE_QUERY,
  SEND_UPDATE,
  TRANSCRIPT_QUERY,
} from '../core/session/protocol.ts';
import type {
  SendReceipt,
  SessionInput,
  SessionState,
  SessionTranscript,
  WhenBusy,
} from '../core/session/protocol.ts';
import { messageCount } from '../core/conversation/transcript.ts';
import type { StartOptions } from './ask-session.ts';
import { askSession, updateSession } from './ask-session.ts';
import { withoutFiles } from './files.ts';
import type { MessageRange } from './read-messages.ts';
import type { ParseOutput } from './output.ts';
import { readMessages } from './read-messages.ts';
import { SessionBusyError, SessionClosedError } from './errors.ts';
import { aboutServer } from './temporal-errors.ts';
import type { SearchableStarts } from './searchable-starts.ts';
import { SessionTurnHandle } from './session-turn-handle.ts';

/** Update ids may have as many characters as workflow ids, and the session checks the key itself. */
const MAX_ID = 200;

/** How long a session may take to learn of the end of its turn. */
const TAKE_OVER_MS = 5_000;
const PAUSE_MS = 10;

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

/** How the first message creates a session. */
export interface SessionCreation {
  agent: string;
  start: StartOptions;
  attributes: SearchAttributePair[];
  starts: SearchableStarts;
}

/** One session. Holds nothing but the id, so it can be made again anywhere. */
export class SessionHandle<Output = unknown> {
  /** Also the workflow id. */
  readonly sessionId: string;
  /** Temporal's own handle, for everything that is not here. */
  readonly workflow: WorkflowHandle;
  private readonly client: Client;
  private readonly parse: ParseOutput | undefined;
  /** How to begin it, where the first message may. */
  private readonly creation: SessionCreation | undefined;

  constructor(client: Client, sessionId: string, creation?: SessionCreation, parse?: ParseOutput) {
    this.parse = parse;
    this.client = client;
    this.sessionId = sessionId;
    this.creation = creation;
    this.workflow = client.workflow.getHandle(sessionId);
  }

  /**
   * Sends a message: a text, or content blocks. Returns when the session has taken it; wait for its
   * turn with `result()`. The session is created with its first message.
   *
   * Throws an `InvalidTurnError` for images and documents that the API would refuse or that do not
   * fit, a `SendRejectedError`, a `SessionBusyError`, a `SessionClosedError`, a
   * `WorkerUnavailableError` (send again with the same `idempotencyKey`), a
   * `TemporalUnavailableError`, and from `getSession` also a `SessionNotFoundError`.
   */
  async send(input: SessionInput, options: SendOptions = {}): Promise<SessionTurnHandle<Output>> {
    const { idempotencyKey = randomUUID(), whenBusy } = options;
    const { creation } = this;
    const agent = creation?.agent;
    const argument = {
      input: await withoutFiles(this.client, input, 'input'),
      idempotencyKey,
      ...defined({ agent, whenBusy }),
    };
    // The server answers an id that it knows without asking the session, whatever the message is.
    const id = `${shorten(idempotencyKey, MAX_ID)}-${fingerprint(argument.input)}`;
    const update = { name: SEND_UPDATE, argument, id };
    const request = (start?: StartOptions) =>
      updateSession<SendReceipt>(this.client, this.sessionId, update, start);
    try {
      const receipt = await (creation === undefined
        ? request()
        : creation.starts.start(creation.attributes, (searchable) =>
            request({ ...creation.start, ...searchable }),
          ));
      return new SessionTurnHandle<Output>(this.client, this.sessionId, receipt, this.parse);
    } catch (error) {
      if (!(error instanceof SessionBusyError)) throw error;
      // Whoever has seen a turn's result may know of its end before the session does.
      if ((await this.describe()).status === 'busy') throw error;
      return await this.send(input, { ...options, idempotencyKey });
    }
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
    const { transcript } = await this.query<SessionTranscript>(TRANSCRIPT_QUERY);
    const messages = await readMessages(this.client, transcript, range);
    return { messages, from: range.from ?? 0, total: messageCount(transcript) };
  }

  /**
   * Asks the session, and again while it does not know yet that its turn has ended: whoever has seen a
   * result must find it in the conversation.
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

async function hasEnded(client: Client, turnId: string): Promise<boolean> {
  try {
    return (await client.workflow.getHandle(turnId).describe()).closeTime !== undefined;
  } catch (error) {
    // It is about to begin.
    if (error instanceof WorkflowNotFoundError) return false;
    throw aboutServer(error, client.options.namespace);
  }
}
