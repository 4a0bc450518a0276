import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { WorkerUnavailableError } from './errors.ts';
import { jsonBytes } from '../core/json.ts';
import { GRPC, grpcStatus, ranOutOfTime, taskFailed } from './temporal-errors.ts';

/** How many Updates of one workflow the server accepts at the same time, from all clients together. */
const SERVER_LIMIT = 10;
/**
 * How many of them one client uses: the rest is for other processes. A worker answers all waiting Updates
 * together, so more would hardly be faster.
 */
const AT_ONCE = 5;
/**
 * How many bytes one client has in flight. The worker's SDK repeats each Update in its answer to the server,
 * which terminates a workflow whose answer is above 4 MB. Two such processes are still below.
 */
const BYTES_AT_ONCE = 1_800_000;
/** How long to retry while the server has too many Updates in flight and workers answer. */
const GIVE_UP_MS = 120_000;
/** Pauses before a retry: random, between half of this and all of it, and longer each time. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;
/** How long a worker may take to show that it exists at all. */
const PROBE_MS = 5_000;

interface Waiting {
  bytes: number;
  begin: () => void;
  giveUp: (error: WorkerUnavailableError) => void;
}

interface Lane {
  running: number;
  bytes: number;
  waiting: Waiting[];
}

/** Every workflow of the SDK answers this Query, and briefly. */
const METADATA_QUERY = '__temporal_workflow_metadata';

/** By connection, and by namespace and workflow id: several clients may share a connection. */
const connections = new WeakMap<object, Map<string, Lane>>();

/**
 * Runs a request that keeps an Update in flight until it settles. At most `AT_ONCE` requests and
 * `BYTES_AT_ONCE` of their arguments run at the same time for one workflow; the others wait in order. If no
 * worker answers one of them, those that wait end with the same error instead of waiting for their own
 * deadlines.
 */
export async function inTurn<T>(
  client: Client,
  workflowId: string,
  argument: unknown,
  request: () => Promise<T>,
): Promise<T> {
  const lanes = connections.get(client.connection) ?? new Map<string, Lane>();
  connections.set(client.connection, lanes);
  const key = JSON.stringify([client.options.namespace, workflowId]);
  const lane = lanes.get(key) ?? { running: 0, bytes: 0, waiting: [] };
  lanes.set(key, lane);
  const bytes = bytesInFlight(client, argument);
  await new Promise<void>((begin, giveUp) => {
    lane.waiting.push({ bytes, begin, giveUp });
    beginNext(lane);
  });
  try {
    return await request();
  } catch (error) {
    if (error instanceof WorkerUnavailableError) {
      for (const { giveUp } of lane.waiting.splice(0)) giveUp(alike(error));
    }
    throw error;
  } finally {
    lane.running -= 1;
    lane.bytes -= bytes;
    beginNext(lane);
    if (lane.running === 0) lanes.delete(key);
  }
}

function beginNext(lane: Lane): void {
  for (let next = lane.waiting[0]; next !== undefined; next = lane.waiting[0]) {
    const fits = lane.running < AT_ONCE && lane.bytes + next.bytes <= BYTES_AT_ONCE;
    // A larger one runs alone.
    if (!fits && lane.running > 0) return;
    lane.waiting.shift();
    lane.running += 1;
    lane.bytes += next.bytes;
    next.begin();
  }
}

/** With a storage, large values do not travel in the request. */
function bytesInFlight(client: Client, argument: unknown): number {
  return client.options.loadedDataConverter.externalStorage === undefined ? jsonBytes(argument) : 0;
}

/** A separate error for each caller, with a stack of its own. */
function alike({ turnIds, message, cause }: WorkerUnavailableError): WorkerUnavailableError {
  return new WorkerUnavailableError(turnIds, message, { cause });
}

/**
 * Runs the request again while the workflow has too many Updates in flight, from other processes or from
 * clients of another kind. The request must be safe to repeat.
 *
 * `answers` says whether a worker answers the workflow; it is asked when it seems that no worker is there.
 * The deadline alone does not prove that: the SDK's connection itself retries a rejected request until then.
 * Nor does a failed workflow task: something came while a worker was ending the workflow, which then decides
 * again.
 */
export async function whileBusy<T>(
  workflowId: string,
  request: () => Promise<T>,
  answers: () => Promise<boolean>,
): Promise<T> {
  const giveUpAt = Date.now() + GIVE_UP_MS;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    try {
      return await request();
    } catch (error) {
      if (!isBusy(error) && !(seemsUnanswered(error) && (await answers()))) throw error;
      if (Date.now() > giveUpAt) {
        throw new WorkerUnavailableError(
          [workflowId],
          `The worker of ${workflowId} answers, but it did not get to this request within ${GIVE_UP_MS / 1_000} s. The server has at most ${SERVER_LIMIT} Updates of one workflow in flight, from all clients together. Send fewer at once, then send it again: nothing is done twice.`,
          { cause: error },
        );
      }
      await sleep(pause * (0.5 + Math.random() / 2));
    }
  }
}

/**
 * Whether a worker answers for the workflow now, although an Update got no answer. Asks for metadata, since
 * what a turn or a session answers may be large.
 */
export async function workerAnswers(client: Client, workflowId: string): Promise<boolean> {
  try {
    await client.withDeadline(Date.now() + PROBE_MS, () =>
      client.workflow.getHandle(workflowId).query(METADATA_QUERY),
    );
    return true;
  } catch {
    return false;
  }
}

function seemsUnanswered(error: unknown): boolean {
  return error instanceof WorkerUnavailableError && (ranOutOfTime(error) || taskFailed(error));
}

/** A message that is too large has the same code. */
function isBusy(error: unknown): boolean {
  const status = grpcStatus(error);
  return status?.code === GRPC.resourceExhausted && !/larger than max/i.test(status.details);
}
