import type { PinnedAgent } from '../agent-spec.ts';
import { answersAfterEnd, answersBeyondBudget } from '../calls/answers.ts';
import { findFailure } from '../calls/batch-policy.ts';
import type { SettledCall } from '../calls/outcome.ts';
import type { MissingCall, PreparedCall } from '../calls/prepared-call.ts';
import type { ToolUse } from '../conversation/messages.ts';
import type { ModelCallResult, ReplyAnswer } from '../conversation/model-call.ts';
import { openServerCalls } from '../conversation/server-calls.ts';
import { toolCalls } from '../conversation/toolsets.ts';
import { lastCalls } from '../conversation/transcript.ts';
import { defined } from '../json.ts';
import { commitLateResults, committedBy, lateCalls, runningInBackground } from './background.ts';
import type { Budget, ReachedBudget } from './budget.ts';
import { budgetDetails, callsWithin, reachedBudget, spentOf, tighter } from './budget.ts';
import type { NextBatch, RunHistory } from './history-room.ts';
import { isHistoryFull, isTooWide, shouldContinueAsNew } from './history-room.ts';
import type { TurnArgs } from './input.ts';
import type { Room } from './payload-room.ts';
import { contextBytes, hasOutgrown, NO_STORAGE, replyFits, roomOf } from './payload-room.ts';
import type { ReplyAsks } from './reply-asks.ts';
import { replyAsks } from './reply-asks.ts';
import type { TurnState } from './state.ts';
import {
  commitAnswer,
  commitRefusalAnswer,
  commitRepair,
  commitResults,
  commitSteering,
  inlineBytes,
} from './state.ts';
import type { Stop } from './stop-reason.ts';

// What a turn does next. Every decision of the loop in `workflows/agent-turn.ts` is made here, in pure
// functions of the state, of what has happened, and of the circumstances. Which decision takes precedence is
// a table in `test/core/turn/decide.test.ts`.

/** What the turn does next. */
export type NextStep = AskModel | RunTools | AwaitBackground | LastWord | ContinueAsNew | Stop;

export interface AskModel {
  type: 'ask model';
}

/** Run the calls of the reply that was just committed. */
export interface RunTools {
  type: 'run tools';
  agent: PinnedAgent;
  calls: readonly ToolUse[];
  /** One per call. */
  prepared: readonly (PreparedCall | MissingCall)[];
}

/** Before anything else, wait until at most `running` calls run in the background. */
export interface AwaitBackground {
  type: 'await background';
  agent: PinnedAgent;
  running: number;
  /**
   * What the turn would do without calls in the background:
   *
   * - stop: the model has ended its turn. A steering message also ends the wait.
   * - ask the model: the rest of the budget is reserved for those calls.
   * - either of the others in a new run, which those calls would not survive
   */
  before: Stop | AskModel | ContinueAsNew;
}

/** Ask the model once more, with tools that it must not call, and stop whatever it says. */
export interface LastWord {
  type: 'last word';
  stop: Stop;
}

/** Take the next step in a new run with an empty history. */
export interface ContinueAsNew {
  type: 'continue as new';
  agent: PinnedAgent;
  next: AskModel | RunTools;
}

/** What a decision depends on besides the state and the event: plain data, read at one moment. */
export interface Circumstances {
  args: TurnArgs;
  /** Milliseconds since the epoch. */
  time: number;
  /** How long the turn has lasted, in milliseconds. */
  elapsed: number;
  cancelled: boolean;
  history: RunHistory;
}

/** The state after the event, and what comes next. */
export interface Decision {
  state: TurnState;
  next: NextStep;
}

/** The result of a model call, and the agent that was asked. */
export type ModelAnswer = ModelCallResult & { agent: PinnedAgent };

/** How the calls of a reply ended. The budget may have let only the first ones run. */
export interface BatchResults {
  agent: PinnedAgent;
  calls: readonly ToolUse[];
  settled: readonly SettledCall[];
}

const ASK_MODEL: AskModel = { type: 'ask model' };
const CANCELLED: Stop = { type: 'stop', reason: 'cancelled' };
const OUTGROWN: Stop = { type: 'stop', reason: 'turn_too_large', details: NO_STORAGE };
const TOO_WIDE: Stop = {
  type: 'stop',
  reason: 'turn_too_large',
  details: 'The reply asks for more calls than the history of one run can hold.',
};

