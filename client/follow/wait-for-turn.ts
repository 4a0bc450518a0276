import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { TurnNotFoundError } from '../errors.ts';
import { findWorkflow } from '../find-workflow.ts';
import { aboutTurn } from '../temporal-errors.ts';
import { asServiceError, HistoryReader, mayAskAgain, PAUSE_MS } from './history.ts';

/**
 * Waits until a turn of a session has begun, by long poll of the session's history: whenever that has
 * new events, the turn may have begun.
 *
 * Throws a `TurnNotFoundError` when the session ended before.
 */
export async function waitForTurn(
  client: Client,
  sessionId: string,
  turnId: string,
  signal?: AbortSignal,
): Promise<void> {
  const { namespace } = client.options;
  while (!(await exists(client, turnId))) {
    const session = await runningSession(client, sessionId);
    if (session === undefined) {
      // The session's last act may have been to start this turn.
      if (await exists(client, turnId)) return;
      throw new TurnNotFoundError(turnId, namespace);
    }
    for await (const _ of news(client, sessionId, session, signal)) {
      if (await exists(client, turnId)) return;
    }
    signal?.throwIfAborted();
  }
}

async function exists(client: Client, turnId: string): Promise<boolean> {
  try {
    await aboutTurn(turnId, client.options.namespace, () =>
      client.workflow.getHandle(turnId).describe(),
    );
    return true;
  } catch (error) {
    if (error instanceof TurnNotFoundError) return false;
    throw error;
  }
}

/** Whether the session may still start a turn. */
export async function isRunning(client: Client, sessionId: string): Promise<boolean> {
  return (await runningSession(client, sessionId)) !== undefined;
}

interface Run {
  runId: string;
  historySize?: number | undefined;
}

/** The open run of the session; `undefined` if it has ended or never existed. */
async function runningSession(client: Client, sessionId: string): Promise<Run | undefined> {
  const session = await findWorkflow(client.workflow, sessionId);
  return session?.status.name === 'RUNNING' ? session : undefined;
}

/** Yields whenever the run has new events, until it is closed. */
async function* news(
  client: Client,
  workflowId: string,
  { runId, historySize }: Run,
  signal: AbortSignal | undefined,
): AsyncGenerator<void, void, undefined> {
  const history = new HistoryReader(client, { workflowId, runId }, { historySize });
  do {
    try {
      await history.readPage(signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (!mayAskAgain(error)) throw asServiceError(error);
      await sleep(PAUSE_MS);
    }
    yield;
  } while (!history.ended);
}
