import {
  CancellationScope,
  scheduleActivity,
  setCurrentDetails,
  sleep,
} from '@temporalio/workflow';
import type { PresentResultArgs } from '../activities/present-result.ts';
import type { ToolCallArgs, ToolReturn } from '../activities/run-tool.ts';
import type { Access } from '../core/access.ts';
import type { BatchStop } from '../core/batch-policy.ts';
import { firstTimeout, isFailure, neverStarted, stopped } from '../core/batch-policy.ts';
import { originOf } from '../core/call-origin.ts';
import { Gate } from '../core/gate.ts';
import { canonicalJson, isRecord, jsonBytes } from '../core/json.ts';
import type { ToolUse } from '../core/messages.ts';
import { PRESENT_RESULT, READ_RESULT } from '../core/names.ts';
import { occurrences } from '../core/occurrences.ts';
import { blockedText, findBlocker, planAgain, planOrder } from '../core/order.ts';
import type { ApprovalRecord, SettledCall, ToolOutcome } from '../core/outcome.ts';
import {
  deniedText,
  editedInVainText,
  editedText,
  expiredText,
  notCompletedText,
  toldFromOutside,
} from '../core/outcome-text.ts';
import type { PreparedCall } from '../core/prepared-call.ts';
import type { ToolPolicy } from '../core/tool-policy.ts';
import { DEFAULT_WAIT } from '../core/tool-policy.ts';
import type { Completion } from '../core/turn-messages.ts';
import { maxResultBytes } from '../core/turn-limits.ts';
import { withNote } from '../core/with-note.ts';
import type { CallEnd } from './call-end.ts';
import { failed, returned } from './call-end.ts';
import type { Batch, WaitingRooms } from './dispatch-tools.ts';
import { runCall } from './run-call.ts';

const MAX_OUTSTANDING_BYTES = 1_500_000;
/** What a scheduled activity costs beside its input: ids, options, summary. */
const COMMAND_BYTES = 1_000;
/**
 * What an approver may write into a call. Where there is no storage, this is for all calls of a reply:
 * the result of the turn holds it beside the conversation, which may fill all but some 400 KB of it.
 */
const MAX_EDITED_BYTES = { stored: 500_000, inline: 250_000 };

/** One call on its way. */
interface Call {
  readonly use: ToolUse;
  readonly policy: ToolPolicy;
  occurrence: number;
  prepared: PreparedCall & { type: 'ready' };
  /** What it runs with: the model's input, or what an approver made of it. */
  input: unknown;
  /** - `held`: an earlier call or a person comes first
   *  - `queued`: for room
   *  - `running`: its activity is scheduled
   *  - `parked`: its tool has handed it over to be completed from outside */
  state: 'held' | 'queued' | 'running' | 'parked';
  /** Earlier calls that it waits for and that have not settled. */
  before: number;
  asked: boolean;
  approval?: ApprovalRecord;
}

/** Runs one batch. Everything happens in callbacks: see `runCall`. */
export class BatchRun {
  private readonly batch: Batch;
  private readonly rooms: WaitingRooms;
  private readonly resolve: (settled: SettledCall[]) => void;
  private readonly reject: (error: unknown) => void;

