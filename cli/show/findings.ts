import type { Row, Waterfall } from '../../client/follow/waterfall.ts';
import { ownRows, subTurnsOf } from '../../client/follow/waterfall.ts';
import { isSettled } from '../../client/follow/snapshot.ts';
import type { ApprovalRequest } from '../../core/turn/protocol.ts';
import type { StopReason } from '../../core/turn/stop-reason.ts';
import { stopKind } from '../../core/turn/stop-reason.ts';
import { defined } from '../../core/json.ts';
import { durationText, oneLine, spanText } from '../text.ts';
import type { TurnFacts, WaitedQueue } from './facts.ts';

/** What is wrong with a turn, in words for the person on call. */
export interface Finding {
  /** `waits`: nothing is wrong; the turn goes on by itself, or somebody has to decide. */
  type: 'done' | 'waits' | 'problem';
  what: string;
  /** For a sub-agent: in which turn, and for which call. */
  where?: string;
  /** In the words of the failure. */
  why?: string;
  /** What to do. */
  todo?: string;
  /** A command to type. */
  commands?: string[];
}

/** How many calls are named if many say the same. */
const MOST_FINDINGS = 6;
/** In milliseconds: workers with room take calls sooner. */
const SLOW_QUEUE_MS = 2_000;

/** What the turn waits for and what went wrong, most important first. Pure. */
export function findingsOf(facts: TurnFacts): Finding[] {
  const { status } = facts.turn;
  return status === 'running' ? runningFindings(facts) : endedFindings(facts);
}

function runningFindings({ turn, ...known }: TurnFacts): Finding[] {
  const all = openFindings(turn, known);
  const problems = all.filter(({ type }) => type === 'problem');
  const others = all.filter(({ type }) => type !== 'problem');
  return shortened([...problems, ...others], 'more');
}

/** What is known besides the turn. */
type Known = Pick<TurnFacts, 'queues' | 'approvals'>;

/** What a running turn waits for, or one of its sub-agents. */
function openFindings(turn: Waterfall, known: Known): Finding[] {
  const open = ownRows(turn).filter(({ state }) => !isSettled(state));
  const found = [
    ...taskFindings(turn, known),
    // Calls that are not scheduled yet wait for the same worker as the workflow itself.
    ...open
      .filter(({ open: o, state }) => o !== undefined || state === 'waiting')
      .flatMap((row) => findingsOfRow(row, turn, known)),
  ];
  const held = open.filter(({ open: o, state }) => o === undefined && state !== 'waiting');
  return [...found, ...heldFindings(held, found.length === 0)];
}

function findingsOfRow(row: Row, turn: Waterfall, known: Known): Finding[] {
  const [sub] = subTurnsOf(row);
  if (sub?.status !== 'running') return [withLosses(rowFinding(row, turn, known), row)];
  return openFindings(sub, known).map((finding) => ({ ...within(row, sub), ...finding }));
}

/** If turns are nested, the innermost one is named. */
function within(row: Row, { turnId, agent = 'unknown' }: Waterfall): Pick<Finding, 'where'> {
  return { where: `In turn ${shown(turnId)} of agent ${shown(agent)}, for ${nameOf(row)}.` };
}

/** What keeps the workflow from its next step. */
function taskFindings(turn: Waterfall, { queues }: Known): Finding[] {
  const { workflowTask, blocked, taskQueue } = turn;
  if (workflowTask === undefined) return [];
  const { scheduledAt, attempt, isStarted } = workflowTask;
  const since = spanText(turn.end - (blocked?.since ?? scheduledAt));
  const why = blocked?.message;
  if (!isStarted && isUnserved(queues, taskQueue, 'workflows')) {
    const finding = noWorker(taskQueue, `The turn has waited for one for ${since}.`);
    return [{ ...finding, ...defined({ why: why && `The last one failed: ${why}` }) }];
  }
  if (attempt < 2) return [];
  return [
    {
      type: 'problem',
      what: `Workers cannot take the next step of the turn: it has failed ${times(attempt - 1)} in ${since}. Nothing is lost.`,
      ...defined({ why }),
      todo: adviceOnTask(why),
    },
  ];
}

const THEN_IT_GOES_ON = 'The turn then goes on by itself.';

