import { activityInfo, Context } from '@temporalio/activity';
import type { StorageDriver } from '@temporalio/common';
import { ApplicationFailure } from '@temporalio/common';
import { LRUCache } from 'lru-cache';
import type { AgentSpec, PinnedSpec } from '../../core/agent-spec.ts';
import type { StoredResult } from '../../core/calls/outcome.ts';
import { hasCompaction } from '../../core/conversation/compaction.ts';
import type { Message } from '../../core/conversation/messages.ts';
import type { StoredData } from '../../core/conversation/stored-data.ts';
import {
  putBackData,
  storedData,
  takeOutData,
  withoutLookAlikes,
} from '../../core/conversation/stored-data.ts';
import type { Segment } from '../../core/conversation/transcript.ts';
import { segmentsToAbsorb } from '../../core/conversation/transcript.ts';
import {
  causeChain,
  INVALID_TURN,
  STORAGE_FAILED,
  STORED_OBJECT_DAMAGED,
} from '../../core/failures.ts';
import { isGone } from '../../storage/content.ts';
import { partDigest, readPart, writePart } from '../../storage/stored-part.ts';

/** Where transcripts and specs lie outside of history. Without a storage, everything stays inline. */
export interface TranscriptStore {
  readonly hasStorage: boolean;
  load(segments: readonly Segment[]): Promise<Message[]>;
  /** Seals the tail, and merges the last segments into it that are not much larger. */
  seal(
    segments: readonly Segment[],
    tail: readonly Message[],
    tailBytes: number,
  ): Promise<Segment[]>;
  pin(spec: AgentSpec): Promise<PinnedSpec>;
  specOf(pinned: PinnedSpec): Promise<AgentSpec>;
  /** Keeps the full text of a result that is cut for the model. */
  keep(text: string): Promise<KeptText>;
  readKept(kept: KeptText): Promise<string>;
  /**
   * Messages or blocks, as a tool or the model has given them, with large images and documents moved to the
   * storage, if there is one. What looks like a reference in them is not Plait's, and becomes a text.
   */
  takeOut<T>(value: T): Promise<T>;
  /** The same with the data put back in its place, byte for byte. */
  putBack<T>(value: T): Promise<T>;
}

export type KeptText = Omit<StoredResult, 'callId'>;

/** The room that the conversation leaves in a payload of 2 MB. */
const INLINE_SPEC_BYTES = 400_000;

/** Content never changes under its digest, so what is cached can never be stale. */
const CACHE_BYTES = 64 * 1024 * 1024;

/**
 * Objects that a worker has used for longer than this are written again. A sweep removes objects by their
 * age, so an object that new turns still get must not look old.
 */
const WRITTEN_MS = 3_600_000;

/** Attempts to read an object that is gone: the first ones may have run on a worker with another storage. */
const GONE_ATTEMPTS = 3;

interface Stored {
  digest: string;
  claim: Record<string, string>;
  bytes: number;
}

type Cache = LRUCache<string, { value: object }>;

