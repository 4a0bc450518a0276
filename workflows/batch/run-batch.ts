import { setCurrentDetails } from '@temporalio/workflow';
import { refusal, roomForInput, withApproval } from '../../core/calls/approval.ts';
import type { BatchStop } from '../../core/calls/batch-policy.ts';
import {
  endedBy,
  firstTimeout,
  isFailure,
  neverStarted,
  stopped,
} from '../../core/calls/batch-policy.ts';
import { CallOrder } from '../../core/calls/call-order.ts';
import { waitingForCalls } from '../../core/turn/current-details.ts';
import { Limiter } from '../../core/calls/limiter.ts';
import { jsonBytes } from '../../core/json.ts';
import { nextOccurrence } from '../../core/calls/occurrences.ts';
import { blockedText } from '../../core/calls/order.ts';
import type { ApprovalRecord, SettledCall, ToolOutcome } from '../../core/calls/outcome.ts';
import { notCompletedText } from '../../core/calls/texts.ts';
import type { PreparedCall } from '../../core/calls/prepared-call.ts';
import type { BatchCall } from './call.ts';
import { approvalTimeout, batchCalls, commandBytes, toolCallArgs, cannotRunText } from './call.ts';
import { BatchScope } from './scope.ts';
import type { CallEnd } from './ended.ts';
import { settledNow } from './ended.ts';
import { completeCall } from './complete-call.ts';
import type { Batch, WaitingRooms } from './batch.ts';
import { runCall } from './schedule.ts';

const MAX_OUTSTANDING_BYTES = 1_500_000;

/**
 * Runs one batch. On its way a call passes, in the order of the methods below:
 *
 * 1. `ask`: a person is asked, where one must decide about it
 * 2. `advance`: the earlier calls that it conflicts with settle, the person decides, the gate has room
 * 3. `run`: its activity is scheduled
 * 4. `park`: it waits to be completed from outside, where its tool has handed it over
 * 5. `settle`: it has its outcome, and those advance that it has held
 *
 * `stopAll` settles it wherever it is. Everything happens in callbacks: see `runCall`.
 */
export class BatchRun {
  private readonly batch: Batch;
  private readonly rooms: WaitingRooms;
  private readonly resolve: (settled: SettledCall[]) => void;

  private readonly scope: BatchScope;
  private readonly timeout: ReturnType<typeof firstTimeout>;
  private readonly gate: Limiter;
  private readonly order: CallOrder;
  /** `undefined` for calls that cannot run. */
  private readonly calls: readonly (BatchCall | undefined)[];
  private readonly settled: SettledCall[] = [];
  private open: number;
  private stop: BatchStop | undefined;
  private contextBytes: number | undefined;

  constructor(
    batch: Batch,
    rooms: WaitingRooms,
    resolve: (settled: SettledCall[]) => void,
    reject: (error: unknown) => void,
  ) {
    this.batch = batch;
    this.rooms = rooms;
    this.resolve = resolve;
    const { agent, policy } = batch;
    this.timeout = firstTimeout(policy, batch.turnTime);
    this.scope = new BatchScope({
      ofItsOwn: policy.onToolFailure === 'cancelSiblings' || this.timeout !== undefined,
      done: () => this.tellOperators(),
      failed: reject,
    });
    const policies = new Map(agent.policies);
    this.gate = new Limiter({
      calls: agent.limits.concurrency,
      bytes: MAX_OUTSTANDING_BYTES,
      callsOf: (tool) => policies.get(tool)?.concurrency,
    });
    this.calls = batchCalls(batch);
    this.open = this.calls.length;
    this.order = new CallOrder(
      // Also of those that cannot run: they may stop others.
      batch.prepared.map(({ access }) => access),
      (index) => this.settled[index]?.outcome.type,
    );
  }

  start(): void {
    if (this.open === 0) {
      this.resolve([]);
      return;
    }
    const { timeout } = this;
    this.scope.onCancel(() => this.stopAll({ type: 'turn cancelled' }));
    if (timeout !== undefined) {
      this.scope.onTimeout(timeout.after, () => this.stopAll(timeout.stop));
    }
    this.scope.run(() => {
      // First what cannot run: it may stop the others before one of them starts.
      for (const [index, call] of this.calls.entries()) {
        if (call !== undefined) continue;
        this.settle(
          index,
          settledNow({ type: 'failed', message: cannotRunText(this.batch, index) }),
        );
      }
      for (const call of this.calls) {
        // The failure of another may have answered it.
        if (call === undefined || this.isSettled(call)) continue;
        if (call.asked) this.ask(call);
        this.advance(call);
      }
    });
  }

  private ask(call: BatchCall): void {
    const { agent, round } = this.batch;
    this.rooms.approvals.ask({
      agent: agent.name,
      call: call.use,
      round,
      timeout: approvalTimeout(call),
      announce: agent.announcesApprovals === true,
      roomForInput: () => this.roomForInput(),
      decided: (record, prepared) => this.scope.run(() => this.decide(call, record, prepared)),
    });
  }

  private roomForInput(): number {
    const edited = this.calls.flatMap((call) => call?.approval?.input ?? []);
    return roomForInput(this.batch.agent.spec.type === 'stored', edited);
  }

