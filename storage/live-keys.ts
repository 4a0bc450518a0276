import { recordProblem, rejectIf } from '../core/arguments.ts';
import { InvalidStorageError } from './errors.ts';
import type { Client } from '@temporalio/client';
import type { ExternalStorage, Payload, StorageDriver } from '@temporalio/common';
import { ApplicationFailure, StorageDriverClaim } from '@temporalio/common';
import { STORED_OBJECT_LOST } from '../core/failures.ts';
import { defined, isRecord } from '../core/json.ts';
import type { Segment } from '../core/conversation/transcript.ts';

export interface LiveKeysOptions {
  /** All namespaces whose clients and workers write to the storage. @default the client's */
  namespaces?: readonly string[];
}

/** gRPC status: the server has deleted the workflow, because its retention time is over. */
const NOT_FOUND = 5;

/** Temporal's WORKFLOW_EXECUTION_STATUS_RUNNING. */
const RUNNING = 1;

/** How many histories are read at the same time. */
const CONCURRENT = 8;

/**
 * The keys of all stored objects that workflows of the namespaces need, for `sweep`. It searches the
 * history of every workflow that the server still has, the pending activities of running ones, and
 * schedules.
 *
 * The client needs the codecs of the workers, and the storage (`withStorage`). Throws when it cannot read
 * a payload, because the payload may name any object.
 */
export async function* liveKeys(
  client: Client,
  options: LiveKeysOptions = {},
): AsyncGenerator<string> {
  rejectIf(
    InvalidStorageError,
    recordProblem('liveKeys: the client', client),
    recordProblem('liveKeys: the options', options),
  );
  const { namespaces = [client.options.namespace] } = options;
  const reader = new KeyReader(client);
  for (const namespace of namespaces) {
    for await (const sources of chunks(sourcesOf(client, namespace))) {
      const found = await Promise.all(
        sources.map(async ({ what, read }) => {
          const value = await unlessGone(read());
          return await reader.keysIn(value).catch((error: unknown) => {
            const message = `Cannot find out which stored objects ${what} needs`;
            throw new Error(message, { cause: error });
          });
        }),
      );
      for (const keys of found) yield* keys;
    }
  }
}

interface Source {
  /** As in "workflow x". */
  what: string;
  /** Returns an answer of the server, with payloads anywhere in it. */
  read: () => Promise<unknown>;
}

async function* sourcesOf(client: Client, namespace: string): AsyncGenerator<Source> {
  for await (const { workflowId, runId, isRunning } of workflowsOf(client, namespace)) {
    const execution = { workflowId, runId };
    const what = `workflow ${workflowId}`;
    yield { what, read: () => readHistory(client, namespace, execution) };
    if (!isRunning) continue;
    // Heartbeats and failed attempts are not in the history.
    const service = client.workflowService;
    yield {
      what,
      read: async (): Promise<unknown> =>
        await service.describeWorkflowExecution({ namespace, execution }),
    };
  }
  for await (const scheduleId of schedulesOf(client, namespace)) {
    const what = `schedule ${scheduleId}`;
    const service = client.workflowService;
    yield {
      what,
      read: async (): Promise<unknown> => await service.describeSchedule({ namespace, scheduleId }),
    };
  }
}

/** Not with the client's own list, which decodes memos. The histories have the memos too. */
async function* workflowsOf(client: Client, namespace: string): AsyncGenerator<ListedWorkflow> {
  const pages = pagesOf((page) =>
    client.workflowService.listWorkflowExecutions({ namespace, ...page }),
  );
  for await (const { executions } of pages) {
    for (const { execution, status } of executions ?? []) {
      const { workflowId, runId } = execution ?? {};
      if (workflowId && runId) yield { workflowId, runId, isRunning: Number(status) === RUNNING };
    }
  }
}

interface ListedWorkflow {
  workflowId: string;
  runId: string;
  isRunning: boolean;
}

async function* schedulesOf(client: Client, namespace: string): AsyncGenerator<string> {
  const pages = pagesOf((page) => client.workflowService.listSchedules({ namespace, ...page }));
  for await (const { schedules } of pages) {
    for (const { scheduleId } of schedules ?? []) if (scheduleId) yield scheduleId;
  }
}

async function readHistory(
  client: Client,
  namespace: string,
  execution: { workflowId: string; runId: string },
): Promise<unknown[]> {
  const pages = pagesOf((page) =>
    client.workflowService.getWorkflowExecutionHistory({ namespace, execution, ...page }),
  );
  const events: unknown[] = [];
  for await (const { history } of pages) events.push(history?.events);
  return events;
}

/** All pages of an answer of the server. */
async function* pagesOf<Page extends { nextPageToken?: Uint8Array | null }>(
  request: (page: { nextPageToken?: Uint8Array }) => Promise<Page>,
): AsyncGenerator<Page> {
  let nextPageToken: Uint8Array | undefined;
  do {
    const page = await request(defined({ nextPageToken }));
    yield page;
    nextPageToken = page.nextPageToken?.length ? page.nextPageToken : undefined;
  } while (nextPageToken !== undefined);
}

async function unlessGone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isRecord(error) && error['code'] === NOT_FOUND) return undefined;
    throw error;
  }
}

