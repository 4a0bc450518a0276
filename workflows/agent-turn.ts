import { isCancellation } from '@temporalio/workflow';
import type { SessionTurnResult } from '../core/turn/result.ts';
import type { TurnBeginning } from '../core/turn/beginning.ts';
import type { TurnArgs } from '../core/turn/input.ts';
import type { TurnResult } from '../core/turn/result.ts';
import { isContinuing } from './continue-as-new.ts';
import { TurnRun } from './turn-run.ts';

/**
 * One turn of an agent: ask the model, run every tool call of its reply at once, give it all the
 * results in one message, and repeat until it stops.
 *
 * Completes with a `TurnResult`, also when it was cancelled, refused or ran out of rounds. Fails
 * only when there is no such agent or the model cannot be asked; the failure's details then hold
 * the result so far. A turn of a session returns references instead of the messages.
 *
 * @param beginning what a session or an earlier run of the turn hands on; not for other callers
 */
export async function agentTurn(
  args: TurnArgs,
  beginning?: TurnBeginning,
): Promise<TurnResult | SessionTurnResult> {
  const turn = new TurnRun(args, beginning);
  try {
    for (let step = turn.firstStep(); ;) {
      switch (step.type) {
        case 'ask model':
          step = await turn.askModel();
          break;
        case 'run tools':
          step = await turn.runTools(step);
          break;
        case 'stop':
          return await turn.finish(step);
      }
    }
  } catch (error) {
    if (isContinuing(error)) throw error;
    if (isCancellation(error)) return await turn.finish({ type: 'stop', reason: 'cancelled' });
    const outOfTime = turn.outOfTime(error);
    if (outOfTime !== undefined) return await turn.finish(outOfTime);
    throw await turn.failure(error);
  }
}
