import {
  optionalFunctionProblem,
  optionalTextsProblem,
  recordProblem,
  rejectIf,
} from '../core/arguments.ts';
import type { Client } from '@temporalio/client';
import type { ExternalStorage, Payload, StorageDriver } from '@temporalio/common';
import { StorageDriverClaim } from '@temporalio/common';
import { isClaim, isDigest } from '../core/conversation/stored-data.ts';
import type { Segment } from '../core/conversation/transcript.ts';
import { causeChain } from '../core/failures.ts';
import { isRecord } from '../core/json.ts';
import { isGone } from './content.ts';
import type { UnreadableHistory } from './errors.ts';
import { InvalidStorageError, UnreadableHistoryError } from './errors.ts';
import { codeOf, isTooLarge, pagesOf } from './pages.ts';

export interface LiveKeysOptions {
  /** All namespaces whose clients and workers write to the storage. @default the client's */
  namespaces?: readonly string[];
  /**
   * Workflow types of other applications, which do not use this storage. What cannot be read of their
   * workflows, and of schedules that start them, is left out. @default none: it is an error
   */
  ignoreUnreadable?: readonly string[];
  /** Called for each workflow or schedule of which something was left out. */
  onUnreadable?: (left: UnreadableHistory) => void;
  /** Called again and again with how many workflows and schedules have been read. */
  onProgress?: (read: number) => void;
}

/** gRPC status: the server has deleted the workflow, because its retention time is over. */
const NOT_FOUND = 5;
/** Temporal's WORKFLOW_EXECUTION_STATUS_RUNNING. */
const RUNNING = 1;

/** How many workflows are read at the same time. */
const CONCURRENT = 8;

/** How many objects of one payload are examined at the same time. */
const LOOKED_INTO = 8;

/**
 * What fits into one message of 4 MB, the limit of the SDK's connections. The server counts events, not
 * bytes, so a larger history is read in pages of one event.
 */
const MESSAGE_BYTES = 3_500_000;

/**
 * The keys of all stored objects that workflows of the namespaces need, for `sweep`. It searches the
 * history of every workflow that the server still has, the pending activities of running ones, and
 * schedules.
 *
 * The client needs the codecs of the workers, and the storage (`withStorage`). Throws an
 * `UnreadableHistoryError` when it cannot read a payload, because the payload may name any object.
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
  rejectIf(
    InvalidStorageError,
    optionalTextsProblem('liveKeys: namespaces', options.namespaces),
    optionalTextsProblem('liveKeys: ignoreUnreadable', options.ignoreUnreadable),
    optionalFunctionProblem('liveKeys: onUnreadable', options.onUnreadable),
    optionalFunctionProblem('liveKeys: onProgress', options.onProgress),
  );
  const { namespaces = [client.options.namespace], ignoreUnreadable = [] } = options;
  const { onUnreadable, onProgress } = options;
  const reader = new KeyReader(client);
  let read = 0;
  for (const namespace of namespaces) {
    for await (const sources of chunks(sourcesOf(client, namespace))) {
      const found = await Promise.all(
        sources.map(async (source) => {
          const { what, workflowType } = source;
          let left: UnreadableHistory | undefined;
          const keys = await readSource(reader, source, (error) => {
            left ??= { what, workflowType, namespace, reason: reasonOf(error) };
            if (ignoreUnreadable.includes(workflowType)) return;
            throw new UnreadableHistoryError(left, { cause: error });
          });
          if (left !== undefined) onUnreadable?.(left);
          onProgress?.((read += 1));
          return keys;
        }),
      );
      for (const keys of found) yield* keys;
    }
  }
}

/** All keys that can be read. Calls `unreadable` for what cannot be, and rejects if the server is at fault. */
async function readSource(
  reader: KeyReader,
  { read }: Source,
  unreadable: (error: unknown) => void,
): Promise<Set<string>> {
  const keys = new Set<string>();
  try {
    for await (const answer of read()) {
      for (const payload of payloadsIn(answer)) {
        // Found even if the payload itself cannot be examined.
        for (const key of keysInText(payload)) keys.add(key);
        const behind = await reader.keysOf(payload).catch(unreadable);
        for (const key of behind ?? []) keys.add(key);
      }
    }
  } catch (error) {
    if (isTooLarge(error)) unreadable(error);
    else if (codeOf(error) !== NOT_FOUND) throw error;
  }
  return keys;
}

function reasonOf(error: unknown): string {
  return isTooLarge(error)
    ? `an event is larger than the connection takes (${causeChain(error)}); give the connection the channelArgs { 'grpc.max_receive_message_length': 134217728 }`
    : causeChain(error);
}

