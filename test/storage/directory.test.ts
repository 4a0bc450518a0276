import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import disk from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { Payload } from '@temporalio/common';
import { defaultPayloadConverter, StorageDriverClaim } from '@temporalio/common';
import proto from '@temporalio/proto';
import * as fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { PlaitStorage } from '../../storage/index.ts';
import { directoryStorage } from '../../storage/directory.ts';

const root = await mkdtemp(join(tmpdir(), 'plait-directory-'));
afterAll(() => rm(root, { recursive: true }));

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(root, 'one-'));
});

const payload = (value: unknown): Payload => defaultPayloadConverter.toPayload(value);
const valueOf = (stored: Payload | undefined): unknown =>
  stored === undefined ? undefined : defaultPayloadConverter.fromPayload(stored);
const digestOf = (value: unknown): string => {
  const bytes = proto.temporal.api.common.v1.Payload.encode(payload(value)).finish();
  return createHash('sha256').update(bytes).digest('hex');
};
const claimOf = (key: string) => new StorageDriverClaim({ key });

/** A disk of 64 KiB. */
function mount(path: string): boolean {
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', path]);
  return status === 0;
}
const probe = await mkdtemp(join(root, 'probe-'));
const canMount = process.platform === 'linux' && mount(probe);
if (canMount) spawnSync('umount', [probe]);

async function filesIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(path, join(entry.parentPath, entry.name)));
}

describe('a directory', () => {
  test('returns what was stored, with its metadata', async () => {
    const storage = directoryStorage(directory);
    const given = {
      ...payload({ text: 'Grüße 🧵' }),
      metadata: { encoding: Buffer.from('json/plain'), own: Buffer.from('x') },
    };

    const claims = await storage.store({}, [given]);
    const [back] = await storage.retrieve({}, claims);

    expect(Buffer.from(back?.data ?? [])).toEqual(Buffer.from(given.data ?? []));
    expect(Buffer.from(back?.metadata?.['own'] ?? []).toString()).toBe('x');
    expect(valueOf(back)).toEqual({ text: 'Grüße 🧵' });
  });

  test('returns many payloads in the order of their claims', async () => {
    const storage = directoryStorage(directory);
    const values = Array.from({ length: 30 }, (_, i) => `value ${i}`);

    const claims = await storage.store({}, values.map(payload));
    const back = await storage.retrieve({}, claims.toReversed());

    expect(back.map(valueOf)).toEqual(values.toReversed());
  });

  test('returns any bytes', async () => {
    const storage = directoryStorage(directory);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 500 }), async (data) => {
        const claims = await storage.store({}, [{ metadata: {}, data }]);
        const [back] = await storage.retrieve({}, claims);
        expect(Buffer.from(back?.data ?? [])).toEqual(Buffer.from(data));
      }),
      { numRuns: 50 },
    );
  });

  test('is shared by all storages of the same path', async () => {
    const claims = await directoryStorage(directory).store({}, [payload('shared')]);

    const [back] = await directoryStorage(directory).retrieve({}, claims);

    expect(valueOf(back)).toBe('shared');
  });

  test('is created when the first payload is stored, and not before', async () => {
    const later = join(directory, 'not', 'yet');
    const storage = directoryStorage(later);

    expect(await readdir(directory)).toEqual([]);
    await storage.store({}, [payload('now')]);
    expect(await filesIn(later)).toHaveLength(1);
  });
});

describe('a payload', () => {
  test('is one file that is named after its content', async () => {
    const storage = directoryStorage(directory);

    const [first] = await storage.store({}, [payload('a')]);
    const [second] = await storage.store({}, [payload('a')]);
    const [other] = await storage.store({}, [payload('b')]);

    expect(first?.claimData).toEqual(second?.claimData);
    expect(other?.claimData).not.toEqual(first?.claimData);
    expect(await filesIn(directory)).toHaveLength(2);
    const key = first?.claimData['key'] ?? '';
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    expect(await filesIn(directory)).toContain(join(key.slice(0, 2), key));
  });

  test('may be written by many at the same time, who leave no drafts', async () => {
    const large = payload('x'.repeat(300_000));

    const written = await Promise.all(
      Array.from({ length: 20 }, () => directoryStorage(directory).store({}, [large, large])),
    );

    const keys = new Set(written.flat().map(({ claimData }) => claimData['key']));
    expect(keys.size).toBe(1);
    expect(await filesIn(directory)).toHaveLength(1);
    const [back] = await directoryStorage(directory).retrieve({}, [claimOf([...keys].join())]);
    expect(valueOf(back)).toBe('x'.repeat(300_000));
  });

  test('can be read while it is written again', async () => {
    const storage = directoryStorage(directory);
    const large = payload('x'.repeat(300_000));
    const claims = await storage.store({}, [large]);

    const [, ...read] = await Promise.all([
      storage.store({}, [large, large, large, large]),
      ...Array.from({ length: 20 }, () => storage.retrieve({}, claims)),
    ]);

    for (const [back] of read) expect(valueOf(back)).toBe('x'.repeat(300_000));
  });
});

