import { readdir, rename, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Payload } from '@temporalio/common';
import { defaultPayloadConverter, StorageDriverClaim } from '@temporalio/common';
import * as fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { STORED_OBJECT_DAMAGED, STORED_OBJECT_LOST } from '../../core/failures.ts';
import { checkStorage } from '../../storage/check-storage.ts';
import { directoryStorage } from '../../storage/directory.ts';
import { NothingNeededError, StorageUnavailableError } from '../../storage/errors.ts';
import { openStorage } from '../../storage/open-storage.ts';
import type { PlaitStorage, StoredObject } from '../../storage/plait-storage.ts';
import { sweep } from '../../storage/sweep.ts';
import { startStores, type Stores } from '../fixtures/stores.ts';

const DAY = 86_400_000;

let stores: Stores;
let root: string;
let postgres: Stores['postgres'];
let s3: Stores['s3'];
beforeAll(async () => {
  stores = await startStores();
  ({ root, postgres, s3 } = stores);
});
afterAll(() => stores.stop());

interface Kind {
  /** The setting that opens an empty storage. */
  setting(name: string): string;
  /** Replaces the content of an object. */
  damage(name: string, key: string): Promise<unknown>;
  /** Takes the storage away, and returns what brings it back. */
  takeAway(name: string): Promise<() => Promise<unknown>>;
  /** Makes an object look as if it was written some days ago. */
  age(name: string, key: string, days: number): Promise<unknown>;
}

const daysAgo = (days: number) => new Date(Date.now() - days * DAY);

const kinds: Record<string, Kind> = {
  directory: {
    setting: (name) => join(root, name),
    damage: (name, key) => writeFile(join(root, name, key.slice(0, 2), key), 'damaged'),
    async takeAway(name) {
      await rename(join(root, name), join(root, `${name}.away`));
      return () => rename(join(root, `${name}.away`), join(root, name));
    },
    age: (name, key, days) =>
      utimes(join(root, name, key.slice(0, 2), key), daysAgo(days), daysAgo(days)),
  },
  PostgreSQL: {
    setting: (name) => `${postgres.url}?table=${name}`,
    damage: (name, key) =>
      postgres.run(`UPDATE ${name} SET content = 'damaged' WHERE key = $1`, [key]),
    async takeAway(name) {
      await postgres.run(`ALTER TABLE ${name} RENAME TO ${name}_away`);
      return () => postgres.run(`ALTER TABLE ${name}_away RENAME TO ${name}`);
    },
    age: (name, key, days) =>
      postgres.run(
        `UPDATE ${name} SET written_at = now() - $1::int * interval '1 day' WHERE key = $2`,
        [days, key],
      ),
  },
  S3: {
    setting: (name) =>
      `s3://${s3.bucket}/${name}?region=eu-central-1&endpoint=${encodeURIComponent(s3.endpoint)}`,
    async damage(name, key) {
      const folder = join(s3.directory, s3.bucket, name);
      const [file = ''] = (await readdir(folder)).filter((file) => file.startsWith(`${key}._`));
      await writeFile(join(folder, file.replace(/_metadata.*$|_object.*$/, '_object')), 'damaged');
    },
    async takeAway() {
      const bucket = join(s3.directory, s3.bucket);
      await rename(bucket, `${bucket}.away`);
      return () => rename(`${bucket}.away`, bucket);
    },
    async age(name, key, days) {
      const names = await readdir(join(s3.directory, s3.bucket, name));
      for (const file of names.filter((file) => file.startsWith(key))) {
        await utimes(join(s3.directory, s3.bucket, name, file), daysAgo(days), daysAgo(days));
      }
    },
  },
};

const payload = (value: unknown): Payload => defaultPayloadConverter.toPayload(value);
const valueOf = (stored: Payload | undefined): unknown =>
  stored === undefined ? undefined : defaultPayloadConverter.fromPayload(stored);