interface Source {
  /** As in "workflow x". */
  what: string;
  workflowType: string;
  /** Returns answers of the server, with payloads anywhere in them. */
  read: () => AsyncIterable<unknown>;
}

async function* sourcesOf(client: Client, namespace: string): AsyncGenerator<Source> {
  for await (const workflow of workflowsOf(client, namespace)) {
    yield {
      what: `workflow ${workflow.workflowId}`,
      workflowType: workflow.type,
      read: () => recordedOf(client, namespace, workflow),
    };
  }
  for await (const { scheduleId, type } of schedulesOf(client, namespace)) {
    const request = { namespace, scheduleId };
    yield {
      what: `schedule ${scheduleId}`,
      workflowType: type,
      read: () => only(client.workflowService.describeSchedule(request)),
    };
  }
}

async function* only(answer: Promise<unknown>): AsyncGenerator {
  yield await answer;
}

interface ListedWorkflow {
  workflowId: string;
  runId: string;
  type: string;
  /** For an ended workflow. */
  historyBytes: number;
  isRunning: boolean;
}

/** Not the client's own list, which decodes memos. The histories contain the memos too. */
async function* workflowsOf(client: Client, namespace: string): AsyncGenerator<ListedWorkflow> {
  const pages = pagesOf(
    (nextPageToken, pageSize) =>
      client.workflowService.listWorkflowExecutions({ namespace, pageSize, nextPageToken }),
    { smaller: 10 },
  );
  for await (const { executions } of pages) {
    for (const { execution, status, type, historySizeBytes } of executions ?? []) {
      const { workflowId, runId } = execution ?? {};
      if (!workflowId || !runId) continue;
      const historyBytes = Number(historySizeBytes ?? 0);
      const isRunning = Number(status) === RUNNING;
      yield { workflowId, runId, type: type?.name ?? '', historyBytes, isRunning };
    }
  }
}

async function* schedulesOf(
  client: Client,
  namespace: string,
): AsyncGenerator<{ scheduleId: string; type: string }> {
  const pages = pagesOf(
    (nextPageToken, maximumPageSize) =>
      client.workflowService.listSchedules({ namespace, maximumPageSize, nextPageToken }),
    { smaller: 10 },
  );
  for await (const { schedules } of pages) {
    for (const { scheduleId, info } of schedules ?? []) {
      if (scheduleId) yield { scheduleId, type: info?.workflowType?.name ?? '' };
    }
  }
}