const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

describe.skipIf(process.platform === 'win32')('access to the files', () => {
  test('is for the user of the process only, whatever the umask', async () => {
    const later = join(directory, 'store');
    const [claim] = await directoryStorage(later).store({}, [payload('private')]);
    const key = claim?.claimData['key'] ?? '';

    expect(await modeOf(later)).toBe('700');
    expect(await modeOf(join(later, key.slice(0, 2)))).toBe('700');
    expect(await modeOf(join(later, key.slice(0, 2), key))).toBe('600');
  });

  test('is so even after a worker has found files of an earlier version', async () => {
    const storage = directoryStorage(directory);
    const [claim] = await storage.store({}, [payload('public')]);
    const folder = join(directory, (claim?.claimData['key'] ?? '').slice(0, 2));
    await chmod(folder, 0o755);
    await mkdir(join(directory, 'not-ours'), { mode: 0o755 });
    await chmod(join(directory, 'not-ours'), 0o755);
    await chmod(directory, 0o755);

    await storage.prepare();

    expect(await modeOf(folder)).toBe('700');
    expect(await modeOf(join(directory, 'not-ours'))).toBe('755');
    expect(await modeOf(directory)).toBe('755');
    expect(
      (await storage.retrieve({}, [claimOf(claim?.claimData['key'] ?? '')])).map(valueOf),
    ).toEqual(['public']);
  });
});

describe('a write that fails', () => {
  test('leaves nothing behind if the file cannot get its name', async () => {
    const storage = directoryStorage(directory);
    const [claim] = await storage.store({}, [payload('a')]);
    const key = claim?.claimData['key'] ?? '';
    const path = join(directory, key.slice(0, 2), key);
    await rm(path);
    await mkdir(join(path, 'in the way'), { recursive: true });

    await expect(storage.store({}, [payload('a'), payload('b')])).rejects.toThrow(
      /cannot be used: the file system failed: check its volume \((EISDIR|ENOTEMPTY)\)$/,
    );

    expect((await filesIn(directory)).filter((file) => file.includes('.'))).toEqual([]);
  });

  // As root, as in CI.
  test.skipIf(!canMount)('leaves nothing behind if the disk is full', async () => {
    const full = join(directory, 'full');
    await mkdir(full);
    mount(full);
    onTestFinished(() => void spawnSync('umount', [full]));
    const storage = directoryStorage(full);
    const [small] = await storage.store({}, [payload('small')]);

    for (const letter of ['a', 'b', 'c']) {
      await expect(storage.store({}, [payload(letter.repeat(80_000))])).rejects.toMatchObject({
        name: 'StorageUnavailableError',
        message: `The directory ${full} cannot be used: the disk is full: free some space, or run \`plait storage gc\` (ENOSPC)`,
      });
    }

    expect(await filesIn(full)).toHaveLength(1);
    const again = await storage.retrieve({}, [claimOf(small?.claimData['key'] ?? '')]);
    expect(again.map(valueOf)).toEqual(['small']);
    await storage.store({}, [payload('another')]);
  });

  test('leaves nothing behind if it is aborted', async () => {
    const storage = directoryStorage(directory);
    const controller = new AbortController();
    const large = Array.from({ length: 8 }, (_, i) => payload(`${i}`.repeat(3_000_000)));
    const writing = storage.store({ abortSignal: controller.signal }, large);
    setTimeout(() => controller.abort(new Error('enough')), 3);
    await writing.catch(() => undefined);

    expect((await filesIn(directory)).filter((file) => file.includes('.'))).toEqual([]);
  });
});

