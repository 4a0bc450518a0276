import type { Client, WorkflowHandle } from '@temporalio/client';
import { given, jsonProblem, recordProblem, textProblem } from '../core/arguments.ts';
import type { ApprovalRequest, Approve, Deny } from '../core/turn/protocol.ts';
import { APPROVE_UPDATE, DENY_UPDATE } from '../core/turn/protocol.ts';
import type { TurnResult } from '../core/turn/result.ts';
import { turnUpdate, tooLarge, updateTurn } from './ask-turn.ts';
import type { EndedTurn } from './whole-result.ts';
import { wholeFailure, wholeResult } from './whole-result.ts';
import {
  DecisionRejectedError,
  InvalidOutputError,
  TurnFailedError,
  TurnNotFoundError,
} from './errors.ts';
import type { TurnDescription } from './follow/describe-turn.ts';
import { describeTurn } from './follow/describe-turn.ts';
import type { PieceSource } from './follow/pieces.ts';
import type { TurnSnapshot } from './follow/snapshot.ts';
import type { TurnStreamEvent } from './follow/stream-events.ts';
import type { StreamOptions } from './follow/stream.ts';
import { streamTurn } from './follow/stream.ts';
import type { WatchOptions } from './follow/watch.ts';
import { watchTurn } from './follow/watch.ts';
import type { ParseOutput } from './parse-output.ts';
import type { Traces } from '../core/trace/traces.ts';
import type { Patience } from './patience.ts';
import { aboutTurn } from './temporal-errors.ts';
import { approvalRequests, subAgentTurns } from './waiting-calls.ts';

/** A person's decision about a call, without the call. */
export type ApproveOptions = Omit<Approve, 'callId'>;
export type DenyOptions = Omit<Deny, 'callId'>;

export interface HandleOptions {
  /** The schema of the answer. */
  parse?: ParseOutput | undefined;
  /** Says what `result` waits for. */
  patience?: Patience | undefined;
  /** Where pieces of replies come from beside Temporal. */
  pieces?: PieceSource | undefined;
  /** Where the spans of messages go. */
  traces?: Traces | undefined;
}

/**
 * One turn, running or ended. It holds only the id, and the schema of the answer where there is one, so
 * any process can make another handle of the same turn.
 */
export class TurnHandle<Output = unknown> {
  /** Also the workflow id. */
  readonly turnId: string;
  /** Temporal's own handle, for everything that is not here. */
  readonly workflow: WorkflowHandle;
  protected readonly client: Client;
  protected readonly options: HandleOptions;

  constructor(client: Client, turnId: string, options: HandleOptions = {}) {
    this.client = client;
    this.options = options;
    this.turnId = turnId;
    this.workflow = client.workflow.getHandle(turnId);
  }

  /**
   * Waits for the end of the turn. Call it as often as you like, from as many processes as you like.
   *
   * Throws a `TurnFailedError` when the turn failed (its `progress` holds what was done), a
   * `TurnNotFoundError`, a `StorageUnavailableError`, and an `InvalidOutputError` when the answer does
   * not match the `output` schema of this handle. With `workerTimeout`, also a `WorkerUnavailableError` and
   * a `TemporalUnavailableError`. A worker checks an agent's own schema wholly, and a
   * turn's schema as far as JSON Schema can say it; this handle checks the rest.
   */
  async result(): Promise<TurnResult<Output>> {
    const result = await this.whole();
    const { output, ...rest } = result;
    if (output === undefined) return rest;
    return { ...result, output: (await this.parsed(result)) as Output };
  }

  private async whole(): Promise<TurnResult> {
    try {
      const waiting = this.about(() => this.workflow.result());
      const result: unknown = await (this.options.patience?.over(this.turnId, waiting) ?? waiting);
      return await wholeResult(this.client, this.turnId, result as EndedTurn);
    } catch (error) {
      throw error instanceof TurnFailedError ? await wholeFailure(this.client, error) : error;
    }
  }

  private async parsed(result: TurnResult): Promise<unknown> {
    const { parse } = this.options;
    if (parse === undefined) return result.output;
    const parsed = await parse(result.output);
    if (parsed.ok) return parsed.value;
    throw new InvalidOutputError(this.turnId, parsed.problem, result);
  }

  /**
   * What the turn is doing now, also without a worker: the calls that are scheduled, and those that wait
   * for a person. Throws a `TurnNotFoundError`, a `TemporalUnavailableError`.
   */
  async describe(): Promise<TurnDescription> {
    return await this.about(async () => await describeTurn(this.client, this.turnId));
  }

  /**
   * Follows the turn: a snapshot of its rounds and calls now and after every change, the last one when
   * the turn has ended. It starts nothing and holds nothing, so leave the loop whenever you like.
   *
   * Throws a `TurnNotFoundError`, and a `TemporalUnavailableError` when the server stays away.
   */
  watch(options: WatchOptions = {}): AsyncGenerator<TurnSnapshot, void, undefined> {
    return watchTurn(this.client, this.turnId, options);
  }