/**
 * A run of the turn begins.
 *
 * @param carried what it already knows: the agent, from a session or an earlier run, and `prepared` if that
 *   run has committed a reply whose calls have not been dispatched
 */
export function atBeginning(
  state: TurnState,
  { agent, prepared }: { agent: PinnedAgent | undefined; prepared?: RunTools['prepared'] },
  now: Circumstances,
): Decision {
  if (agent === undefined || prepared === undefined) return ask(state, agent, now);
  const calls = lastCalls(state.transcript);
  return { state, next: { type: 'run tools', agent, calls, prepared } };
}

/** The model has answered. */
export function afterReply(state: TurnState, answer: ModelAnswer, now: Circumstances): Decision {
  switch (answer.type) {
    case 'pinned':
      return ask(state, answer.agent, now);
    case 'refusal':
      return ask(commitRefusalAnswer(state, answer, answer.agent), answer.agent, now);
    case 'reply':
      return afterCommit(state, answer, now);
  }
}

function afterCommit(
  before: TurnState,
  answer: ReplyAnswer & { agent: PinnedAgent },
  now: Circumstances,
): Decision {
  const { agent, reply, prepared, output } = answer;
  const room = roomOf(agent);
  if (!replyFits(room, inlineBytes(before), reply, output))
    return { state: before, next: OUTGROWN };
  const state = commitAnswer(before, answer, agent);
  const calls = callsOf(reply);
  const asks = thatFits(replyAsks(reply, output, repairsOf(state, agent)), calls, room, now);
  if (asks.type === 'stop') {
    const skipped = answersAfterEnd(calls, asks.reason, now.time);
    const answered = commitResults(room, state, calls, skipped);
    return asks.reason === 'end_turn'
      ? afterEndTurn(answered, asks, agent, now)
      : stopWith(answered, asks);
  }
  const reached = reachedBudget(budgetOf(now.args, agent), spentOf(state, now.elapsed));
  if (reached !== undefined) {
    const skipped = answersBeyondBudget(calls, reached, now.time);
    const answered = commitResults(room, state, calls, skipped);
    return stopAt(answered, reached, agent, now, calls.length > 0);
  }
  switch (asks.type) {
    case 'run tools':
      return inRunWithRoom(state, agent, { type: 'run tools', agent, calls, prepared }, now);
    case 'ask again':
      return goOn(state, agent, now);
    case 'repair output':
      return goOn(commitRepair(state, asks.problem), agent, now);
  }
}

/** Every call of the batch has ended. */
export function afterResults(
  before: TurnState,
  { agent, calls, settled }: BatchResults,
  now: Circumstances,
): Decision {
  const room = roomOf(agent);
  const { reached } = callsAllowed(before, { agent, calls }, now);
  const skipped =
    reached === undefined
      ? []
      : answersBeyondBudget(calls.slice(settled.length), reached, now.time);
  const state = commitResults(room, before, calls, [...settled, ...skipped]);
  const failed = failsTurn(agent, now.args) ? findFailure(settled) : undefined;
  if (failed !== undefined && !now.cancelled) {
    const details = state.calls.at(failed - calls.length);
    return stopWith(state, { type: 'stop', reason: 'tool_failure', details });
  }
  const end = mustEnd(state, room, now);
  if (end !== undefined) return stopWith(state, end);
  if (reached !== undefined) return stopAt(state, reached, agent, now, true);
  // While the API's own tools are at work, only results may be here.
  const isOpen = openServerCalls(state.transcript.tail).length > 0;
  const withLate = commitLateResults(state, 'after results', room);
  const steered = isOpen ? withLate : commitSteering(withLate, 'after results', agent.notes);
  return ask(steered, agent, now);
}