  private readonly gate: Gate;
  /** That of the turn, unless the calls may have to be stopped without it. */
  private readonly scope: CancellationScope;
  private readonly timeout: ReturnType<typeof firstTimeout>;
  private timer: CancellationScope | undefined;
  private readonly resultLimit: number | undefined;
  /** `undefined` for calls that were answered before they could run. */
  private readonly calls: (Call | undefined)[];
  private readonly settled: SettledCall[] = [];
  private open: number;
  private accesses: (Access | undefined)[];
  private waitsFor: number[][];
  private heldBy: Map<number, number[]>;
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
    this.reject = reject;
    const { agent, calls, prepared, policy } = batch;
    this.timeout = firstTimeout(policy, batch.turnTime);
    const mayStop = policy.onToolFailure === 'cancelSiblings' || this.timeout !== undefined;
    this.scope = mayStop ? new CancellationScope() : CancellationScope.current();
    const policies = new Map(agent.policies);
    this.gate = new Gate({
      calls: agent.limits.concurrency,
      bytes: MAX_OUTSTANDING_BYTES,
      callsOf: (tool) => policies.get(tool)?.concurrency,
    });
    this.resultLimit = maxResultBytes(calls.length, agent.spec.type === 'stored');
    const repeated = occurrences(calls);
    this.calls = calls.map((use, i): Call | undefined => {
      const policy = policies.get(use.name);
      const ready = prepared[i];
      if (ready?.type !== 'ready' || policy === undefined) return undefined;
      return {
        use,
        policy,
        occurrence: repeated[i] ?? 0,
        prepared: ready,
        input: use.input,
        state: 'held',
        before: 0,
        asked: ready.approval === true,
      };
    });
    this.open = calls.length;
    this.accesses = prepared.map((ready) => ready.access);
    this.waitsFor = planOrder(this.accesses);
    this.heldBy = this.count();
  }

  start(): void {
    if (this.open === 0) {
      this.resolve([]);
      return;
    }
    this.watchCancellation();
    this.watchTime();
    this.inScope(() => {
      // First what cannot run: it may stop the others before one of them starts.
      for (const [i, call] of this.calls.entries()) {
        if (call === undefined) this.settle(i, this.unrunnable(i));
      }
      for (const [i, call] of this.calls.entries()) {
        // The failure of another may have answered it.
        if (call?.asked === true && this.settled[i] === undefined) this.ask(i, call);
        this.advance(i);
      }
    });
  }

  private watchCancellation(): void {
    this.scope.cancelRequested.catch(() =>
      this.guarded(() => this.stopAll({ type: 'turn cancelled' })),
    );
  }

  private watchTime(): void {
    const { timeout } = this;
    if (timeout === undefined) return;
    this.timer = new CancellationScope();
    this.timer
      .run(() => sleep(timeout.after))
      .then(
        () => this.guarded(() => this.stopAll(timeout.stop)),
        // All calls have ended, or the turn was cancelled.
        () => undefined,
      );
  }

  /** Activities belong to the scope in which they are scheduled, and a decision comes from another. */
  private inScope(work: () => void): void {
    if (CancellationScope.current() === this.scope) this.guarded(work);
    else void this.scope.run(async () => this.guarded(work));
  }

  /** A defect must fail the turn, where it is told; unhandled, it would stop it without a word. */
  private guarded(work: () => void): void {
    try {
      work();
      if (this.rooms.approvals.publish()) this.tellOperators();
    } catch (error) {
      this.reject(error);
    }
  }

  /** In the Temporal UI, where a turn that waits for days must not look as if it hung. */
  private tellOperators(): void {
    const { tools } = this.rooms.approvals;
    const open = this.batch.calls.filter((_, i) => this.settled[i] === undefined);
    const people = tools.length === 0 ? [] : [`a person to decide about ${tools.join(', ')}`];
    const running = open.length - tools.length;
    const others =
      running > 0 ? [`${running} running or held ${running === 1 ? 'call' : 'calls'}`] : [];
    const what = [...people, ...others].join(' and ') || 'nothing';
    setCurrentDetails(`Round ${this.batch.round}: waiting for ${what}`);
  }

  /** Which calls each call holds up, and by how many each is held. */
  private count(): Map<number, number[]> {
    const holds = new Map<number, number[]>();
    for (const [i, earlier] of this.waitsFor.entries()) {
      const open = earlier.filter((j) => this.settled[j] === undefined);
      const call = this.calls[i];
      if (call !== undefined) call.before = open.length;
      for (const j of open) {
        const held = holds.get(j);
        if (held === undefined) holds.set(j, [i]);
        else held.push(i);
      }
    }
    return holds;
  }

  /** Starts a call as soon as nothing is in its way. */
  private advance(i: number): void {
    const call = this.calls[i];
    if (call?.state !== 'held' || call.before > 0 || this.settled[i] !== undefined) return;
    if (this.stop !== undefined) {
      this.settle(i, now(neverStarted(this.stop)));
      return;
    }
    const blocker = findBlocker(
      i,
      this.accesses,
      this.waitsFor[i] ?? [],
      (j) => this.settled[j]?.outcome.type ?? 'skipped',
    );
    if (blocker !== undefined) {
      const other = this.batch.calls[blocker.index] ?? call.use;
      const message = blockedText(blocker, other);
      this.settle(i, now({ type: 'skipped', message }));
      return;
    }
    if (call.asked) return;
    call.state = 'queued';
    const use = { tool: call.use.name, bytes: this.bytesOf(call) };
    this.gate.pass(use, () => {
      // It was answered while it was queued.
      if (this.settled[i] !== undefined || this.stop !== undefined) this.gate.leave(use);
      else this.run(i, call, () => this.gate.leave(use));
    });
  }

  private run(i: number, call: Call, leaveGate: () => void): void {
    call.state = 'running';
    this.rooms.completions.expect(call.use.id);
    const { use, policy, input, prepared } = call;
    const ready = {
      id: use.id,
      tool: use.name,
      input,
      args: this.argsOf(call),
      summary: prepared.summary,
      policy,
    };
    runCall(ready, (end) => {
      leaveGate();
      this.end(i, call, end);
    });
  }

  private end(i: number, call: Call, end: CallEnd): void {
    this.guarded(() => {
      if (end.type === 'later') this.park(i, call, end);
      else this.settle(i, this.explained(end.settled, call.policy));
    });
  }

  /** A call that was cancelled is told by what. */
  private explained(settled: SettledCall, { repeatable }: ToolPolicy): SettledCall {
    if (settled.outcome.type !== 'cancelled' || this.stop === undefined) return settled;
    if (settled.attempts > 0) return { ...settled, outcome: stopped(this.stop, repeatable) };
    // Between two attempts the server does not say that there was one.
    return { ...settled, outcome: neverStarted(this.stop, repeatable) };
  }

  private settle(i: number, settled: SettledCall): void {
    if (this.settled[i] !== undefined) return;
    const call = this.calls[i];
    const edited = call?.approval?.input;
    const note = settled.attempts > 0 ? editedText : editedInVainText;
    const outcome =
      edited === undefined ? settled.outcome : withNote(settled.outcome, note(edited));
    this.settled[i] = {
      ...settled,
      outcome,
      ...(call?.approval === undefined ? {} : { approval: call.approval }),
    };
    this.open -= 1;
    const { id = '', name = '' } = this.batch.calls[i] ?? {};
    this.rooms.approvals.withdraw(id, `it was answered as ${outcome.type}`);
    this.rooms.completions.forget(id, `it was answered as ${outcome.type}`);
    this.applyPolicy(outcome, { callId: id, tool: name });
    for (const held of this.heldBy.get(i) ?? []) {
      const other = this.calls[held];
      if (other !== undefined) other.before -= 1;
      this.advance(held);
    }
    if (this.open === 0) this.finish();
  }

  private finish(): void {
    this.timer?.cancel();
    this.resolve(this.settled);
  }

  private applyPolicy(outcome: ToolOutcome, call: { callId: string; tool: string }): void {
    if (this.batch.policy.onToolFailure !== 'cancelSiblings' || !isFailure(outcome)) return;
    if (outcome.type === 'succeeded') return;
    this.stopAll({ type: 'sibling failed', ...call, message: outcome.message });
  }

  private stopAll(stop: BatchStop): void {
    if (this.stop !== undefined || this.open === 0) return;
    this.stop = stop;
    for (const [i, call] of this.calls.entries()) {
      if (call?.state === 'parked')
        this.settle(i, { ...now(stopped(stop, call.policy.repeatable)), attempts: 1 });
      else if (call?.state !== 'running') this.settle(i, now(neverStarted(stop)));
    }
    if (stop.type !== 'turn cancelled') this.scope.cancel();
  }

  private unrunnable(i: number): SettledCall {
    const prepared = this.batch.prepared[i];
    const name = this.batch.calls[i]?.name;
    const message =
      prepared?.type === 'refused' ? prepared.message : `There is no tool named ${name}.`;
    return now({ type: 'failed', message });
  }

  private ask(i: number, call: Call): void {
    const { agent, round } = this.batch;
    this.rooms.approvals.ask({
      agent: agent.name,
      call: call.use,
      round,
      timeout: approvalTimeout(call),
      announce: agent.announcesApprovals === true,
      roomForInput: () => this.roomForInput(),
      decided: (record, prepared) => this.inScope(() => this.decide(i, call, record, prepared)),
    });
  }

  private decide(
    i: number,
    call: Call,
    approval: ApprovalRecord,
    prepared?: PreparedCall & { type: 'ready' },
  ): void {
    call.asked = false;
    call.approval = approval;
    if (approval.decision !== 'approved') {
      const message =
        approval.decision === 'denied'
          ? deniedText(approval.reason)
          : expiredText(approvalTimeout(call));
      this.settle(i, now({ type: 'denied', message }));
      return;
    }
    if (prepared === undefined) {
      this.advance(i);
      return;
    }
    this.edit(i, call, { input: approval.input, prepared });
    // It may have held up others that it does not meet any more.
    for (const other of this.calls.keys()) this.advance(other);
  }

  /** Another input may touch something else, so the order is planned again. */
  private edit(i: number, call: Call, { input, prepared }: Pick<Call, 'input' | 'prepared'>): void {
    call.input = input;
    call.prepared = prepared;
    call.occurrence = this.nextOccurrence(call);
    this.accesses = this.accesses.with(i, prepared.access);
    this.waitsFor = planAgain(
      this.accesses,
      (j) => this.settled[j] !== undefined || this.calls[j]?.state !== 'held',
    );
    this.heldBy = this.count();
  }

  /** Of calls that an edit has made equal each is another one, with an idempotency key of its own. */
  private nextOccurrence(call: Call): number {
    const same = canonicalJson(call.input);
    const taken = this.calls.flatMap((other) =>
      other !== undefined &&
      other !== call &&
      other.use.name === call.use.name &&
      canonicalJson(other.input) === same
        ? other.occurrence
        : [],
    );
    return Math.max(-1, ...taken) + 1;
  }

  /** What of the calls of this batch was edited travels in the result of the turn. */
  private roomForInput(): number {
    if (this.batch.agent.spec.type === 'stored') return MAX_EDITED_BYTES.stored;
    const edited = this.calls.flatMap((call) => call?.approval?.input ?? []);
    return MAX_EDITED_BYTES.inline - jsonBytes(edited);
  }

  private park(i: number, call: Call, { later, report }: CallEnd & { type: 'later' }): void {
    if (this.stop !== undefined) {
      this.settle(i, {
        ...now(stopped(this.stop, call.policy.repeatable)),
        attempts: report.attempt,
        start: report.startedAt,
      });
      return;
    }
    call.state = 'parked';
    const times = { attempts: report.attempt, start: report.startedAt };
    this.rooms.completions.park(call.use.id, later, {
      completed: (completion) => this.inScope(() => this.complete(i, call, completion, times)),
      expired: () =>
        this.inScope(() => {
          const message = notCompletedText(later.timeout);
          this.settle(i, { ...now({ type: 'timedOut', message }), ...times });
        }),
    });
  }

  /** Turns what came from outside into a result as a worker does it for what a tool returns. */
  private complete(
    i: number,
    call: Call,
    { result }: Completion,
    times: { attempts: number; start: number },
  ): void {
    if (result.type === 'failed') {
      const message = toldFromOutside(result.message);
      this.settle(i, { ...now({ type: 'failed', message }), ...times });
      return;
    }
    const { use, policy } = call;
    // Without the context: it is not needed, and together with a large value it might not fit.
    const { context: _, ...presented } = this.argsOf(call);
    const args: PresentResultArgs = {
      ...presented,
      tool: use.name,
      callId: use.id,
      value: result.value,
    };
    const scheduled = Date.now();
    scheduleActivity<ToolReturn>(PRESENT_RESULT, [args], {
      activityId: `result.${use.id}`,
      summary: `${use.name}: completed from outside`,
      startToCloseTimeout: '1m',
      retry: { maximumAttempts: 5, maximumInterval: '30s' },
    }).then(
      (value) => this.end(i, call, withTimes(returned(value, scheduled), times)),
      (error: unknown) =>
        this.end(i, call, withTimes(failed(error, { tool: use.name, policy, scheduled }), times)),
    );
  }

  private argsOf({ use, occurrence, input }: Call): ToolCallArgs {
    const { agent, round, context, stored, maxTextBytes } = this.batch;
    const named = isRecord(input) ? input['id'] : undefined;
    const part = stored.find(({ callId }) => callId === named);
    return {
      agent: agent.name,
      round,
      occurrence,
      ...originOf(use),
      ...(this.resultLimit === undefined ? {} : { maxResultBytes: this.resultLimit }),
      ...(maxTextBytes === undefined ? {} : { maxTextBytes }),
      ...(context === undefined ? {} : { context }),
      ...(part === undefined || use.name !== READ_RESULT ? {} : { stored: part }),
    };
  }

  private bytesOf({ input }: Call): number {
    // Measured once: it may be large, and the calls many.
    this.contextBytes ??= jsonBytes(this.batch.context);
    return COMMAND_BYTES + jsonBytes(input) + this.contextBytes;
  }
}

function approvalTimeout({ policy }: Call): number {
  return policy.approvalTimeout ?? DEFAULT_WAIT;
}

/** A call that is answered where it stands. */
function now(outcome: ToolOutcome): SettledCall {
  const time = Date.now();
  return { outcome, attempts: 0, start: time, end: time };
}

function withTimes(end: CallEnd, times: { attempts: number; start: number }): CallEnd {
  return end.type === 'settled' ? { ...end, settled: { ...end.settled, ...times } } : end;
}
