import { failureOutcome, isNotRegistered, timeoutOutcome } from '../../core/calls/ending.ts';
import type { OutcomeType } from '../../core/calls/outcome.ts';
import type { MissingCall, PreparedCall } from '../../core/calls/prepared-call.ts';
import type { CallRecord } from '../../core/calls/record.ts';
import type { SubAgentEnding } from '../../core/calls/sub-agent.ts';
import { subAgentOutcome } from '../../core/calls/sub-agent.ts';
import { afterAttempts, deniedText } from '../../core/calls/texts.ts';
import { readToolReturn } from '../../core/calls/tool-call.ts';
import type { ToolResultContent, ToolUse } from '../../core/conversation/messages.ts';
import type {
  ModelCallResult,
  RecordedModelCall,
  ReplyAnswer,
} from '../../core/conversation/model-call.ts';
import { modelAnswer } from '../../core/conversation/model-call.ts';
import { toolCalls } from '../../core/conversation/toolsets.ts';
import type { AttemptReport } from '../../core/failures.ts';
import { heartbeatRecord, WORKER_SHUTDOWN } from '../../core/failures.ts';
import { defined, isRecord } from '../../core/json.ts';
import { CALL_MODEL, PRESENT_RESULT } from '../../core/names.ts';
import { fits } from '../../core/shape.ts';
import { AWAITED_TURN, SUB_AGENT_RESULT } from '../../core/turn/carried.ts';
import type { AwaitedTurn } from '../../core/turn/protocol.ts';
import type { StopReason } from '../../core/turn/stop-reason.ts';
import type { PendingActivity } from './description.ts';
import type { CallAnswers, Ending, ScheduledLimits, TurnEvent } from './events.ts';
import { localToolsOf } from './events.ts';
import type { ActivitySnapshot, CallSnapshot, SubAgentSnapshot, TurnSnapshot } from './snapshot.ts';
import { isSettled, waitsForAnswerText, WAITS_FOR_APPROVAL } from './snapshot.ts';

/** An activity in history. `snapshot` is its place in the turn's snapshot. */
interface Activity {
  snapshot: ActivitySnapshot;
  limits: ScheduledLimits;
  isModel: boolean;
}

type SentDecision = Extract<TurnEvent, { type: 'decisionSent' }>;

/** A snapshot in the making, with what the next events need. */
export interface SnapshotDraft {
  turn: TurnSnapshot;
  /** By the id of the event that scheduled them. */
  activities: Map<string, Activity>;
  /** By the id of the activity. */
  byId: Map<string, Activity>;
  /** The tools whose calls may run locally. */
  localTools: ReadonlySet<string>;
  /** The ids of calls that run within their workflow task: nothing is recorded of them until they have ended. */
  local: Set<string>;
  /** Decisions about calls, by the id of the event that sent them. */
  decisions: Map<string, SentDecision>;
}

/**
 * The snapshot of a turn: from its history so far, and from a description, which knows more about open
 * activities. Pure: the same history makes the same snapshot, during the turn and years later.
 */
export function turnSnapshot(
  turnId: string,
  events: readonly TurnEvent[],
  pending: readonly PendingActivity[] = [],
): TurnSnapshot {
  const draft = newDraft(turnId);
  for (const event of events) applyEvent(draft, event);
  for (const activity of pending) applyPending(draft.byId.get(activity.id)?.snapshot, activity);
  return draft.turn;
}

export function newDraft(turnId: string): SnapshotDraft {
  const turn: TurnSnapshot = { turnId, agent: undefined, status: 'running', rounds: [] };
  return {
    turn,
    activities: new Map(),
    byId: new Map(),
    localTools: new Set(),
    local: new Set(),
    decisions: new Map(),
  };
}