/** Enough calls have ended in the background, a person has sent a message, or the time is up. */
export function afterBackground(
  state: TurnState,
  { agent, before }: AwaitBackground,
  now: Circumstances,
): Decision {
  if (now.cancelled) return stopWith(state, CANCELLED);
  const reached = reachedBudget(budgetOf(now.args, agent), spentOf(state, now.elapsed));
  if (reached?.reason === 'max_wall_time') return stopAt(state, reached, agent, now, false);
  switch (before.type) {
    case 'stop':
      return afterEndTurn(state, before, agent, now);
    case 'ask model':
      return ask(commitLateResults(state, 'after results', roomOf(agent)), agent, now);
    case 'continue as new':
      return inRunWithRoom(state, agent, before.next, now);
  }
}

/**
 * The model has been asked for its last word. The turn already has its reason to end, and no error here
 * changes that.
 *
 * @param answer `undefined` if the model could not be asked
 */
export function afterLastWord(
  before: TurnState,
  answer: ModelAnswer | undefined,
  { stop }: LastWord,
  now: Circumstances,
): Decision {
  // `pinned` cannot come here, since the agent is known; after a refusal, no fallback is asked.
  if (answer?.type !== 'reply') return stopWith(before, stop);
  const { agent, reply, output } = answer;
  const room = roomOf(agent);
  if (!replyFits(room, inlineBytes(before), reply, output)) return stopWith(before, stop);
  const state = commitAnswer(before, answer, agent);
  const calls = callsOf(reply);
  const skipped = answersAfterEnd(calls, stop.reason, now.time);
  return stopWith(commitResults(room, state, calls, skipped), stop);
}

/** A new run could not be given all that the turn remembers. This run goes on while it has room. */
export function withoutNewRun(
  { agent, next }: ContinueAsNew,
  { args, history }: Pick<Circumstances, 'args' | 'history'>,
): AskModel | RunTools | Stop {
  return isHistoryFull(history, batchOf(next, agent, args)) ? OUTGROWN : next;
}

/** How many of the calls may run, counted from the first, and why not the others. */
export function callsAllowed(
  state: TurnState,
  { agent, calls }: Pick<RunTools, 'agent' | 'calls'>,
  { args, elapsed }: Circumstances,
): { run: number; reached?: ReachedBudget } {
  return callsWithin(budgetOf(args, agent), committedBy(state, elapsed), calls.length);
}

/** What the turn may spend in total. */
export function budgetOf({ limits }: TurnArgs, agent: PinnedAgent | undefined): Budget {
  return tighter(agent?.limits ?? {}, limits ?? {});
}

/** Asks the model, unless a budget is used up. */
function ask(state: TurnState, agent: PinnedAgent | undefined, now: Circumstances): Decision {
  const reached = reachedBudget(budgetOf(now.args, agent), spentOf(state, now.elapsed));
  if (reached === undefined) return { state, next: unlessReserved(state, agent, ASK_MODEL, now) };
  // A refusal may have used up the budget, but the model may still say what it found before.
  const hasResults = state.calls.at(-1)?.round === state.rounds;
  return stopAt(state, reached, agent, now, hasResults);
}

/** Asks the model again, in a new run if this one's history is long. */
function goOn(state: TurnState, agent: PinnedAgent, now: Circumstances): Decision {
  const end = mustEnd(state, roomOf(agent), now);
  return end === undefined ? inRunWithRoom(state, agent, ASK_MODEL, now) : stopWith(state, end);
}

/**
 * If calls in the background have reserved the budget, they may give some back: the turn waits for them
 * instead of ending.
 */
function unlessReserved(
  state: TurnState,
  agent: PinnedAgent | undefined,
  next: NextStep,
  { args, elapsed }: Circumstances,
): NextStep {
  const { length: running } = runningInBackground(state);
  if (agent === undefined || running === 0) return next;
  const reached = reachedBudget(budgetOf(args, agent), committedBy(state, elapsed));
  return reached === undefined
    ? next
    : { type: 'await background', agent, running: running - 1, before: ASK_MODEL };
}

/**
 * Takes the step, in a new run if this one's history is long. Calls in the background would not survive that:
 * while there is room the turn goes on in this run, and then it waits for them.
 */
