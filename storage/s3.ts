import { setMaxListeners } from 'node:events';
import type * as S3 from '@aws-sdk/client-s3';
import { defined, isRecord } from '../core/json.ts';
import { KEY_PATTERN } from './content.ts';
import type { Content } from './content.ts';
import { InvalidStorageError } from './errors.ts';
import { storeByContent } from './keyed-content.ts';
import { Opened } from './opened.ts';
import { optionalPackage } from './optional-package.ts';
import type { PlaitStorage, StoredObject } from './plait-storage.ts';

/** What is used of an `S3Client`. */
export interface S3Sender {
  // The commands of every version of the package fit.
  // oxlint-disable-next-line typescript/no-explicit-any
  send(command: any, options?: { abortSignal?: AbortSignal }): Promise<unknown>;
  destroy(): void;
}

export interface S3StorageOptions {
  /** It must exist. */
  bucket: string;
  /** In front of every key, with a slash between them. @default none */
  prefix?: string;
  /** @default that of the AWS SDK: AWS_REGION, a profile */
  region?: string;
  /**
   * URL of a server that speaks S3, such as MinIO; the bucket then stands in the path.
   * @default AWS, or AWS_ENDPOINT_URL_S3
   */
  endpoint?: string;
  /** Whether the bucket stands in the path, and not in the name of the host. @default with an endpoint */
  pathStyle?: boolean;
  /**
   * A client of your own, instead of region and endpoint. It is not closed by `close()`.
   * @default one with the AWS SDK's own ways to find credentials
   */
  client?: S3Sender;
}

/** How long a connection may take, and then an answer. */
const CONNECT_MS = 5_000;
const ANSWER_MS = 60_000;

/** As many as the AWS SDK has sockets for by default. */
const CONCURRENT = 50;

/**
 * Keeps payloads as objects of an S3 bucket, named after their content. Needs the package
 * `@aws-sdk/client-s3`, version 3, and the permissions s3:GetObject, s3:PutObject and, to tell an object
 * that is lost from one that may not be read, s3:ListBucket; `plait storage gc` s3:DeleteObject too.
 */
export function s3Storage(options: S3StorageOptions): PlaitStorage {
  const { bucket } = options;
  const prefix = options.prefix === undefined || options.prefix === '' ? '' : `${options.prefix}/`;
  const location = `s3://${bucket}${prefix === '' ? '' : `/${options.prefix}`}`;
  if (bucket === '') throw new InvalidStorageError('s3Storage: the name of the bucket is missing.');
  const place = (key: string) => ({ Bucket: bucket, Key: `${prefix}${key}` });
  const opened = new Opened(() => openClient(options));

  async function send<T>(
    command: (s3: typeof S3) => object,
    abortSignal?: AbortSignal,
  ): Promise<T> {
    const { s3, client } = await opened.get();
    try {
      const aborts = abortSignal === undefined ? {} : { abortSignal };
      return (await client.send(command(s3), aborts)) as T;
    } catch (error) {
      abortSignal?.throwIfAborted();
      throw explained(error, location);
    }
  }

  async function put({ key, bytes }: Content, signal: AbortSignal): Promise<void> {
    // Also where it exists: that makes it young for `remove`.
    await send((s3) => new s3.PutObjectCommand({ ...place(key), Body: bytes }), signal);
  }

  async function get(key: string, signal: AbortSignal): Promise<Uint8Array> {
    const object = await send<S3.GetObjectCommandOutput>(
      (s3) => new s3.GetObjectCommand(place(key)),
      signal,
    );
    return (await object.Body?.transformToByteArray()) ?? new Uint8Array();
  }

  async function writtenAt(key: string): Promise<Date | undefined> {
    const { Bucket, Key } = place(key);
    // Needs no other permission than the listing itself, unlike HEAD.
    const { Contents } = await send<S3.ListObjectsV2CommandOutput>(
      (s3) => new s3.ListObjectsV2Command({ Bucket, Prefix: Key, MaxKeys: 1 }),
    );
    return Contents?.find((found) => found.Key === Key)?.LastModified;
  }

  return {
    name: 'plait-s3',
    type: 'plait.s3',
    location,

    ...storeByContent({
      kind: 'S3',
      placeOf: (key) => `${location}/${key}`,
      put: (contents, signal) => forEach(contents, put, signal),

      async get(keys, signal) {
        const found = new Map<string, Uint8Array>();
        const read = async (key: string, each: AbortSignal) => {
          const bytes = await get(key, each).catch((error: unknown) => {
            if (!isMissing(error)) throw error;
          });
          if (bytes !== undefined) found.set(key, bytes);
        };
        await forEach(keys, read, signal);
        return found;
      },
    }),

    async *list() {
      let ContinuationToken: string | undefined;
      do {
        const page: S3.ListObjectsV2CommandOutput = await send(
          (s3) =>
            new s3.ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken }),
        );
        for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
          const key = Key.slice(prefix.length);
          // Others may share the bucket.
          if (!KEY_PATTERN.test(key) || LastModified === undefined) continue;
          yield { key, bytes: Size, writtenAt: LastModified } satisfies StoredObject;
        }
        ContinuationToken = page.NextContinuationToken;
      } while (ContinuationToken !== undefined);
    },

    async remove(keys, writtenBefore) {
      const removed: string[] = [];
      const removeOne = async (key: string): Promise<void> => {
        if (!KEY_PATTERN.test(key)) return;
        const at = await writtenAt(key);
        if (at === undefined || at >= writtenBefore) return;
        await send((s3) => new s3.DeleteObjectCommand(place(key)));
        removed.push(key);
      };
      await forEach(keys, removeOne);
      return removed;
    },

    // Nothing is made: a bucket has an owner, a region and rules that a worker cannot guess.
    prepare: () => Promise.resolve(),

    async close() {
      const closing = await opened.take();
      if (options.client === undefined) closing?.client.destroy();
    },
  };
}

