import { defined } from '../core/json.ts';
import {
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineUpdate,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { INVALID_SESSION, SEND_REJECTED } from '../core/failures.ts';
import { checkSend, checkSessionArgs } from '../core/session/input.ts';
import type { Close } from '../core/session/messages.ts';
import {
  CLOSE_UPDATE,
  DESCRIBE_QUERY,
  SEND_UPDATE,
  TRANSCRIPT_QUERY,
} from '../core/session/messages.ts';
import type { SessionMemory, WaitingTurn } from '../core/session/memory.ts';
import {
  beginSession,
  closeSession,
  describeSession,
  fitsOnePayload,
  rejectSend,
  takeSend,
  takeTurn,
  turnEnded,
} from '../core/session/memory.ts';
import { STATUS_ATTRIBUTE, STOP_REASON_ATTRIBUTE } from '../core/search-attributes.ts';
import type {
  Send,
  SendReceipt,
  SessionArgs,
  SessionState,
  SessionStatus,
  SessionTranscript,
} from '../core/session/protocol.ts';
import { references } from '../core/conversation/transcript.ts';
import { updateAttributes } from './search-attributes.ts';
import { SessionTurn } from './session-turn.ts';
import { allAnswered } from './updates.ts';

const sendUpdate = defineUpdate<SendReceipt, [Send]>(SEND_UPDATE);
const closeUpdate = defineUpdate<void, [Close?]>(CLOSE_UPDATE);
const describeQuery = defineQuery<SessionState>(DESCRIBE_QUERY);
const transcriptQuery = defineQuery<SessionTranscript>(TRANSCRIPT_QUERY);

/**
 * A session that was idle for so long goes on in a new run. Its history is then almost empty, so that
 * any later version of Plait can wake it up.
 */
const IDLE_BEFORE_CONTINUING = 10_000;
/**
 * One whose history is long waits for a shorter pause. A message that arrives just when the session
 * goes on in a new run is refused by the server, and sent again by the SDK only after some 1.7 s; right
 * after a turn is when the next one is most likely to come.
 */
const PAUSE_BEFORE_CONTINUING = 1_000;
/** Where Temporal suggests it. */
const SUGGESTED_EVENTS = 4_096;
/** Where there is no pause, a history that is so many times as long as it should be has to do. */
const MAX_EXCESS = 2;

/** One session in one run. Its Updates do nothing but record, so none is ever half done. */
export class SessionRun {
  private readonly args: SessionArgs;
  private memory: SessionMemory;
  private running: SessionTurn | undefined;
  private hasRunTurns = false;
  private published: SessionStatus = 'idle';

  constructor(args: SessionArgs, carried: SessionMemory | undefined) {
    const problem = checkSessionArgs(args);
    if (problem !== undefined) throw ApplicationFailure.nonRetryable(problem, INVALID_SESSION);
    this.args = args;
    this.memory = carried ?? beginSession(args);
    setHandler(sendUpdate, (send) => this.send(send), {
      validator: (send: Send) => {
        const problem = checkSend(send);
        const refusal =
          problem === undefined
            ? rejectSend(this.memory, this.args, send, this.running?.about)
            : { type: SEND_REJECTED, reason: problem };
        if (refusal === undefined) return;
        throw ApplicationFailure.nonRetryable(refusal.reason, refusal.type);
      },
    });
    setHandler(closeUpdate, (close) => this.close(close));
    setHandler(describeQuery, () => this.describe());
    setHandler(transcriptQuery, () => this.transcript());
  }

  /** Waits for a message; `undefined` when the session is closed. */
  async nextTurn(): Promise<WaitingTurn | undefined> {
    // A cancelled session starts nothing any more.
    if (CancellationScope.current().consideredCancelled) this.close({ interrupt: true });
    const isAwake = () => this.memory.waiting.length > 0 || this.memory.closing === true;
    const patience = this.patience();
    if (patience === 0 && fitsOnePayload(this.memory, this.args)) await this.continueAsNew();
    if (!isAwake()) {
      setCurrentDetails('Idle');
      if (patience === undefined) await condition(isAwake);
      else if (!(await condition(isAwake, patience))) await this.continueAsNew();
    }
    await allAnswered();
    const next = takeTurn(this.memory);
    if (next === undefined) return undefined;
    this.memory = next.memory;
    return next.turn;
  }

  async runTurn(turn: WaitingTurn): Promise<void> {
    const running = new SessionTurn(this.args, this.memory, turn);
    this.running = running;
    this.hasRunTurns = true;
    setCurrentDetails(`Turn ${turn.turnId} is running`);
    this.publish();
    const outcome = await running.outcome();
    this.memory = turnEnded(this.memory, running.about, outcome, Date.now());
    this.running = undefined;
    this.publish();
  }

  close({ interrupt = false }: Close = {}): void {
    this.memory = closeSession(this.memory, { interrupt });
    if (interrupt) this.running?.abandon();
  }

  describe(): SessionState {
    return describeSession(this.args, this.memory, this.running?.about);
  }

  private transcript(): SessionTranscript {
    const runningTurn = this.running?.about.turnId;
    return {
      transcript: references(this.memory.transcript),
      ...defined({ runningTurn }),
    };
  }

  private send(send: Send): SendReceipt {
    const { workflowId: sessionId } = workflowInfo();
    const { whenBusy } = this.args;
    const policy = { sessionId, ...defined({ whenBusy }) };
    const { memory, receipt, effect } = takeSend(this.memory, policy, send, this.running?.about);
    this.memory = memory;
    if (effect.type === 'note') this.running?.add(effect.note);
    if (effect.type === 'interrupt') this.running?.interrupt();
    return receipt;
  }

  /** Lets lists of sessions show what this one is doing, where that has changed. */
  publish(): void {
    const { status, lastTurn } = this.describe();
    if (status === this.published) return;
    this.published = status;
    updateAttributes([
      { key: STATUS_ATTRIBUTE, value: status },
      ...(lastTurn === undefined
        ? []
        : [{ key: STOP_REASON_ATTRIBUTE, value: lastTurn.stopReason }]),
    ]);
  }

  /**
   * How many milliseconds without a message the session waits for before it goes on in a new run. For
   * ever where it has not run a turn: one that sleeps has no timer.
   */
  private patience(): number | undefined {
    if (!this.hasRunTurns) return undefined;
    const { historyLength, continueAsNewSuggested } = workflowInfo();
    const limit = this.memory.agent?.limits.historyEvents;
    if (historyLength >= MAX_EXCESS * (limit ?? SUGGESTED_EVENTS)) return 0;
    const isLong = continueAsNewSuggested || historyLength >= (limit ?? Number.POSITIVE_INFINITY);
    return isLong ? PAUSE_BEFORE_CONTINUING : IDLE_BEFORE_CONTINUING;
  }

  /** No turn runs now; messages that wait are carried. */
  private async continueAsNew(): Promise<never> {
    // What the session began with lies in the memory.
    const { messages: _, ...args } = this.args;
    const memory = { ...this.memory, transcript: references(this.memory.transcript) };
    return await continueAsNew<(args: SessionArgs, memory: SessionMemory) => Promise<unknown>>(
      args,
      memory,
    );
  }
}
