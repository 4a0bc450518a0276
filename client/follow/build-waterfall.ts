import type { MissingCall, PreparedCall } from '../../core/calls/prepared-call.ts';
import { planOrder } from '../../core/calls/order.ts';
import { readToolReturn } from '../../core/calls/tool-call.ts';
import { toolCalls } from '../../core/conversation/toolsets.ts';
import { defined, isRecord } from '../../core/json.ts';
import type { TurnTiming, TurnTimes } from '../../core/turn/timing.ts';
import { addBatchTime, addModelTime, criticalCalls, timingOf } from '../../core/turn/timing.ts';
import { answerOf, turnSnapshot } from './build-snapshot.ts';
import type { PendingActivity } from './description.ts';
import type { Ending, RetryLimits, ScheduledLimits, TurnEvent } from './events.ts';
import type { ActivitySnapshot, CallSnapshot, RoundSnapshot } from './snapshot.ts';
import { isSettled, WAITS_FOR_APPROVAL } from './snapshot.ts';
import { activityBars, earlyBars, wait, withFirstToken } from './bars.ts';
import type { OpenActivity, Row, Bar, Waterfall, WorkflowTask } from './waterfall.ts';
import { allRows, isWork, WAITS } from './waterfall.ts';

/** What the server says of a turn at one moment. */
export interface TurnRecord {
  turnId: string;
  events: readonly TurnEvent[];
  /** Its open activities. */
  pending: readonly PendingActivity[];
  /** Milliseconds since the epoch. */
  now: number;
  /** While it runs: the workflow step that a worker has to take. */
  workflowTask?: WorkflowTask;
  /** The turns of its sub-agents, by their ids. */
  subTurns?: ReadonlyMap<string, TurnRecord>;
}

/** One activity in history, or the turn of a sub-agent. */
interface Mark {
  scheduledAt: number;
  taskQueue: string;
  limits: ScheduledLimits;
  retry: RetryLimits;
  startedAt?: number;
  attempt?: number;
  lastFailure?: string;
  endedAt?: number;
  ending?: Ending;
}

/** When a reply was committed, and what it asks for. */
interface Replied {
  at: number;
  prepared: readonly (PreparedCall | MissingCall)[];
  /** In the order of `prepared`. */
  callIds: readonly string[];
  firstToken?: number;
}

/** What the rows are made from. */
interface Source {
  /** By the activity's id; several if it was scheduled again. */
  marks: ReadonlyMap<string, readonly Mark[]>;
  pending: ReadonlyMap<string, PendingActivity>;
  /** When open steps end: now, or with the turn. */
  until: number;
  isRunning: boolean;
  subTurns: ReadonlyMap<string, TurnRecord>;
}

/** A workflow task takes about this long, so shorter pauses before a call are not shown. */
const LEAST_WAIT_MS = 100;

/** The turn on one time axis. Pure: the same record makes the same waterfall, during the turn and years later. */
export function turnWaterfall(record: TurnRecord): Waterfall {
  const { turnId, events, pending, now, workflowTask, subTurns = new Map() } = record;
  const { rounds, ...about } = turnSnapshot(turnId, events, pending);
  const { agent, status, stopReason, message, blocked, start = now, end = now } = about;
  const source: Source = {
    marks: marksIn(events),
    pending: new Map(pending.map((activity) => [activity.id, activity])),
    until: end,
    isRunning: status === 'running',
    subTurns,
  };
  const rows = rounds.map((round) => modelRow(round, source));
  const { timing, stopDetails } = reportIn(events);
  const begun = events.find((event) => event.type === 'turnStarted');
  return {
    turnId,
    agent,
    ...defined({ asked: begun?.asked }),
    status,
    ...defined({ stopReason, message }),
    ...(typeof stopDetails === 'string' ? { stopDetails } : {}),
    taskQueue: begun?.taskQueue ?? '',
    ...defined({ workflowTask, blocked }),
    start,
    end,
    rows,
    timing: isTiming(timing) ? timing : timingOf(timesOf(rows, end), Math.max(0, end - start)),
    waits: waitsOf(rows),
  };
}