export function createTranscriptStore(storage: StorageDriver | undefined): TranscriptStore {
  const parts: Cache = new LRUCache({ maxSize: CACHE_BYTES });
  // A separate cache, so that one long result does not push out the conversations of other turns.
  const keptTexts: Cache = new LRUCache({ maxSize: CACHE_BYTES });
  const written = new LRUCache<string, Stored>({ max: 1_000, ttl: WRITTEN_MS, perf: Date });
  // A separate cache, so that one conversation with images does not push out the texts of the others.
  const files: Cache = new LRUCache({ maxSize: CACHE_BYTES });

  async function write(
    driver: StorageDriver,
    value: object,
    what: string,
    cache?: Cache,
  ): Promise<Stored> {
    const json = JSON.stringify(value);
    const digest = partDigest(json);
    const known = written.get(digest);
    if (known !== undefined) return known;
    const claim = await writePart(driver, value, codecs()).catch((error: unknown) => {
      throw storageFailed(`Cannot write ${what} to the storage`, error);
    });
    const bytes = Buffer.byteLength(json);
    const stored = { digest, claim, bytes };
    written.set(digest, stored);
    cache?.set(digest, { value }, { size: Math.max(1, bytes) });
    return stored;
  }

  async function read(
    stored: Pick<Stored, 'digest' | 'claim'>,
    what: string,
    cache: Cache,
  ): Promise<object> {
    const cached = cache.get(stored.digest);
    if (cached !== undefined) return cached.value;
    try {
      if (storage === undefined) throw new Error('this worker has no storage');
      const value = await readPart<object>(storage, stored.claim, codecs());
      const json = JSON.stringify(value);
      if (partDigest(json) !== stored.digest) throw changedContent(stored);
      cache.set(stored.digest, { value }, { size: Math.max(1, Buffer.byteLength(json)) });
      return value;
    } catch (error) {
      throw storageFailed(`Cannot read ${what} from the storage`, error);
    }
  }

  // Cached: every turn of an agent pins the same spec, and a prompt may be long.
  const pinned = new LRUCache<AgentSpec, PinnedSpec>({ max: 1_000, ttl: WRITTEN_MS, perf: Date });

  async function pinOf(spec: AgentSpec): Promise<PinnedSpec> {
    if (storage === undefined) return inlineSpec(spec);
    const { digest, claim } = await write(storage, spec, 'the agent', parts);
    return { type: 'stored', digest, claim };
  }

  const load = async (segments: readonly Segment[]): Promise<Message[]> => {
    const lists = await Promise.all(
      segments.map((segment) => read(segment, 'a part of the conversation', parts)),
    );
    return (lists as Message[][]).flat();
  };

  const storeFile = async (driver: StorageDriver, data: string): Promise<StoredData> => {
    const { digest, claim } = await write(driver, { data }, 'an image or a document', files);
    return { type: 'plait.stored', digest, claim, bytes: Buffer.byteLength(data) };
  };
  const readFile = async (stored: StoredData): Promise<string> => {
    const what = 'an image or a document';
    const { data } = (await read(stored, what, files)) as { data?: unknown };
    if (typeof data === 'string') return data;
    // A plain client may have given a reference to another object.
    throw storageFailed(`Cannot read ${what} from the storage`, changedContent(stored));
  };

  return {
    hasStorage: storage !== undefined,
    load,
    async seal(segments, tail, tailBytes) {
      if (storage === undefined) throw new Error('there is no storage to seal to');
      const kept = segments.length - segmentsToAbsorb(segments, tailBytes);
      const fresh = await takeOutData(tail, (data) => storeFile(storage, data));
      const messages = [...(await load(segments.slice(kept))), ...fresh];
      const stored = await write(storage, messages, 'a part of the conversation', parts);
      const segment: Segment = {
        ...stored,
        messages: messages.length,
        ...(hasCompaction(messages) ? { compacted: true } : {}),
        ...(storedData(messages).length === 0 ? {} : { files: true }),
      };
      return [...segments.slice(0, kept), segment];
    },
    async pin(spec) {
      const known = pinned.get(spec);
      if (known !== undefined) return known;
      const pin = await pinOf(spec);
      pinned.set(spec, pin);
      return pin;
    },
    async specOf(pinned) {
      return pinned.type === 'inline'
        ? pinned.spec
        : ((await read(pinned, 'the agent', parts)) as AgentSpec);
    },
    async keep(text) {
      if (storage === undefined) throw new Error('there is no storage to keep a result in');
      // Not cached: few are ever read, and mostly by another worker.
      const { digest, claim } = await write(storage, { text }, 'a result');
      return { digest, claim, bytes: Buffer.byteLength(text) };
    },
    async readKept(kept) {
      const value = await read(kept, 'the rest of a result', keptTexts);
      return (value as { text: string }).text;
    },
    async takeOut(value) {
      const given = withoutLookAlikes(value);
      if (storage === undefined) return given;
      return await takeOutData(given, (data) => storeFile(storage, data));
    },
    putBack: (value) => putBackData(value, readFile),
  };
}

function storageFailed(what: string, error: unknown): ApplicationFailure {
  // A storage that is away may come back; an object that is gone does not.
  const gone = isGone(error);
  const nonRetryable = gone && activityInfo().attempt >= GONE_ATTEMPTS;
  const advice = gone
    ? 'Give every worker of the task queue the same `storage`, and restore the object from a backup if it was lost.'
    : 'Give every worker of the task queue the same `storage`, and check that it is up.';
  const message = `${what}: ${causeChain(error).replace(/\.$/, '')}. ${advice}`;
  return ApplicationFailure.create({ message, type: STORAGE_FAILED, nonRetryable });
}

function changedContent({ claim }: Pick<Stored, 'claim'>): ApplicationFailure {
  const message = `its content has changed (${Object.values(claim).join(', ')})`;
  return ApplicationFailure.nonRetryable(message, STORED_OBJECT_DAMAGED);
}

/** Without a storage the spec travels with every model call, beside the conversation. */
function inlineSpec(spec: AgentSpec): PinnedSpec {
  const json = JSON.stringify(spec);
  const bytes = Buffer.byteLength(json);
  if (bytes <= INLINE_SPEC_BYTES) return { type: 'inline', digest: partDigest(json), spec };
  const message = `The system prompt and the tools of the agent have ${bytes} bytes together; without a \`storage\` at most ${INLINE_SPEC_BYTES} fit. Give the worker and the client one.`;
  throw ApplicationFailure.nonRetryable(message, INVALID_TURN);
}

function codecs() {
  return Context.current().client.options.loadedDataConverter.payloadCodecs;
}