const claimOf = (key: string) => new StorageDriverClaim({ key });
const keyOf = (claim: StorageDriverClaim | undefined) => claim?.claimData['key'] ?? '';

async function listed(storage: PlaitStorage): Promise<StoredObject[]> {
  const objects: StoredObject[] = [];
  for await (const object of storage.list()) objects.push(object);
  return objects;
}

async function* keys(...some: string[]): AsyncGenerator<string> {
  yield* some;
}

async function* fails(): AsyncGenerator<string> {
  yield* keys();
  throw new Error('a history could not be read');
}

describe.each(Object.entries(kinds))('a storage of the kind %s', (_, kind) => {
  let names = 0;
  let name: string;
  let storage: PlaitStorage;
  const storages: PlaitStorage[] = [];
  const open = (): PlaitStorage => {
    const opened = openStorage(kind.setting(name));
    storages.push(opened);
    return opened;
  };

  beforeEach(async () => {
    // No two runs share one, even on the same server.
    name = `objects_${process.pid}_${(names += 1)}`;
    storage = open();
    await storage.prepare();
  });
  afterAll(() => Promise.all(storages.map((storage) => storage.close())));

  test('returns what was stored, with its metadata', async () => {
    const given = {
      ...payload({ text: 'Grüße 🧵' }),
      metadata: { encoding: Buffer.from('json/plain'), own: Buffer.from('x') },
    };

    const claims = await storage.store({}, [given]);
    const [back] = await open().retrieve({}, claims);

    expect(Buffer.from(back?.data ?? [])).toEqual(Buffer.from(given.data ?? []));
    expect(Buffer.from(back?.metadata?.['own'] ?? []).toString()).toBe('x');
    expect(valueOf(back)).toEqual({ text: 'Grüße 🧵' });
  });

  test('returns any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 500 }), async (data) => {
        const claims = await storage.store({}, [{ metadata: {}, data }]);
        const [back] = await storage.retrieve({}, claims);
        expect(Buffer.from(back?.data ?? [])).toEqual(Buffer.from(data));
      }),
      { numRuns: 30 },
    );
  });

  test('returns hundreds in the order of their claims, with repeated ones', async () => {
    const values = Array.from({ length: 250 }, (_, i) => `value ${i % 200}`);

    const claims = await storage.store({}, values.map(payload));
    const back = await storage.retrieve({}, claims.toReversed());

    expect(back.map(valueOf)).toEqual(values.toReversed());
    expect(await listed(storage)).toHaveLength(200);
  });

  test('stores large payloads', async () => {
    const values = ['a', 'b', 'c'].map((letter) => letter.repeat(8_000_000));

    const claims = await storage.store({}, values.map(payload));

    expect((await storage.retrieve({}, claims)).map(valueOf)).toEqual(values);
  });

  test('stores an empty list', async () => {
    expect(await storage.store({}, [])).toEqual([]);
    expect(await storage.retrieve({}, [])).toEqual([]);
    expect(await listed(storage)).toEqual([]);
  });

  test('may be written by many at the same time, in any order', async () => {
    const values = Array.from({ length: 20 }, (_, i) => payload(`value ${i}`));
    const others = [open(), open(), open()];

    const claims = await Promise.all(
      [storage, ...others].map((one, i) =>
        one.store({}, i % 2 === 0 ? values : values.toReversed()),
      ),
    );

    expect(new Set(claims.flat().map(keyOf)).size).toBe(20);
    expect(await listed(storage)).toHaveLength(20);
  });

  test('says which object is lost, and that trying again does not help', async () => {
    const claims = await storage.store({}, [payload('there')]);
    const key = 'a'.repeat(64);

    const read = storage.retrieve({}, [...claims, claimOf(key)]);

    await expect(read).rejects.toMatchObject({ type: STORED_OBJECT_LOST, nonRetryable: true });
    await expect(read).rejects.toThrow(/^Nothing is stored at .*a{64}/);
  });

  test('rejects a claim whose key is not one of its keys, and trying again does not help', async () => {
    for (const key of ['../../etc/passwd', 'A'.repeat(64), `${'a'.repeat(64)}\n`, '']) {
      const read = storage.retrieve({}, [claimOf(key)]);
      await expect(read).rejects.toThrow(`${JSON.stringify(key)} is not a key of a`);
      await expect(read).rejects.toMatchObject({ nonRetryable: true });
    }
  });

  test('says which object is damaged, and that trying again does not help', async () => {
    const claims = await storage.store({}, ['whole', 'damaged'].map(payload));
    await kind.damage(name, keyOf(claims[1]));

    const read = storage.retrieve({}, claims);

    await expect(read).rejects.toMatchObject({ type: STORED_OBJECT_DAMAGED, nonRetryable: true });
    await expect(read).rejects.toThrow(
      new RegExp(`^The object .*${keyOf(claims[1])}.* is damaged`),
    );
    await storage.store({}, [payload('damaged')]);
    if (storage.type !== 'plait.postgres') {
      expect((await storage.retrieve({}, claims)).map(valueOf)).toEqual(['whole', 'damaged']);
    }
  });

  test('while it is away, does not seem to have lost everything', async () => {
    const claims = await storage.store({}, [payload('there')]);
    const missing = claimOf('a'.repeat(64));
    const fresh = open();
    const bringBack = await kind.takeAway(name);
    for (const one of [storage, fresh]) {
      for (const claim of [...claims, missing]) {
        const error: unknown = await one.retrieve({}, [claim]).catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(Error);
        expect(error).not.toMatchObject({ nonRetryable: true });
      }
    }
    await expect(storage.store({}, [payload('lost on the way')])).rejects.toThrow(
      StorageUnavailableError,
    );
    await bringBack();

    expect((await storage.retrieve({}, claims)).map(valueOf)).toEqual(['there']);
    await expect(storage.retrieve({}, [missing])).rejects.toMatchObject({ nonRetryable: true });
    expect(await listed(storage)).toHaveLength(1);
  });

  test('does not start work that is already aborted', async () => {
    const aborted = { abortSignal: AbortSignal.abort(new Error('not now')) };
    const claims = await storage.store({}, [payload('there')]);

    await expect(storage.store(aborted, [payload('not there')])).rejects.toThrow();
    await expect(storage.retrieve(aborted, claims)).rejects.toThrow();
    expect(await listed(storage)).toHaveLength(1);
  });

  test('works after an abort in the middle of a write', async () => {
    const controller = new AbortController();
    const values = Array.from({ length: 30 }, (_, i) => payload(`${i}`.repeat(200_000)));
    const writing = storage.store({ abortSignal: controller.signal }, values);
    setTimeout(() => controller.abort(new Error('enough')), 5);
    await writing.catch(() => undefined);

    const claims = await storage.store({}, [payload('afterwards')]);
    expect((await storage.retrieve({}, claims)).map(valueOf)).toEqual(['afterwards']);
  });

  test('may be prepared by several workers at once, and passes its check', async () => {
    name = `${name}_new`;
    const workers = [open(), open(), open(), open()];

    await Promise.all(workers.map((worker) => checkStorage(worker)));

    expect(await listed(storage)).toHaveLength(0);
    expect(await listed(workers[0] as PlaitStorage)).toHaveLength(1);
  });

  test('lists its objects with their sizes and times', async () => {
    const [claim] = await storage.store({}, [payload('x'.repeat(1_000))]);

    const [object] = await listed(storage);

    expect(object).toMatchObject({ key: keyOf(claim), writtenAt: expect.any(Date) as Date });
    expect(object?.bytes).toBeGreaterThan(1_000);
    expect(object?.bytes).toBeLessThan(1_100);
    expect(Math.abs(Date.now() - Number(object?.writtenAt))).toBeLessThan(DAY);
  });

  test('loses in a sweep what is old and not needed', async () => {
    const claims = await storage.store({}, ['old', 'needed', 'young'].map(payload));
    const [old, needed, young] = claims.map(keyOf) as [string, string, string];
    await kind.age(name, old, 8);
    await kind.age(name, needed, 8);
    const options = { live: () => keys(needed, needed, 'f'.repeat(64)), writtenBefore: daysAgo(7) };

    const dry = await sweep(storage, { ...options, dryRun: true });
    expect(await listed(storage)).toHaveLength(3);
    const progress: unknown[] = [];
    const report = await sweep(storage, { ...options, onProgress: (one) => progress.push(one) });

    expect(progress.slice(-2)).toEqual([
      { listed: 3, removed: 0 },
      { listed: 3, removed: 1 },
    ]);
    expect(report).toEqual(dry);
    expect(report).toMatchObject({
      removed: { objects: 1 },
      needed: { objects: 1 },
      young: { objects: 1 },
    });
    expect((await listed(storage)).map(({ key }) => key).toSorted()).toEqual(
      [needed, young].toSorted(),
    );
  });

  test('keeps an old object that is written again before the sweep', async () => {
    const claims = await storage.store({}, [payload('again')]);
    await kind.age(name, keyOf(claims[0]), 8);

    await storage.store({}, [payload('again')]);
    const report = await sweep(storage, {
      live: () => keys(),
      writtenBefore: daysAgo(7),
      removeAll: true,
    });

    expect(report.removed.objects).toBe(0);
    expect((await storage.retrieve({}, claims)).map(valueOf)).toEqual(['again']);
  });

  test('keeps an old object that is written again during a sweep', async () => {
    const claims = await storage.store({}, [payload('again'), payload('gone')]);
    for (const claim of claims) await kind.age(name, keyOf(claim), 8);
    async function* writesAgain(): AsyncGenerator<string> {
      await open().store({}, [payload('again')]);
      yield* keys();
    }

    const report = await sweep(storage, {
      live: writesAgain,
      writtenBefore: daysAgo(7),
      removeAll: true,
    });

    expect(report).toMatchObject({ removed: { objects: 1 }, young: { objects: 1 } });
    expect((await storage.retrieve({}, claims.slice(0, 1))).map(valueOf)).toEqual(['again']);
  });

  test('keeps everything if nothing in it is needed, as with the wrong server', async () => {
    const claims = await storage.store({}, ['old', 'young'].map(payload));
    const [old, young] = claims.map(keyOf) as [string, string];
    await kind.age(name, old, 8);
    const others = { live: () => keys('f'.repeat(64)), writtenBefore: daysAgo(7) };

    await expect(sweep(storage, others)).rejects.toThrow(NothingNeededError);
    expect(await listed(storage)).toHaveLength(2);
    await sweep(storage, { ...others, live: () => keys(young) });
    expect(await listed(storage)).toHaveLength(1);
  });

  test('keeps everything if the needed keys cannot be read', async () => {
    const claims = await storage.store({}, [payload('old')]);
    await kind.age(name, keyOf(claims[0]), 8);
    const swept = sweep(storage, { live: fails, writtenBefore: daysAgo(7) });

    await expect(swept).rejects.toThrow('a history could not be read');
    expect(await listed(storage)).toHaveLength(1);
  });
});

test('a draft that a killed process has left is swept from a directory', async () => {
  const path = join(root, 'drafts');
  const storage = directoryStorage(path);
  const [claim] = await storage.store({}, [payload('whole')]);
  const key = keyOf(claim);
  const draft = `${key}.${crypto.randomUUID()}`;
  await rename(join(path, key.slice(0, 2), key), join(path, key.slice(0, 2), draft));
  await utimes(join(path, key.slice(0, 2), draft), daysAgo(8), daysAgo(8));

  const report = await sweep(storage, {
    live: () => keys(),
    writtenBefore: daysAgo(7),
    removeAll: true,
  });

  expect(report.removed.objects).toBe(1);
  expect(await listed(storage)).toEqual([]);
});