/** Adds an event to the snapshot. */
export function applyEvent(draft: SnapshotDraft, event: TurnEvent): void {
  switch (event.type) {
    case 'turnStarted':
      if (event.localTools !== undefined) draft.localTools = new Set(event.localTools);
      start(draft, event);
      break;
    case 'scheduled':
      schedule(draft, event);
      break;
    case 'turnCalled':
      callTurn(draft, event);
      break;
    case 'started': {
      const activity = draft.activities.get(event.key);
      if (activity === undefined) break;
      const { snapshot } = activity;
      const subAgent = subAgentOf(activity);
      // The activity that waits for a session's turn has attempts; the turn itself has one.
      if (subAgent?.sessionId !== undefined) break;
      // For an activity, this event is written only when it has ended.
      if (subAgent !== undefined) snapshot.state = 'running';
      snapshot.attempt = event.attempt + lossesOf(snapshot);
      if (event.attempt === 1) snapshot.start = event.at;
      break;
    }
    case 'cancelRequested': {
      const snapshot = draft.activities.get(event.key)?.snapshot;
      if (snapshot !== undefined) snapshot.state = 'cancelling';
      break;
    }
    case 'decisionSent':
      draft.decisions.set(event.key, event);
      break;
    case 'decisionAccepted':
      decide(draft, event);
      break;
    case 'ended':
      end(draft, event);
      break;
    case 'endedLocally':
      endLocally(draft, event);
      break;
    case 'taskFailed': {
      const { at, message } = event;
      draft.turn.blocked = { since: draft.turn.blocked?.since ?? at, message };
      break;
    }
    case 'taskCompleted':
      delete draft.turn.blocked;
      break;
    case 'turnClosed':
      close(draft, event);
      break;
  }
}

/**
 * Every run begins with this event. What earlier runs' events said stays. If their history is gone, the
 * arguments of this run say it.
 */
function start(draft: SnapshotDraft, event: Extract<TurnEvent, { type: 'turnStarted' }>): void {
  const { turn } = draft;
  const { agent, at, earlier } = event;
  turn.agent ??= agent;
  turn.start ??= at;
  if (earlier === undefined || turn.rounds.length > 0) return;
  for (let round = 1; round <= earlier.rounds; round += 1) {
    turn.rounds.push({ round, model: { state: 'succeeded', attempt: 1 }, calls: [] });
  }
  for (const record of earlier.calls) {
    applyRecord(turn.rounds[record.round - 1]?.calls ?? [], record);
  }
  const { calls, prepared } = earlier.open;
  turn.rounds.at(-1)?.calls.push(...askedFor(draft, { calls, prepared, at }));
}

function schedule(draft: SnapshotDraft, event: Extract<TurnEvent, { type: 'scheduled' }>): void {
  const { id, activityType, limits, at } = event;
  const isModel = activityType === CALL_MODEL;
  if (activityType === PRESENT_RESULT) {
    // `result.…` presents the result of a call that was completed from outside.
    const call = draft.byId.get(id.replace(/^result\./, ''));
    // For a sub-agent it only cuts the answer.
    if (call !== undefined && subAgentOf(call) === undefined) draft.activities.set(event.key, call);
    return;
  }
  // Plait's other activities only prepare or store something, so a snapshot leaves them out.
  if (!isModel && activityType.includes('.')) return;
  const { rounds } = draft.turn;
  const asked = isModel ? draft.byId.get(id) : undefined;
  if (asked !== undefined) {
    // The same round: the request moved to another task queue, or to another model after a refusal.
    asked.snapshot.state = 'scheduled';
    draft.activities.set(event.key, asked);
    return;
  }
  if (isModel) answerCalls(draft, at, event.answers);
  const snapshot: ActivitySnapshot = isModel ? newActivity(at) : callIn(draft.turn, event);
  draft.local.delete(id);
  if (isModel) rounds.push({ round: rounds.length + 1, model: snapshot, calls: [] });
  const activity = { snapshot, limits, isModel };
  draft.activities.set(event.key, activity);
  draft.byId.set(id, activity);
}