/** For what is no activity: a call within a workflow task, or the turn of a sub-agent. It has a single attempt. */
const ONLY = {
  limits: { startToCloseTimeout: 0, heartbeatTimeout: 0, nonRetryableErrorTypes: [] },
  retry: { maximumAttempts: 1, initialInterval: 0, maximumInterval: 0, backoffCoefficient: 1 },
} as const satisfies Pick<Mark, 'limits' | 'retry'>;

function marksIn(events: readonly TurnEvent[]): Map<string, Mark[]> {
  const marks = new Map<string, Mark[]>();
  const byKey = new Map<string, Mark>();
  for (const event of events) {
    switch (event.type) {
      case 'scheduled': {
        const { at: scheduledAt, taskQueue, limits, retry } = event;
        const mark: Mark = { scheduledAt, taskQueue, limits, retry };
        byKey.set(event.key, mark);
        marks.set(event.id, [...(marks.get(event.id) ?? []), mark]);
        break;
      }
      case 'turnCalled': {
        const { at: scheduledAt, taskQueue, callId, sessionId } = event;
        const mark: Mark = { ...ONLY, scheduledAt, taskQueue };
        // The session already has the call.
        if (sessionId !== undefined) mark.startedAt = scheduledAt;
        byKey.set(event.key, mark);
        marks.set(callId, [...(marks.get(callId) ?? []), mark]);
        break;
      }
      case 'started': {
        const { at: startedAt, attempt, lastFailure } = event;
        const mark = byKey.get(event.key);
        // The activity that waits for a session's turn has attempts; the turn itself has one.
        if (mark && mark.startedAt === undefined) {
          Object.assign(mark, { startedAt, attempt, ...defined({ lastFailure }) });
        }
        break;
      }
      case 'ended': {
        const mark = byKey.get(event.key);
        if (mark) Object.assign(mark, { endedAt: event.at, ending: event.ending });
        break;
      }
      case 'endedLocally': {
        const { callId, report, ending } = event;
        const { startedAt, endedAt, attempt } = report;
        const times = { scheduledAt: startedAt, startedAt, attempt, endedAt };
        const mark: Mark = { ...ONLY, ...times, taskQueue: '', ending };
        marks.set(callId, [...(marks.get(callId) ?? []), mark]);
        break;
      }
      default:
    }
  }
  return marks;
}

function modelRow({ round, model, calls }: RoundSnapshot, source: Source): Row {
  const id = `model.${round}`;
  const marks = source.marks.get(id) ?? [];
  const replied = repliedIn(marks);
  const bars = withFirstToken(
    marks.flatMap((mark, i) => markBars(id, mark, i === marks.length - 1, source)),
    replied?.firstToken,
  );
  return {
    type: 'model',
    ...rowOf(id, round, model, bars, source),
    name: 'model',
    summary: `round ${round}`,
    critical: true,
    children: callRows(round, calls, replied, source),
  };
}

function repliedIn(marks: readonly Mark[]): Replied | undefined {
  const last = marks.at(-1);
  if (last?.ending === undefined || last.endedAt === undefined) return undefined;
  const answer = answerOf(last.ending);
  if (answer?.type !== 'reply') return { at: last.endedAt, prepared: [], callIds: [] };
  const { reply, prepared, firstToken } = answer;
  const callIds = toolCalls(reply.content).map(({ id }) => id);
  // Somebody may have completed the activity by hand, with any value.
  const heard = typeof firstToken === 'number' ? { firstToken } : {};
  return { at: last.endedAt, prepared, callIds, ...heard };
}

