import {
  ActivityFailure,
  ApplicationFailure,
  rootCause,
  WorkflowExecutionAlreadyStartedError,
} from '@temporalio/common';
import {
  CancellationScope,
  type ChildWorkflowHandle,
  ChildWorkflowFailure,
  proxyActivities,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { PlaitActivities } from '../activities/create-activities.ts';
import type { EveryField } from '../core/json.ts';
import { defined } from '../core/json.ts';
import { CANCEL_TURN, READ_TURN, TURN_WORKFLOW } from '../core/names.ts';
import type { SteeringMessage } from '../core/turn/steering.ts';
import type {
  RunningTurn,
  SessionMemory,
  TurnOutcome,
  WaitingTurn,
} from '../core/session/memory.ts';
import { limitsOfTurn, turnFits } from '../core/session/memory.ts';
import type { SessionArgs } from '../core/session/protocol.ts';
import type { SessionTurnProgress, SessionTurnResult } from '../core/turn/result.ts';
import type { TurnBeginning } from '../core/turn/beginning.ts';
import { isSessionProgress } from '../core/turn/result.ts';
import { STEER_SIGNAL } from '../core/turn/protocol.ts';
import type { TurnArgs } from '../core/turn/input.ts';
import { askedWords, detailsOf, summaryOfMessage } from '../core/turn/static-details.ts';
import { MODEL_RETRY } from './retry.ts';
import { attributesOfTurn, ownerOf } from './search-attributes.ts';
import type { CallingTurn } from '../core/session/calling-turn.ts';

type AgentTurn = (args: TurnArgs, beginning: TurnBeginning) => Promise<SessionTurnResult>;

const activities = proxyActivities<PlaitActivities>({
  startToCloseTimeout: '1m',
  // Without the answer, the model would forget what its tools did.
  retry: MODEL_RETRY,
});

const patient = proxyActivities<PlaitActivities>({
  startToCloseTimeout: '1m',
  // Until the calls of a turn have ended.
  retry: { initialInterval: '500ms', maximumInterval: '5s', backoffCoefficient: 2 },
});

/** The turn that a session runs, as a child workflow. */
export class SessionTurn {
  private readonly args: SessionArgs;
  private readonly memory: SessionMemory;
  private readonly turn: WaitingTurn;
  private readonly scope = new CancellationScope();
  private readonly startedAt = Date.now();
  private steering: readonly SteeringMessage[] = [];
  private child: ChildWorkflowHandle<AgentTurn> | undefined;
  private isInterrupted = false;

  constructor(args: SessionArgs, memory: SessionMemory, turn: WaitingTurn) {
    this.args = args;
    this.memory = memory;
    this.turn = turn;
  }

  get about(): RunningTurn {
    return { ...this.turn, startedAt: this.startedAt, steering: this.steering };
  }

  /** Hands a message to the turn, whose result will say whether it took the message in. */
  add(message: SteeringMessage): void {
    this.steering = [...this.steering, message];
    if (this.child !== undefined) steer(this.child, message);
  }

  /** Its calls are cancelled and answered; then it ends. */
  interrupt(): void {
    this.isInterrupted = true;
    // Before it has begun there is nothing to cancel, and a cancelled start would leave no trace.
    if (this.child !== undefined) this.scope.cancel();
  }

  /** The same, and messages that it has not taken in are forgotten. */
  abandon(): void {
    this.steering = [];
    this.interrupt();
  }

  async outcome(): Promise<TurnOutcome> {
    try {
      return { type: 'ended', result: await this.scope.run(() => this.run()) };
    } catch (error) {
      return await CancellationScope.nonCancellable(() => this.outcomeOf(error));
    }
  }

  private async run(): Promise<SessionTurnResult> {
    const info = workflowInfo();
    const { agent, context, onToolFailure, batchTimeout, onLimit } = this.args;
    const { transcript, stored, container, agent: pinned, fallback } = this.memory;
    const { turnId, input, stream = this.args.stream, calledBy } = this.turn;
    const limits = limitsOfTurn(this.args, this.memory, this.turn);
    const args: EveryField<TurnArgs> = {
      agent,
      input,
      context,
      onToolFailure,
      batchTimeout,
      limits,
      onLimit,
      output: undefined,
      stream,
    };
    const conversation = {
      transcript,
      stored,
      ...defined({ container, agent: pinned, fallback, levels: calledBy?.levels }),
    };
    const beginning: TurnBeginning = turnFits(this.memory, this.args, this.turn)
      ? { type: 'session', ...conversation }
      : { type: 'too large' };
    const { workflowId: sessionId, memo } = info;
    const owner = ownerOf(info);
    const isHidden = memo?.['summaries'] === false || pinned?.summaries === false;
    const shown = isHidden ? undefined : input;
    const start = () =>
      startChild<AgentTurn>(TURN_WORKFLOW, {
        workflowId: turnId,
        args: [defined(args), beginning],
        // Wait even for a cancelled turn, because its result says what its tools did.
        cancellationType: 'WAIT_CANCELLATION_COMPLETED',
        parentClosePolicy: 'REQUEST_CANCEL',
        typedSearchAttributes: attributesOfTurn(),
        memo: {
          agent,
          ...owner,
          sessionId,
          ...defined({ asked: askedWords(shown) }),
          ...(calledBy === undefined ? {} : callerMemo(calledBy)),
        },
        ...(shown === undefined ? {} : { staticSummary: summaryOfMessage(shown) }),
        staticDetails: detailsOf({
          agent,
          ...owner,
          sessionId,
          callingTurn: calledBy?.turnId,
          input: shown,
        }),
      });
    this.child = await start().catch(async (error: unknown) => {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      // The session was reset to before this turn, which still runs in vain.
      await patient[CANCEL_TURN]({ turnId });
      return await start();
    });
    for (const message of this.steering) steer(this.child, message);
    if (this.isInterrupted) this.scope.cancel();
    return await this.child.result();
  }

  private async outcomeOf(error: unknown): Promise<TurnOutcome> {
    const cause = error instanceof ChildWorkflowFailure ? error.cause : error;
    const message = rootCause(error) ?? String(error);
    const progress = cause instanceof ApplicationFailure ? cause.details?.[0] : undefined;
    if (isSessionProgress(progress)) return { type: 'failed', message, progress };
    // Terminated or timed out: ask what it did.
    const read = this.child === undefined ? undefined : await this.readTurn();
    return read === undefined
      ? { type: 'lost', message }
      : { type: 'failed', message, progress: read };
  }

  private async readTurn(): Promise<SessionTurnProgress | undefined> {
    try {
      return await activities[READ_TURN]({ turnId: this.turn.turnId });
    } catch (error) {
      if (error instanceof ActivityFailure) return undefined;
      throw error;
    }
  }
}

/** Names the calling turn, as a sub-agent's turn does. */
function callerMemo({ turnId, callId, path, sessions }: CallingTurn) {
  return { parentTurnId: turnId, callId, path, sessions };
}

/** An ended turn does not receive it; then its result does not name the message. */
function steer(child: ChildWorkflowHandle<AgentTurn>, message: SteeringMessage): void {
  child.signal(STEER_SIGNAL, message).catch(() => undefined);
}
