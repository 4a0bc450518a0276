import {
  answerAskedTooOften,
  answerBlocked,
  answerGoesOn,
  answerInBackground,
  answerFailedOutside,
  answerInvalid,
  answerNeverStarted,
  answerNotCompleted,
  answerNothingLeft,
  answerReading,
  answerStopped,
  answerUnanswered,
  answerUnapproved,
  endedBy,
} from '../../core/calls/answers.ts';
import { roomForInput, withApproval } from '../../core/calls/approval.ts';
import type { AskedCall } from '../../core/calls/asked-call.ts';
import {
  afterDecision,
  afterQuestions,
  answersOf,
  asksTooOften,
  nextQuestion,
  withQuestions,
} from '../../core/calls/asked-call.ts';
import { resultQuestion } from '../../core/calls/background.ts';
import type { BatchStop } from '../../core/calls/batch-policy.ts';
import { firstTimeout, isFailure } from '../../core/calls/batch-policy.ts';
import { commandBytes, Limiter, MAX_OPEN_BYTES } from '../../core/calls/limiter.ts';
import { mayStartLocally, runsLocally } from '../../core/calls/local.ts';
import { nextOccurrence } from '../../core/calls/occurrences.ts';
import { CallOrder } from '../../core/calls/order.ts';
import type { ApprovalRecord, SettledCall } from '../../core/calls/outcome.ts';
import type { ReadyCall } from '../../core/calls/prepared-call.ts';
import type { ToolUse } from '../../core/conversation/messages.ts';
import { defined, jsonBytes } from '../../core/json.ts';
import type { SubAgentSpec } from '../../core/agent-spec.ts';
import type { OpenCall } from '../../core/turn/current-details.ts';
import { MOST_SHOWN, waitingForCalls } from '../../core/turn/current-details.ts';
import type { TurnEvent } from '../../core/turn/events.ts';
import type { Reserve } from '../../core/turn/reserve.ts';
import { giveBack, openReserve, reserve, spentBy } from '../../core/turn/reserve.ts';
import { roomOf } from '../../core/turn/payload-room.ts';
import { criticalCalls } from '../../core/turn/timing.ts';
import type { CompletionResult } from '../../core/turn/protocol.ts';
import type { Background } from '../background.ts';
import type { ApprovalQuestion, Approvals } from './approvals.ts';
import type { AsyncCompletions } from './async-completions.ts';
import type { Batch, BatchCall } from './call.ts';
import { approvalTimeout, batchCalls, invalidText, mayOutlast } from './call.ts';
import type { CallEnd } from './ended.ts';
import type { Tries } from './schedule.ts';
import { present, runCall, runCallLocally, withArguments } from './schedule.ts';
import { BatchScope } from './scope.ts';
import { runSubAgent } from './sub-agent.ts';

/** How a turn's calls reach the outside world, and what is shown of them there. */
export interface Outside {
  approvals: Approvals;
  completions: AsyncCompletions;
  background: Background;
  /** For operators, as Markdown. */
  show: (doing: string) => void;
  /** For the worker's log and its metrics. */
  report: (event: TurnEvent) => void;
}

/**
 * Starts every call of a reply at once, each as an activity of its own, and waits for all of them. A call
 * waits only for an earlier one that it conflicts with, for a person, or for room. No outcome is lost: if a
 * call fails, the others go on, unless the batch policy says otherwise.
 *
 * Calls that go on in the background are answered when the others have ended, with their results if those are
 * there by then.
 */
export function runBatch(batch: Batch, outside: Outside): Promise<SettledCall[]> {
  return new Promise((resolve, reject) => {
    new BatchRun(batch, outside, { resolve, reject }).start();
  });
}

/**
 * Runs one batch. A call passes through these methods, in this order:
 *
 * 1. `ask`: a person is asked, if one must decide about it
 * 2. `advance`: it waits for earlier calls that it conflicts with, for the person, and for room
 * 3. `run`: its activity is scheduled
 * 4. `awaitCompletion`: somebody has to complete it, if its tool has returned `ctx.later()`
 * 5. `askNext`: a person is asked what its server wants to know, and then it runs again
 * 6. `settle`: it has its outcome, and the calls that were waiting for it advance
 *
 * A call that goes on in the background is let go (`letGo`): the batch no longer waits for it.
 *
 * `stopAll` settles calls wherever they are. Everything happens in callbacks: see `schedule.ts`.
 */