/** What a model request and a call have in common. */
function rowOf(
  id: string,
  round: number,
  { state, attempt, message }: ActivitySnapshot,
  bars: Bar[],
  source: Source,
): Pick<Row, 'id' | 'round' | 'state' | 'attempts' | 'bars' | 'message' | 'lastFailure' | 'open'> {
  const last = source.marks.get(id)?.at(-1);
  const open = last === undefined || isSettled(state) ? undefined : openActivity(id, last, source);
  const lastFailure = last?.lastFailure;
  return {
    id,
    round,
    state,
    attempts: attempt,
    bars,
    ...defined({ message, lastFailure, open }),
  };
}

function openActivity(id: string, mark: Mark, { pending }: Source): OpenActivity {
  const { taskQueue, retry, limits } = mark;
  const { nextAttemptAt, worker } = pending.get(id) ?? {};
  const { maximumAttempts } = retry;
  const { startToCloseTimeout } = limits;
  return { taskQueue, maximumAttempts, startToCloseTimeout, ...defined({ nextAttemptAt, worker }) };
}

function markBars(id: string, mark: Mark, isLast: boolean, source: Source): Bar[] {
  const { pending, until, isRunning } = source;
  const { endedAt = isRunning ? undefined : until } = mark;
  const open = isLast ? pending.get(id) : undefined;
  const bars = activityBars({ ...mark, ...defined({ endedAt }) }, open, until);
  const last = bars.at(-1);
  if (last?.type === 'attempt' && hasFailed(mark.ending)) last.failed = true;
  return bars;
}

function hasFailed(ending: Ending | undefined): boolean {
  return ending?.type === 'failed' || ending?.type === 'timedOut';
}

/** The calls of one reply, in the model's order. */
function callRows(
  round: number,
  calls: readonly CallSnapshot[],
  replied: Replied | undefined,
  source: Source,
): Row[] {
  const preparedOf = (id: string) => replied?.prepared[replied.callIds.indexOf(id)];
  const plan = planOrder(calls.map(({ id }) => accessOf(preparedOf(id))));
  // Unblocked calls are all scheduled at the same moment.
  const begunAt = Math.min(
    ...calls.flatMap(({ id }) => source.marks.get(id)?.[0]?.scheduledAt ?? []),
  );
  const rows: Row[] = [];
  // A call waits for earlier ones, which already have their rows. After an edit it may also wait for later
  // ones.
  for (const [i, call] of calls.entries()) {
    const conflicting = (plan[i] ?? []).flatMap((other) => rows[other] ?? []);
    const isAsked = asksPerson(call, preparedOf(call.id));
    const bars = callBars(call, { replied, conflicting, isAsked, begunAt }, source);
    const { name, summary, approval, lostWorkers } = call;
    rows.push({
      type: 'call',
      ...rowOf(call.id, round, call, bars, source),
      name,
      summary,
      ...defined({ approval, lostWorkers }),
      children: [],
    });
  }
  return markCritical(rows, calls, plan).map((row, i) => withSubTurn(row, calls[i], source));
}

/**
 * The call, with the turn that it runs. The calling turn has waited for these rows if it has waited for the
 * call.
 */
function withSubTurn(row: Row, call: CallSnapshot | undefined, { subTurns }: Source): Row {
  const record = subTurns.get(call?.subAgent?.turnId ?? '');
  if (record === undefined) return row;
  const { rows, ...turn } = turnWaterfall(record);
  return { ...row, turn, children: row.critical === true ? rows : notCritical(rows) };
}

function notCritical(rows: readonly Row[]): Row[] {
  return rows.map((row) => {
    const { critical: _, ...rest } = row;
    return { ...rest, children: notCritical(row.children) };
  });
}

function accessOf(prepared: PreparedCall | MissingCall | undefined) {
  return prepared?.type === 'ready' || prepared?.type === 'invalid' ? prepared.access : undefined;
}

function asksPerson(call: CallSnapshot, prepared: PreparedCall | MissingCall | undefined): boolean {
  return (
    call.approval !== undefined ||
    call.message === WAITS_FOR_APPROVAL ||
    (prepared?.type === 'ready' && prepared.approval === true)
  );
}

