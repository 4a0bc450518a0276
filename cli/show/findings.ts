import type { Row } from '../../client/follow/waterfall.ts';
import { allRows } from '../../client/follow/waterfall.ts';
import { isSettled } from '../../client/follow/snapshot.ts';
import type { ApprovalRequest } from '../../core/turn/protocol.ts';
import { defined } from '../../core/json.ts';
import { durationText, oneLine, spanText } from '../text.ts';
import type { TurnFacts } from './facts.ts';

/** What is the matter with a turn, in words for the person on call. */
export interface Finding {
  /** `waits`: nothing is wrong; it goes on by itself, or somebody has to decide. */
  type: 'done' | 'waits' | 'problem';
  what: string;
  /** In the words of what failed. */
  why?: string;
  /** What to do. */
  todo?: string;
  /** What to type. */
  commands?: string[];
}

/** Of many calls that say the same, so many are named. */
const MOST_FINDINGS = 6;
/** A worker that has room takes a call sooner. */
const SLOW_QUEUE_MS = 5_000;

/** What the turn waits for and what went wrong, the most important first. Pure. */
export function findingsOf(facts: TurnFacts): Finding[] {
  const { status } = facts.turn;
  return status === 'running' ? runningFindings(facts) : endedFindings(facts);
}

function runningFindings(facts: TurnFacts): Finding[] {
  const { turn } = facts;
  const open = allRows(turn.rows).filter(({ state }) => !isSettled(state));
  const found = [
    ...taskFindings(facts),
    // A call that no worker has scheduled waits for the same as the workflow itself.
    ...open
      .filter(({ open: o, state }) => o !== undefined || state === 'waiting')
      .map((row) => rowFinding(row, facts)),
  ];
  const held = open.filter(({ open: o, state }) => o === undefined && state !== 'waiting');
  const all = [...found, ...heldFindings(held, found.length === 0)];
  const problems = all.filter(({ type }) => type === 'problem');
  const others = all.filter(({ type }) => type !== 'problem');
  return shortened([...problems, ...others], 'more');
}

/** What keeps the workflow itself from taking its next step. */
function taskFindings({ turn, workflowTask, unserved }: TurnFacts): Finding[] {
  if (workflowTask === undefined) return [];
  const { scheduledAt, attempt, isStarted } = workflowTask;
  const since = spanText(turn.end - scheduledAt);
  if (attempt > 1) {
    return [
      {
        type: 'problem',
        what: `A worker cannot take the next step of the turn: it has failed ${attempt === 2 ? 'once' : `${attempt - 1} times`} in ${since}.`,
        todo: 'Look at the WorkflowTaskFailed event in the Temporal UI. Mostly the workers run code that does not fit the turn: deploy the version that began it. Or their storage or codec is missing. The turn then goes on by itself.',
      },
    ];
  }
  if (isStarted || !unserved.some(({ kind }) => kind === 'workflows')) return [];
  return [noWorker(turn.taskQueue, `The turn has waited for one for ${since}.`)];
}

function noWorker(queue: string, waited: string): Finding {
  return {
    type: 'problem',
    what: `No worker polls the task queue ${shown(queue)}. ${waited}`,
    todo: 'Start a worker for this task queue. The turn goes on by itself.',
    commands: [`plait worker <module> --task-queues ${shown(queue)}`],
  };
}