class BatchRun {
  private readonly batch: Batch;
  private readonly outside: Outside;
  private readonly resolve: (settled: SettledCall[]) => void;

  private readonly scope: BatchScope;
  private readonly timeout: ReturnType<typeof firstTimeout>;
  private readonly limiter: Limiter;
  private readonly order: CallOrder;
  /** `undefined` for calls that cannot run. */
  private readonly calls: readonly (BatchCall | undefined)[];
  private reserve: Reserve;
  private readonly settled: SettledCall[] = [];
  private open: number;
  private stop: BatchStop | undefined;
  /** Whether its calls run within the workflow task, as far as they can. */
  private readonly isLocal: boolean;
  private readonly begunAt = Date.now();
  private hasTimer = false;
  private contextBytes: number | undefined;
  /** How many calls were open when that was last shown; `undefined` if a call has started to do something else. */
  private shownAt: number | undefined;
  /** The call that settled last. */
  private last: number | undefined;
  /** For each call, the call whose end started or settled it. */
  private readonly startedAfter = new Map<number, number>();
  /** The call whose end is starting others right now. */
  private ended: number | undefined;

  constructor(
    batch: Batch,
    outside: Outside,
    ended: { resolve: (settled: SettledCall[]) => void; reject: (error: unknown) => void },
  ) {
    this.batch = batch;
    this.outside = outside;
    this.resolve = ended.resolve;
    const { agent, policy } = batch;
    this.timeout = firstTimeout(policy, batch.turnTime);
    this.scope = new BatchScope({
      ofItsOwn: policy.onToolFailure === 'cancelSiblings' || this.timeout !== undefined,
      done: () => this.showWhatIsOpen(),
      failed: ended.reject,
    });
    const policies = new Map(agent.policies);
    this.limiter = new Limiter({
      calls: agent.limits.concurrency,
      bytes: MAX_OPEN_BYTES,
      callsOf: (tool) => policies.get(tool)?.concurrency,
    });
    this.calls = batchCalls(batch);
    for (const { callId, tool } of outside.background.running) {
      const use = { tool, bytes: 0 };
      this.limiter.acquire(use, () => undefined);
      outside.background.onEnd(callId, () => this.scope.run(() => this.limiter.release(use)));
    }
    this.open = this.calls.length;
    this.reserve = openReserve(batch.budget.limits, batch.budget.spent, this.open);
    this.isLocal = runsLocally(
      this.calls.filter((call) => call !== undefined),
      this.timeout?.after,
    );
    this.order = new CallOrder(
      // Includes calls that cannot run, since they may stop others.
      batch.prepared.map(({ access }) => access),
      (index) => this.settled[index]?.outcome.type,
    );
  }

  start(): void {
    if (this.open === 0) {
      this.resolve([]);
      return;
    }
    this.scope.onCancel(() => this.stopAll({ type: 'turn cancelled' }));
    if (!this.isLocal) this.startTimer();
    this.scope.run(() => {
      // Begin with calls that cannot run: they may stop the others before any of them starts.
      for (const [index, call] of this.calls.entries()) {
        if (call !== undefined) continue;
        this.settle(index, answerInvalid(invalidText(this.batch, index), Date.now()));
      }
      for (const call of this.calls) {
        // The failure of another call may already have answered this one.
        if (call === undefined || this.isSettled(call)) continue;
        if (call.asked) this.ask(call);
        this.advance(call);
      }
    });
  }

  /** A local batch needs no timer until one of its calls goes on as an activity. */
  private startTimer(): void {
    const { timeout } = this;
    if (timeout === undefined || this.hasTimer) return;
    this.hasTimer = true;
    const left = Math.max(1, timeout.after - (Date.now() - this.begunAt));
    const whose = timeout.stop.type === 'turn timeout' ? 'the turn' : 'all calls';
    const summary = `round ${this.batch.round}: time limit of ${whose}`;
    this.scope.onTimeout(left, summary, () => this.stopAll(timeout.stop));
  }

  private ask(call: BatchCall): void {
    const { owner, context } = this.batch;
    const hasSession = call.subAgent?.session === true;
    this.askPerson(call, {
      authorize: call.prepared.authorize === true,
      ...defined({
        spec: call.spec,
        edited: hasSession ? { ...owner, ...defined({ context }) } : undefined,
      }),
      decided: (record, { prepared }) => this.scope.run(() => this.decide(call, record, prepared)),
    });
  }