/** What to do about a workflow task that fails, by the codes of Temporal's SDK. */
function adviceOnTask(why = ''): string {
  if (/TMPRL1100|nondetermin/i.test(why)) {
    return `The workers run another version of the workflow code than the one that began the turn, and the two do not fit. Deploy the version that began it again. ${THEN_IT_GOES_ON}`;
  }
  if (/TMPRL1105|external storage/i.test(why)) {
    return `The workers lack the storage that the client has. Start them with it: plait worker --storage, or storage of createWorker. ${THEN_IT_GOES_ON}`;
  }
  return `Fix what the failure names: usually a storage, a codec or a version that the workers lack. ${THEN_IT_GOES_ON}`;
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

function isUnserved(
  queues: readonly WaitedQueue[],
  name: string,
  kind: WaitedQueue['kind'],
): boolean {
  return queues.some((one) => one.kind === kind && one.name === name && one.workers === 0);
}

function noWorker(queue: string, waited: string): Finding {
  return {
    type: 'problem',
    what: `No worker polls the task queue ${shown(queue)}. ${waited}`,
    todo: 'Start a worker for this task queue. The turn goes on by itself.',
    commands: [`plait worker <module> --task-queues ${shown(queue)}`],
  };
}

function rowFinding(row: Row, turn: Waterfall, known: Known): Finding {
  const { queues } = known;
  const { state, bars } = row;
  const name = nameOf(row);
  const last = bars.at(-1);
  const since = last === undefined ? '' : ` for ${spanText(last.end - last.start)}`;
  const queue = row.open?.taskQueue ?? '';
  if (last?.type === 'queue' && isUnserved(queues, queue, 'activities')) {
    return noWorker(queue, `${name} has waited for one${since}.`);
  }
  switch (state) {
    case 'waiting':
      return waitingFinding(row, turn, known);
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
      return queueFinding(row, known);
  }
}

/** There are workers, but none has taken the call. */
function queueFinding(row: Row, { queues }: Known): Finding {
  const { bars, message, open } = row;
  const name = open?.taskQueue ?? '';
  const last = bars.at(-1);
  const waited = last === undefined ? 0 : last.end - last.start;
  const what = `${nameOf(row)} has waited for a worker of the task queue ${shown(name)} for ${spanText(waited)}.`;
  const why = defined({ why: message });
  if (waited <= SLOW_QUEUE_MS) return { type: 'waits', what, ...why };
  const queue = queues.find((one) => one.kind === 'activities' && one.name === name);
  return {
    type: 'problem',
    what: queue === undefined ? what : `${what} ${crowdText(queue)}`,
    ...why,
    todo: 'The workers of the task queue are busy, or its rate is limited. Start more workers, or raise maxConcurrentActivityTaskExecutions or the limit.',
  };
}

function crowdText({ workers, backlog }: WaitedQueue): string {
  const poll = workers === 1 ? '1 worker polls' : `${workers} workers poll`;
  return `${poll} it, and about ${backlog} ${backlog === 1 ? 'task waits' : 'tasks wait'} in it.`;
}

/** The call itself may crash its workers. */
function withLosses(finding: Finding, { lostWorkers = 0 }: Row): Finding {
  if (lostWorkers === 0) return finding;
  return {
    ...finding,
    type: 'problem',
    what: `${finding.what} It has lost its worker ${times(lostWorkers)}.`,
    todo: 'Find out why the lost workers ended: look at their log, exit code and memory. A tool that needs too much memory, ends the process or blocks the event loop takes its worker with it. After 3 crashes the call is answered, and the model reads why.',
  };
}

function waitingFinding(row: Row, turn: Waterfall, { approvals }: Known): Finding {
  const name = nameOf(row);
  const last = row.bars.at(-1);
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
  if (request?.question !== undefined) {
    const { server } = request.question;
    return {
      type: 'waits',
      what: `${name} has waited for a person to answer what its server ${server} asks${since}.${expiryText(request, turn.end)}`,
      todo: 'plait approvals --json shows the question. Answer it, or decline.',
      commands: [
        `plait approve ${turnId} ${shown(row.id)} --answer '{…}'`,
        `plait deny ${turnId} ${shown(row.id)} --reason "…"`,
      ],
    };
  }
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
  const failed = times(attempts - 1);
  return {
    type: 'problem',
    what:
      type === 'model'
        ? `The model request of round ${row.round} has failed ${failed}. Attempt ${attempts}${of} comes${when}.`
        : `${nameOf(row)} has failed ${failed}. Attempt ${attempts}${of} comes${when}.`,
    ...defined({ why: message }),
    todo:
      type === 'model'
        ? adviceOnModel(message)
        : 'Fix the cause. The model has not read the failure yet; it reads it after the last attempt.',
  };
}

/** What to do about a model request that fails, by the words of the API and of the clouds. */
function adviceOnModel(why = ''): string {
  if (/\b429\b|ThrottlingException|RESOURCE_EXHAUSTED/.test(why)) {
    return 'Too many requests are sent for the rate limit of the account. It passes: the request is sent again when the API allows it, and holds up no worker meanwhile.';
  }
  if (/\b529\b|overloaded/i.test(why)) {
    return 'The model is overloaded, which usually passes. An agent with fallbacks goes on with another model.';
  }
  return 'Fix what the failure names. After the last attempt the turn fails; its TurnFailedError keeps what it did before.';
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

/** Unscheduled calls: earlier calls come first, or there is no room. Or the turn is between two steps. */
function heldFindings(rows: readonly Row[], alone: boolean): Finding[] {
  if (rows.length === 0) {
    return alone ? [{ type: 'waits', what: 'The turn is between two steps.' }] : [];
  }
  const names = rows.slice(0, MOST_FINDINGS).map(nameOf).join(', ');
  const more = rows.length > MOST_FINDINGS ? ` and ${rows.length - MOST_FINDINGS} more` : '';
  return [{ type: 'waits', what: `Not started yet: ${names}${more}.` }];
}

function endedFindings({ turn }: TurnFacts): Finding[] {
  return [turnFinding(turn), ...shortened(wrongCalls(turn), 'more calls did not succeed')];
}

/** The calls that did not succeed, and what went wrong in the sub-agents' turns among them. */
function wrongCalls(turn: Waterfall): Finding[] {
  return ownRows(turn)
    .filter(({ type, state }) => type === 'call' && state !== 'succeeded')
    .flatMap((row) => [
      callFinding(row),
      ...subTurnsOf(row).flatMap((sub) =>
        wrongCalls(sub).map((finding) => ({ ...within(row, sub), ...finding })),
      ),
    ]);
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
            todo: 'The `progress` of its TurnFailedError has what it did: begin the next turn with those messages.',
          }
        : {}),
    };
  }
  const kind = stopReason === undefined ? 'answered' : stopKind(stopReason);
  const type = kind === 'answered' ? 'done' : kind === 'cancelled' ? 'waits' : 'problem';
  const reason = stopReason === undefined ? '' : ` with ${stopReason}`;
  const what = `The turn ended${reason}${after}.`;
  const todo = stopReason === undefined ? undefined : AFTER_STOP[stopReason];
  return { type, what, ...defined({ why, todo }) };
}

