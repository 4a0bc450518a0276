import type { Client } from '@temporalio/client';
import type { SendReceipt } from '../core/session/protocol.ts';
import type { TurnResult } from '../core/turn/result.ts';
import { TurnFailedError } from './errors.ts';
import type { StreamOptions } from './follow/stream.ts';
import type { TurnStreamEvent } from './follow/stream-events.ts';
import type { ParseOutput } from './output.ts';
import { TurnHandle } from './turn-handle.ts';
import type { TurnSnapshot } from './follow/snapshot.ts';
import { waitForTurn } from './wait-for-turn.ts';
import type { WatchOptions } from './follow/watch.ts';

/** A turn of a session: it may have to wait for its turn. */
export class SessionTurnHandle<Output = unknown> extends TurnHandle<Output> {
  readonly sessionId: string;
  /**
   * The turn that was running when the message was sent with `whenBusy: 'steer'`. It reads the message
   * if it comes to a place where it can; otherwise the message is a turn of its own after all.
   */
  readonly joins: string | undefined;

  constructor(
    client: Client,
    sessionId: string,
    { turnId, joins }: SendReceipt,
    parse?: ParseOutput,
  ) {
    super(client, turnId, parse);
    this.sessionId = sessionId;
    this.joins = joins;
  }

  /**
   * Waits for the turn to begin and to end; may be called as often and from as many processes as
   * wanted. Of a message that another turn has taken in it is the result of that turn.
   *
   * Throws a `TurnFailedError`, and a `TurnNotFoundError` when the session has ended before the turn
   * began.
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

  /** Waits for the turn to begin, then tells of it. See `TurnHandle.stream`. */
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

  private async joinedResult(): Promise<TurnResult<Output> | undefined> {
    if (this.joins === undefined) return undefined;
    const running = new TurnHandle<Output>(this.client, this.joins, this.parse);
    try {
      const result = await running.result();
      return result.joined?.includes(this.turnId) === true ? result : undefined;
    } catch (error) {
      const isHere =
        error instanceof TurnFailedError && error.progress?.joined?.includes(this.turnId);
      if (isHere === true) throw error;
      if (error instanceof TurnFailedError) return undefined;
      throw error;
    }
  }

  private begun(signal?: AbortSignal): Promise<void> {
    return waitForTurn(this.client, this.sessionId, this.turnId, signal);
  }
}
