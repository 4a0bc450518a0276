import { isRecord } from '../../core/json.ts';
import type { ToolUse } from '../../core/conversation/messages.ts';
import { toolCalls } from '../../core/conversation/toolsets.ts';
import { CALL_MODEL, PRESENT_RESULT } from '../../core/names.ts';
import type { MissingCall, RecordedPreparedCall } from '../../core/calls/prepared-call.ts';
import { readPreparedCall } from '../../core/calls/prepared-call.ts';
import { readToolReturn } from '../../core/calls/tool-call.ts';
import type { CallRecord } from '../../core/calls/record.ts';
import type { StopReason } from '../../core/turn/stop-reason.ts';
import type { PendingActivity } from './pending.ts';
import { endedActivity } from './step-ending.ts';
import type { Ending, ScheduledLimits, TurnEvent } from './events.ts';
import type { CallSnapshot, ActivitySnapshot, TurnSnapshot } from './snapshot.ts';
import { isSettled } from './snapshot.ts';

/** An activity that stands in history; `step` is its place in the snapshot. */
interface Activity {
  step: ActivitySnapshot;
  limits: ScheduledLimits;
  model: boolean;
}

/** A snapshot in the making. */
export interface Tree {
  turn: TurnSnapshot;
  /** By the id of the event that scheduled them. */
  activities: Map<string, Activity>;
  /** By their own id. */
  byId: Map<string, Activity>;
}

/**
 * What is known of a turn from its history so far and, for what history does not say of open
 * activities, from a description. Pure: the same history draws the same tree, during the turn and
 * years later.
 */
export function turnSnapshot(
  turnId: string,
  events: readonly TurnEvent[],
  pending: readonly PendingActivity[] = [],
): TurnSnapshot {
  const tree = newTree(turnId);
  for (const event of events) applyEvent(tree, event);
  for (const activity of pending) applyPending(tree.byId.get(activity.id)?.step, activity);
  return tree.turn;
}

export function newTree(turnId: string): Tree {
  const turn: TurnSnapshot = { turnId, agent: undefined, status: 'running', rounds: [] };
  return { turn, activities: new Map(), byId: new Map() };
}

/** What the event says, in place. */
export function applyEvent(tree: Tree, event: TurnEvent): void {
  switch (event.type) {
    case 'turnStarted':
      start(tree.turn, event);
      break;
    case 'scheduled':
      schedule(tree, event);
      break;
    case 'started': {
      const step = tree.activities.get(event.key)?.step;
      if (step === undefined) break;
      step.attempt = event.attempt;
      if (event.attempt === 1) step.start = event.at;
      break;
    }
    case 'cancelRequested': {
      const step = tree.activities.get(event.key)?.step;
      if (step !== undefined) step.state = 'cancelling';
      break;
    }
    case 'ended':
      end(tree, event);
      break;
    case 'turnClosed':
      close(tree, event);
      break;
  }
}

/** Of each run. What an earlier one has told stays; what nobody has told is in the arguments. */
function start(turn: TurnSnapshot, event: Extract<TurnEvent, { type: 'turnStarted' }>): void {
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
  turn.rounds.at(-1)?.calls.push(...askedFor(calls, prepared, at));
}

function schedule(tree: Tree, event: Extract<TurnEvent, { type: 'scheduled' }>): void {
  const { id, activityType, limits, at } = event;
  const model = activityType === CALL_MODEL;
  if (activityType === PRESENT_RESULT) {
    // What a call was completed with from outside becomes its result.
    const call = tree.byId.get(id.replace(/^result\./, ''));
    if (call !== undefined) tree.activities.set(event.key, call);
    return;
  }
  // Plait's other activities are no steps of a turn: they ask nobody and do nothing.
  if (!model && activityType.includes('.')) return;
  const { rounds } = tree.turn;
  const asked = model ? tree.byId.get(id) : undefined;
  if (asked !== undefined) {
    // The same round: the model was not asked there, or has declined and another is asked.
    asked.step.state = 'scheduled';
    tree.activities.set(event.key, asked);
    return;
  }
  if (model) answerCalls(tree, at);
  const step: ActivitySnapshot = model ? newStep(at) : callIn(tree.turn, event);
  if (model) rounds.push({ round: rounds.length + 1, model: step, calls: [] });
  const activity = { step, limits, model };
  tree.activities.set(event.key, activity);
  tree.byId.set(id, activity);
}

/** The model is asked again, so every call has an answer, also where no activity tells of it. */
function answerCalls(tree: Tree, at: number): void {
  for (const call of tree.turn.rounds.at(-1)?.calls ?? []) {
    const hasActivity = tree.byId.has(call.id);
    if (call.state === 'waiting') {
      settle(call, hasActivity ? 'failed' : 'denied', 'The turn went on without it.');
      call.end = at;
    } else if (!hasActivity && !isSettled(call.state)) {
      settle(call, 'skipped', 'It was not executed.');
      call.end = at;
    }
  }
}

function newStep(at: number): ActivitySnapshot {
  return { state: 'scheduled', attempt: 1, start: at };
}

/** The call's place, which the reply has made already where it could be read. */
function callIn(
  { rounds }: TurnSnapshot,
  { id, activityType, summary, at }: Extract<TurnEvent, { type: 'scheduled' }>,
): CallSnapshot {
  const calls = rounds.at(-1)?.calls ?? [];
  const known = calls.find((call) => call.id === id);
  // In the Temporal UI the round must stand beside the call; in a tree it stands above.
  const about = { summary: summary.replace(/^round \d+( · )?/, ''), start: at };
  if (known !== undefined) {
    if (known.state === 'waiting') settle(known, 'scheduled');
    return Object.assign(known, { ...about, attempt: 1 });
  }
  const call: CallSnapshot = { id, name: activityType, ...newStep(at), ...about };
  calls.push(call);
  return call;
}

