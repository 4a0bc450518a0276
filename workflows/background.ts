import { CancellationScope, condition } from '@temporalio/workflow';
import type { BackgroundCall, ResultReading } from '../core/calls/background.ts';
import type { SettledCall } from '../core/calls/outcome.ts';
import {
  endInBackground,
  findResult,
  goOnInBackground,
  runningInBackground,
  takeResult,
} from '../core/turn/background.ts';
import type { TurnState } from '../core/turn/state.ts';

/** The calls of a turn that go on while it does other things. */
export class Background {
  private readonly turn: { state: TurnState };
  /** The turn's scope: calls in the background are cancelled with the turn, not with their batch. */
  private readonly scope = CancellationScope.current();
  /** How to cancel the running calls, by their ids. */
  private readonly cancels = new Map<string, () => void>();
  private readonly waiting = new Map<string, (() => void)[]>();

  constructor(turn: { state: TurnState }) {
    this.turn = turn;
  }

  /** For a call that may outlast its batch. */
  newScope(): CancellationScope {
    return new CancellationScope({ cancellable: true, parent: this.scope });
  }

  get running(): readonly BackgroundCall[] {
    return runningInBackground(this.turn.state);
  }

  /** The call goes on, but its batch has ended. */
  add(call: BackgroundCall, cancel: () => void): void {
    this.turn.state = goOnInBackground(this.turn.state, call);
    this.cancels.set(call.callId, cancel);
  }

  /** The call has ended. */
  end(callId: string, settled: SettledCall): void {
    this.turn.state = endInBackground(this.turn.state, callId, settled);
    this.cancels.delete(callId);
    const waiting = this.waiting.get(callId) ?? [];
    this.waiting.delete(callId);
    for (const ended of waiting) ended();
  }

  find(id: string): ResultReading {
    return findResult(this.turn.state, id);
  }

  /** The model gets the result, if there is one. */
  take(id: string): void {
    this.turn.state = takeResult(this.turn.state, id);
  }

  /** Calls `ended` when this running call has ended. */
  onEnd(callId: string, ended: () => void): void {
    this.waiting.set(callId, [...(this.waiting.get(callId) ?? []), ended]);
  }

  /** The turn ends: cancels the running calls and waits until they have ended, because their use counts. */
  async stop(): Promise<void> {
    if (this.running.length === 0) return;
    for (const cancel of this.cancels.values()) cancel();
    await CancellationScope.nonCancellable(() => condition(() => this.running.length === 0));
  }
}