async function openClient(options: S3StorageOptions): Promise<{ s3: typeof S3; client: S3Sender }> {
  const { region, endpoint, pathStyle = endpoint !== undefined, client } = options;
  const s3 = await optionalPackage('@aws-sdk/client-s3', () => import('@aws-sdk/client-s3'));
  if (client !== undefined) return { s3, client };
  const made = new s3.S3Client({
    ...defined({ region, endpoint }),
    forcePathStyle: pathStyle,
    requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: ANSWER_MS },
    // Servers other than AWS know them only in part, and the key is a checksum already.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  return { s3, client: made };
}

/** Runs at most so many at once; the first failure aborts the others. */
async function forEach<T>(
  items: readonly T[],
  work: (item: T, signal: AbortSignal) => Promise<void>,
  outer?: AbortSignal,
): Promise<void> {
  const failed = new AbortController();
  const signal = AbortSignal.any([failed.signal, ...(outer === undefined ? [] : [outer])]);
  // Every request listens to it, and Node takes more than ten listeners for a leak.
  setMaxListeners(0, signal);
  const queue = items.values();
  const strand = async (): Promise<void> => {
    for (const item of queue) {
      signal.throwIfAborted();
      await work(item, signal);
    }
  };
  const strands = Array.from({ length: Math.min(CONCURRENT, items.length) }, () =>
    strand().catch((error: unknown) => {
      failed.abort(error);
      throw error;
    }),
  );
  const ends = await Promise.allSettled(strands);
  if (ends.some(({ status }) => status === 'rejected')) signal.throwIfAborted();
}

function explained(error: unknown, location: string): Error {
  return new Error(`S3 (${location}) failed`, { cause: named(error) });
}

/** Some servers answer without a text, and the SDK's "UnknownError" says nothing. */
function named(error: unknown): unknown {
  const status = statusOf(error);
  if (!(error instanceof Error) || status === undefined) return error;
  const { name, message } = error;
  const said = ['', 'UnknownError', name].includes(message) ? `HTTP status ${status}` : message;
  return Object.assign(new Error(`${name}: ${said}`, { cause: error.cause }), { name });
}

function isMissing(error: unknown): boolean {
  const cause = isRecord(error) ? error['cause'] : undefined;
  return isRecord(cause) && cause['name'] === 'NoSuchKey';
}

function statusOf(error: unknown): number | undefined {
  const metadata = isRecord(error) ? error['$metadata'] : undefined;
  const status = isRecord(metadata) ? metadata['httpStatusCode'] : undefined;
  return typeof status === 'number' ? status : undefined;
}
