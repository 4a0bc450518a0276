import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { SessionNotFoundError, TurnFailedError, TurnNotFoundError } from '../../client/errors.ts';
import type { SessionDescription, SessionHandle } from '../../client/session-handle.ts';
import { SessionTurnHandle } from '../../client/session-handle.ts';
import type { TurnHandle } from '../../client/turn-handle.ts';
import type { PieceSource } from '../../client/follow/pieces.ts';
import type { TurnSnapshot } from '../../client/follow/snapshot.ts';
import { allCallsOf } from '../../client/follow/sub-agents.ts';
import { defined } from '../../core/json.ts';
import { fromMarkdown } from '../../core/markdown.ts';
import type { WhenBusy } from '../../core/session/protocol.ts';
import type { ApprovalRequest } from '../../core/turn/protocol.ts';
import type { TurnResult } from '../../core/turn/result.ts';
import { PartialText } from '../partial-text.ts';
import { nextTurn } from './next-turn.ts';
import type { Sent } from './next-turn.ts';
import type { OnWaiting } from './availability.ts';
import { watchServer, whenAvailable } from './availability.ts';

/** How a turn of a chat ended. */
export type TurnEnd =
  | { type: 'ended'; result: TurnResult }
  | { type: 'failed'; error: TurnFailedError }
  /** The session was closed before it began. */
  | { type: 'dropped' };

/** Shows a chat: in a terminal, or through a pipe. */
export interface ChatView {
  /** `text`: the message that began it, if it is known here. */
  onTurn(turnId: string, text: string | undefined): void;
  onSnapshot(snapshot: TurnSnapshot): void;
  /** What the model has written so far. If this is missing, nobody asks for a stream. */
  onPartial?(partial: PartialText): void;
  /** The calls of the turn that wait for a person now. */
  onApprovals(turn: TurnHandle, requests: readonly ApprovalRequest[]): void;
  /** The turn on screen has taken in a message of this chat. */
  onJoined(text: string): void;
  onTurnEnd(end: TurnEnd, last: TurnSnapshot | undefined): void;
  /** The server or the workers do not answer, or answer again. */
  onWaiting: OnWaiting;
}

const PAUSE_MS = 100;

/** Sends messages to one session, and shows its turns one after the other. */
export class Conversation {
  readonly session: SessionHandle;
  private readonly client: Client;
  private readonly view: ChatView;
  private readonly pieces: PieceSource | undefined;
  private readonly leaving = new AbortController();
  private readonly sent = new Map<string, Sent>();
  private readonly shown = new Set<string>();
  private current: TurnHandle | undefined;
  private isWanted = false;
  private following: Promise<void> | undefined;

  /** `pieces`: where pieces of replies come from beside Temporal. */
  constructor(client: Client, session: SessionHandle, view: ChatView, pieces?: PieceSource) {
    this.client = client;
    this.session = session;
    this.view = view;
    this.pieces = pieces;
  }

  /** The turn that is shown. */
  get turn(): TurnHandle | undefined {
    return this.current;
  }

  /** Sent messages whose turns have not begun. */
  get waiting(): Sent[] {
    const current = this.current?.turnId;
    return [...this.sent].flatMap(([turnId, sent]) => (turnId === current ? [] : [sent]));
  }

  /** Sends a message. Returns when the session has accepted it. */
  async send(text: string, whenBusy?: WhenBusy): Promise<void> {
    const stream = this.view.onPartial === undefined ? undefined : true;
    const options = { idempotencyKey: randomUUID(), ...defined({ stream, whenBusy }) };
    const { turnId, joins } = await this.whenAvailable(() => this.session.send(text, options));
    this.sent.set(turnId, { text, joins });
  }

  /** Shows turns until no turn runs or waits. */
  follow(): Promise<void> {
    this.isWanted = true;
    this.following ??= this.followAll();
    return this.following;
  }

  /** Tries the request again while the server or the workers do not answer. */
  whenAvailable<T>(request: () => Promise<T>): Promise<T> {
    return whenAvailable(request, this.onWaiting, this.leaving.signal);
  }

  /** Stops showing turns. The session goes on. */
  leave(): void {
    this.leaving.abort();
  }

  private readonly onWaiting: OnWaiting = (reason) => this.view.onWaiting(reason);