/** A call runs the turn of a sub-agent. */
function callTurn(
  draft: SnapshotDraft,
  { key, at, callId: id, turnId, agent, sessionId }: Extract<TurnEvent, { type: 'turnCalled' }>,
): void {
  const known = draft.turn.rounds.at(-1)?.calls.find((call) => call.id === id);
  const { summary = '', name: activityType = agent } = known ?? {};
  const snapshot = callIn(draft.turn, { id, activityType, summary, at });
  snapshot.subAgent = { turnId, agent, ...defined({ sessionId }) };
  // The session already has the message.
  if (sessionId !== undefined) snapshot.state = 'running';
  const activity = { snapshot, limits: NO_LIMITS, isModel: false };
  draft.activities.set(key, activity);
  draft.byId.set(id, activity);
}

/** Attempts that were lost with their workers: after each, the server counts from 1 again. */
function lossesOf(snapshot: ActivitySnapshot): number {
  return (snapshot as CallSnapshot).lostWorkers ?? 0;
}

function subAgentOf({ snapshot }: Activity): SubAgentSnapshot | undefined {
  return 'subAgent' in snapshot ? (snapshot as CallSnapshot).subAgent : undefined;
}

/** The model is asked again, so every call has an answer, including calls without an activity. */
function answerCalls(draft: SnapshotDraft, at: number, answers?: CallAnswers): void {
  for (const call of draft.turn.rounds.at(-1)?.calls ?? []) {
    if (answers?.background?.includes(call.id) === true) continue;
    const outcome = answers?.outcomes?.[call.id] ?? unrecordedOutcome(draft, call);
    if (outcome === undefined) continue;
    if (outcome === 'succeeded') {
      setState(call, outcome);
      call.end = at;
      continue;
    }
    // If the arguments of the request cannot be read here, nothing better is known.
    const message = answers?.messages.get(call.id) ?? call.message ?? 'It has no result.';
    call.end = isSettled(call.state) ? (call.end ?? at) : at;
    setState(call, outcome, message);
    if (outcome === 'denied') Object.assign(call, defined({ approval: denialOf(draft, call) }));
  }
}

/** The newest decision about the call, if it is a denial. */
function denialOf({ decisions }: SnapshotDraft, { id }: CallSnapshot): CallSnapshot['approval'] {
  const decision = [...decisions.values()].findLast(({ callId }) => callId === id);
  return decision?.approval.decision === 'denied' ? decision.approval : undefined;
}

/** The outcome of a call that the request does not list as unsuccessful. */
function unrecordedOutcome(draft: SnapshotDraft, call: CallSnapshot): OutcomeType | undefined {
  if (!draft.local.has(call.id)) return guessedOutcome(draft, call);
  if (isSettled(call.state)) return undefined;
  // Its result is in a storage, which is not read for this.
  return call.state === 'running' ? 'succeeded' : 'failed';
}

/** For a call whose activity does not say how it was answered, in a turn of an earlier version. */
function guessedOutcome(
  draft: SnapshotDraft,
  { id, state }: CallSnapshot,
): OutcomeType | undefined {
  const hasActivity = draft.byId.has(id);
  if (state === 'waiting') return hasActivity ? 'failed' : 'denied';
  if (state === 'cancelled') return state;
  if (state === 'retrying') return 'failed';
  return hasActivity || isSettled(state) ? undefined : 'skipped';
}

/** A denied call ends at once; an approved one as soon as it may run. */
function decide(
  { turn, decisions }: SnapshotDraft,
  { key, at }: Extract<TurnEvent, { type: 'decisionAccepted' }>,
): void {
  const sent = decisions.get(key);
  const call = turn.rounds.at(-1)?.calls.find(({ id }) => id === sent?.callId);
  if (sent === undefined || call === undefined) return;
  call.approval = sent.approval;
  const { decision, reason } = sent.approval;
  if (decision !== 'denied' || call.state !== 'waiting') return;
  setState(call, 'denied', deniedText(reason));
  call.end = at;
}

