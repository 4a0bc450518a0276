import type { Client } from '@temporalio/client';
import {
  extstoreInboundOptions,
  visit,
  walkGetWorkflowExecutionHistoryResponse,
} from '@temporalio/common/lib/internal-non-workflow/index.js';
import type { temporal } from '@temporalio/proto';
import { causeChain } from '../../core/failures.ts';
import { CALL_MODEL } from '../../core/names.ts';
import { StorageUnavailableError } from '../../storage/errors.ts';

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

/**
 * Fetches replies that lie in the storage, for the events of one run: a reply is to be told, however
 * large it is. Results of tools stay where they are.
 */
export function storedReplies(client: Client): (events: HistoryEvent[]) => Promise<void> {
  const requests = new Set<string>();
  const options = extstoreInboundOptions(client.options.loadedDataConverter.externalStorage);
  return async (events) => {
    for (const { eventId, activityTaskScheduledEventAttributes: scheduled } of events) {
      if (scheduled?.activityType?.name === CALL_MODEL) requests.add(String(eventId));
    }
    const replies = events.filter(({ activityTaskCompletedEventAttributes: completed }) =>
      requests.delete(String(completed?.scheduledEventId)),
    );
    try {
      const page = { history: { events: replies } };
      await visit(page, walkGetWorkflowExecutionHistoryResponse, options);
    } catch (error) {
      throw new StorageUnavailableError(
        `A reply of the model lies in a storage and cannot be read: ${causeChain(error)}. Give the client the \`storage\` of the workers.`,
        { cause: error },
      );
    }
  };
}