  private decide(
    call: BatchCall,
    approval: ApprovalRecord,
    prepared?: PreparedCall & { type: 'ready' },
  ): void {
    call.asked = false;
    call.approval = approval;
    const refused = refusal(approval, approvalTimeout(call));
    if (refused !== undefined) this.answer(call, refused);
    else if (prepared === undefined) this.advance(call);
    else this.edit(call, approval.input, prepared);
  }

  /** Another input may touch something else, and then the call has another place in the order. */
  private edit(call: BatchCall, input: unknown, prepared: PreparedCall & { type: 'ready' }): void {
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
    // It may have held up others that it does not meet any more.
    for (const other of this.calls) this.advance(other);
  }

  /** Starts a call as soon as nothing is in its way. */
  private advance(call: BatchCall | undefined): void {
    if (call?.state !== 'held' || this.isSettled(call) || this.order.isHeld(call.index)) return;
    if (this.stop !== undefined) {
      this.answer(call, neverStarted(this.stop));
      return;
    }
    const blocker = this.order.blocker(call.index);
    if (blocker !== undefined) {
      const other = this.batch.calls[blocker.index] ?? call.use;
      this.answer(call, { type: 'skipped', message: blockedText(blocker, other) });
      return;
    }
    if (call.asked) return;
    call.state = 'queued';
    // Measured once: it may be large, and the calls many.
    this.contextBytes ??= jsonBytes(this.batch.context);
    const use = { tool: call.use.name, bytes: commandBytes(call, this.contextBytes) };
    this.gate.pass(use, () => {
      // It was answered while it was queued.
      if (this.isSettled(call) || this.stop !== undefined) this.gate.leave(use);
      else this.run(call, () => this.gate.leave(use));
    });
  }

  private run(call: BatchCall, leaveGate: () => void): void {
    call.state = 'running';
    const { use, policy, input, prepared } = call;
    this.rooms.completions.expect(use.id);
    const ready = {
      id: use.id,
      tool: use.name,
      input,
      args: toolCallArgs(this.batch, call),
      summary: prepared.summary,
      policy,
    };
    runCall(ready, (end) => {
      leaveGate();
      this.end(call, end);
    });
  }

  private end(call: BatchCall, end: CallEnd): void {
    this.scope.guard(() => {
      if (end.type === 'later') this.park(call, end);
      else this.settle(call.index, endedBy(this.stop, end.settled, call.policy.repeatable));
    });
  }

  private park(call: BatchCall, { later, report }: CallEnd & { type: 'later' }): void {
    const begun = { attempts: report.attempt, start: report.startedAt };
    if (this.stop !== undefined) {
      this.answer(call, stopped(this.stop, call.policy.repeatable), begun);
      return;
    }
    call.state = 'parked';
    this.rooms.completions.park(call.use.id, later, {
      completed: ({ result }) =>
        this.scope.run(() =>
          completeCall(this.batch, call, result, (end) => this.end(call, withTimes(end, begun))),
        ),
      expired: () =>
        this.scope.run(() => {
          const message = notCompletedText(later.timeout);
          this.answer(call, { type: 'timedOut', message }, begun);
        }),
    });
  }

  private answer(call: BatchCall, outcome: ToolOutcome, times: Partial<Times> = {}): void {
    this.settle(call.index, { ...settledNow(outcome), ...times });
  }

  private settle(index: number, ended: SettledCall): void {
    if (this.settled[index] !== undefined) return;
    const settled = withApproval(ended, this.calls[index]?.approval);
    this.settled[index] = settled;
    this.open -= 1;
    const { outcome } = settled;
    const { id: callId = '', name: tool = '' } = this.batch.calls[index] ?? {};
    this.rooms.approvals.withdraw(callId, `it was answered as ${outcome.type}`);
    this.rooms.completions.forget(callId, `it was answered as ${outcome.type}`);
    if (this.batch.policy.onToolFailure === 'cancelSiblings' && isFailure(outcome)) {
      this.stopAll({ type: 'sibling failed', callId, tool, message: outcome.message });
    }
    this.order.release(index, (held) => this.advance(this.calls[held]));
    if (this.open === 0) this.finish();
  }

  private isSettled({ index }: BatchCall): boolean {
    return this.settled[index] !== undefined;
  }

  private stopAll(stop: BatchStop): void {
    if (this.stop !== undefined || this.open === 0) return;
    this.stop = stop;
    for (const [index, call] of this.calls.entries()) {
      if (call?.state === 'parked') {
        this.answer(call, stopped(stop, call.policy.repeatable), { attempts: 1 });
      } else if (call?.state !== 'running') this.settle(index, settledNow(neverStarted(stop)));
    }
    // A turn that is cancelled cancels its scopes.
    if (stop.type !== 'turn cancelled') this.scope.cancel();
  }

  private finish(): void {
    this.scope.stopTimer();
    this.resolve(this.settled);
  }

  private tellOperators(): void {
    const { approvals } = this.rooms;
    if (!approvals.publish()) return;
    setCurrentDetails(waitingForCalls(this.batch.round, approvals.tools, this.open));
  }
}

type Times = Pick<SettledCall, 'attempts' | 'start'>;

function withTimes(end: CallEnd, times: Times): CallEnd {
  return end.type === 'settled' ? { ...end, settled: { ...end.settled, ...times } } : end;
}