function rowFinding(row: Row, facts: TurnFacts): Finding {
  const { turn, unserved } = facts;
  const { state, segments, message } = row;
  const name = nameOf(row);
  const last = segments.at(-1);
  const since = last === undefined ? '' : ` for ${spanText(last.end - last.start)}`;
  const queue = row.open?.taskQueue ?? '';
  const waitsInQueue = last?.type === 'queue';
  if (waitsInQueue && unserved.some((one) => one.kind === 'activities' && one.name === queue)) {
    return noWorker(queue, `${name} has waited for one${since}.`);
  }
  switch (state) {
    case 'waiting':
      return waitingFinding(row, facts);
    case 'paused':
      return {
        type: 'problem',
        what: `Somebody has paused ${name}.`,
        todo: 'Unpause it in the Temporal UI, or cancel the turn.',
        commands: [`plait cancel ${shown(turn.turnId)}`],
      };
    case 'cancelling':
      return { type: 'waits', what: `${name} has been asked to stop, and has not stopped yet.` };
    case 'retrying':
      return retryFinding(row, turn.end);
    case 'running':
      return runningFinding(row, since);
    default:
      return {
        type: 'waits',
        what: `${name} has waited for a worker of the task queue ${shown(queue)}${since}.`,
        ...defined({ why: message }),
        ...(last !== undefined && last.end - last.start > SLOW_QUEUE_MS
          ? {
              todo: 'All workers of the task queue are busy, or the rate of the queue is limited. Start more workers, or raise maxConcurrentActivityTaskExecutions or the limit.',
            }
          : {}),
      };
  }
}

function waitingFinding(row: Row, { turn, approvals }: TurnFacts): Finding {
  const name = nameOf(row);
  const last = row.segments.at(-1);
  const since = last === undefined ? '' : ` for ${spanText(last.end - last.start)}`;
  if (last?.type === 'outside') {
    return {
      type: 'waits',
      what: `${name} has waited to be completed from outside${since}.`,
      todo: 'The program that has the token of the call completes it. When its time is up, the model reads that.',
    };
  }
  const request = approvals.find(({ callId }) => callId === row.id);
  const turnId = shown(turn.turnId);
  return {
    type: 'waits',
    what: `${name} has waited for a person to decide${since}.${expiryText(request, turn.end)}`,
    todo: 'Approve the call or deny it.',
    commands: [
      `plait approve ${turnId} ${shown(row.id)}`,
      `plait deny ${turnId} ${shown(row.id)} --reason "…"`,
    ],
  };
}

function expiryText(request: ApprovalRequest | undefined, now: number): string {
  if (request === undefined) return '';
  return ` It is denied in ${spanText(Date.parse(request.expiresAt) - now)} unless somebody decides.`;
}

function retryFinding(row: Row, now: number): Finding {
  const { open, attempts, message, type } = row;
  const { maximumAttempts = 0, nextAttemptAt } = open ?? {};
  const of = maximumAttempts > 0 ? ` of at most ${maximumAttempts}` : '';
  const left = nextAttemptAt === undefined ? 0 : nextAttemptAt - now;
  const when = left > 0 ? ` in ${durationText(left)}` : ' as soon as a worker takes it';
  const failed = attempts === 2 ? 'once' : `${attempts - 1} times`;
  return {
    type: 'problem',
    what:
      type === 'model'
        ? `The model request of round ${row.round} has failed ${failed}. Attempt ${attempts}${of} comes${when}.`
        : `${nameOf(row)} has failed ${failed}. Attempt ${attempts}${of} comes${when}.`,
    ...defined({ why: message }),
    todo:
      type === 'model'
        ? 'If the model is overloaded or a limit is reached, it mostly passes. Otherwise fix what the failure names. The turn fails after its last attempt, with all that was done before.'
        : 'Fix the cause. The model has not read the failure yet; it reads it after the last attempt.',
  };
}

function runningFinding(row: Row, since: string): Finding {
  const { type, attempts, open, message } = row;
  const again = attempts > 1 ? ` It is attempt ${attempts}.` : '';
  const worker = open?.worker === undefined ? '' : ` on worker ${shown(open.worker)}`;
  const what =
    type === 'model'
      ? `The model has been asked${since}.${again}`
      : `${nameOf(row)} has run${since}${worker}.${again}`;
  const limit = open?.startToCloseTimeout ?? 0;
  return {
    type: 'waits',
    what: limit > 0 ? `${what} An attempt may take ${durationText(limit)}.` : what,
    ...defined({ why: message }),
  };
}

