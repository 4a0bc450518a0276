import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { aboutServer } from '../temporal-errors.ts';
import type { HistoryEvent } from './history.ts';
import { asServiceError, HistoryReader, mayAskAgain, PAUSE_MS, turnRuns } from './history.ts';

/**
 * The ids of the turns of a session: the newest one that has begun, and then every other as it begins, until the
 * session ends. Read from its history, so no worker is needed.
 *
 * Throws a `TemporalUnavailableError` when the server stays away.
 */
export async function* sessionTurns(
  client: Client,
  sessionId: string,
  signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  const runs = await asked(client, () => turnRuns(client.workflow, sessionId));
  let runId: string | undefined = runs.at(-1) ?? '';
  const known = new Set(await turnsIn(client, sessionId, runId));
  const newest = [...known].at(-1) ?? (await newestIn(client, sessionId, runs.slice(0, -1)));
  if (newest !== undefined) yield newest;
  while (runId !== undefined) {
    const run = { workflowId: sessionId, runId };
    const history: HistoryReader = new HistoryReader(client, run, { historySize: undefined });
    runId = undefined;
    while (!history.ended) {
      const events = await patientPage(client, history, signal);
      if (signal.aborted) return;
      for (const event of events) {
        const turnId = begunIn(event);
        if (turnId !== undefined && !known.has(turnId)) yield turnId;
        runId ??= continuedIn(event);
      }
    }
  }
}

/** The newest turn of a session that has begun; `undefined` if none has. */
export async function newestTurn(client: Client, sessionId: string): Promise<string | undefined> {
  const runs = await asked(client, () => turnRuns(client.workflow, sessionId));
  return await newestIn(client, sessionId, runs);
}

/** A run that has just begun may not have started a turn yet. */
async function newestIn(
  client: Client,
  sessionId: string,
  runs: readonly string[],
): Promise<string | undefined> {
  for (const runId of runs.toReversed()) {
    const newest = (await turnsIn(client, sessionId, runId)).at(-1);
    if (newest !== undefined) return newest;
  }
  return undefined;
}

async function turnsIn(client: Client, workflowId: string, runId: string): Promise<string[]> {
  const options = { historySize: undefined, waits: false };
  const history = new HistoryReader(client, { workflowId, runId }, options);
  const turns: string[] = [];
  while (!history.ended) {
    const events = await asked(client, () => history.readPage(undefined));
    turns.push(...events.flatMap((event) => begunIn(event) ?? []));
  }
  return turns;
}

async function patientPage(
  client: Client,
  history: HistoryReader,
  signal: AbortSignal,
): Promise<HistoryEvent[]> {
  try {
    return await history.readPage(signal);
  } catch (error) {
    if (signal.aborted) return [];
    if (!mayAskAgain(error)) throw aboutServer(asServiceError(error), client.options.namespace);
    await sleep(PAUSE_MS);
    return [];
  }
}

async function asked<T>(client: Client, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    throw aboutServer(error, client.options.namespace);
  }
}

function begunIn(event: HistoryEvent): string | undefined {
  const started = event.childWorkflowExecutionStartedEventAttributes;
  return started?.workflowExecution?.workflowId ?? undefined;
}

function continuedIn(event: HistoryEvent): string | undefined {
  const continued = event.workflowExecutionContinuedAsNewEventAttributes;
  return continued?.newExecutionRunId ?? undefined;
}
