import type { Client, WorkflowHandle } from '@temporalio/client';
import type { TurnResult } from '../core/turn.ts';
import type { TurnDescription } from './describe-turn.ts';
import { describeTurn } from './describe-turn.ts';
import { TurnNotFoundError } from './errors.ts';
import { aboutTurn } from './temporal-errors.ts';
import type { TurnSnapshot } from './turn-snapshot.ts';
import type { WatchOptions } from './watch.ts';
import { watchTurn } from './watch.ts';

/** One turn, running or ended. Holds nothing but the id, so it can be made again anywhere. */
export class TurnHandle {
  /** Also the workflow id. */
  readonly turnId: string;
  /** Temporal's own handle, for everything that is not here. */
  readonly workflow: WorkflowHandle;
  private readonly client: Client;

  constructor(client: Client, turnId: string) {
    this.client = client;
    this.turnId = turnId;
    this.workflow = client.workflow.getHandle(turnId);
  }

  /**
   * Waits for the end of the turn; may be called as often and from as many processes as wanted.
   *
   * Throws a `TurnFailedError` when the turn failed (its `progress` holds what was done), and a
   * `TurnNotFoundError`.
   */
  async result(): Promise<TurnResult> {
    return await this.about(async () => (await this.workflow.result()) as TurnResult);
  }

  /** What the turn is doing now. */
  async describe(): Promise<TurnDescription> {
    return await this.about(async () => describeTurn(await this.workflow.describe()));
  }

  /**
   * Follows the turn: a snapshot of its rounds and calls at once and after every change, the last one
   * when it has ended. It neither starts nor holds anything, so leave it whenever you like.
   *
   * Throws a `TurnNotFoundError`, and a `TemporalUnavailableError` when the server stays away.
   */
  watch(options: WatchOptions = {}): AsyncGenerator<TurnSnapshot, void, undefined> {
    return watchTurn(this.client, this.turnId, options);
  }

  /**
   * Asks the turn to stop: running tools are cancelled, every open call is answered, and the result
   * comes with stop reason `cancelled`. Returns before that; wait with `result()`. Without effect on
   * a turn that has ended.
   */
  async cancel(): Promise<void> {
    try {
      await this.about(() => this.workflow.cancel());
    } catch (error) {
      // The server does not tell an ended turn from one that never was.
      if (!(error instanceof TurnNotFoundError)) throw error;
      await this.describe();
    }
  }

  private about<T>(request: () => Promise<T>): Promise<T> {
    return aboutTurn(this.turnId, this.client.options.namespace, request);
  }
}
