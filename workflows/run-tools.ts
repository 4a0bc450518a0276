import type { BatchPolicy } from '../core/calls/batch-policy.ts';
import type { SettledCall } from '../core/calls/outcome.ts';
import type { PreparedCall } from '../core/calls/prepared-call.ts';
import type { BatchResults, RunTools } from '../core/turn/decide.ts';
import { budgetOf, callsAllowed } from '../core/turn/decide.ts';
import { DEFAULT_DEPTH } from '../core/calls/sub-agent.ts';
import { committedBy } from '../core/turn/background.ts';
import type { EveryField } from '../core/json.ts';
import { defined } from '../core/json.ts';
import { maxTextBytes, roomOf } from '../core/turn/payload-room.ts';
import type { TurnEvent } from '../core/turn/events.ts';
import { inlineBytes } from '../core/turn/state.ts';
import type { TimedCall } from '../core/turn/timing.ts';
import { addBatchTime } from '../core/turn/timing.ts';
import { areReady, prepareMissing } from './batch/prepare.ts';
import { runBatch } from './batch/run-batch.ts';
import type { Turn } from './turn.ts';

/** Runs the calls of a reply at once, as far as the budget allows, and waits for all of them. */
export async function runTools(
  turn: Turn,
  { agent, calls, prepared }: RunTools,
): Promise<BatchResults> {
  const { args, owner, state, approvals, completions, background } = turn;
  const { context, onToolFailure, batchTimeout } = args;
  const ofTurn: EveryField<Partial<BatchPolicy>> = { onToolFailure, batchTimeout };
  const start = Date.now();
  const ready = areReady(prepared)
    ? prepared
    : await prepareMissing(agent, calls, prepared, { context, ...owner });
  const { run } = callsAllowed(state, { agent, calls }, turn.now());
  const { elapsed } = turn.now();
  const batch = {
    agent,
    policy: { ...agent.batch, ...defined(ofTurn) },
    turnTime: turn.time,
    round: state.rounds,
    calls: calls.slice(0, run),
    prepared: ready.slice(0, run),
    context,
    owner,
    maxTextBytes: maxTextBytes(roomOf(agent), inlineBytes(state), calls),
    levels: Math.min(turn.levels, agent.limits.depth ?? DEFAULT_DEPTH),
    budget: { limits: budgetOf(args, agent), spent: committedBy(state, elapsed) },
    stored: state.stored,
    trace: turn.trace.from,
    traceCall: (callId: string, turnId?: string) => turn.trace.ofCall(callId, turnId),
  };
  const show = (doing: string) => turn.show(doing);
  const report = (event: TurnEvent) => turn.report(event);
  const settled = await runBatch(batch, { approvals, completions, background, show, report });
  const timed = settled.map((call, i) => timedCall(call, ready[i]));
  const times = addBatchTime(turn.state.times, timed, { start, end: Date.now() });
  turn.state = { ...turn.state, times };
  return { agent, calls, settled };
}

function timedCall(call: SettledCall, prepared: PreparedCall | undefined): TimedCall {
  const { start, end, startedEarly, approval, questions } = call;
  const isAsked = prepared?.type === 'ready' && prepared.approval === true;
  // Nobody decided about the call: it was answered in another way.
  const waitedUntil = isAsked
    ? approval === undefined
      ? end
      : Date.parse(approval.at)
    : undefined;
  const asked = questions?.map(({ askedAt, at }) => ({
    start: Date.parse(askedAt),
    end: Date.parse(at),
  }));
  return { start, end, ...defined({ startedEarly, waitedUntil, asked }) };
}