interface Beginning {
  replied: Replied | undefined;
  /** The earlier calls that it had to wait for. */
  conflicting: readonly Row[];
  isAsked: boolean;
  /** When the first call of the reply was scheduled: by then a worker had seen the reply. */
  begunAt: number;
}

/** The states of a call that runs or ran without a scheduled activity. */
const WITHIN_TASK: ReadonlySet<string> = new Set(['running', 'succeeded']);

function callBars(call: CallSnapshot, beginning: Beginning, source: Source): Bar[] {
  const marks = source.marks.get(call.id) ?? [];
  const { replied } = beginning;
  if (marks.length === 0 && replied === undefined) return knownBars(call);
  // Within a workflow task: history has the call only when it has ended, and not if its result is in a
  // storage.
  if (marks.length === 0 && replied !== undefined && WITHIN_TASK.has(call.state)) {
    const { end = source.until, attempt } = call;
    return [{ type: 'attempt', start: replied.at, end, attempt }];
  }
  const work = marks.flatMap((mark, i) => [
    ...markBars(call.id, mark, i === marks.length - 1, source),
    ...outsideBars(call, mark, source),
  ]);
  if (call.startedEarly === true && call.start !== undefined && replied !== undefined) {
    return earlyBars(call.start, call.end ?? source.until, replied.at);
  }
  return [...waitingBars(call, beginning, marks[0]?.scheduledAt, source), ...work];
}

/** If the history of a run is gone, a later run still knows how the calls ended. */
function knownBars({ start, end, attempt }: CallSnapshot): Bar[] {
  if (start === undefined || end === undefined || end <= start) return [];
  return [{ type: 'attempt', start, end, ...(attempt > 0 ? { attempt } : {}) }];
}

/** The bars between the reply and the scheduling of the call. */
function waitingBars(
  call: CallSnapshot,
  { replied, conflicting, isAsked, begunAt }: Beginning,
  scheduledAt: number | undefined,
  { until }: Source,
): Bar[] {
  if (replied === undefined) return [];
  const end = scheduledAt ?? call.end ?? until;
  const bars: Bar[] = [];
  let at = replied.at;
  const add = (type: Bar['type'], to: number): void => {
    if (to <= at) return;
    bars.push(wait(type, at, to));
    at = to;
  };
  if (isAsked) {
    const decided = call.approval === undefined ? end : Date.parse(call.approval.at);
    add('approval', Math.min(decided, end));
  }
  if (conflicting.length > 0) {
    const released = Math.max(...conflicting.map(({ bars: s }) => s.at(-1)?.end ?? 0));
    add('conflict', Math.min(released, end));
  }
  const neverRan = scheduledAt === undefined && isSettled(call.state);
  if (neverRan) return bars;
  // After another wait, what remains is the wait for a worker that takes in the end of that wait.
  const seen = bars.length > 0 ? end : Math.min(begunAt, end);
  if (seen - at > LEAST_WAIT_MS) add('queue', seen);
  if (end - Math.max(at, seen) > LEAST_WAIT_MS) add('limit', end);
  return bars;
}

/** From when the tool returned `ctx.later()`, or its server asked a person. */
function outsideBars(call: CallSnapshot, { ending, endedAt }: Mark, source: Source): Bar[] {
  const result = ending?.type === 'completed' ? ending.result : undefined;
  const left = readToolReturn(result)?.type;
  if (endedAt === undefined || (left !== 'later' && left !== 'asks')) return [];
  if (left === 'asks') {
    const marks = source.marks.get(call.id) ?? [];
    const next = marks.find(({ scheduledAt }) => scheduledAt >= endedAt);
    const answered = next?.scheduledAt ?? call.end ?? source.until;
    return answered > endedAt ? [wait('approval', endedAt, answered)] : [];
  }
  const completed = source.marks.get(`result.${call.id}`)?.[0];
  const end = completed?.scheduledAt ?? call.end ?? source.until;
  return end > endedAt ? [wait('outside', endedAt, end)] : [];
}