function newActivity(at: number): ActivitySnapshot {
  return { state: 'scheduled', attempt: 1, start: at };
}

type Called = Pick<
  Extract<TurnEvent, { type: 'scheduled' }>,
  'id' | 'activityType' | 'summary' | 'at'
>;

/** The states of a call whose activity is not scheduled yet; `running` and `retrying` within a task. */
const BEFORE_ACTIVITY: ReadonlySet<string> = new Set(['waiting', 'retrying', 'running']);

/** The snapshot of the call. It already exists if the reply could be read. */
function callIn({ rounds }: TurnSnapshot, { id, activityType, summary, at }: Called): CallSnapshot {
  const calls = rounds.at(-1)?.calls ?? [];
  // A call that goes on in the background may be scheduled again.
  const known = rounds.flatMap((round) => round.calls).findLast((call) => call.id === id);
  // The summary begins with the round for the Temporal UI; a snapshot shows the round above the call.
  const about = { summary: summary.replace(/^round \d+( · )?/, '') };
  if (known !== undefined) {
    // A call that goes on with an answer has begun before.
    const hasBegun = known.state === 'waiting' && known.attempt > 0;
    const goesOn = hasBegun || known.state === 'retrying' || known.state === 'running';
    const start = goesOn ? known.start : at;
    const losses = lossesOf(known);
    // Keep the reason why it is begun again.
    const message = losses > 0 ? known.message : undefined;
    if (BEFORE_ACTIVITY.has(known.state)) setState(known, 'scheduled', message);
    return Object.assign(known, { ...about, ...defined({ start }), attempt: 1 + losses });
  }
  const call: CallSnapshot = { id, name: activityType, ...newActivity(at), ...about };
  calls.push(call);
  return call;
}

function end(
  draft: SnapshotDraft,
  { key, at, ending }: Extract<TurnEvent, { type: 'ended' }>,
): void {
  const activity = draft.activities.get(key);
  if (activity === undefined) return;
  const { snapshot, limits, isModel } = activity;
  const subAgent = subAgentOf(activity);
  if (subAgent !== undefined) {
    const { state, message } = endedTurn(subAgent.agent, ending);
    setState(snapshot, state, message);
    snapshot.end = at;
    return;
  }
  const answer = isModel ? answerOf(ending) : undefined;
  const localTools = localToolsOf(answer?.pinned);
  if (localTools !== undefined) draft.localTools = new Set(localTools);
  if (answer !== undefined && answer.type !== 'reply') {
    // Another task queue or another model is asked, and the round goes on.
    setState(snapshot, 'scheduled');
    return;
  }
  const left = ending.type === 'completed' ? readToolReturn(ending.result) : undefined;
  if (left?.type === 'later') {
    setState(snapshot, 'waiting', 'waits to be completed from outside');
    return;
  }
  if (left?.type === 'asks') {
    const messages = left.asks.questions.map(({ question }) => question.message);
    setState(snapshot, 'waiting', waitsForAnswerText(messages));
    if (left.attempt === 1) snapshot.start = Math.min(snapshot.start ?? at, left.startedAt);
    return;
  }
  const ended = endedActivity(ending, limits, snapshot.attempt);
  if (!isModel && isScheduledAgain(ending, limits)) {
    if (isLoss(ending, limits)) {
      (snapshot as CallSnapshot).lostWorkers = lossesOf(snapshot) + 1;
      snapshot.attempt += 1;
    }
    setState(snapshot, 'retrying', ended.message);
    return;
  }
  settle(snapshot, ended, at);
  if (answer !== undefined) draft.turn.rounds.at(-1)?.calls.push(...callsOf(draft, answer, at));
}

function settle(
  snapshot: ActivitySnapshot,
  { state, message, report }: EndedActivity,
  at: number,
): void {
  setState(snapshot, state, message);
  snapshot.end = report?.endedAt ?? at;
  if (report === undefined) return;
  snapshot.attempt = report.attempt;
  if (report.attempt !== 1) return;
  snapshot.start = report.startedAt;
  if (report.startedEarly === true) snapshot.startedEarly = true;
}

