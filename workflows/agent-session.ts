import { isCancellation } from '@temporalio/workflow';
import type { SessionArgs, SessionState } from '../core/session/protocol.ts';
import type { SessionMemory } from '../core/session/memory.ts';
import { SessionRun } from './session-run.ts';

/**
 * One long conversation with an agent. Messages come as Updates; each becomes a turn, a child
 * workflow, one after another. It waits for the next one for as long as it takes, and completes when
 * it is closed or cancelled.
 *
 * @param carried what an earlier run of the session hands on; not for other callers
 */
export async function agentSession(
  args: SessionArgs,
  carried?: SessionMemory,
): Promise<SessionState> {
  const session = new SessionRun(args, carried);
  try {
    for (;;) {
      const turn = await session.nextTurn();
      if (turn === undefined) break;
      await session.runTurn(turn);
    }
  } catch (error) {
    if (!isCancellation(error)) throw error;
    session.close({ interrupt: true });
  }
  session.publish();
  return session.describe();
}