/** Makes a function of `node:fs/promises` fail for what is below the directory, until the test has ended. */
function breakDisk(
  name: 'open' | 'mkdir' | 'readdir' | 'rename' | 'stat' | 'sync' | 'unlink' | 'readFile' | 'chmod',
  code: string,
): void {
  const fail = (path: string) =>
    Object.assign(new Error(`${code}: it failed, ${name} '${path}'`), {
      code,
      syscall: name,
      path,
    });
  const method = name === 'sync' ? 'open' : name;
  const whole = disk[method] as (path: string, ...rest: unknown[]) => Promise<unknown>;
  const broken = async (path: string, ...rest: unknown[]): Promise<unknown> => {
    if (!path.startsWith(directory)) return await whole(path, ...rest);
    if (name !== 'sync') throw fail(path);
    const file = (await whole(path, ...rest)) as FileHandle;
    return Object.assign(file, { sync: () => Promise.reject(fail(path)) });
  };
  const spy = vi.spyOn(disk, method).mockImplementation(broken as never);
  syncBuiltinESMExports();
  onTestFinished(() => {
    spy.mockRestore();
    syncBuiltinESMExports();
  });
}

describe('an error of the disk is reported in words, with what to do', () => {
  const operations = {
    put: (storage) => storage.store({}, [payload('new')]),
    get: (storage) => storage.retrieve({}, [claimOf(digestOf('old'))]),
    list: async (storage) => {
      const found: unknown[] = [];
      for await (const one of storage.list()) found.push(one);
      return found;
    },
    remove: (storage) => storage.remove([digestOf('old')], new Date(Date.now() + 60_000)),
    prepare: (storage) => storage.prepare(),
  } satisfies Record<string, (storage: PlaitStorage) => Promise<unknown>>;
  const full = 'the disk is full: free some space';
  const denied = 'access is denied: all workers and clients must run as the user';
  const away = 'its volume is away: check that it is mounted';

  test.each<[keyof typeof operations, Parameters<typeof breakDisk>[0], string, string]>([
    ['put', 'mkdir', 'ENOSPC', full],
    ['put', 'mkdir', 'EROFS', 'the volume is read-only'],
    ['put', 'mkdir', 'ENOTDIR', 'a file stands where a folder should be'],
    ['put', 'stat', 'ESTALE', away],
    ['put', 'open', 'EMFILE', 'the process has too many open files'],
    ['put', 'open', 'ENOENT', 'it is missing: check that its volume is mounted'],
    ['put', 'sync', 'EIO', 'the disk reports an error'],
    ['put', 'rename', 'EDQUOT', 'the quota of the disk is used up'],
    ['get', 'readFile', 'EACCES', denied],
    ['get', 'readFile', 'ENOTDIR', 'a file stands where a folder should be'],
    ['get', 'readFile', 'EIO', 'the disk reports an error'],
    ['list', 'stat', 'ENOTCONN', away],
    ['list', 'readdir', 'EACCES', denied],
    ['list', 'readdir', 'EMFILE', 'the process has too many open files'],
    ['remove', 'stat', 'EIO', 'the disk reports an error'],
    ['remove', 'unlink', 'EROFS', 'the volume is read-only'],
    ['remove', 'unlink', 'EPERM', denied],
    ['prepare', 'mkdir', 'EEXIST', 'a file stands where a folder should be'],
    ['prepare', 'readdir', 'EACCES', denied],
    ['prepare', 'stat', 'EHOSTDOWN', away],
    ['prepare', 'chmod', 'EPERM', denied],
    ['prepare', 'mkdir', 'EWHAT', 'the file system failed: check its volume'],
  ])('%s: %s, %s', async (operation, name, code, words) => {
    const storage = directoryStorage(directory);
    await storage.store({}, [payload('old')]);
    await chmod(join(directory, digestOf('old').slice(0, 2)), 0o755);
    breakDisk(name, code);

    const failed = operations[operation](storage);

    await expect(failed).rejects.toMatchObject({
      name: 'StorageUnavailableError',
      message: expect.stringMatching(
        new RegExp(`^The directory ${directory} cannot be used: ${words}.* \\(${code}\\)$`),
      ) as unknown,
      cause: { code },
    });
  });

  test('even if the directory is a file', async () => {
    const path = join(directory, 'file');
    await writeFile(path, 'x');
    for (const operation of Object.values(operations)) {
      await expect(operation(directoryStorage(path))).rejects.toThrow(
        `The directory ${path} cannot be used: a file stands where a folder should be`,
      );
    }
  });

  test('listing and removing a missing object is no error, but a missing directory is one', async () => {
    const storage = directoryStorage(directory);
    await storage.store({}, [payload('old'), payload('gone')]);
    const listing = storage.list()[Symbol.asyncIterator]();
    await listing.next();
    for (const file of await filesIn(directory)) await rm(join(directory, file));

    expect((await listing.next()).done).toBe(true);
    expect(await operations.remove(storage)).toEqual([]);

    await rename(directory, `${directory}.away`);
    await expect(operations.remove(storage)).rejects.toThrow('is missing: check that its volume');
    await mkdir(directory);
    await expect(operations.list(storage)).rejects.toThrow('was replaced by another one');
    await expect(operations.remove(storage)).rejects.toThrow('was replaced by another one');
  });
});