/**
 * After a failure that is not final the call goes on as an activity. If it does not, the next model request
 * says so.
 */
function endLocally(
  { turn, local }: SnapshotDraft,
  { callId, at, ending }: Extract<TurnEvent, { type: 'endedLocally' }>,
): void {
  const call = turn.rounds.at(-1)?.calls.find(({ id }) => id === callId);
  if (call === undefined || isSettled(call.state)) return;
  local.add(callId);
  const ended = endedActivity(ending, NO_LIMITS, 1);
  const goesOn = ending.type === 'failed' && ending.isFinal !== true;
  if (goesOn) setState(call, 'retrying', ended.message);
  else settle(call, ended, at);
}

/** The limits only matter for a timeout, and a local call reports its timeouts itself. */
const NO_LIMITS: ScheduledLimits = {
  startToCloseTimeout: 0,
  heartbeatTimeout: 0,
  nonRetryableErrorTypes: [],
};

/**
 * Whether the workflow will most likely schedule the call again: its worker was lost, or did not have the
 * tool. If it does not, later events say how the call ended.
 */
function isScheduledAgain(ending: Ending, limits: ScheduledLimits): boolean {
  if (isLoss(ending, limits)) return true;
  return ending.type === 'failed' && isNotRegistered(ending.failureType, ending.details);
}

function isLoss(ending: Ending, limits: ScheduledLimits): boolean {
  if (!losesApart(limits)) return false;
  return ending.type === 'timedOut'
    ? ending.timeout === 'HEARTBEAT'
    : ending.type === 'failed' && ending.failureType === WORKER_SHUTDOWN;
}

/** Whether losses of workers do not count as failures of the tool, because it is safe to repeat. */
function losesApart({ nonRetryableErrorTypes }: ScheduledLimits): boolean {
  return nonRetryableErrorTypes.includes(WORKER_SHUTDOWN);
}

/** How a model request or a tool call ended. */
interface EndedActivity {
  state: OutcomeType;
  message?: string;
  /** The number and times that the last attempt reported, if it could. */
  report?: AttemptReport;
}

/** `attempt` is the last one in history. */
function endedActivity(ending: Ending, limits: ScheduledLimits, attempt: number): EndedActivity {
  switch (ending.type) {
    case 'completed':
      return { state: 'succeeded', ...reportIn(ending.result) };
    case 'cancelled':
      return { state: 'cancelled', ...reportIn(ending.details?.[0]) };
    case 'failed': {
      const message = ending.message + afterAttempts(attempt);
      return {
        state: failureOutcome(ending.failureType),
        message,
        ...reportIn(ending.details?.[0]),
      };
    }
    case 'timedOut':
      return timedOut(ending, limits, attempt);
  }
}

/** How the turn of a sub-agent ended. The calling turn's result has the words for the model. */
function endedTurn(agent: string, ending: Ending): EndedActivity {
  const outcome = subAgentOutcome(agent, subAgentEnding(ending), true);
  return outcome.type === 'succeeded'
    ? { state: outcome.type }
    : { state: outcome.type, message: outcome.message };
}

/** What the model reads of the call that ended with this event, if it succeeded and can be read here. */
export function resultIn(
  { activities }: SnapshotDraft,
  event: TurnEvent,
): { callId: string; content: ToolResultContent } | undefined {
  if (event.type !== 'ended' && event.type !== 'endedLocally') return undefined;
  const { ending } = event;
  if (event.type === 'endedLocally') return given(event.callId, ending);
  const activity = activities.get(event.key);
  if (activity === undefined || activity.isModel) return undefined;
  const { id: callId } = activity.snapshot as CallSnapshot;
  const subAgent = subAgentOf(activity);
  if (subAgent === undefined) return given(callId, ending);
  // It is in a storage that this client cannot read.
  if (ending.type === 'completed' && ending.result === undefined) return undefined;
  const outcome = subAgentOutcome(subAgent.agent, subAgentEnding(ending), true);
  return outcome.type === 'succeeded' ? { callId, content: outcome.content } : undefined;
}