const GO_ON = 'To go on, start a turn with the messages of the result.';
const raise = (limit: string) =>
  `If the work was worth it, raise limits.${limit} of the agent or of the turn. ${GO_ON}`;

/** What to do about a turn that did not end with the model's answer. */
const AFTER_STOP: Readonly<Record<StopReason, string | undefined>> = {
  end_turn: undefined,
  stop_sequence: undefined,
  refusal: undefined,
  model_context_window_exceeded: undefined,
  unknown: undefined,
  invalid_output: undefined,
  cancelled: undefined,
  max_rounds: raise('rounds'),
  max_tool_calls: raise('toolCalls'),
  max_input_tokens: raise('inputTokens'),
  max_output_tokens: raise('outputTokens'),
  max_cost: raise('costUSD'),
  max_wall_time: raise('wallTime'),
  max_tokens: `The reply was cut off: raise maxTokens of the agent. ${GO_ON}`,
  tool_failure: `The agent has onToolFailure: 'failTurn', so a failed call ends the turn. ${GO_ON}`,
  turn_too_large: 'Give the workers and the clients a storage, or begin a new turn.',
};

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
  switch (isSettled(state) ? state : 'skipped') {
    case 'failed':
      return { type: 'problem', what: `${name} failed${times}.`, ...why };
    case 'timedOut':
      return { type: 'problem', what: `${name} timed out${times}.`, ...why };
    case 'unknown':
      return {
        type: 'problem',
        what: `Nobody knows how ${name} ended.`,
        ...why,
        todo: 'Check in the other system whether it took effect, before anybody does it again.',
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
    case 'skipped':
    case 'succeeded':
  }
  return { type: 'waits', what: `${name} did not run.`, ...why };
}

/** The problems first. If there are too many findings, the first ones. */
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
