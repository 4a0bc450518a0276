import { setWorkflowOptions } from '@temporalio/workflow';
import { afterBackground, afterLastWord, afterReply, afterResults } from '../core/turn/decide.ts';
import type { TurnBeginning } from '../core/turn/beginning.ts';
import type { TraceCarrier } from '../core/trace/carrier.ts';
import type { TurnArgs } from '../core/turn/input.ts';
import { askLastWord, askModel } from './ask-model.ts';
import { awaitBackground } from './await-background.ts';
import { continueInNewRun, isContinuing } from './continue-as-new.ts';
import type { EndedTurn } from './end-turn.ts';
import { endTurn, stopDespite, turnFailure } from './end-turn.ts';
import { runTools } from './run-tools.ts';
import { openTurn } from './turn.ts';
import { readingAll } from './unreadable.ts';

/**
 * One turn of an agent: ask the model, run every tool call of its reply at once, give it all the
 * results in one message, and repeat until it stops.
 *
 * This loop only waits and commits. What comes next is decided in `core/turn/decide.ts`.
 *
 * Completes with a `TurnResult`, also when it was cancelled, ended in a refusal or ran out of rounds.
 * Fails only when there is no such agent or the model cannot be asked; the failure's details then
 * hold the result so far. A turn of a session returns references instead of the messages, and that of a
 * sub-agent only what its calling turn needs.
 *
 * @param beginning what a session, a calling turn or an earlier run of the turn hands on; not for other
 *   callers
 * @param carrier what the interceptors of the workflow know of its trace; likewise
 */
export async function agentTurn(
  args: TurnArgs,
  beginning?: TurnBeginning,
  carrier?: TraceCarrier,
): Promise<EndedTurn> {
  const turn = openTurn(args, beginning, carrier);
  try {
    for (let next = turn.begin(); ;) {
      switch (next.type) {
        case 'ask model': {
          const answer = await askModel(turn);
          next = turn.commit(afterReply(turn.state, answer, turn.now()));
          break;
        }
        case 'run tools': {
          const results = await runTools(turn, next);
          next = turn.commit(afterResults(turn.state, results, turn.now()));
          break;
        }
        case 'await background':
          await awaitBackground(turn, next);
          next = turn.commit(afterBackground(turn.state, next, turn.now()));
          break;
        case 'last word': {
          const answer = await askLastWord(turn);
          next = turn.commit(afterLastWord(turn.state, answer, next, turn.now()));
          break;
        }
        case 'continue as new':
          next = await continueInNewRun(turn, next);
          break;
        case 'stop':
          return await endTurn(turn, next);
      }
    }
  } catch (error) {
    if (isContinuing(error)) throw error;
    const stop = stopDespite(turn, error);
    if (stop !== undefined) return await endTurn(turn, stop);
    throw await turnFailure(turn, error);
  }
}

setWorkflowOptions(readingAll, agentTurn);