function given(callId: string, ending: Ending) {
  const result = ending.type === 'completed' ? readToolReturn(ending.result) : undefined;
  return result?.type === 'result' ? { callId, content: result.content } : undefined;
}

function subAgentEnding(ending: Ending): SubAgentEnding {
  switch (ending.type) {
    case 'completed':
      if (fits(AWAITED_TURN, ending.result)) return awaitedEnding(ending.result);
      return fits(SUB_AGENT_RESULT, ending.result)
        ? { type: 'ended', result: ending.result }
        : // It is in a storage that this client cannot read.
          { type: 'ended', result: { stopReason: 'end_turn', text: '' } };
    case 'failed':
      return { type: 'failed', message: ending.message };
    case 'timedOut':
      return { type: 'lost', message: ending.timeout };
    case 'cancelled':
      return { type: 'never began' };
  }
}

/** The same, reported by an activity that waited for the turn. */
function awaitedEnding(turn: AwaitedTurn): SubAgentEnding {
  return turn.type === 'ended' ? subAgentEnding({ type: 'completed', result: turn.result }) : turn;
}

function timedOut(
  { timeout, heartbeat }: Extract<Ending, { type: 'timedOut' }>,
  limits: ScheduledLimits,
  attempt: number,
): EndedActivity {
  // See core/calls/tool-policy.ts: today both kinds of tools are scheduled with this type; turns of an
  // earlier version used it only for tools that are not safe to repeat.
  const repeatable =
    losesApart(limits) || !limits.nonRetryableErrorTypes.includes('TemporalTimeout:Heartbeat');
  const begun = heartbeatRecord(heartbeat) !== undefined;
  const { type, message } = timeoutOutcome(timeout, limits, { repeatable, begun });
  // A call that no worker took had no attempt.
  const counts = repeatable && timeout !== 'SCHEDULE_TO_START';
  return { state: type, message: counts ? message + afterAttempts(attempt) : message };
}

function reportIn(value: unknown): { report?: AttemptReport } {
  return isRecord(value) &&
    typeof value['attempt'] === 'number' &&
    typeof value['startedAt'] === 'number' &&
    typeof value['endedAt'] === 'number'
    ? { report: value as unknown as AttemptReport }
    : {};
}

/** What the model answered; `undefined` if the request failed, or its result cannot be read here. */
export function answerOf(ending: Ending): ModelCallResult | undefined {
  const result = ending.type === 'completed' ? ending.result : undefined;
  return isRecord(result) ? modelAnswer(result as unknown as RecordedModelCall) : undefined;
}

function setState(
  snapshot: ActivitySnapshot,
  state: ActivitySnapshot['state'],
  message?: string,
): void {
  snapshot.state = state;
  delete snapshot.message;
  if (message !== undefined) snapshot.message = message;
}

/** All calls of a reply, including those that cannot run and those that have to wait. */
function callsOf(
  draft: SnapshotDraft,
  { reply, prepared }: ReplyAnswer,
  at: number,
): CallSnapshot[] {
  if (reply.stopReason !== 'tool_use') return [];
  return askedFor(draft, { calls: toolCalls(reply.content), prepared, at });
}

interface AskedFor {
  calls: readonly ToolUse[];
  prepared: readonly (PreparedCall | MissingCall)[];
  at: number;
}

