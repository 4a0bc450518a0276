import {
  ApplicationFailure,
  CancellationScope,
  defineQuery,
  defineSignal,
  log,
  metricMeter,
  rootCause,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { PinnedAgent } from '../core/agent-spec.ts';
import type { TurnOwner } from '../core/calls/tool-call.ts';
import { INVALID_TURN } from '../core/failures.ts';
import { defined } from '../core/json.ts';
import { record } from '../core/metrics.ts';
import { usedText, waitingFor } from '../core/turn/current-details.ts';
import type { TurnBeginning } from '../core/turn/beginning.ts';
import { continuedTurn, findBeginningProblem } from '../core/turn/beginning.ts';
import type { Circumstances, Decision, NextStep } from '../core/turn/decide.ts';
import { atBeginning, budgetOf } from '../core/turn/decide.ts';
import { findSteeringProblem } from '../core/turn/doors.ts';
import type { TurnArgs } from '../core/turn/input.ts';
import { findArgsProblem, inputMessages, InvalidTurnError } from '../core/turn/input.ts';
import { NO_STORAGE } from '../core/turn/payload-room.ts';
import { STEER_SIGNAL, TURN_STATE_QUERY } from '../core/turn/protocol.ts';
import type { SessionTurnProgress } from '../core/turn/result.ts';
import { sessionTurnProgress } from '../core/turn/result.ts';
import type { TurnState } from '../core/turn/state.ts';
import { addSteering, answerLostCalls, beginTurn } from '../core/turn/state.ts';
import type { TurnEvent } from '../core/turn/events.ts';
import { endsWithoutBatch } from '../core/turn/events.ts';
import { logLine } from '../core/turn/log-lines.ts';
import { measurementsOf } from '../core/turn/measurements.ts';
import type { SteeringMessage } from '../core/turn/steering.ts';
import { Approvals } from './batch/approvals.ts';
import { AsyncCompletions } from './batch/async-completions.ts';
import { Background } from './background.ts';
import { ownerOf } from './search-attributes.ts';
import { TurnTrace } from './trace.ts';
import { SeenUpdates } from './updates.ts';

const stateQuery = defineQuery<SessionTurnProgress>(TURN_STATE_QUERY);
const steerSignal = defineSignal<[unknown]>(STEER_SIGNAL);

/** One run of a turn: what it remembers, and the doors through which others reach it meanwhile. */
export class Turn {
  readonly args: TurnArgs;
  /** Who gets its result: a session gets references to its messages, a calling turn gets none. */
  readonly caller: 'client' | 'session' | 'turn';
  /** How many levels of sub-agents it may have, besides its agent's own limit. */
  readonly levels: number;
  readonly owner: TurnOwner;
  /** When its first run began, in milliseconds since the epoch. */
  readonly begunAt: number;
  state: TurnState;
  /** Known from the first answer on. */
  agent: PinnedAgent | undefined;
  readonly seen: SeenUpdates;
  readonly approvals: Approvals;
  readonly completions: AsyncCompletions;
  readonly background: Background;
  readonly trace: TurnTrace;
  /** The ids of calls whose ends were reported in this run. */
  private readonly reported = new Set<string>();
  private readonly beginning: TurnBeginning | undefined;

  constructor(args: TurnArgs, beginning: TurnBeginning | undefined, carrier: unknown) {
    const carried = beginning?.type === 'continued' ? continuedTurn(beginning) : undefined;
    const conversation = beginning?.type === 'session' ? beginning : undefined;
    this.args = args;
    this.owner = ownerOf(workflowInfo());
    this.beginning = beginning;
    const levels = beginning?.type === 'too large' ? undefined : beginning?.levels;
    const isOfSession =
      carried?.ofSession ?? (beginning !== undefined && beginning.type !== 'sub-agent');
    this.caller = isOfSession ? 'session' : levels === undefined ? 'client' : 'turn';
    this.levels = levels ?? Infinity;
    this.agent = carried?.agent ?? conversation?.agent;
    this.begunAt = carried?.begunAt ?? workflowInfo().startTime.getTime();
    this.state = carried?.state ?? beginTurn(inputMessages(args.input), conversation);
    this.seen = new SeenUpdates(carried?.seen);
    this.approvals = new Approvals(this.seen);
    this.completions = new AsyncCompletions(this.seen);
    this.background = new Background(this);
    this.trace = new TurnTrace(carrier, {
      calls: this.state.calls.length,
      isOn: carried?.traced === true,
    });
    // A run cannot end with an unseen Signal: the server makes it decide again.
    setHandler(steerSignal, (message) => this.steer(message));
    setHandler(stateQuery, () => this.progress());
  }

  begin(): NextStep {
    const { beginning, agent } = this;
    if (beginning?.type === 'too large') {
      throw ApplicationFailure.nonRetryable(NO_STORAGE, INVALID_TURN);
    }
    const prepared =
      beginning?.type === 'continued' ? continuedTurn(beginning).prepared : undefined;
    if (beginning?.type !== 'continued') this.report({ type: 'turn began' });
    return this.commit(atBeginning(this.state, { agent, ...defined({ prepared }) }, this.now()));
  }

  /** Applies a decision. */
  commit({ state, next }: Decision): NextStep {
    this.answer(state);
    const doing = waitingFor(state, next, Date.now());
    if (doing !== undefined) this.show(doing);
    return next;
  }

  /** Applies a state in which more calls are answered, and reports the ends of those without a batch. */
  answer(state: TurnState): void {
    const answered = state.calls.slice(this.state.calls.length);
    this.state = state;
    for (const event of endsWithoutBatch(answered, this.reported)) this.report(event);
  }

  /** For operators, in the Temporal UI: what the turn is doing, and what it has used. */
  show(doing: string): void {
    setCurrentDetails(`${doing}\n\n${usedText(this.state)}`);
  }

  /** Writes to the worker's log and metrics, unless this is a replay. */
  report(event: TurnEvent): void {
    if (event.type === 'call ended') this.reported.add(event.call.id);
    const { level, message, fields } = logLine(event);
    const { sessionId } = this.owner;
    const about = { turnId: workflowInfo().workflowId, agent: this.args.agent };
    // Not `workflow`, which marks the lines of your own workflows.
    const own = { sdkComponent: 'plait', ...about, ...defined({ sessionId }) };
    log[level](message, { ...own, ...fields });
    const { agent: pinned } = this;
    for (const measurement of measurementsOf(event, { agent: this.args.agent, pinned })) {
      record(metricMeter, measurement);
    }
  }

  /** Whether operators may read what people and the model write. */
  get summaries(): boolean {
    return this.agent?.summaries !== false;
  }

  /** What the next decision depends on. */
  now(): Circumstances {
    const time = Date.now();
    return {
      args: this.args,
      time,
      elapsed: Math.max(0, time - this.begunAt),
      cancelled: CancellationScope.current().consideredCancelled,
      history: workflowInfo(),
    };
  }

  /** The turn's total time and what is left of it, in milliseconds, if it is limited. */
  get time(): { limit: number; left: number } | undefined {
    const { wallTime } = budgetOf(this.args, this.agent);
    if (wallTime === undefined) return undefined;
    // An activity cannot have a timeout of 0.
    return { limit: wallTime, left: Math.max(1, wallTime - this.now().elapsed) };
  }

  /** A Signal gets no answer, so only the log can say what is wrong with one. */
  private steer(message: unknown): void {
    const problem = findSteeringProblem(this.state, message);
    if (problem === undefined) this.state = addSteering(this.state, message as SteeringMessage);
    else log.warn(`Ignored the Signal ${STEER_SIGNAL}: ${problem}.`);
  }

  /** What its session takes over if it ends here. */
  progress(): SessionTurnProgress {
    const state = answerLostCalls(this.state, Date.now());
    return sessionTurnProgress(this.args.agent, state, this.newlyPinned, this.now().elapsed);
  }

  /** The agent, unless the session knows it already. */
  get newlyPinned(): PinnedAgent | undefined {
    const { beginning } = this;
    return beginning?.type === 'session' && beginning.agent !== undefined ? undefined : this.agent;
  }
}

/**
 * Opens a turn with whatever it was started with: a plain client may give anything. Fails the run; otherwise
 * the SDK would retry the first workflow task forever.
 */
export function openTurn(args: unknown, beginning: unknown, carrier?: unknown): Turn {
  try {
    // `null` is how the clients of other languages leave an argument out.
    const given = beginning ?? undefined;
    const problem =
      findArgsProblem(args) ?? (given === undefined ? undefined : findBeginningProblem(given));
    if (problem !== undefined) throw new InvalidTurnError(problem);
    return new Turn(args as TurnArgs, given as TurnBeginning | undefined, carrier);
  } catch (error) {
    throw ApplicationFailure.nonRetryable(rootCause(error), INVALID_TURN);
  }
}
