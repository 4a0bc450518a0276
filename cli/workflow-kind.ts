import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';
import { aboutServer } from '../client/temporal-errors.ts';
import { SESSION_WORKFLOW, TURN_WORKFLOW } from '../core/names.ts';
import { CliError, EXIT_CODES } from './exit-codes.ts';

/** What an id names. Throws a `CliError` where that is neither a turn nor a session. */
export async function kindOf(client: Client, id: string): Promise<'turn' | 'session'> {
  const { namespace } = client.options;
  try {
    const { type } = await client.workflow.getHandle(id).describe();
    if (type === TURN_WORKFLOW) return 'turn';
    if (type === SESSION_WORKFLOW) return 'session';
    const message = `Workflow ${id} is of type ${type}, and neither a turn nor a session.`;
    throw new CliError(EXIT_CODES.wrongInput, message);
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw aboutServer(error, namespace);
    const message = `There is no turn and no session ${id} in namespace ${namespace}. \`plait turns\` and \`plait sessions\` list the existing ones.`;
    throw new CliError(EXIT_CODES.wrongInput, message, { cause: error });
  }
}