describe('a directory that this process has used', () => {
  test('is not created again if it is missing, but a client that has not used it creates it', async () => {
    const path = join(directory, 'store');
    const storage = directoryStorage(path);
    const [claim] = await storage.store({}, [payload('a')]);
    await rename(path, `${path}.away`);

    await expect(storage.store({}, [payload('b')])).rejects.toThrow(
      `The directory ${path} is missing: check that its volume is mounted`,
    );
    await expect(storage.prepare()).rejects.toThrow('is missing');
    expect(await readdir(directory)).toEqual(['store.away']);
    // Somebody else has put one in its place.
    await directoryStorage(path).store({}, [payload('c')]);
    const missing = storage.retrieve({}, [claimOf(claim?.claimData['key'] ?? '')]);
    await expect(missing).rejects.toThrow(/^Cannot read .*was replaced by another one/);
    await rm(path, { recursive: true });
    await mkdir(path);
    await expect(storage.store({}, [payload('b')])).rejects.toThrow('was replaced by another one');
    expect(await readdir(path)).toEqual([]);
    await rm(path, { recursive: true });
    await rename(`${path}.away`, path);
    await storage.store({}, [payload('b')]);
    expect(await filesIn(path)).toHaveLength(2);
  });

  test('causes an error when it is listed while it is missing', async () => {
    const storage = directoryStorage(join(directory, 'missing'));
    await expect(storage.list()[Symbol.asyncIterator]().next()).rejects.toThrow('is missing');
  });
});

describe('a claim', () => {
  test.for([
    ['that names a file outside of the directory', '../../etc/passwd'],
    ['that is an absolute path', '/etc/passwd'],
    ['that hides a path behind a hash', `${'a'.repeat(64)}/../../x`],
    ['in capital letters', 'A'.repeat(64)],
    ['that is too short', 'a'.repeat(63)],
    ['that is too long', 'a'.repeat(65)],
    ['that ends with a line break', `${'a'.repeat(64)}\n`],
    ['that is empty', ''],
  ] as const)('%s is rejected before any file is read', async ([, key]) => {
    await writeFile(join(directory, 'x'), 'secret');

    await expect(directoryStorage(directory).retrieve({}, [claimOf(key)])).rejects.toThrow(
      `${JSON.stringify(key)} is not a key of a directory storage`,
    );
  });

  test('without a key is rejected', async () => {
    await expect(
      directoryStorage(directory).retrieve({}, [new StorageDriverClaim({})]),
    ).rejects.toThrow('"" is not a key of a directory storage');
  });

  test('whose payload is missing names the missing file', async () => {
    const key = 'a'.repeat(64);

    await expect(directoryStorage(directory).retrieve({}, [claimOf(key)])).rejects.toThrow(
      join(directory, 'aa', key),
    );
  });
});

describe('a file that was changed', () => {
  test('is reported as damaged', async () => {
    const storage = directoryStorage(directory);
    const claims = await storage.store({}, [payload('a')]);
    const [file = ''] = await filesIn(directory);
    const bytes = await readFile(join(directory, file));
    await writeFile(join(directory, file), bytes.subarray(0, bytes.length - 3));

    const changed = storage.retrieve({}, claims).then(([back]) => valueOf(back));

    await expect(changed).rejects.toThrow('is damaged: its content is not what was stored');
  });
});