  private askPerson(
    call: BatchCall,
    about: Pick<ApprovalQuestion, 'asked' | 'authorize' | 'decided' | 'edited' | 'spec'>,
  ): void {
    const { agent, owner, round } = this.batch;
    this.outside.report({ type: 'approval requested', round, call: call.use });
    this.outside.approvals.ask({
      agent: agent.name,
      owner,
      call: call.use,
      summary: call.prepared.summary,
      summaries: agent.summaries !== false,
      round,
      timeout: approvalTimeout(call),
      announce: agent.announcesApprovals === true,
      roomForInput: () => this.roomForInput(),
      ...about,
    });
  }

  private roomForInput(): number {
    const edited = this.calls.flatMap((call) => call?.approval?.input ?? []);
    return roomForInput(roomOf(this.batch.agent), edited);
  }

  private decide(call: BatchCall, approval: ApprovalRecord, prepared?: ReadyCall): void {
    call.asked = false;
    call.approval = approval;
    const { round } = this.batch;
    const milliseconds = Date.now() - this.begunAt;
    this.outside.report({
      type: 'approval decided',
      round,
      call: call.use,
      approval,
      milliseconds,
    });
    const unapproved = answerUnapproved(approval, approvalTimeout(call), Date.now());
    if (unapproved !== undefined) this.settle(call.index, unapproved);
    else if (prepared === undefined) this.advance(call);
    else this.edit(call, approval.input, prepared);
  }

  /** Another input may touch other things, so the call may get another place in the order. */
  private edit(call: BatchCall, input: unknown, prepared: ReadyCall): void {
    call.input = input;
    call.prepared = prepared;
    const others = this.calls.flatMap((other) =>
      other === undefined || other === call ? [] : { ...other, name: other.use.name },
    );
    call.occurrence = nextOccurrence({ name: call.use.name, input }, others);
    this.order.edit(call.index, prepared.access, (index) => {
      const other = this.calls[index];
      return other?.state !== 'held' || this.isSettled(other);
    });
    // Calls may no longer conflict with it.
    for (const other of this.calls) this.advance(other);
  }

  /** Starts a call as soon as nothing is in its way. */
  private advance(call: BatchCall | undefined): void {
    if (call?.state !== 'held' || this.isSettled(call) || this.order.isHeld(call.index)) return;
    if (this.stop !== undefined) {
      this.settle(call.index, answerNeverStarted(this.stop, Date.now()));
      return;
    }
    const blocker = this.order.blocker(call.index);
    if (blocker !== undefined) {
      const other = this.batch.calls[blocker.index] ?? call.use;
      this.settle(call.index, answerBlocked(blocker, other, Date.now()));
      return;
    }
    if (call.asked) return;
    if (call.readsResult) {
      this.readResult(call);
      return;
    }
    call.state = 'queued';
    const use = this.useOf(call);
    this.limiter.acquire(use, () => {
      // The call may have been answered while it was queued.
      if (this.isSettled(call) || this.stop !== undefined) this.limiter.release(use);
      else this.run(call, () => this.limiter.release(use));
    });
  }

  private useOf(call: BatchCall): { tool: string; bytes: number } {
    // Measured once: it may be large, and there may be many calls.
    this.contextBytes ??= jsonBytes(this.batch.context);
    const specBytes = call.spec === undefined ? 0 : jsonBytes(call.spec);
    return {
      tool: call.use.name,
      bytes: commandBytes(call.input, this.contextBytes + specBytes + jsonBytes(call.answered)),
    };
  }

  private run(call: BatchCall, release: () => void): void {
    call.state = 'running';
    this.shownAt = undefined;
    this.startsNow(call.index);
    if (!mayOutlast(this.batch, call)) {
      this.begin(call, release);
      return;
    }
    call.scope = this.outside.background.newScope();
    this.within(call, () => {
      this.begin(call, release);
      if (call.subAgent?.mode === 'background' && !this.isSettled(call)) this.letGo(call);
    });
  }

  /** Runs in the call's own scope, if it has one, so that what it schedules belongs to the call. */
  private within({ scope }: BatchCall, work: () => void): void {
    if (scope === undefined) this.scope.run(work);
    else void scope.run(async () => this.scope.guard(work));
  }

