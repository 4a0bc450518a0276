import type { BatchResults, RunTools } from '../core/turn/decide.ts';
import { callsAllowed } from '../core/turn/decide.ts';
import { defined } from '../core/json.ts';
import { maxTextBytes, roomOf } from '../core/turn/payload-room.ts';
import type { TurnEvent } from '../core/turn/log-lines.ts';
import { inlineBytes } from '../core/turn/state.ts';
import { areReady, prepareMissing } from './batch/prepare.ts';
import { runBatch } from './batch/run-batch.ts';
import type { Turn } from './turn.ts';

/** Runs the calls of a reply at once, those that the budget allows, and waits for all of them. */
export async function runTools(
  turn: Turn,
  { agent, calls, prepared }: RunTools,
): Promise<BatchResults> {
  const { args, owner, state, approvals, completions } = turn;
  const { context, onToolFailure, batchTimeout } = args;
  const ready = areReady(prepared)
    ? prepared
    : await prepareMissing(args.agent, calls, prepared, { context, ...owner });
  const { run } = callsAllowed(state, { agent, calls }, turn.now());
  const batch = {
    agent,
    policy: { ...agent.batch, ...defined({ onToolFailure, batchTimeout }) },
    turnTime: turn.time,
    round: state.rounds,
    calls: calls.slice(0, run),
    prepared: ready.slice(0, run),
    context,
    owner,
    maxTextBytes: maxTextBytes(roomOf(agent), inlineBytes(state), calls),
    stored: state.stored,
  };
  const show = (doing: string) => turn.show(doing);
  const log = (event: TurnEvent) => turn.log(event);
  const settled = await runBatch(batch, { approvals, completions, show, log });
  return { agent, calls, settled };
}
