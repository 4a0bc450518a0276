import type { Payload } from '@temporalio/common';
import { defaultPayloadConverter, StorageDriverClaim } from '@temporalio/common';
import { describe, expect, test } from 'vitest';
import { checkStorage } from '../../storage/check-storage.ts';
import type { PlaitStorage } from '../../storage/plait-storage.ts';
import { postgresStorage } from '../../storage/postgres.ts';
import { s3Storage } from '../../storage/s3.ts';
import { unusableTransport } from '../../transport/check-transport.ts';

const key = 'a'.repeat(64);
const operations = {
  put: (storage) => storage.store({}, [defaultPayloadConverter.toPayload('x')]),
  get: (storage) => storage.retrieve({}, [new StorageDriverClaim({ key })]),
  list: (storage) => storage.list()[Symbol.asyncIterator]().next(),
  remove: (storage) => storage.remove([key], new Date()),
  prepare: (storage) => storage.prepare(),
} satisfies Record<string, (storage: PlaitStorage) => Promise<unknown>>;
const names = Object.keys(operations) as (keyof typeof operations)[];

/** What a driver throws. */
const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' });
const breaks = () => Promise.reject(reset);
const end = () => Promise.resolve();
const sendsTorn = () => Promise.resolve({ Body: { transformToByteArray: breaks } });

describe("an error of PostgreSQL's driver is reported with the place of the storage", () => {
  const failed = { name: 'StorageUnavailableError', message: 'PostgreSQL (postgres://) failed' };

  test.each(names)('%s, with no connection', async (operation) => {
    const storage = postgresStorage({ pool: { connect: breaks, end } });
    await expect(operations[operation](storage)).rejects.toMatchObject({ ...failed, cause: reset });
  });

  test.each(names)('%s, with a connection that breaks', async (operation) => {
    const connection = { query: breaks, release: () => undefined };
    const storage = postgresStorage({ pool: { connect: () => Promise.resolve(connection), end } });
    await expect(operations[operation](storage)).rejects.toMatchObject({ ...failed, cause: reset });
  });

  test.each(names)('%s, with a certificate that cannot be read', async (operation) => {
    const settings = 'sslmode=verify-full&sslrootcert=/no/such/file';
    const storage = postgresStorage({
      connectionString: `postgres://ana:geheim@127.0.0.1:9/db?${settings}`,
    });
    const error = await operations[operation](storage).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      name: 'StorageUnavailableError',
      message: 'PostgreSQL (postgres://ana@127.0.0.1:9/db) failed',
      cause: { message: expect.not.stringContaining('geheim') as unknown },
    });
    await storage.close();
  });
});

describe("an error of S3's driver is reported with the place of the storage", () => {
  const failed = { name: 'StorageUnavailableError', message: 'S3 (s3://bucket) failed' };
  const asked = names.filter((name) => name !== 'prepare');

  test.each(asked)('%s, with a connection that breaks', async (operation) => {
    const storage = s3Storage({ bucket: 'bucket', client: { send: breaks, destroy: () => 0 } });
    await expect(operations[operation](storage)).rejects.toMatchObject({ ...failed, cause: reset });
  });

  test('get, with a connection that breaks in the middle of an object', async () => {
    const storage = s3Storage({
      bucket: 'bucket',
      client: { send: sendsTorn, destroy: () => 0 },
    });
    await expect(operations.get(storage)).rejects.toMatchObject({ ...failed, cause: reset });
  });

  test.each(asked)('%s, with an endpoint that is not a URL', async (operation) => {
    const storage = s3Storage({
      bucket: 'bucket',
      region: 'eu-central-1',
      endpoint: 'minio:90:00',
    });
    await expect(operations[operation](storage)).rejects.toMatchObject(failed);
    await storage.close();
  });
});

test('a driver and a transport of your own are prepared with their own methods', async () => {
  const own = new (class {
    readonly name = 'own';
    readonly type = 'own';
    readonly kept = new Map<string, Payload>();
    isPrepared = false;

    prepare(): Promise<void> {
      this.isPrepared = true;
      return Promise.resolve();
    }

    store(_: unknown, payloads: Payload[]): Promise<StorageDriverClaim[]> {
      const keys = payloads.map((payload, i) => [String(i), payload] as const);
      for (const [id, payload] of keys) this.kept.set(id, payload);
      return Promise.resolve(keys.map(([id]) => new StorageDriverClaim({ id })));
    }

    retrieve(_: unknown, claims: StorageDriverClaim[]): Promise<Payload[]> {
      return Promise.resolve(
        claims.flatMap(({ claimData }) => this.kept.get(claimData['id'] ?? '') ?? []),
      );
    }

    publish(): Promise<void> {
      return Promise.resolve();
    }

    subscribe(): Promise<() => void> {
      return Promise.resolve(() => undefined);
    }
  })();

  await checkStorage(own);
  expect(own.isPrepared).toBe(true);
  own.isPrepared = false;

  expect(await unusableTransport(own)).toBeUndefined();
  expect(own.isPrepared).toBe(true);
});