  private begin(call: BatchCall, release: () => void): void {
    const { subAgent } = call;
    if (subAgent !== undefined) {
      this.runSubAgent(call, subAgent, release);
      return;
    }
    this.outside.completions.expect(call.use.id);
    const ended = (end: CallEnd) => {
      this.afterEndOf(call.index, release);
      this.end(call, end);
    };
    if (this.isLocal && mayStartLocally(Date.now() - this.begunAt)) {
      const goesOn = (tries: Tries) => this.scope.guard(() => this.schedule(call, ended, tries));
      runCallLocally(this.batch, call, { ended, goesOn });
    } else this.schedule(call, ended);
  }

  private schedule(call: BatchCall, ended: (end: CallEnd) => void, tries?: Tries): void {
    this.startTimer();
    const lost = (times: number) => {
      call.lostWorkers = times;
      this.shownAt = undefined;
      this.scope.guard(() => undefined);
    };
    runCall(this.batch, call, { ended, lost }, tries);
  }

  /** The call's turn gets a part of the budget, and gives back what it has not used. */
  private runSubAgent(call: BatchCall, spec: SubAgentSpec, release: () => void): void {
    const { id } = call.use;
    const waiting = this.calls.filter(
      (other) =>
        other?.subAgent !== undefined && other.state !== 'running' && !this.isSettled(other),
    );
    const sharers = waiting.length + 1;
    const reserved = reserve(this.reserve, id, { ...defined({ given: spec.limits }), sharers });
    if (reserved === undefined) {
      release();
      this.settle(call.index, answerNothingLeft(spec.agent, Date.now()));
      return;
    }
    this.reserve = reserved.reserve;
    runSubAgent(this.batch, call, { spec, limits: reserved.limits }, (end) => {
      const subAgent = end.type === 'settled' ? end.settled.subAgent : undefined;
      this.reserve = giveBack(this.reserve, id, spentBy(subAgent));
      this.afterEndOf(call.index, release);
      this.end(call, end);
    });
  }

  /** A call of `get_agent_result`. */
  private readResult(call: BatchCall): void {
    const { background } = this.outside;
    const { id, wait } = resultQuestion(call.input);
    const reading = background.find(id);
    if (reading.type === 'running' && wait) {
      call.state = 'awaitingResult';
      this.shownAt = undefined;
      background.onEnd(id, () => this.scope.run(() => this.readResult(call)));
      return;
    }
    // Answered while it waited: the model gets the result later.
    if (this.isSettled(call)) return;
    background.take(id);
    this.settle(call.index, answerReading(id, reading, Date.now()));
  }

  private end(call: BatchCall, end: CallEnd): void {
    this.scope.guard(() => {
      if (end.type === 'awaits completion') this.awaitCompletion(call, end);
      else if (end.type === 'asks') this.askedBack(call, end);
      else {
        const stop = call.awaitedBy === 'batch' ? this.stop : undefined;
        this.settle(call.index, endedBy(stop, end.settled, call.policy.repeatable));
      }
    });
  }

  private awaitCompletion(call: BatchCall, end: CallEnd & { type: 'awaits completion' }): void {
    call.state = 'awaitingCompletion';
    this.shownAt = undefined;
    call.begun = end.begun;
    if (this.stop !== undefined && call.awaitedBy === 'batch') {
      this.settle(call.index, answerStopped(this.stop, call.policy.repeatable, Date.now()));
      return;
    }
    const { timeout } = end;
    const summary = withArguments(`${call.use.name} waits to be completed`, call.prepared.summary);
    this.outside.completions.await(
      call.use.id,
      { ...end, summary },
      {
        completed: ({ result }) => this.within(call, () => this.complete(call, result)),
        expired: () =>
          this.within(call, () => this.settle(call.index, answerNotCompleted(timeout, Date.now()))),
      },
    );
  }

  /** Its server has interrupted the call with questions. */
  private askedBack(call: BatchCall, { asks, begun }: CallEnd & { type: 'asks' }): void {
    call.state = 'awaitingAnswer';
    this.shownAt = undefined;
    const asked = afterQuestions(call.questions, asks, begun);
    call.questions = asked;
    if (this.stop !== undefined && call.awaitedBy === 'batch') {
      this.settle(call.index, answerStopped(this.stop, call.policy.repeatable, Date.now()));
    } else if (asksTooOften(asked)) {
      this.settle(call.index, answerAskedTooOften(asked.server, asked.times - 1, Date.now()));
    } else this.askNext(call, asked, asks.authorize === true);
  }