/** Calls that are not scheduled: others come first, or there is no room; or the turn is between two steps. */
function heldFindings(rows: readonly Row[], alone: boolean): Finding[] {
  if (rows.length === 0) {
    return alone ? [{ type: 'waits', what: 'The turn is between two steps.' }] : [];
  }
  const names = rows.slice(0, MOST_FINDINGS).map(nameOf).join(', ');
  const more = rows.length > MOST_FINDINGS ? ` and ${rows.length - MOST_FINDINGS} more` : '';
  return [{ type: 'waits', what: `Not started yet: ${names}${more}.` }];
}

function endedFindings({ turn }: TurnFacts): Finding[] {
  const calls = allRows(turn.rows).filter(({ type }) => type === 'call');
  const wrong = calls.filter(({ state }) => state !== 'succeeded');
  return [turnFinding(turn), ...shortened(wrong.map(callFinding), 'calls more did not succeed')];
}

function turnFinding(turn: TurnFacts['turn']): Finding {
  const { status, stopReason, stopDetails, message, timing } = turn;
  const after = ` after ${durationText(timing.wallTime)}`;
  const why = stopDetails ?? message;
  if (status !== 'completed') {
    return {
      type: 'problem',
      what: `The turn ${ENDINGS[status] ?? 'ended'}${after}.`,
      ...defined({ why }),
      ...(status === 'failed'
        ? {
            todo: 'What it had done is in the progress of its TurnFailedError: begin the next turn with those messages.',
          }
        : {}),
    };
  }
  const isGood = stopReason === undefined || GOOD.has(stopReason);
  const type = isGood ? 'done' : stopReason === 'cancelled' ? 'waits' : 'problem';
  const reason = stopReason === undefined ? '' : ` with ${stopReason}`;
  const what = `The turn ended${reason}${after}.`;
  return { type, what, ...defined({ why }) };
}

const GOOD: ReadonlySet<string> = new Set(['end_turn', 'stop_sequence']);

const ENDINGS: Partial<Record<TurnFacts['turn']['status'], string>> = {
  failed: 'failed',
  terminated: 'was terminated',
  timedOut: 'timed out',
  cancelled: 'was cancelled',
};

function callFinding(row: Row): Finding {
  const { state, attempts, approval, message } = row;
  const name = nameOf(row);
  const times = attempts > 1 ? ` after ${attempts} attempts` : '';
  const why = defined({ why: message });
  switch (state) {
    case 'failed':
      return { type: 'problem', what: `${name} failed${times}.`, ...why };
    case 'timedOut':
      return { type: 'problem', what: `${name} timed out${times}.`, ...why };
    case 'unknown':
      return {
        type: 'problem',
        what: `Nobody knows how ${name} ended.`,
        ...why,
        todo: 'Look in the other system whether it took effect, before anybody does it again.',
      };
    case 'denied': {
      const by =
        approval?.by === undefined
          ? ' because nobody decided in time'
          : ` by ${shown(approval.by)}`;
      return { type: 'waits', what: `${name} was denied${by}.`, ...why };
    }
    case 'cancelled':
      return { type: 'waits', what: `${name} was cancelled.`, ...why };
    default:
      return { type: 'waits', what: `${name} did not run.`, ...why };
  }
}

/** The problems first, and of many the first ones. */
function shortened(findings: readonly Finding[], more: string): Finding[] {
  if (findings.length <= MOST_FINDINGS) return [...findings];
  const left = findings.length - MOST_FINDINGS;
  return [...findings.slice(0, MOST_FINDINGS), { type: 'waits', what: `${left} ${more}.` }];
}

/** As in `get_orders(customer_id: 7)`. */
export function nameOf({ type, name, summary, round }: Row): string {
  if (type === 'model') return `the model request of round ${round}`;
  return summary === '' ? shown(name) : `${shown(name)}(${shown(summary)})`;
}

function shown(text: string): string {
  return oneLine(text);
}
