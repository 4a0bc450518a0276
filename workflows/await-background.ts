import { condition } from '@temporalio/workflow';
import { MAX_DURATION } from '../core/duration.ts';
import type { AwaitBackground } from '../core/turn/decide.ts';
import type { Turn } from './turn.ts';
import { allAnswered } from './updates.ts';

/** Waits for calls in the background, until the turn is out of time. */
export async function awaitBackground(turn: Turn, step: AwaitBackground): Promise<void> {
  const isOver = () =>
    turn.background.running.length <= step.running ||
    (step.before.type === 'stop' && turn.state.steering.length > 0);
  const { time } = turn;
  if (time === undefined) await condition(isOver);
  else {
    const summary = `round ${turn.state.rounds}: time limit of the turn`;
    await condition(isOver, Math.min(time.left, MAX_DURATION), { summary });
  }
  // An Update may have completed a call, and its answer must be sent first.
  await allAnswered();
}