function end(tree: Tree, { key, at, ending }: Extract<TurnEvent, { type: 'ended' }>): void {
  const activity = tree.activities.get(key);
  if (activity === undefined) return;
  const { step, limits } = activity;
  if (activity.model && bringsNoReply(ending)) {
    settle(step, 'scheduled');
    return;
  }
  if (isHandedOver(ending)) {
    settle(step, 'waiting', 'waits to be completed from outside');
    return;
  }
  const { state, message, report } = endedActivity(ending, limits, step.attempt);
  settle(step, state, message);
  step.end = report?.endedAt ?? at;
  if (report !== undefined) step.attempt = report.attempt;
  if (report?.attempt === 1) step.start = report.startedAt;
  const round = tree.turn.rounds.at(-1);
  if (activity.model && round !== undefined && ending.type === 'completed') {
    round.calls.push(...callsOf(ending.result, at));
  }
}

/** The model was asked elsewhere, or another model is asked. Only where the result can be read here. */
export function bringsNoReply(ending: Ending): boolean {
  return ending.type === 'completed' && isRecord(ending.result) && !('reply' in ending.result);
}

function isHandedOver(ending: Ending): boolean {
  return ending.type === 'completed' && readToolReturn(ending.result)?.type === 'later';
}

function settle(step: ActivitySnapshot, state: ActivitySnapshot['state'], message?: string): void {
  step.state = state;
  delete step.message;
  if (message !== undefined) step.message = message;
}

/** The calls that a reply asks for: all of them, also those that cannot run or have to wait. */
function callsOf(result: unknown, at: number): CallSnapshot[] {
  if (!isRecord(result) || !isRecord(result['reply'])) return [];
  const { content, stopReason } = result['reply'];
  if (stopReason !== 'tool_use' || !Array.isArray(content)) return [];
  const prepared = (Array.isArray(result['prepared']) ? result['prepared'] : []) as (
    | RecordedPreparedCall
    | MissingCall
  )[];
  return askedFor(toolCalls(content as { type: string }[]), prepared, at);
}

function askedFor(
  calls: readonly ToolUse[],
  prepared: readonly (RecordedPreparedCall | MissingCall)[],
  at: number,
): CallSnapshot[] {
  return calls.map(({ id, name }, i) => {
    const recorded = prepared[i];
    const decided = recorded === undefined ? undefined : readPreparedCall(recorded);
    const summary = decided?.type === 'ready' ? decided.summary : '';
    const call: CallSnapshot = { id, name, summary, ...newStep(at) };
    if (decided?.type === 'ready' && decided.approval === true) {
      return { ...call, state: 'waiting', attempt: 0, message: 'waits for approval' };
    }
    if (decided?.type !== 'invalid') return call;
    return { ...call, state: 'failed', attempt: 0, end: at, message: decided.message };
  });
}

function close(tree: Tree, event: Extract<TurnEvent, { type: 'turnClosed' }>): void {
  const { turn } = tree;
  const { status, at, ending } = event;
  turn.status = status;
  turn.end = at;
  if (ending.type === 'failed') turn.message = ending.message;
  const said = closingWord(ending);
  if (typeof said['stopReason'] === 'string') turn.stopReason = said['stopReason'] as StopReason;
  const records = (Array.isArray(said['calls']) ? said['calls'] : []) as CallRecord[];
  for (const { round, model, calls } of turn.rounds) {
    if (!isSettled(model.state)) Object.assign(model, { state: 'cancelled', end: at });
    for (const call of calls) leaveOpen(tree, call, at);
    for (const record of records) if (record.round === round) applyRecord(calls, record);
  }
}

/** The turn's result, or what it had done when it failed: its own word on every call. */
function closingWord(ending: Ending): Record<string, unknown> {
  const said = ending.type === 'completed' ? ending.result : undefined;
  const progress = ending.type === 'failed' ? ending.details?.[0] : undefined;
  const word = said ?? progress;
  return isRecord(word) ? word : {};
}

/** A call that was open when its turn was terminated, or timed out. */
function leaveOpen(tree: Tree, call: CallSnapshot, at: number): void {
  if (isSettled(call.state)) return;
  const asked = tree.byId.has(call.id);
  const ended = call.state === 'cancelling' ? 'cancelled' : 'unknown';
  settle(call, asked ? ended : 'skipped', 'The turn ended before the call did.');
  call.end = at;
}

function applyRecord(calls: CallSnapshot[], record: CallRecord): void {
  const { id, name, outcome, attempts, message, start, end } = record;
  const known = calls.find((call) => call.id === id);
  const call: CallSnapshot = known ?? { id, name, summary: '', ...newStep(0) };
  if (known === undefined) calls.push(call);
  settle(call, outcome, message);
  Object.assign(call, { attempt: attempts, start: Date.parse(start), end: Date.parse(end) });
}

/** History is newer than a description where they disagree about the end. */
function applyPending(step: ActivitySnapshot | undefined, pending: PendingActivity): void {
  if (step === undefined || isSettled(step.state)) return;
  const { attempt, state, startedAt, lastFailure } = pending;
  step.attempt = attempt;
  if (step.state !== 'cancelling') {
    step.state = state === 'scheduled' && attempt > 1 ? 'retrying' : state;
  }
  if (state === 'running' && attempt === 1 && startedAt !== undefined) step.start = startedAt;
  if (attempt > 1 && lastFailure !== undefined) step.message = lastFailure;
}
