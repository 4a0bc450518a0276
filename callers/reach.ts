import type { WorkflowHandle } from '@temporalio/client';
import { agentOf, userOf } from '../core/search-attributes.ts';
import type { Caller } from './caller.ts';

/**
 * The agent of a turn or a session that the caller may reach; `undefined` where it does not exist, belongs to
 * another caller, or is of an agent that is not served.
 *
 * @param type its workflow type
 */
export async function mayReach(
  workflow: WorkflowHandle,
  type: string,
  { user }: Pick<Caller, 'user'>,
  isServed: (agent: string) => boolean,
): Promise<{ agent: string } | undefined> {
  let run: Awaited<ReturnType<WorkflowHandle['describe']>>;
  try {
    run = await workflow.describe();
  } catch (error) {
    // Recognized by its name: its class may come from another copy of the SDK.
    if (error instanceof Error && error.name === 'WorkflowNotFoundError') return undefined;
    throw error;
  }
  if (run.type !== type) return undefined;
  const agent = agentOf(run);
  if (agent === undefined || !isServed(agent)) return undefined;
  return user === undefined || userOf(run) === user ? { agent } : undefined;
}
