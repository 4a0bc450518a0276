import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { isRecord } from '../../core/json.ts';
import type { TurnInput } from '../../core/turn/input.ts';
import { withFiles } from '../client-storage.ts';
import { aboutServer } from '../temporal-errors.ts';
import { HistoryReader, turnRuns } from './history.ts';

/**
 * What a turn was asked, from its history; `undefined` where that has not begun, or is gone.
 *
 * Throws a `TemporalUnavailableError`, a `StorageUnavailableError`.
 */
export async function turnInput(client: Client, turnId: string): Promise<TurnInput | undefined> {
  const payloads = await firstArguments(client, turnId);
  const [args] = await decodeArrayFromPayloads(client.options.loadedDataConverter, payloads);
  return isRecord(args) ? await withFiles(client, args['input'] as TurnInput) : undefined;
}

async function firstArguments(client: Client, turnId: string) {
  try {
    const [runId] = await turnRuns(client.workflow, turnId);
    const options = { historySize: undefined, waits: false };
    const history = new HistoryReader(client, { workflowId: turnId, runId }, options);
    const [first] = await history.readPage(undefined);
    return first?.workflowExecutionStartedEventAttributes?.input?.payloads;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw aboutServer(error, client.options.namespace);
  }
}
