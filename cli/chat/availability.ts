import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { TemporalUnavailableError, WorkerUnavailableError } from '../../client/errors.ts';

/** Called with what is waited for, and with `undefined` when it answers again. */
export type OnWaiting = (reason: string | undefined) => void;

export const NO_TEMPORAL = 'The Temporal server does not answer. Waiting for it; nothing is lost.';
const NO_WORKER = 'No worker answers. Trying again; nothing is lost, and nothing is done twice.';
const PAUSE_MS = 1_000;

/** Tries again while the server or the workers do not answer. For requests that may be repeated. */
export async function whenAvailable<T>(
  request: () => Promise<T>,
  onWaiting: OnWaiting,
  signal: AbortSignal,
): Promise<T> {
  let isWaiting = false;
  for (;;) {
    try {
      const answer = await request();
      if (isWaiting) onWaiting(undefined);
      return answer;
    } catch (error) {
      const reason = reasonOf(error);
      if (reason === undefined || signal.aborted) throw error;
      onWaiting(reason);
      isWaiting = true;
      await sleep(PAUSE_MS, undefined, { signal });
    }
  }
}

function reasonOf(error: unknown): string | undefined {
  if (error instanceof TemporalUnavailableError) return NO_TEMPORAL;
  return error instanceof WorkerUnavailableError ? NO_WORKER : undefined;
}

const CHECK_MS = 2_000;

/** Reports when the server stops answering and when it answers again, until `signal`. */
export async function watchServer(
  client: Client,
  onWaiting: OnWaiting,
  signal: AbortSignal,
): Promise<void> {
  let isThere = true;
  while (!signal.aborted) {
    const isThereNow = await answers(client);
    if (!signal.aborted && isThereNow !== isThere) onWaiting(isThereNow ? undefined : NO_TEMPORAL);
    isThere = isThereNow;
    await sleep(CHECK_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function answers(client: Client): Promise<boolean> {
  try {
    await client.withDeadline(Date.now() + CHECK_MS, () =>
      client.workflowService.getSystemInfo({}),
    );
    return true;
  } catch {
    return false;
  }
}