/** The history, and for a running workflow also heartbeats and failed attempts, which are not in the history. */
async function* recordedOf(
  client: Client,
  namespace: string,
  { workflowId, runId, isRunning, historyBytes: bytes }: ListedWorkflow,
): AsyncGenerator {
  const execution = { workflowId, runId };
  const service = client.workflowService;
  let historyBytes = bytes;
  if (isRunning) {
    const description = await service.describeWorkflowExecution({ namespace, execution });
    historyBytes = Number(description.workflowExecutionInfo?.historySizeBytes ?? 0);
    yield description;
  }
  const pages = pagesOf(
    (nextPageToken, maximumPageSize) =>
      service.getWorkflowExecutionHistory({
        namespace,
        execution,
        maximumPageSize,
        nextPageToken,
      }),
    { size: historyBytes > MESSAGE_BYTES ? 1 : 0, smaller: 1 },
  );
  for await (const { history } of pages) yield history?.events;
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
 * Every SHA-256 in hex, anywhere in a payload; all claims are among them. Other digests do no harm, but a
 * missed claim would cost a conversation.
 */
const KEYS = /(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/g;

/** Encodings that can be searched as text once the codecs have decoded the payload. */
const READABLE = new Set([
  'json/plain',
  'json/protobuf',
  'binary/protobuf',
  'binary/plain',
  'binary/null',
]);

/** In the JSON of every segment that names other objects. */
const HOLDS_FILES = '"files":true';

const REFERENCE = 'temporal.api.sdk.v1.ExternalStorageReference';

/**
 * Finds keys in payloads of any origin. Something that only looks like a reference adds nothing, or one key
 * too many, which keeps an object. It is never an error.
 */
class KeyReader {
  private readonly codecs;
  private readonly storage: ExternalStorage | undefined;
  /** The keys in objects that were already read. A key always has the same content. */
  private readonly stored = new Map<string, Promise<string[]>>();

  constructor(client: Client) {
    const { payloadCodecs, externalStorage } = client.options.loadedDataConverter;
    this.codecs = payloadCodecs;
    this.storage = externalStorage;
  }

  /** Rejects if it cannot be known what the payload names. */
  async keysOf(payload: Payload): Promise<string[]> {
    const reference = referenceIn(payload);
    if (reference === undefined) return await this.keysWithin(await this.decoded(payload));
    const { driverName, claim } = reference;
    const driver = this.storage?.getDriver(driverName);
    if (driver === undefined || driver === null) {
      throw new Error(
        `it needs an object of the storage driver ${driverName}, and the client has no such storage; use withStorage`,
      );
    }
    return await this.keysInObject(driver, claim);
  }

  /** The keys in a payload, and in the segments that it names, which in turn name images and documents. */
  private async keysWithin(payload: Payload): Promise<string[]> {
    const found = keysInText(payload);
    const [driver] = this.storage?.drivers ?? [];
    if (driver === undefined || metadataOf(payload, 'encoding') !== 'json/plain') return found;
    const text = textOf(payload);
    if (!text.includes(HOLDS_FILES)) return found;
    const claims = claimsOfSegments(parsed(text));
    for (let from = 0; from < claims.length; from += LOOKED_INTO) {
      const some = claims.slice(from, from + LOOKED_INTO);
      const inObjects = await Promise.all(some.map((claim) => this.keysInObject(driver, claim)));
      for (const keys of inObjects) found.push(...keys);
    }
    return found;
  }

  /** The keys in an object. Large payloads and segments are objects that name others. */
  private keysInObject(driver: StorageDriver, claim: Record<string, string>): Promise<string[]> {
    const place = JSON.stringify([driver.name, claim]);
    const known = this.stored.get(place) ?? this.readKeys(driver, claim);
    this.stored.set(place, known);
    return known;
  }

  private async readKeys(driver: StorageDriver, claim: Record<string, string>): Promise<string[]> {
    let stored: Payload[];
    try {
      stored = await driver.retrieve({}, [new StorageDriverClaim(claim)]);
    } catch (error) {
      // The object is lost, so nothing can need the objects that it named.
      if (isGone(error)) return [];
      throw error;
    }
    const payloads = await Promise.all(stored.map((payload) => this.decoded(payload)));
    return (await Promise.all(payloads.map((payload) => this.keysWithin(payload)))).flat();
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

/** In the form in which the SDK writes them; anything else names nothing. */
function referenceIn(
  payload: Payload,
): { driverName: string; claim: Record<string, string> } | undefined {
  if (metadataOf(payload, 'messageType') !== REFERENCE) return undefined;
  const reference = parsed(textOf(payload));
  if (!isRecord(reference)) return undefined;
  const { driverName, claimData } = reference;
  return typeof driverName === 'string' && driverName !== '' && isClaim(claimData)
    ? { driverName, claim: claimData }
    : undefined;
}

/** Where segments with images and documents are, anywhere in a value. */
function claimsOfSegments(value: unknown): Record<string, string>[] {
  const claims = new Map<string, Record<string, string>>();
  for (const inner of valuesIn(value)) {
    if (isSegmentWithFiles(inner)) claims.set(JSON.stringify(inner.claim), inner.claim);
  }
  return [...claims.values()];
}

function isSegmentWithFiles(value: Record<string, unknown>): value is SegmentRecord {
  return (
    value['files'] === true &&
    isClaim(value['claim']) &&
    isDigest(value['digest']) &&
    Number.isSafeInteger(value['messages']) &&
    Number.isSafeInteger(value['bytes'])
  );
}

type SegmentRecord = Record<string, unknown> & Pick<Segment, 'claim'>;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function textOf({ data }: Payload): string {
  return Buffer.from(data ?? []).toString();
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
  for (const inner of valuesIn(value, isPayload)) if (isPayload(inner)) yield inner;
}

function isPayload(value: Record<string, unknown>): value is Record<string, unknown> & Payload {
  return value['data'] instanceof Uint8Array && isRecord(value['metadata']);
}

/**
 * All objects in a value, except what is inside a `leaf`. Not recursive: foreign data may be deeper than the
 * stack.
 */
function* valuesIn(
  value: unknown,
  leaf: (value: Record<string, unknown>) => boolean = () => false,
): Generator<Record<string, unknown>> {
  const left = [value];
  while (left.length > 0) {
    const inner = left.pop();
    if (Array.isArray(inner)) {
      for (const item of inner) left.push(item);
    } else if (isRecord(inner) && !(inner instanceof Uint8Array)) {
      yield inner;
      if (!leaf(inner)) for (const item of Object.values(inner)) left.push(item);
    }
  }
}
