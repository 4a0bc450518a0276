import { CancellationScope, isCancellation, setWorkflowOptions } from '@temporalio/workflow';
import type { SessionMemory } from '../core/session/memory.ts';
import type { SessionArgs, SessionState } from '../core/session/protocol.ts';
import type { TraceCarrier } from '../core/trace/carrier.ts';
import { openSession } from './session.ts';
import { readingAll } from './unreadable.ts';
import { allAnswered } from './updates.ts';

/**
 * One long conversation with an agent. Messages come as Updates; each becomes a turn, a child
 * workflow, one after another. It waits for the next one for as long as it takes, and completes when
 * it is closed or cancelled.
 *
 * This loop only waits. What comes next is decided in `core/session/decide.ts`.
 *
 * @param carried what an earlier run of the session hands on; not for other callers
 * @param carrier what the interceptors of the workflow know of its turns' traces; likewise
 */
export async function agentSession(
  args: SessionArgs,
  carried?: SessionMemory,
  carrier?: TraceCarrier,
): Promise<SessionState> {
  const session = openSession(args, carried, carrier);
  try {
    for (let isOpen = true; isOpen;) {
      await allAnswered();
      // A cancelled session starts nothing new.
      if (CancellationScope.current().consideredCancelled) session.close({ interrupt: true });
      const next = session.nextStep();
      switch (next.type) {
        case 'run turn':
          await session.runTurn(next.turn);
          break;
        case 'wait':
          if (!(await session.hears(next.atMost))) await session.continueAsNew();
          break;
        case 'continue as new':
          await session.continueAsNew();
          break;
        case 'stop':
          isOpen = false;
      }
    }
  } catch (error) {
    if (!isCancellation(error)) throw error;
    session.close({ interrupt: true });
  }
  session.publish();
  return session.ended();
}

setWorkflowOptions(readingAll, agentSession);
