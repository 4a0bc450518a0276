import { defined } from '../core/json.ts';
import {
  allHandlersFinished,
  CancellationScope,
  defineQuery,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { ApplicationFailure } from '@temporalio/common';
import type { PinnedAgent } from '../core/agent-spec.ts';
import { answersAfterEnd, answersBeyondBudget } from '../core/calls/answers.ts';
import { findFailure } from '../core/calls/batch-policy.ts';
import type { Budget, ReachedBudget, Spent } from '../core/turn/budget.ts';
import {
  budgetDetails,
  callsWithin,
  outOfTime,
  reachedBudget,
  spentOf,
  tighter,
} from '../core/turn/budget.ts';
import { INVALID_TURN } from '../core/failures.ts';
import type { ToolUse } from '../core/conversation/messages.ts';
import { toolCalls } from '../core/conversation/toolsets.ts';
import { outputStep } from '../core/turn/output.ts';
import type { PreparedCall } from '../core/calls/prepared-call.ts';
import type { CheckedOutput, ModelReply } from '../core/conversation/reply.ts';
import { openServerCalls } from '../core/conversation/server-calls.ts';
import { allMessages, lastCalls } from '../core/conversation/transcript.ts';
import type { SessionTurnProgress, SessionTurnResult } from '../core/turn/result.ts';
import type { TurnBeginning } from '../core/turn/beginning.ts';
import { sessionTurnProgress, sessionTurnResult } from '../core/turn/result.ts';
import {
  canBeCarried,
  contextBytes,
  isHistoryFull,
  isTooWide,
  maxTextBytes,
  NO_STORAGE,
  replyFits,
  shouldContinueAsNew,
  TOO_WIDE,
} from '../core/turn/payload-room.ts';
import type { NextBatch } from '../core/turn/payload-room.ts';
import { TURN_STATE_QUERY } from '../core/turn/protocol.ts';
import type { NextStep, TurnState } from '../core/turn/state.ts';
import {
  answerOpenCalls,
  beginTurn,
  commitOutput,
  commitRepair,
  commitResults,
  hasOutgrown,
  nextStep,
} from '../core/turn/state.ts';
import { turnProgress, turnResult } from '../core/turn/result.ts';
import type { TurnArgs } from '../core/turn/input.ts';
import type { TurnResult } from '../core/turn/result.ts';
import { Approvals } from './batch/approvals.ts';
import type { ModelAnswer } from './ask-model.ts';
import { callModel } from './ask-model.ts';
import { commitCall, refusedBy } from './commit-call.ts';
import { Completions } from './batch/async-completions.ts';
import { continuedArgs, continueTurn } from './continue-as-new.ts';
import type { WaitingRooms } from './batch/batch.ts';
import { dispatchTools } from './batch/batch.ts';
import { areReady, findMissing } from './batch/find-missing.ts';
import { lastWord } from './last-word.ts';
import { Steering } from './steering.ts';
import { messagesOfFailed, readTranscript } from './read-transcript.ts';
import { recordStopReason } from './search-attributes.ts';
import { SeenUpdates } from './seen-updates.ts';
import { checkArgs, turnFailure } from './turn-failure.ts';
import { begunAt, timeThatIsUp } from './turn-time.ts';
import { allAnswered } from './update-order.ts';

const stateQuery = defineQuery<SessionTurnProgress>(TURN_STATE_QUERY);

/** What a turn does next. */
export type TurnStep =
  | { type: 'ask model' }
  | { type: 'run tools'; calls: readonly ToolUse[]; prepared: readonly PreparedCall[] }
  | Stop;

type Stop = NextStep & { type: 'stop' };

const ASK_MODEL: TurnStep = { type: 'ask model' };
const OUTGROWN: Stop = { type: 'stop', reason: 'turn_too_large', details: NO_STORAGE };

/** One turn in one run: what it remembers, and each of its steps. */
export class TurnRun {
  private readonly args: TurnArgs;
  private readonly taken: SeenUpdates;
  private readonly rooms: WaitingRooms;
  private readonly notes: Steering;
  private readonly beginning: TurnBeginning | undefined;
  private readonly ofSession: boolean;
  /** In its first run. */
  private readonly begunAt: number;
  private state: TurnState;
  /** Known from the first reply on. */
  private agent: PinnedAgent | undefined;

  constructor(args: TurnArgs, beginning: TurnBeginning | undefined) {
    const continued = beginning?.type === 'continued' ? beginning : undefined;
    this.args = args;
    this.beginning = beginning;
    this.ofSession = continued?.ofSession ?? beginning !== undefined;
    this.agent = beginning?.type === 'too large' ? undefined : beginning?.agent;
    this.begunAt = continued?.begunAt ?? begunAt();
    const conversation = beginning?.type === 'session' ? beginning : undefined;
    this.state = continued?.state ?? beginTurn(checkArgs(args), conversation);
    this.taken = new SeenUpdates(continued?.taken);
    this.rooms = {
      approvals: new Approvals(this.taken),
      completions: new Completions(this.taken),
    };
    this.notes = new Steering(continued?.notes);
    setHandler(stateQuery, () => this.sessionProgress());
  }

  /** Where an earlier run has committed a reply, its calls are dispatched here. */
  firstStep(): TurnStep {
    if (this.beginning?.type === 'too large') {
      throw ApplicationFailure.nonRetryable(NO_STORAGE, INVALID_TURN);
    }
    const prepared = this.beginning?.type === 'continued' ? this.beginning.prepared : undefined;
    if (prepared === undefined) return ASK_MODEL;
    return { type: 'run tools', calls: lastCalls(this.state.transcript), prepared };
  }

  async askModel(): Promise<TurnStep> {
    const nothingLeft = reachedBudget(this.budget, this.spent);
    if (nothingLeft !== undefined) {
      // Where a refusal has used up the rest, what was found before it can still be told.
      const hasResults = this.state.calls.at(-1)?.round === this.state.rounds;
      return await this.stopAt(nothingLeft, hasResults);
    }
    setCurrentDetails(`Round ${this.state.rounds + 1}: waiting for the model`);
    const answer = await this.callModel();
    const { agent } = answer;
    this.agent = agent;
    if (answer.type === 'refusal') {
      this.state = refusedBy(this.state, answer);
      return ASK_MODEL;
    }
    if (answer.type === 'pinned') return ASK_MODEL;
    const { reply, prepared, output } = answer;
    const stored = agent.spec.type === 'stored';
    if (!replyFits(this.state, reply, stored, output)) return OUTGROWN;

    const calls = reply.stopReason === 'refusal' ? [] : toolCalls(reply.content);
    this.state = commitOutput(commitCall(this.state, answer), output);
    const next = this.nextStep(reply, output, calls);
    const reached = next.type === 'stop' ? undefined : reachedBudget(this.budget, this.spent);
    if (reached !== undefined) {
      const skipped = answersBeyondBudget(calls, reached, Date.now());
      this.state = commitResults(this.state, calls, skipped, stored);
      return await this.stopAt(reached, calls.length > 0);
    }
    if (next.type === 'repair output') {
      this.state = commitRepair(this.state, next.problem);
      return this.goOn(agent, this.afterRound(stored));
    }
    if (next.type === 'stop') {
      // Whoever continues this conversation must find every call answered.
      const skipped = answersAfterEnd(calls, next.reason, Date.now());
      this.state = commitResults(this.state, calls, skipped, stored);
      const mayGoOn = next.reason === 'end_turn' && this.notes.waiting.length > 0;
      return mayGoOn ? this.goOnWithNotes(agent, next) : next;
    }
    if (next.type === 'ask again') {
      return this.goOn(agent, this.afterRound(stored));
    }
    const ready = areReady(prepared)
      ? prepared
      : await findMissing(this.args.agent, calls, prepared, this.args.context);
    return this.goOn(agent, { type: 'run tools', calls, prepared: ready });
  }

  async runTools({ calls, prepared }: TurnStep & { type: 'run tools' }): Promise<TurnStep> {
    const { state, agent, args } = this;
    if (agent === undefined) throw new Error('there is no reply whose tools could run');
    const stored = agent.spec.type === 'stored';
    const names = calls.map(({ name }) => name).join(', ');
    setCurrentDetails(`Round ${state.rounds}: waiting for ${names}`);
    const policy = { ...agent.batch, ...given(args) };
    const { run, reached } = callsWithin(this.budget, this.spent, calls.length);
    const batch = {
      agent,
      policy,
      turnTime: this.turnTime,
      round: state.rounds,
      calls: calls.slice(0, run),
      prepared: prepared.slice(0, run),
      context: args.context,
      maxTextBytes: maxTextBytes(state, calls, stored),
      stored: state.stored,
    };
    const settled = await dispatchTools(batch, this.rooms);
    if (reached !== undefined)
      settled.push(...answersBeyondBudget(calls.slice(run), reached, Date.now()));
    const committed = commitResults(state, calls, settled, stored);
    this.state = committed;
    const failure = policy.onToolFailure === 'failTurn' ? findFailure(settled) : undefined;
    if (failure !== undefined && !CancellationScope.current().consideredCancelled) {
      const details = committed.calls.at(failure - calls.length);
      return { type: 'stop', reason: 'tool_failure', details };
    }
    const next = this.afterRound(stored);
    if (next.type !== 'ask model') return next;
    if (reached !== undefined) return await this.stopAt(reached, true);
    // While the API's own tools are at work, nothing but results may stand here.
    if (openServerCalls(committed.transcript.tail).length === 0) {
      this.state = this.notes.place(committed, 'after results', agent.notes);
    }
    return next;
  }

  async finish(stop: Stop): Promise<TurnResult | SessionTurnResult> {
    // Cancelled before its calls were dispatched, for example.
    const open = lastCalls(this.state.transcript);
    const skipped = answersAfterEnd(open, stop.reason, Date.now());
    const state = commitResults(this.state, open, skipped, this.agent?.spec.type === 'stored');
    this.state = state;
    const { args } = this;
    const messages = this.ofSession
      ? undefined
      : (allMessages(state.transcript) ?? (await readTranscript(state.transcript)));
    if (!allHandlersFinished()) await allAnswered();
    recordStopReason(stop.reason);
    return messages === undefined
      ? sessionTurnResult(args.agent, state, this.newlyPinned, stop)
      : turnResult(args.agent, state, messages, stop);
  }

  /** What the run fails with: the root cause, with the rounds that were committed before it. */
  async failure(error: unknown): Promise<ApplicationFailure> {
    if (this.ofSession) return turnFailure(error, () => this.sessionProgress());
    const { agent } = this.args;
    const state = answerOpenCalls(this.state, Date.now());
    return await turnFailure(error, async (type) =>
      turnProgress(agent, state, await messagesOfFailed(state.transcript, type)),
    );
  }

  private sessionProgress(): SessionTurnProgress {
    const state = answerOpenCalls(this.state, Date.now());
    return sessionTurnProgress(this.args.agent, state, this.newlyPinned);
  }

  /** The agent, unless the session knows it. */
  private get newlyPinned(): PinnedAgent | undefined {
    const { beginning } = this;
    return beginning?.type === 'session' && beginning.agent !== undefined ? undefined : this.agent;
  }

  /** What the turn may spend in all. */
  private get budget(): Budget {
    return tighter(this.agent?.limits ?? {}, this.args.limits ?? {});
  }

  private get spent(): Spent {
    return spentOf(this.state, this.elapsed);
  }

  /** How long the turn lasts, in milliseconds. */
  private get elapsed(): number {
    return Math.max(0, Date.now() - this.begunAt);
  }

  private get turnTime(): { limit: number; left: number } | undefined {
    const { wallTime } = this.budget;
    // An activity cannot be given no time at all.
    return wallTime === undefined
      ? undefined
      : { limit: wallTime, left: Math.max(1, wallTime - this.elapsed) };
  }

  private callModel(lastWord = false): Promise<ModelAnswer> {
    const timeLeft = this.turnTime?.left;
    return callModel(this.args, this.state, this.agent, { timeLeft, lastWord });
  }

  /** Where the model was not asked to the end because the turn's time is up. */
  outOfTime(error: unknown): Stop | undefined {
    const limit = timeThatIsUp(error, this.budget.wallTime);
    return limit === undefined ? undefined : outOfTime(limit);
  }

  /** Ends the turn. With a last word where there are results that it can be about. */
  private async stopAt(reached: ReachedBudget, hasResults: boolean): Promise<TurnStep> {
    const { reason } = reached;
    const stop: Stop = { type: 'stop', reason, details: budgetDetails(reached) };
    const onLimit = this.args.onLimit ?? this.agent?.onLimit;
    // A turn that is late is not made later.
    const mayAnswer = hasResults && reason !== 'max_wall_time';
    if (onLimit !== 'lastWord' || !mayAnswer) return stop;
    setCurrentDetails(`Round ${this.state.rounds + 1}: waiting for the model's last word`);
    this.state = await lastWord(this.state, reason, () => this.callModel(true));
    return stop;
  }

  private nextStep(
    reply: ModelReply,
    output: CheckedOutput | undefined,
    calls: readonly ToolUse[],
  ): NextStep {
    const { repairs } = this.state;
    const maxRepairs = this.agent?.outputRepairs;
    const step = outputStep(nextStep(reply), reply, output, { repairs, maxRepairs });
    const bytes = contextBytes(this.args.context, this.agent?.spec.type === 'stored');
    return step.type === 'run tools' && isTooWide(calls.length, bytes) ? TOO_WIDE : step;
  }

  private afterRound(stored: boolean): TurnStep {
    if (CancellationScope.current().consideredCancelled) {
      return { type: 'stop', reason: 'cancelled' };
    }
    return hasOutgrown(this.state, stored) ? OUTGROWN : ASK_MODEL;
  }

  /** The model has ended its turn; somebody may have spoken meanwhile. */
  private goOnWithNotes(agent: PinnedAgent, stop: Stop): TurnStep | Promise<TurnStep> {
    if (reachedBudget(this.budget, this.spent) !== undefined) return stop;
    const next = this.afterRound(agent.spec.type === 'stored');
    if (next.type !== 'ask model') return stop;
    this.state = this.notes.place(this.state, 'after end_turn');
    return this.goOn(agent, next);
  }

  /**
   * The next step, in a new run where the history of this one is long. Nothing that runs survives that,
   * so it happens where nothing does.
   *
   * Not async: there is rarely something to wait for, and the SDK records a stack trace for every promise
   * of a workflow.
   */
  private goOn(agent: PinnedAgent, next: TurnStep): TurnStep | Promise<TurnStep> {
    const stored = agent.spec.type === 'stored';
    const { historyEvents: maxEvents } = agent.limits;
    const batch = {
      calls: next.type === 'run tools' ? next.calls.length : 0,
      bytesPerCall: contextBytes(this.args.context, stored),
      ...defined({ maxEvents }),
    };
    const isLong = next.type !== 'stop' && shouldContinueAsNew(workflowInfo(), batch);
    return isLong ? this.continueAsNew(agent, next, batch) : next;
  }

  private async continueAsNew(
    agent: PinnedAgent,
    next: TurnStep,
    batch: NextBatch,
  ): Promise<TurnStep> {
    await allAnswered();
    // The new run would know nothing of it.
    if (CancellationScope.current().consideredCancelled) return next;
    const carried = continuedArgs(this.args, {
      state: this.state,
      agent,
      ofSession: this.ofSession,
      begunAt: this.begunAt,
      notes: [...this.notes.waiting],
      taken: this.taken.list,
      ...(next.type === 'run tools' ? { prepared: [...next.prepared] } : {}),
    });
    if (canBeCarried(carried, agent.spec.type === 'stored')) return await continueTurn(carried);
    // There is room in this run, and none in a payload.
    return isHistoryFull(workflowInfo(), batch) ? OUTGROWN : next;
  }
}

function given({ onToolFailure, batchTimeout }: TurnArgs) {
  return {
    ...defined({ onToolFailure, batchTimeout }),
  };
}