  /**
   * Follows the turn as it happens: the model's text as it grows, the calls, and how they end. The last
   * event is `turnEnded`. The text grows only if somebody asked for that with `stream: true`; otherwise each
   * reply comes when it is committed. For a turn that has ended, all events come at once. Call it as often as you
   * like, from as many processes as you like, and leave the loop whenever you like.
   *
   * Throws a `TurnNotFoundError`, a `StorageUnavailableError` for a reply in a storage that this client
   * cannot read, and a `TemporalUnavailableError` when the server stays away.
   *
   * @example
   * for await (const event of turn.stream()) {
   *   if (event.type === 'textDelta') process.stdout.write(event.text);
   *   if (event.type === 'callFinished') console.log(event.name, event.outcome);
   * }
   */
  stream(options: StreamOptions = {}): AsyncGenerator<TurnStreamEvent, void, undefined> {
    return streamTurn(this.client, this.turnId, options, this.options.pieces);
  }

  /**
   * Asks the turn to stop: it cancels the running tools, answers every open call, and ends with stop
   * reason `cancelled`. Returns before that; wait with `result()`. No effect on a turn that has ended.
   *
   * Throws a `TurnNotFoundError`, a `TemporalUnavailableError`.
   */
  async cancel(): Promise<void> {
    for (;;) {
      try {
        await this.about(() => this.workflow.cancel());
        return;
      } catch (error) {
        // The server gives the same error for a turn that has ended, one that never existed, and one that has
        // just continued as new.
        if (!(error instanceof TurnNotFoundError)) throw error;
        const { status } = await this.about(() => this.workflow.describe());
        if (status.name !== 'RUNNING' && status.name !== 'CONTINUED_AS_NEW') return;
      }
    }
  }

  /**
   * The calls that wait for a person, those of sub-agents included, whose `subAgent` says who asks; none when
   * the turn has ended. A worker answers this.
   *
   * Throws a `TurnNotFoundError`, a `WorkerUnavailableError`, a `TemporalUnavailableError`.
   */
  async approvals(): Promise<ApprovalRequest[]> {
    return await approvalRequests(this.client, this.turnId);
  }

  /**
   * Approves a call that waits for a person, also one of a sub-agent. With `input`, it runs with that instead
   * of what the model wrote. Returns when the call may run. If the answer is lost, send the same decision again.
   *
   * Throws a `DecisionRejectedError`, a `TurnNotFoundError`, a `WorkerUnavailableError`, a
   * `TemporalUnavailableError`.
   */
  async approve(callId: string, options: ApproveOptions): Promise<void> {
    this.check('approved', callId, options);
    await this.decide('approved', APPROVE_UPDATE, { ...options, callId });
  }

  /** Answers a call that waits for a person as denied. Throws what `approve` throws. */
  async deny(callId: string, options: DenyOptions): Promise<void> {
    this.check('denied', callId, options);
    await this.decide('denied', DENY_UPDATE, { ...options, callId });
  }

  private check(decision: 'approved' | 'denied', callId: unknown, options: unknown): void {
    const { turnId } = this;
    const reason =
      textProblem('callId', callId) ??
      recordProblem('the decision', options) ??
      jsonProblem(`What you send for call ${String(callId)}`, options);
    if (reason === undefined) return;
    const shown = typeof callId === 'string' ? callId : given(callId);
    throw new DecisionRejectedError({ turnId, callId: shown, reason: `${reason}.`, decision });
  }

  private async decide(
    decision: 'approved' | 'denied',
    name: string,
    argument: Approve | Deny,
  ): Promise<void> {
    const { turnId } = this;
    const { callId, by } = argument;
    // Callers without types may forget it, and the record exists to say who decided.
    if (typeof by !== 'string' || by.trim() === '') {
      throw new TypeError(
        `Call ${callId} of turn ${turnId} was not ${decision}: \`by\` must say who decides, a name or an address.`,
      );
    }
    const update = turnUpdate(name, callId, argument);
    // Before asking the server whose call it is: what is too large would never arrive.
    const rejection =
      tooLarge(this.client, update) ??
      (await updateTurn(this.client, await this.askingTurn(callId, decision), update));
    if (rejection === undefined) return;
    const { reason, cause } = rejection;
    throw new DecisionRejectedError({ turnId, callId, reason, decision }, { cause });
  }

  /** The turn whose call it is: this one, or that of a sub-agent. */
  private async askingTurn(callId: string, decision: 'approved' | 'denied'): Promise<string> {
    const { turnId, client } = this;
    if ((await subAgentTurns(client, turnId)).length === 0) return turnId;
    const asking = (await this.approvals()).filter((request) => request.callId === callId);
    const [first, ...others] = asking.map(({ subAgent }) => subAgent?.turnId ?? turnId);
    if (others.length === 0) return first ?? turnId;
    const reason = `calls of ${asking.length} turns have this id; decide with getTurn() of one of them: ${[first, ...others].join(', ')}.`;
    throw new DecisionRejectedError({ turnId, callId, reason, decision });
  }

  private about<T>(request: () => Promise<T>): Promise<T> {
    return aboutTurn(this.turnId, this.client.options.namespace, request);
  }
}