function inRunWithRoom(
  state: TurnState,
  agent: PinnedAgent,
  next: AskModel | RunTools,
  { args, history }: Circumstances,
): Decision {
  const batch = batchOf(next, agent, args);
  if (!shouldContinueAsNew(history, batch)) return { state, next };
  const inNewRun: ContinueAsNew = { type: 'continue as new', agent, next };
  if (runningInBackground(state).length === 0) return { state, next: inNewRun };
  return isHistoryFull(history, batch)
    ? { state, next: { type: 'await background', agent, running: 0, before: inNewRun } }
    : { state, next };
}

function batchOf(next: AskModel | RunTools, agent: PinnedAgent, { context }: TurnArgs): NextBatch {
  return {
    calls: next.type === 'run tools' ? next.calls.length : 0,
    bytesPerCall: contextBytes(roomOf(agent), context),
    ...defined({ maxEvents: agent.limits.historyEvents }),
  };
}

/**
 * The model has ended its turn. The turn goes on, if there is room, when a person has sent a message, or when
 * the model must get results of calls in the background, for which the turn waits.
 */
function afterEndTurn(
  state: TurnState,
  stop: Stop,
  agent: PinnedAgent,
  now: Circumstances,
): Decision {
  const room = roomOf(agent);
  const waits = agent.background?.atEnd === 'wait';
  const { length: running } = waits ? runningInBackground(state) : [];
  const isLate = waits && lateCalls(state).length > 0;
  const isSteered = state.steering.length > 0;
  if (running === 0 && !isLate && !isSteered) return stopWith(state, stop);
  if (mustEnd(state, room, now) !== undefined) return stopWith(state, stop);
  const withLate = isLate ? commitLateResults(state, 'after end_turn', room) : state;
  const reached = reachedBudget(budgetOf(now.args, agent), spentOf(state, now.elapsed));
  if (reached !== undefined) {
    // Without calls in the background the answer is complete.
    return running > 0 || isLate
      ? stopAt(withLate, reached, agent, now, isLate)
      : stopWith(state, stop);
  }
  if (!isLate && !isSteered) {
    return { state, next: { type: 'await background', agent, running: running - 1, before: stop } };
  }
  const steered = commitSteering(withLate, 'after end_turn');
  const next = unlessReserved(steered, agent, ASK_MODEL, now);
  return next === ASK_MODEL ? inRunWithRoom(steered, agent, next, now) : { state: steered, next };
}

function mustEnd(state: TurnState, room: Room, { cancelled }: Circumstances): Stop | undefined {
  if (cancelled) return CANCELLED;
  return hasOutgrown(room, inlineBytes(state)) ? OUTGROWN : undefined;
}

/** A budget is reached. With `lastWord` the model may still say what it has found, if it has results. */
function stopAt(
  state: TurnState,
  reached: ReachedBudget,
  agent: PinnedAgent | undefined,
  { args }: Circumstances,
  hasResults: boolean,
): Decision {
  const stop: Stop = { type: 'stop', reason: reached.reason, details: budgetDetails(reached) };
  const wantsLastWord = (args.onLimit ?? agent?.onLimit) === 'lastWord';
  // A turn that is out of time must not take longer.
  const mayAnswer = hasResults && reached.reason !== 'max_wall_time';
  return { state, next: wantsLastWord && mayAnswer ? { type: 'last word', stop } : stop };
}

function stopWith(state: TurnState, stop: Stop): Decision {
  return { state, next: stop };
}

/** The calls of a refusal are discarded with it. */
function callsOf({ stopReason, content }: ReplyAnswer['reply']): ToolUse[] {
  return stopReason === 'refusal' ? [] : toolCalls(content);
}

function thatFits(
  asks: ReplyAsks,
  calls: readonly ToolUse[],
  room: Room,
  { args }: Circumstances,
): ReplyAsks {
  if (asks.type !== 'run tools') return asks;
  return isTooWide(calls.length, contextBytes(room, args.context)) ? TOO_WIDE : asks;
}

function repairsOf({ repairs }: TurnState, { outputRepairs: maxRepairs }: PinnedAgent) {
  return { repairs, maxRepairs };
}

function failsTurn({ batch }: PinnedAgent, { onToolFailure = batch.onToolFailure }: TurnArgs) {
  return onToolFailure === 'failTurn';
}