  /** Asks a person the next question of the call's server, until there are no more. */
  private askNext(call: BatchCall, asked: AskedCall, authorize: boolean): void {
    const question = nextQuestion(asked);
    call.asked = question !== undefined;
    if (question === undefined) {
      call.answered = answersOf(asked);
      this.goOn(call);
      return;
    }
    const askedAt = Date.now();
    this.askPerson(call, {
      asked: question,
      authorize,
      decided: (approval, { answer }) =>
        this.within(call, () => {
          const { round } = this.batch;
          const milliseconds = Date.now() - askedAt;
          const about = { round, call: call.use, approval, milliseconds };
          this.outside.report({ type: 'approval decided', ...about });
          const decided = afterDecision(asked, approval, { answer, askedAt });
          call.questions = decided;
          if (answer !== undefined) {
            this.askNext(call, decided, authorize);
            return;
          }
          const timeout = approvalTimeout(call);
          this.settle(call.index, answerUnanswered(asked.server, timeout, Date.now()));
        }),
    });
  }

  /** Runs the call again, with the answers for its server. */
  private goOn(call: BatchCall): void {
    const use = this.useOf(call);
    this.limiter.acquire(use, () => {
      const release = () => this.limiter.release(use);
      if (this.isOver(call)) {
        release();
        return;
      }
      call.state = 'running';
      this.shownAt = undefined;
      this.within(call, () => this.begin(call, release));
    });
  }

  /** Whether the call was answered in another way while it waited to go on. */
  private isOver(call: BatchCall): boolean {
    if (call.scope?.consideredCancelled === true) return true;
    return call.awaitedBy !== 'turn' && this.isSettled(call);
  }

  private complete(call: BatchCall, result: CompletionResult): void {
    if (result.type === 'failed') {
      this.settle(call.index, answerFailedOutside(result.message, Date.now()));
      return;
    }
    present(this.batch, call, { value: result.value, from: 'completed from outside' }, (end) =>
      this.end(call, end),
    );
  }

  /** The batch no longer waits for the call. */
  private letGo(call: BatchCall): void {
    call.awaitedBy = 'none';
    this.open -= 1;
    if (this.open === 0) this.finish();
  }

  /** The batch is over, but the call goes on. */
  private leave(call: BatchCall): void {
    const { index, use, subAgent } = call;
    call.awaitedBy = 'turn';
    const now = Date.now();
    const answer =
      subAgent?.mode === 'background'
        ? answerInBackground(subAgent.agent, use.id, now)
        : answerGoesOn(this.batch.policy.batchTimeout ?? 0, use.id, now);
    this.settled[index] = withApproval({ ...answer, start: this.begunAt }, call.approval);
    const reserved = this.reserve.open[use.id];
    const { id: callId, name: tool } = use;
    this.outside.background.add({ callId, tool, since: now, ...defined({ reserved }) }, () => {
      call.scope?.cancel();
      if (call.state !== 'awaitingCompletion' && call.state !== 'awaitingAnswer') return;
      const stop = { type: 'turn cancelled' } as const;
      this.settle(index, answerStopped(stop, call.policy.repeatable, Date.now()));
    });
  }

  /** It has ended in the background. */
  private settleLate(call: BatchCall, ended: SettledCall): void {
    const { approvals, background, completions, report } = this.outside;
    const { use } = call;
    const settled = withHistory(call, ended);
    report({ type: 'call ended', round: this.batch.round, call: use, settled });
    approvals.withdraw(use.id, `it was answered as ${settled.outcome.type}`);
    completions.forget(use.id, `it was answered as ${settled.outcome.type}`);
    background.end(use.id, settled);
  }

  private settle(index: number, ended: SettledCall): void {
    const call = this.calls[index];
    if (call?.awaitedBy === 'turn') {
      this.settleLate(call, ended);
      return;
    }
    if (this.settled[index] !== undefined) return;
    const settled = call === undefined ? ended : withHistory(call, ended);
    this.settled[index] = settled;
    this.last = index;
    this.startsNow(index);
    if (call?.awaitedBy !== 'none') this.open -= 1;
    const { outcome } = settled;
    const { round, calls } = this.batch;
    const use = calls[index] as ToolUse;
    const { id: callId, name: tool } = use;
    this.outside.report({ type: 'call ended', round, call: use, settled });
    this.outside.approvals.withdraw(callId, `it was answered as ${outcome.type}`);
    this.outside.completions.forget(callId, `it was answered as ${outcome.type}`);
    if (this.batch.policy.onToolFailure === 'cancelSiblings' && isFailure(outcome)) {
      const stop = { type: 'sibling failed', callId, tool, message: outcome.message } as const;
      this.afterEndOf(index, () => this.stopAll(stop));
    }
    this.afterEndOf(index, () => {
      this.order.release(index, (held) => this.advance(this.calls[held]));
    });
    if (this.open === 0) this.finish();
  }