/** Marks the calls that the turn has waited for, or waits for now. */
function markCritical(
  rows: Row[],
  calls: readonly CallSnapshot[],
  plan: readonly (readonly number[])[],
): Row[] {
  const known = calls.some(({ critical }) => critical === true);
  const isOpen = calls.some(({ state }) => !isSettled(state));
  const critical = new Set(
    known || isOpen
      ? [...rows.keys()].filter((i) => {
          const call = calls[i];
          return known ? call?.critical === true : call !== undefined && !isSettled(call.state);
        })
      : criticalCalls(latest(rows, [...rows.keys()]), (i) => startedAfter(rows, plan, i)),
  );
  return rows.map((row, i) => (critical.has(i) ? { ...row, critical: true } : row));
}

/** The call whose end let this one start, if it had to wait for one. */
function startedAfter(
  rows: readonly Row[],
  plan: readonly (readonly number[])[],
  index: number,
): number | undefined {
  const waits = rows[index]?.bars.find(({ type }) => type === 'conflict' || type === 'limit');
  if (waits === undefined) return undefined;
  const before = [...rows.keys()].filter((i) => i !== index && endOf(rows[i]) <= waits.end);
  return latest(rows, waits.type === 'conflict' ? (plan[index] ?? []) : before);
}

function latest(rows: readonly Row[], among: readonly number[]): number | undefined {
  return among.toSorted((a, b) => endOf(rows[b]) - endOf(rows[a]))[0];
}

function endOf(row: Row | undefined): number {
  return row?.bars.at(-1)?.end ?? Number.NEGATIVE_INFINITY;
}

/** The turn's own result, or its progress if it failed; empty if that cannot be read here. */
function reportIn(events: readonly TurnEvent[]): Record<string, unknown> {
  const ending = events.find((event) => event.type === 'turnClosed')?.ending;
  const progress = ending?.type === 'failed' ? ending.details?.[0] : undefined;
  const report = ending?.type === 'completed' ? ending.result : progress;
  return isRecord(report) ? report : {};
}

/** Turns of an earlier version have none. */
function isTiming(timing: unknown): timing is TurnTiming {
  return isRecord(timing) && isRecord(timing['shares']);
}

/** Waits that belong to the duration of a call. */
const BETWEEN: ReadonlySet<Bar['type']> = new Set(['backoff', 'outside']);

function timesOf(rows: readonly Row[], end: number): TurnTimes | undefined {
  let times: TurnTimes | undefined;
  for (const [i, { bars, children }] of rows.entries()) {
    const asked = spanOf(bars);
    if (asked === undefined) continue;
    times = addModelTime(times, asked);
    const next = rows[i + 1]?.bars[0]?.start ?? end;
    const calls = children.map((row) => {
      const work = spanOf(row.bars.filter(({ type }) => isWork(type) || BETWEEN.has(type)));
      // Only the first bar: what its server asked later is part of the call.
      const [first] = row.bars;
      const approval = first?.type === 'approval' ? first : undefined;
      const isEarly = row.bars.some(({ type }) => type === 'early');
      return {
        ...(work ?? { start: asked.end, end: asked.end }),
        ...(isEarly ? { startedEarly: true as const } : {}),
        ...defined({ waitedUntil: approval?.end }),
        asked: row.bars.filter((one) => one.type === 'approval' && one !== approval),
      };
    });
    if (calls.length > 0) times = addBatchTime(times, calls, { start: asked.end, end: next });
  }
  return times;
}

function spanOf(bars: readonly Bar[]): { start: number; end: number } | undefined {
  const [first, last] = [bars[0], bars.at(-1)];
  return first && last ? { start: first.start, end: last.end } : undefined;
}

function waitsOf(rows: readonly Row[]): Waterfall['waits'] {
  const bars = allRows(rows).flatMap((row) => row.bars);
  const sum = (wanted: Bar['type']) =>
    bars
      .filter(({ type }) => type === wanted)
      .reduce((total, { start, end }) => total + end - start, 0);
  return Object.fromEntries(WAITS.map((type) => [type, sum(type)])) as Waterfall['waits'];
}
