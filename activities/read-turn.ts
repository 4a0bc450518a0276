import { Context } from '@temporalio/activity';
import type { SessionTurnProgress } from '../core/turn-beginning.ts';
import { TURN_STATE_QUERY } from '../core/turn-messages.ts';

export interface ReadTurnArgs {
  turnId: string;
}

/** What a turn has done that was terminated or timed out. A Query on a closed run still answers. */
export async function readTurn({ turnId }: ReadTurnArgs): Promise<SessionTurnProgress> {
  const turn = Context.current().client.workflow.getHandle(turnId);
  return await turn.query<SessionTurnProgress>(TURN_STATE_QUERY);
}
