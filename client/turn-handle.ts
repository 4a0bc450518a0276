import type { Client, WorkflowHandle } from '@temporalio/client';
import type { ApprovalRequest, Approve, Deny } from '../core/turn/protocol.ts';
import { APPROVE_UPDATE, DENY_UPDATE } from '../core/turn/protocol.ts';
import type { SessionTurnResult } from '../core/turn/result.ts';
import type { TurnResult } from '../core/turn/result.ts';
import { turnUpdate, updateTurn } from './ask-turn.ts';
import type { TurnDescription } from './describe-turn.ts';
import { describeTurn } from './describe-turn.ts';
import {
  DecisionRejectedError,
  InvalidOutputError,
  TurnFailedError,
  TurnNotFoundError,
} from './errors.ts';
import type { ParseOutput } from './output.ts';
import { wholeFailure, wholeResult } from './whole-result.ts';
import { aboutTurn } from './temporal-errors.ts';
import type { StreamOptions } from './follow/stream.ts';
import { streamTurn } from './follow/stream.ts';
import type { TurnStreamEvent } from './follow/stream-events.ts';
import type { TurnSnapshot } from './follow/snapshot.ts';
import { approvalRequests } from './waiting-calls.ts';
import type { WatchOptions } from './follow/watch.ts';
import { watchTurn } from './follow/watch.ts';

/** What a person decides about a call, beside the call itself. */
export type ApproveOptions = Omit<Approve, 'callId'>;
export type DenyOptions = Omit<Deny, 'callId'>;

/**
 * One turn, running or ended. Holds nothing but the id, and the schema of the answer where there is one,
 * so it can be made again anywhere.
 */
export class TurnHandle<Output = unknown> {
  /** Also the workflow id. */
  readonly turnId: string;
  /** Temporal's own handle, for everything that is not here. */
  readonly workflow: WorkflowHandle;
  protected readonly client: Client;
  protected readonly parse: ParseOutput | undefined;

  constructor(client: Client, turnId: string, parse?: ParseOutput) {
    this.client = client;
    this.parse = parse;
    this.turnId = turnId;
    this.workflow = client.workflow.getHandle(turnId);
  }

  /**
   * Waits for the end of the turn; may be called as often and from as many processes as wanted.
   *
   * Throws a `TurnFailedError` when the turn failed (its `progress` holds what was done), a
   * `TurnNotFoundError`, and an `InvalidOutputError` when the answer does not match the `output` schema
   * that this handle was made with: a worker checks what JSON Schema can say, and an agent's own schema
   * wholly, but refinements of a turn's schema are known only here.
   */
  async result(): Promise<TurnResult<Output>> {
    const result = await this.whole();
    const { output, ...rest } = result;
    if (output === undefined) return rest;
    return { ...result, output: (await this.parsed(result)) as Output };
  }

  private async whole(): Promise<TurnResult> {
    try {
      const result: unknown = await this.about(() => this.workflow.result());
      return await wholeResult(this.client, result as TurnResult | SessionTurnResult);
    } catch (error) {
      throw error instanceof TurnFailedError ? await wholeFailure(this.client, error) : error;
    }
  }

  private async parsed(result: TurnResult): Promise<unknown> {
    if (this.parse === undefined) return result.output;
    const parsed = await this.parse(result.output);
    if (parsed.ok) return parsed.value;
    throw new InvalidOutputError(this.turnId, parsed.problem, result);
  }

  /** What the turn is doing now. */
  async describe(): Promise<TurnDescription> {
    return await this.about(async () => await describeTurn(this.client, this.turnId));
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
   * The turn as it happens: the model's text as it forms, its calls, and how they end; the last event
   * is `turnEnded`. Of a turn that has ended, all of it at once. May be called as often and from as
   * many processes as wanted, and left whenever you like.
   *
   * Throws a `TurnNotFoundError`, and a `TemporalUnavailableError` when the server stays away.
   */
  stream(options: StreamOptions = {}): AsyncGenerator<TurnStreamEvent, void, undefined> {
    return streamTurn(this.client, this.turnId, options);
  }

  /**
   * Asks the turn to stop: running tools are cancelled, every open call is answered, and the result
   * comes with stop reason `cancelled`. Returns before that; wait with `result()`. Without effect on
   * a turn that has ended.
   */
  async cancel(): Promise<void> {
    for (;;) {
      try {
        await this.about(() => this.workflow.cancel());
        return;
      } catch (error) {
        // The server does not tell an ended turn from one that never was, or from one that has just
        // gone on in a new run.
        if (!(error instanceof TurnNotFoundError)) throw error;
        const { status } = await this.about(() => this.workflow.describe());
        if (status.name !== 'RUNNING' && status.name !== 'CONTINUED_AS_NEW') return;
      }
    }
  }

  /**
   * The calls that wait for a person; none when the turn has ended. A worker answers this.
   *
   * Throws a `TurnNotFoundError`, a `WorkerUnavailableError`, a `TemporalUnavailableError`.
   */
  async approvals(): Promise<ApprovalRequest[]> {
    return await approvalRequests(this.client, this.turnId);
  }

  /**
   * Lets a call run that waits for a person; with `input`, on that instead of what the model wrote.
   * Returns when the call may run. The same decision may be sent again when its answer was lost.
   *
   * Throws an `DecisionRejectedError` when it is not taken, a `TurnNotFoundError`, a
   * `WorkerUnavailableError`, a `TemporalUnavailableError`.
   */
  async approve(callId: string, options: ApproveOptions): Promise<void> {
    await this.decide('approved', APPROVE_UPDATE, { ...options, callId });
  }

  /** Answers a call that waits for a person as denied. Throws what `approve` throws. */
  async deny(callId: string, options: DenyOptions): Promise<void> {
    await this.decide('denied', DENY_UPDATE, { ...options, callId });
  }

  private async decide(
    decision: 'approved' | 'denied',
    name: string,
    argument: Approve | Deny,
  ): Promise<void> {
    const { turnId } = this;
    const { callId, by } = argument;
    // Unchecked callers forget it, and it is what the record is for.
    if (typeof by !== 'string' || by.trim() === '') {
      throw new TypeError(
        `Call ${callId} of turn ${turnId} was not ${decision}: \`by\` must say who decides, a name or an address.`,
      );
    }
    const update = turnUpdate(name, callId, argument);
    const refusal = await updateTurn(this.client, turnId, update);
    if (refusal !== undefined) {
      const { reason, cause } = refusal;
      throw new DecisionRejectedError({ turnId, callId, reason, decision }, { cause });
    }
  }

  private about<T>(request: () => Promise<T>): Promise<T> {
    return aboutTurn(this.turnId, this.client.options.namespace, request);
  }
}