  private async followAll(): Promise<void> {
    try {
      while (this.isWanted) {
        this.isWanted = false;
        for (;;) {
          const next = await this.next();
          if (next.type === 'nothing') break;
          if (next.type === 'show') await this.show(next.turnId);
          else await sleep(PAUSE_MS, undefined, { signal: this.leaving.signal });
        }
      }
    } catch (error) {
      if (!this.leaving.signal.aborted) throw error;
    } finally {
      this.following = undefined;
    }
  }

  private async next() {
    const { sent, shown } = this;
    const state = await this.whenAvailable(() => describeIfThere(this.session));
    const { runningTurn: running, waitingTurns: waiting = [] } = state ?? {};
    return nextTurn({ running, waiting, sent, shown });
  }

  private async show(turnId: string): Promise<void> {
    const { client, session, view, leaving } = this;
    const { pieces } = this;
    const turn = new SessionTurnHandle(client, session.sessionId, { turnId }, { pieces });
    const ended = new AbortController();
    const over = AbortSignal.any([leaving.signal, ended.signal]);
    void watchServer(client, this.onWaiting, over);
    try {
      const text = this.sent.get(turnId)?.text ?? (await summaryOf(turn));
      this.current = turn;
      view.onTurn(turnId, text);
      if (view.onPartial !== undefined) {
        const partial = new PartialText();
        view.onPartial(partial);
        void partial.follow(turn, over);
      }
      let last: TurnSnapshot | undefined;
      const end = await this.whenAvailable(async () => {
        const approvals = new WaitingCalls();
        for await (const snapshot of turn.watch({ signal: leaving.signal })) {
          last = snapshot;
          view.onSnapshot(snapshot);
          if (approvals.haveChanged(snapshot)) void this.showApprovals(turn, over);
        }
        return await endOf(turn);
      });
      leaving.signal.throwIfAborted();
      const joined = end.type === 'ended' ? end.result.joined : progressOf(end)?.joined;
      for (const id of joined ?? []) {
        const message = this.sent.get(id);
        if (message !== undefined) view.onJoined(message.text);
      }
      for (const id of [turnId, ...(joined ?? [])]) {
        this.sent.delete(id);
        this.shown.add(id);
      }
      this.current = undefined;
      view.onTurnEnd(end, last);
    } finally {
      ended.abort();
    }
  }

  private async showApprovals(turn: TurnHandle, signal: AbortSignal): Promise<void> {
    try {
      const requests = await whenAvailable(() => turn.approvals(), this.onWaiting, signal);
      if (!signal.aborted) this.view.onApprovals(turn, requests);
    } catch (error) {
      // The tree still shows that calls wait.
      if (!signal.aborted) this.onWaiting(`Cannot read which calls wait: ${String(error)}`);
    }
  }
}

/** `undefined` when no message has created the session yet. */
export async function describeIfThere(
  session: SessionHandle,
): Promise<SessionDescription | undefined> {
  try {
    return await session.describe();
  } catch (error) {
    if (error instanceof SessionNotFoundError) return undefined;
    throw error;
  }
}

/** Detects in snapshots that the set of waiting calls has changed. */
class WaitingCalls {
  private ids = '';

  haveChanged(turn: TurnSnapshot): boolean {
    const waiting = allCallsOf(turn).filter(({ state }) => state === 'waiting');
    const ids = waiting.map(({ id, message }) => [id, message]).join();
    const isOther = ids !== this.ids;
    this.ids = ids;
    return isOther;
  }
}

async function endOf(turn: TurnHandle): Promise<TurnEnd> {
  try {
    return { type: 'ended', result: await turn.result() };
  } catch (error) {
    if (error instanceof TurnFailedError) return { type: 'failed', error };
    if (error instanceof TurnNotFoundError) return { type: 'dropped' };
    throw error;
  }
}

function progressOf(end: TurnEnd) {
  return end.type === 'failed' ? end.error.progress : undefined;
}

/** The message of a turn that this chat did not begin, from the line for the Temporal UI. */
async function summaryOf(turn: TurnHandle): Promise<string | undefined> {
  try {
    const summary = await (await turn.workflow.describe()).staticSummary();
    return summary === undefined ? undefined : fromMarkdown(summary);
  } catch {
    return undefined;
  }
}
