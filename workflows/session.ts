import { defined } from '../core/json.ts';
import {
  ApplicationFailure,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  log,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { INVALID_SESSION, SEND_REJECTED } from '../core/failures.ts';
import { findSessionIdProblem } from '../core/names.ts';
import { findCarriedProblem } from '../core/session/carried.ts';
import { checkClose, checkSend, checkSessionArgs, checkWithdrawal } from '../core/session/input.ts';
import type { Close, Withdrawal } from '../core/session/protocol.ts';
import {
  CLOSE_UPDATE,
  DESCRIBE_QUERY,
  SEND_UPDATE,
  TRANSCRIPT_QUERY,
  WITHDRAW_SIGNAL,
} from '../core/session/protocol.ts';
import { sessionText } from '../core/session/current-details.ts';
import type { SessionStep } from '../core/session/decide.ts';
import type { SessionEvent } from '../core/session/log-lines.ts';
import { sessionLogLine } from '../core/session/log-lines.ts';
import { nextSessionStep } from '../core/session/decide.ts';
import type { SessionMemory, WaitingTurn } from '../core/session/memory.ts';
import {
  beginSession,
  closeSession,
  describeSession,
  rejectSend,
  takeSend,
  turnEnded,
  withdrawTurn,
} from '../core/session/memory.ts';
import type {
  Send,
  SendReceipt,
  SessionArgs,
  SessionState,
  SessionStatus,
  SessionTranscript,
} from '../core/session/protocol.ts';
import { TraceCarrier } from '../core/trace/carrier.ts';
import { readTraceContext } from '../core/trace/context.ts';
import { references } from '../core/conversation/transcript.ts';
import { ownerOf, recordSessionStatus } from './search-attributes.ts';
import { SessionTurn } from './session-turn.ts';

/** What the Temporal UI calls the timer of a session that has nothing to do. */
const WAITS = 'waits for a message, then goes on in a new run';

/** The interceptors add the second argument, from the header of the Update. */
const sendUpdate = defineUpdate<SendReceipt, [send: Send, trace?: unknown]>(SEND_UPDATE);
const closeUpdate = defineUpdate<void, [Close | null | undefined]>(CLOSE_UPDATE);
const withdrawSignal = defineSignal<[unknown]>(WITHDRAW_SIGNAL);
const describeQuery = defineQuery<SessionState>(DESCRIBE_QUERY);
const transcriptQuery = defineQuery<SessionTranscript>(TRANSCRIPT_QUERY);

/** One session in one run: its memory, and the doors through which others reach it. Updates only record, so none is ever half done. */
export class Session {
  private readonly args: SessionArgs;
  private readonly carrier: TraceCarrier;
  private memory: SessionMemory;
  private running: SessionTurn | undefined;
  private hasRunTurns = false;
  private published: SessionStatus = 'idle';

  constructor(args: SessionArgs, carried: SessionMemory | undefined, carrier: unknown) {
    this.args = args;
    this.carrier = carrier instanceof TraceCarrier ? carrier : new TraceCarrier();
    this.memory = carried ?? beginSession(args);
    // A message that came with the start is handled as soon as there is a handler.
    if (carried === undefined) this.log({ type: 'session began' });
    setHandler(sendUpdate, (send, trace) => this.send(send, trace), {
      validator: (send: Send, _trace?: unknown) => {
        const problem = checkSend(send);
        const refusal =
          problem === undefined
            ? rejectSend(this.memory, this.owned, send, this.running?.about)
            : { type: SEND_REJECTED, reason: problem };
        if (refusal === undefined) return;
        throw ApplicationFailure.nonRetryable(refusal.reason, refusal.type);
      },
    });
    setHandler(closeUpdate, (close) => this.close(close ?? {}), {
      validator: (close) => {
        const problem = checkClose(close);
        if (problem !== undefined) throw ApplicationFailure.nonRetryable(problem, SEND_REJECTED);
      },
    });
    setHandler(withdrawSignal, (withdrawal) => this.withdraw(withdrawal));
    setHandler(describeQuery, () => this.describe());
    setHandler(transcriptQuery, () => this.transcript());
  }

  /** What it was started with, and for whom. */
  private get owned(): SessionArgs & { user?: string } {
    const { user } = ownerOf(workflowInfo());
    return { ...this.args, ...defined({ user }) };
  }

  nextStep(): SessionStep {
    const { args, hasRunTurns } = this;
    const decided = nextSessionStep(this.memory, { args, hasRunTurns, history: workflowInfo() });
    this.memory = decided.memory;
    return decided.next;
  }

  /** Whether a message came, or the session was closed, within so many milliseconds. */
  async hears(atMost: number | undefined): Promise<boolean> {
    const isAwake = () => this.memory.waiting.length > 0 || this.memory.closing === true;
    this.show();
    if (atMost !== undefined) return await condition(isAwake, atMost, { summary: WAITS });
    await condition(isAwake);
    return true;
  }

  async runTurn(turn: WaitingTurn): Promise<void> {
    if (turn.trace !== undefined) this.carrier.children.set(turn.turnId, turn.trace);
    const running = new SessionTurn(this.args, this.memory, turn);
    this.running = running;
    this.hasRunTurns = true;
    this.show();
    this.publish();
    const outcome = await running.outcome();
    const { turnId, startedAt } = running.about;
    const milliseconds = Date.now() - startedAt;
    this.memory = turnEnded(this.memory, running.about, outcome, Date.now());
    this.log({ type: 'turn recorded', turnId, outcome, milliseconds });
    this.running = undefined;
    this.publish();
  }

  close({ interrupt = false }: Close = {}): void {
    if (this.memory.closing !== true) this.log({ type: 'session closed', interrupt });
    this.memory = closeSession(this.memory, { interrupt });
    if (interrupt) this.running?.abandon();
  }

  /** Nobody waits for an answer to a Signal: what is wrong with one only the log can say. */
  private withdraw(withdrawal: unknown): void {
    const problem = checkWithdrawal(withdrawal);
    if (problem !== undefined) {
      log.warn(`Ignored the Signal ${WITHDRAW_SIGNAL}: ${problem}.`);
      return;
    }
    const { turnId } = withdrawal as Withdrawal;
    const { memory, isRunning } = withdrawTurn(this.memory, turnId, this.running?.about);
    this.memory = memory;
    this.log({ type: 'turn withdrawn', turnId, isRunning });
    if (isRunning) this.running?.interrupt();
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

  private send(send: Send, trace: unknown): SendReceipt {
    const { workflowId: sessionId } = workflowInfo();
    const { whenBusy } = this.args;
    const policy = { sessionId, ...defined({ whenBusy }) };
    const before = this.memory;
    const from = readTraceContext(trace);
    const { memory, receipt, effect } = takeSend(before, policy, send, this.running?.about, from);
    this.memory = memory;
    const waiting = memory.waiting.length;
    if (memory !== before) this.log({ type: 'message received', receipt, waiting });
    if (effect.type === 'steer') this.running?.add(effect.message);
    if (effect.type === 'interrupt') this.running?.interrupt();
    return receipt;
  }

  ended(): SessionState {
    const state = this.describe();
    this.log({ type: 'session ended', state });
    return state;
  }

  /** Into the worker's log, unless a worker only replays the session. */
  private log(event: SessionEvent): void {
    const { level, message, fields } = sessionLogLine(event);
    const { workflowId: sessionId } = workflowInfo();
    log[level](message, { sdkComponent: 'plait', sessionId, agent: this.args.agent, ...fields });
  }

  /** For operators, in the Temporal UI. */
  private show(): void {
    setCurrentDetails(sessionText(this.describe(), Date.now()));
  }

  /** Records what this session is doing, where that has changed and is recorded at all. */
  publish(): void {
    const state = this.describe();
    if (state.status === this.published) return;
    this.published = state.status;
    recordSessionStatus(state);
  }

  /** No turn runs now; messages that wait are carried. */
  async continueAsNew(): Promise<never> {
    // What the session began with lies in the memory.
    const { messages: _, ...args } = this.args;
    const memory = { ...this.memory, transcript: references(this.memory.transcript) };
    return await continueAsNew<(args: SessionArgs, memory: SessionMemory) => Promise<unknown>>(
      args,
      memory,
    );
  }
}

/**
 * A session with what it was started with, which may be anything: a plain client can start it. Fails the
 * run, where the SDK would retry its first task for ever.
 */
export function openSession(args: unknown, carried: unknown, carrier?: unknown): Session {
  const problem = findStartProblem(args, carried);
  if (problem !== undefined) throw ApplicationFailure.nonRetryable(problem, INVALID_SESSION);
  return new Session(
    args as SessionArgs,
    (carried ?? undefined) as SessionMemory | undefined,
    carrier,
  );
}

function findStartProblem(args: unknown, carried: unknown): string | undefined {
  const idProblem = findSessionIdProblem(workflowInfo().workflowId);
  if (idProblem !== undefined) return `the session id ${idProblem}`;
  const problem = checkSessionArgs(args);
  if (problem !== undefined) return problem;
  // `null` is how the clients of other languages leave an argument out.
  return carried === undefined || carried === null ? undefined : findCarriedProblem(carried);
}