async function* chunks<T>(items: AsyncIterable<T>): AsyncGenerator<T[]> {
  let chunk: T[] = [];
  for await (const item of items) {
    chunk.push(item);
    if (chunk.length < CONCURRENT) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

/**
 * Every SHA-256 in hex, anywhere in a payload, which includes all claims. Other digests do no harm here,
 * but a missed claim would cost a conversation.
 */
const KEYS = /(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/g;

/** Encodings that can be searched as text, once the codecs have decoded the payload. */
const READABLE = new Set([
  'json/plain',
  'json/protobuf',
  'binary/protobuf',
  'binary/plain',
  'binary/null',
]);

/** The JSON of a segment that names other objects contains this. */
const HOLDS_FILES = '"files":true';

const REFERENCE = 'temporal.api.sdk.v1.ExternalStorageReference';

class KeyReader {
  private readonly codecs;
  private readonly storage: ExternalStorage | undefined;
  /** The keys in objects that were already read. The content of a key never changes. */
  private readonly stored = new Map<string, Promise<string[]>>();

  constructor(client: Client) {
    const { payloadCodecs, externalStorage } = client.options.loadedDataConverter;
    this.codecs = payloadCodecs;
    this.storage = externalStorage;
  }

  /** All keys in all payloads of an answer. */
  async keysIn(answer: unknown): Promise<string[]> {
    const keys: string[] = [];
    for (const payload of payloadsIn(answer)) keys.push(...(await this.keysOf(payload)));
    return keys;
  }

  private async keysOf(payload: Payload): Promise<string[]> {
    if (metadataOf(payload, 'messageType') !== REFERENCE) {
      return await this.keysWithin(await this.decoded(payload));
    }
    const text = Buffer.from(payload.data ?? []).toString();
    const { driverName, claimData } = JSON.parse(text) as Reference;
    const driver = this.storage?.getDriver(driverName);
    if (driver === undefined || driver === null) {
      throw new Error(
        `it needs an object of the storage driver ${driverName}, and the client has no such storage; use withStorage`,
      );
    }
    return [...keysInText(payload), ...(await this.keysInObject(driver, claimData))];
  }

  /** The keys in a payload, and in the segments that it names, which name images and documents. */
  private async keysWithin(payload: Payload): Promise<string[]> {
    const found = keysInText(payload);
    const [driver] = this.storage?.drivers ?? [];
    const text = Buffer.from(payload.data ?? []).toString();
    const isJson = metadataOf(payload, 'encoding') === 'json/plain';
    if (driver === undefined || !isJson || !text.includes(HOLDS_FILES)) return found;
    const segments = segmentsWithFiles(JSON.parse(text));
    const inSegments = segments.map(({ claim }) => this.keysInObject(driver, claim));
    return [...found, ...(await Promise.all(inSegments)).flat()];
  }

  /** The keys in an object. Large payloads and segments are objects that name others. */
  private keysInObject(driver: StorageDriver, claim: Record<string, string>): Promise<string[]> {
    const place = JSON.stringify([driver.name, claim]);
    const known = this.stored.get(place) ?? this.readKeys(driver, claim);
    this.stored.set(place, known);
    return known;
  }

  private async readKeys(driver: StorageDriver, claim: Record<string, string>): Promise<string[]> {
    try {
      const stored = await driver.retrieve({}, [new StorageDriverClaim(claim)]);
      const payloads = await Promise.all(stored.map((payload) => this.decoded(payload)));
      return (await Promise.all(payloads.map((payload) => this.keysWithin(payload)))).flat();
    } catch (error) {
      // The object is lost, so nothing can need the objects that it named.
      if (error instanceof ApplicationFailure && error.type === STORED_OBJECT_LOST) return [];
      throw error;
    }
  }

  private async decoded(payload: Payload): Promise<Payload> {
    let payloads = [payload];
    for (const codec of this.codecs.toReversed()) payloads = await codec.decode(payloads);
    const [decoded = payload] = payloads;
    const encoding = metadataOf(decoded, 'encoding');
    if (READABLE.has(encoding)) return decoded;
    throw new Error(
      `cannot read a payload with the encoding ${JSON.stringify(encoding)}: give the client the codecs of the workers`,
    );
  }
}

interface Reference {
  driverName: string;
  claimData: Record<string, string>;
}

function segmentsWithFiles(value: unknown): Pick<Segment, 'claim'>[] {
  if (Array.isArray(value)) return value.flatMap(segmentsWithFiles);
  if (!isRecord(value)) return [];
  const isSegment = value['files'] === true && isRecord(value['claim']) && 'digest' in value;
  return isSegment
    ? [value as unknown as Segment]
    : Object.values(value).flatMap(segmentsWithFiles);
}

function keysInText({ data }: Payload): string[] {
  return (
    Buffer.from(data ?? [])
      .toString('latin1')
      .match(KEYS) ?? []
  );
}

function metadataOf({ metadata }: Payload, name: string): string {
  return Buffer.from(metadata?.[name] ?? []).toString();
}

function* payloadsIn(value: unknown): Generator<Payload> {
  if (Array.isArray(value)) {
    for (const item of value) yield* payloadsIn(item);
  } else if (isRecord(value) && !(value instanceof Uint8Array)) {
    if (value['data'] instanceof Uint8Array && isRecord(value['metadata'])) yield value;
    else for (const item of Object.values(value)) yield* payloadsIn(item);
  }
}
