import { methodsProblem, recordProblem, rejectIf, textProblem } from '../core/arguments.ts';
import { setMaxListeners } from 'node:events';
import type * as S3 from '@aws-sdk/client-s3';
import { defined, isRecord } from '../core/json.ts';
import type { Content } from './content.ts';
import { KEY_PATTERN, storeByContent } from './content.ts';
import { InvalidStorageError, StorageUnavailableError } from './errors.ts';
import { optionalPackage } from './optional-package.ts';
import { Opened } from './opened.ts';
import type { PlaitStorage, StoredObject } from './plait-storage.ts';

/** The part of an `S3Client` that is used. */
export interface S3Sender {
  // `any`, so that the commands of every version of the package fit.
  // oxlint-disable-next-line typescript/no-explicit-any
  send(command: any, options?: { abortSignal?: AbortSignal }): Promise<unknown>;
  destroy(): void;
}

/** What `s3Storage` takes. */
export interface S3StorageOptions {
  /** It must exist. */
  bucket: string;
  /** Comes before every key, with a slash between them. @default none */
  prefix?: string;
  /** @default as the AWS SDK finds it: AWS_REGION, a profile */
  region?: string;
  /**
   * URL of another server with the API of S3, such as MinIO.
   * @default AWS, or AWS_ENDPOINT_URL_S3
   */
  endpoint?: string;
  /** Put the bucket into the path of URLs instead of the host name. @default true with an `endpoint` */
  pathStyle?: boolean;
  /**
   * Your own client, instead of region and endpoint. `close()` does not close it.
   * @default a client that finds credentials as the AWS SDK does
   */
  client?: S3Sender;
}

/** Limits for opening a connection, and for an answer. */
const CONNECT_MS = 5_000;
const ANSWER_MS = 60_000;

/** The number of sockets that the AWS SDK opens by default. */
const CONCURRENT = 50;

/**
 * Keeps payloads as objects of an S3 bucket, named after their content. Needs the package
 * `@aws-sdk/client-s3`, version 3, and the permissions s3:GetObject, s3:PutObject and s3:ListBucket, which
 * tells a missing object from a forbidden one. `plait storage gc` needs s3:DeleteObject too.
 */
export function s3Storage(options: S3StorageOptions): PlaitStorage {
  rejectIf(InvalidStorageError, recordProblem('s3Storage: the options', options));
  const { bucket } = options;
  const prefix = options.prefix === undefined || options.prefix === '' ? '' : `${options.prefix}/`;
  const location = `s3://${bucket}${prefix === '' ? '' : `/${options.prefix}`}`;
  if (bucket === '') throw new InvalidStorageError('s3Storage: bucket must not be empty');
  rejectIf(InvalidStorageError, textProblem('s3Storage: bucket', bucket));
  if (options.client !== undefined) {
    const client = { methods: ['send'], wanted: 'be an S3Client' };
    rejectIf(InvalidStorageError, methodsProblem('s3Storage: client', options.client, client));
  }
  const place = (key: string) => ({ Bucket: bucket, Key: `${prefix}${key}` });
  const opened = new Opened(() => openClient(options));

  async function send<T>(
    command: (s3: typeof S3) => object,
    abortSignal?: AbortSignal,
  ): Promise<T> {
    return await inWords(async () => {
      const { s3, client } = await opened.get();
      return (await client.send(command(s3), defined({ abortSignal }))) as T;
    }, abortSignal);
  }

  async function inWords<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      throw explained(error, location);
    }
  }

  async function put({ key, bytes }: Content, signal: AbortSignal): Promise<void> {
    // An existing object is written again, which makes it young for `remove`.
    await send((s3) => new s3.PutObjectCommand({ ...place(key), Body: bytes }), signal);
  }

  async function get(key: string, signal: AbortSignal): Promise<Uint8Array> {
    const object = await send<S3.GetObjectCommandOutput>(
      (s3) => new s3.GetObjectCommand(place(key)),
      signal,
    );
    // The connection may break in the middle of it.
    const bytes = await inWords(async () => await object.Body?.transformToByteArray(), signal);
    return bytes ?? new Uint8Array();
  }

  async function writtenAt(key: string, signal?: AbortSignal): Promise<Date | undefined> {
    const { Bucket, Key } = place(key);
    // Listing needs only the permission that `list` needs anyway; HEAD would need another.
    const { Contents } = await send<S3.ListObjectsV2CommandOutput>(
      (s3) => new s3.ListObjectsV2Command({ Bucket, Prefix: Key, MaxKeys: 1 }),
      signal,
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
          const bytes = await get(key, each).catch(async (error: unknown) => {
            // Maybe the bucket is away, or something in between has answered for it.
            if (!isMissing(error) || (await writtenAt(key, each)) !== undefined) throw error;
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
          // The bucket may hold other objects.
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

    // A worker cannot create the bucket: it does not know its owner, region and rules.
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
    // Not all servers besides AWS support these checksums, and the key already is one.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  return { s3, client: made };
}

/** Runs at most `CONCURRENT` at once. The first failure aborts the others. */
async function forEach<T>(
  items: readonly T[],
  work: (item: T, signal: AbortSignal) => Promise<void>,
  outer?: AbortSignal,
): Promise<void> {
  const failed = new AbortController();
  const signal = AbortSignal.any([failed.signal, ...(outer === undefined ? [] : [outer])]);
  // Every request listens to this signal, and Node warns above ten listeners.
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
  if (error instanceof InvalidStorageError) return error;
  return new StorageUnavailableError(`S3 (${location}) failed`, { cause: named(error) });
}

/** Adds the status if a server answers without a text: "UnknownError" says nothing. */
function named(error: unknown): unknown {
  const status = statusOf(error);
  if (!(error instanceof Error) || status === undefined) return error;
  const { name, message } = error;
  const said = ['', 'UnknownError', name].includes(message) ? `HTTP status ${status}` : message;
  return Object.assign(new Error(`${name}: ${said}`, { cause: error.cause }), { name, status });
}

/** Whether the answer means that the object does not exist, however it is worded. */
function isMissing(error: unknown): boolean {
  const cause = isRecord(error) ? error['cause'] : undefined;
  return isRecord(cause) && cause['status'] === 404 && cause['name'] !== 'NoSuchBucket';
}

function statusOf(error: unknown): number | undefined {
  const metadata = isRecord(error) ? error['$metadata'] : undefined;
  const status = isRecord(metadata) ? metadata['httpStatusCode'] : undefined;
  return typeof status === 'number' ? status : undefined;
}
