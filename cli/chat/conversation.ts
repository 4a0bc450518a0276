import { defined } from '../../core/json.ts';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { SessionNotFoundError, TurnFailedError, TurnNotFoundError } from '../../client/errors.ts';
import type { SessionDescription, SessionHandle } from '../../client/session-handle.ts';
import { SessionTurnHandle } from '../../client/session-handle.ts';
import type { TurnHandle } from '../../client/turn-handle.ts';
import type { TurnSnapshot } from '../../client/follow/snapshot.ts';
import type { WhenBusy } from '../../core/session/protocol.ts';
import type { ApprovalRequest } from '../../core/turn/protocol.ts';
import type { TurnResult } from '../../core/turn/result.ts';
import { nextTurn } from './next-turn.ts';
import type { Sent } from './next-turn.ts';
import type { OnWaiting } from './patiently.ts';
import { patiently, watchServer } from './patiently.ts';

/** How a turn of a chat came to its end. */
export type TurnEnd =
  | { type: 'ended'; result: TurnResult }
  | { type: 'failed'; error: TurnFailedError }
  /** The session was closed before it began. */
  | { type: 'dropped' };

/** Whoever shows a chat: a terminal, or a pipe. */
export interface ChatView {
  /** `text`: what it begins with, as far as it is known here. */
  onTurn(turnId: string, text: string | undefined): void;
  onSnapshot(snapshot: TurnSnapshot): void;
  /** The calls of the turn that wait for a person now. */
  onApprovals(turn: TurnHandle, requests: readonly ApprovalRequest[]): void;
  /** A message of this chat was read by the turn that is shown. */
  onJoined(text: string): void;
  onTurnEnd(end: TurnEnd, last: TurnSnapshot | undefined): void;
  /** The server or the workers are away, or back again. */
  onWaiting: OnWaiting;
}

const PAUSE_MS = 100;

/** One session as a chat sees it: it sends, and shows one turn after the other. */
export class Conversation {
  readonly session: SessionHandle;
  private readonly client: Client;
  private readonly view: ChatView;
  private readonly leaving = new AbortController();
  private readonly sent = new Map<string, Sent>();
  private readonly shown = new Set<string>();
  private current: TurnHandle | undefined;
  private isWanted = false;
  private following: Promise<void> | undefined;

  constructor(client: Client, session: SessionHandle, view: ChatView) {
    this.client = client;
    this.session = session;
    this.view = view;
  }

  /** The turn that is shown now. */
  get turn(): TurnHandle | undefined {
    return this.current;
  }

  /** Messages whose turns have not begun. */
  get waiting(): Sent[] {
    const current = this.current?.turnId;
    return [...this.sent].flatMap(([turnId, sent]) => (turnId === current ? [] : [sent]));
  }

  /** Sends a message; returns when the session has taken it. */
  async send(text: string, whenBusy?: WhenBusy): Promise<void> {
    const options = {
      idempotencyKey: randomUUID(),
      ...defined({ whenBusy }),
    };
    const { turnId, joins } = await this.patiently(() => this.session.send(text, options));
    this.sent.set(turnId, { text, joins });
  }

  /** Shows turns until none runs or waits. */
  follow(): Promise<void> {
    this.isWanted = true;
    this.following ??= this.followAll();
    return this.following;
  }

  /** Asks again where the server or the workers are away. */
  patiently<T>(request: () => Promise<T>): Promise<T> {
    return patiently(request, this.onWaiting, this.leaving.signal);
  }

  /** Shows nothing any more. The session goes on. */
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
    const state = await this.patiently(() => describeIfThere(this.session));
    const { runningTurn: running, waitingTurns: waiting = [] } = state ?? {};
    return nextTurn({ running, waiting, sent, shown });
  }

  private async show(turnId: string): Promise<void> {
    const { client, session, view, leaving } = this;
    const turn = new SessionTurnHandle(client, session.sessionId, { turnId });
    const ended = new AbortController();
    const over = AbortSignal.any([leaving.signal, ended.signal]);
    void watchServer(client, this.onWaiting, over);
    try {
      const text = this.sent.get(turnId)?.text ?? (await summaryOf(turn));
      this.current = turn;
      view.onTurn(turnId, text);
      let last: TurnSnapshot | undefined;
      const end = await this.patiently(async () => {
        const approvals = new WaitingCalls();
        for await (const snapshot of turn.watch({ signal: leaving.signal })) {
          last = snapshot;
          view.onSnapshot(snapshot);
          if (approvals.haveChanged(snapshot)) void this.tellApprovals(turn, over);
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

  private async tellApprovals(turn: TurnHandle, signal: AbortSignal): Promise<void> {
    try {
      const requests = await patiently(() => turn.approvals(), this.onWaiting, signal);
      if (!signal.aborted) this.view.onApprovals(turn, requests);
    } catch (error) {
      // The tree shows all the same that they wait, and `plait approvals` may know more.
      if (!signal.aborted) this.onWaiting(`Which calls wait cannot be read: ${String(error)}`);
    }
  }
}

/** `undefined` where no message has created it yet. */
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

/** Notices in snapshots that other calls wait than before. */
class WaitingCalls {
  private ids = '';

  haveChanged({ rounds }: TurnSnapshot): boolean {
    const waiting = rounds.flatMap(({ calls }) => calls.filter(({ state }) => state === 'waiting'));
    const ids = waiting.map(({ id }) => id).join();
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

/** What the message was, in a line: a turn that others have begun does not tell it otherwise. */
async function summaryOf(turn: TurnHandle): Promise<string | undefined> {
  try {
    return await (await turn.workflow.describe()).staticSummary();
  } catch {
    return undefined;
  }
}