function askedFor(draft: SnapshotDraft, { calls, prepared, at }: AskedFor): CallSnapshot[] {
  const isLocal = calls.every(
    ({ name }, i) => prepared[i]?.type === 'invalid' || draft.localTools.has(name),
  );
  return calls.map(({ id, name }, i) => {
    const decided = prepared[i];
    const summary = decided?.type === 'ready' ? decided.summary : '';
    const call: CallSnapshot = { id, name, summary, ...newActivity(at) };
    if (isLocal && decided?.type !== 'invalid') {
      draft.local.add(id);
      return { ...call, state: 'running' };
    }
    if (decided?.type === 'ready' && decided.approval === true) {
      return { ...call, state: 'waiting', attempt: 0, message: WAITS_FOR_APPROVAL };
    }
    if (decided?.type !== 'invalid') return call;
    return { ...call, state: 'failed', attempt: 0, end: at, message: decided.message };
  });
}

function close(draft: SnapshotDraft, event: Extract<TurnEvent, { type: 'turnClosed' }>): void {
  const { turn } = draft;
  const { status, at, ending } = event;
  turn.status = status;
  turn.end = at;
  delete turn.blocked;
  if (ending.type === 'failed') turn.message = ending.message;
  const { stopReason, calls: given } = finalReport(ending);
  if (typeof stopReason === 'string') turn.stopReason = stopReason as StopReason;
  const records = (Array.isArray(given) ? given : []) as CallRecord[];
  for (const { round, model, calls } of turn.rounds) {
    if (!isSettled(model.state)) Object.assign(model, { state: 'cancelled', end: at });
    for (const call of calls) endOpenCall(draft, call, at);
    for (const record of records) if (record.round === round) applyRecord(calls, record);
  }
}

/** The turn's result, or its progress if it failed: both have a record of every call. */
function finalReport(ending: Ending): Record<string, unknown> {
  const result = ending.type === 'completed' ? ending.result : undefined;
  const progress = ending.type === 'failed' ? ending.details?.[0] : undefined;
  const report = result ?? progress;
  return isRecord(report) ? report : {};
}

/** Ends a call that was open when its turn was terminated or timed out. */
function endOpenCall(draft: SnapshotDraft, call: CallSnapshot, at: number): void {
  if (isSettled(call.state)) return;
  const hasActivity = draft.byId.has(call.id) || draft.local.has(call.id);
  const ended = call.state === 'cancelling' ? 'cancelled' : 'unknown';
  setState(call, hasActivity ? ended : 'skipped', 'The turn ended before the call did.');
  call.end = at;
}

function applyRecord(calls: CallSnapshot[], record: CallRecord): void {
  const { id, name, outcome, attempts, message, start, end, startedEarly, critical, approval } =
    record;
  const { subAgent, questions } = record;
  const known = calls.find((call) => call.id === id);
  const call: CallSnapshot = known ?? { id, name, summary: '', ...newActivity(0) };
  if (known === undefined) calls.push(call);
  setState(call, outcome, message);
  const times = { start: Date.parse(start), end: Date.parse(end) };
  Object.assign(call, {
    attempt: attempts,
    ...times,
    ...defined({ startedEarly, critical, questions }),
  });
  if (subAgent !== undefined) {
    const { turnId, agent, sessionId } = subAgent;
    call.subAgent ??= { turnId, agent, ...defined({ sessionId }) };
  }
  if (approval === undefined) return;
  const { input: _, ...decision } = approval;
  call.approval = decision;
}

/** If a description and the history disagree about the end, the history is newer. */
function applyPending(snapshot: ActivitySnapshot | undefined, pending: PendingActivity): void {
  if (snapshot === undefined || isSettled(snapshot.state)) return;
  const { attempt, state, startedAt, startedEarlyAt, lastFailure } = pending;
  snapshot.attempt = attempt + lossesOf(snapshot);
  if (snapshot.state !== 'cancelling') {
    snapshot.state = state === 'scheduled' && attempt > 1 ? 'retrying' : state;
  }
  if (state === 'running' && attempt === 1 && startedAt !== undefined) snapshot.start = startedAt;
  if (startedEarlyAt !== undefined) {
    snapshot.start = startedEarlyAt;
    snapshot.startedEarly = true;
  }
  if (attempt > 1 && lastFailure !== undefined) snapshot.message = lastFailure;
}
