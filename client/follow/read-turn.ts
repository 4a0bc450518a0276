import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { aboutTurn } from '../temporal-errors.ts';
import type { TurnRecord } from './build-waterfall.ts';
import { pendingActivities } from './description.ts';
import type { TurnEvent } from './events.ts';
import { readEvent } from './events.ts';
import { ofTurn } from './feed.ts';
import { HistoryReader, turnRuns } from './history.ts';

/** All that the server says of a turn now, and the description of its newest run. */
export interface ReadTurn {
  record: TurnRecord;
  description: WorkflowExecutionDescription;
}

/**
 * Reads a turn through all of its runs, up to now. It waits for nothing, and no worker is needed.
 *
 * Throws a `TurnNotFoundError`, a `TemporalUnavailableError`.
 */
export async function readTurn(client: Client, turnId: string): Promise<ReadTurn> {
  return await aboutTurn(turnId, client.options.namespace, async () => {
    const converter = client.options.loadedDataConverter;
    // Before the history, which then says of everything that ended meanwhile that it has ended.
    const description = await client.workflow.getHandle(turnId).describe();
    const pending = await pendingActivities(description.raw, converter);
    const runs = await turnRuns(client.workflow, turnId);
    const events: TurnEvent[] = [];
    for (const [i, runId] of runs.entries()) {
      const { historySize } = await client.workflow.getHandle(turnId, runId).describe();
      const options = { historySize, waits: false };
      const history = new HistoryReader(client, { workflowId: turnId, runId }, options);
      while (!history.ended) {
        const page = await history.readPage(undefined);
        const read = await Promise.all(page.map((event) => readEvent(event, converter)));
        for (const event of read) {
          if (event !== undefined) events.push(...ofTurn(event, runId, runs[i + 1]));
        }
      }
    }
    return { record: { turnId, events, pending, now: Date.now() }, description };
  });
}