  /** Notes, for everything that `release` starts, that this call's end has started it. */
  private afterEndOf(index: number, release: () => void): void {
    const outer = this.ended;
    this.ended = index;
    release();
    this.ended = outer;
  }

  private startsNow(index: number): void {
    if (this.ended === undefined || this.startedAfter.has(index)) return;
    this.startedAfter.set(index, this.ended);
  }

  private isSettled({ index }: BatchCall): boolean {
    return this.settled[index] !== undefined;
  }

  private stopAll(stop: BatchStop): void {
    if (this.stop !== undefined || this.open === 0) return;
    this.stop = stop;
    for (const [index, call] of this.calls.entries()) {
      switch (call?.state) {
        case 'running':
          // Its activity is cancelled, and answers the call.
          if (!this.goesOn(call, stop)) call.scope?.cancel();
          else if (call.awaitedBy === 'batch' && !this.isSettled(call)) this.letGo(call);
          break;
        case 'awaitingCompletion':
        case 'awaitingAnswer':
          if (!this.goesOn(call, stop)) {
            this.settle(index, answerStopped(stop, call.policy.repeatable, Date.now()));
          } else if (!this.isSettled(call)) this.letGo(call);
          break;
        case 'awaitingResult':
          this.settle(index, answerStopped(stop, true, Date.now()));
          break;
        case 'held':
        case 'queued':
        case undefined:
          this.settle(index, answerNeverStarted(stop, Date.now()));
      }
    }
    // A cancelled turn cancels its scopes itself.
    if (stop.type !== 'turn cancelled') this.scope.cancel();
  }

  /** Whether the call goes on although its batch is stopped. */
  private goesOn({ scope }: BatchCall, stop: BatchStop): boolean {
    return stop.type === 'batch timeout' && scope !== undefined;
  }

  private finish(): void {
    this.scope.stopTimer();
    for (const call of this.calls) {
      if (call?.awaitedBy === 'none' && !this.isSettled(call)) this.leave(call);
    }
    for (const index of criticalCalls(this.last, (one) => this.startedAfter.get(one))) {
      const settled = this.settled[index];
      if (settled !== undefined) this.settled[index] = { ...settled, critical: true };
    }
    this.resolve(this.settled);
  }

  /** For operators, in the Temporal UI and in lists of turns. */
  private showWhatIsOpen(): void {
    const { approvals, show } = this.outside;
    const hasNews = approvals.publish();
    const { open, begunAt: since, batch, shownAt } = this;
    // Nobody sees each of hundreds of calls end, and making the text costs more than starting a call.
    const isSoon = open > MOST_SHOWN && shownAt !== undefined && shownAt - open < MOST_SHOWN;
    if (open === 0 || (isSoon && !hasNews)) return;
    this.shownAt = open;
    const all = batch.calls.length;
    show(waitingForCalls({ round: batch.round, all, open, calls: this.openCalls(), since }));
  }

  /** As many as are shown; those that wait for a person come first. */
  private openCalls(): OpenCall[] {
    const asked: OpenCall[] = [];
    const others: OpenCall[] = [];
    for (const call of this.calls) {
      if (call === undefined || this.isSettled(call) || call.awaitedBy !== 'batch') continue;
      const list = call.asked ? asked : others;
      if (list.length === MOST_SHOWN) continue;
      const doing = call.asked ? 'asked' : call.state === 'awaitingAnswer' ? 'queued' : call.state;
      const { use, prepared, policy, subAgent, lostWorkers } = call;
      const { taskQueue } = policy;
      const more = defined({ taskQueue, agent: subAgent?.agent, lostWorkers });
      list.push({ tool: use.name, summary: prepared.summary, doing, ...more });
    }
    return [...asked, ...others].slice(0, MOST_SHOWN);
  }
}

/** How the call ended, with everything that happened before. */
function withHistory({ begun, questions, approval }: BatchCall, ended: SettledCall): SettledCall {
  return withApproval(withQuestions({ ...ended, ...begun }, questions), approval);
}
