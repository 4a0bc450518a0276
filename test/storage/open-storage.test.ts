import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { defaultPayloadConverter } from '@temporalio/common';
import { expect, onTestFinished, test } from 'vitest';
import { checkStorage } from '../../storage/check-storage.ts';
import { referencesProblem } from '../../storage/data-converter.ts';
import { InvalidStorageError } from '../../storage/errors.ts';
import { openStorage } from '../../storage/open-storage.ts';

import type { PostgresPool } from '../../storage/postgres.ts';
import { postgresStorage, postgresTable } from '../../storage/postgres.ts';
import { optionalPackage } from '../../storage/optional-package.ts';
import { startEmbeddedPostgres } from '../fixtures/postgres-server.ts';

test.each([
  ['.plait/storage', 'plait-directory', resolve('.plait/storage')],
  ['C:\\storage', 'plait-directory', resolve('C:\\storage')],
  [pathToFileURL('/var/lib/plait').href, 'plait-directory', '/var/lib/plait'],
  ['postgres://ana@db:5433/plait', 'plait-postgres', 'postgres://ana@db:5433/plait'],
  ['postgresql://ana:secret@db/plait?table=t', 'plait-postgres', 'postgresql://ana@db/plait'],
  ['postgres://', 'plait-postgres', 'postgres://'],
  ['s3://bucket', 'plait-s3', 's3://bucket'],
  ['s3://bucket/a/b/?region=eu-central-1', 'plait-s3', 's3://bucket/a/b'],
  ['s3://my_bucket.x/a%20b', 'plait-s3', 's3://my_bucket.x/a b'],
])('%s is a storage, and its location has no password', (setting, name, location) => {
  expect(openStorage(setting)).toMatchObject({ name, location });
});

test.each([
  ['', /The storage setting is empty\. Give a directory, postgres:/],
  ['mysql://db/plait', /begins with mysql:, which is not a kind of storage/],
  ['https://bucket.s3.amazonaws.com', /begins with https:, which is not a kind of storage/],
  ['postgres:db/plait', /begins with postgres: but is not a URL/],
  ['postgres://ana:pass#word@db:x/plait', /but is not a URL.*escaped/],
  ['postgres://db/plait?table=a-b', /table must be .* lower-case letters.*; got "a-b"/],
  ['postgres://db/plait?schema=Upper', /schema must be .* lower-case letters.*; got "Upper"/],
  ['s3://', /bucket must not be empty|is not a URL/],
  ['s3://key:secret@bucket', /must not hold credentials.*AWS_ACCESS_KEY_ID/],
  [
    's3://bucket?regoin=x',
    /unknown parameter regoin; known parameters: region, endpoint, pathStyle/,
  ],
  ['s3://bucket?endpoint=minio:9000', /endpoint of the storage must be a URL.*; got "minio:9000"/],
])('%j is invalid, and the error does not repeat the password', (setting, message) => {
  const open = () => openStorage(setting);
  expect(open).toThrow(InvalidStorageError);
  expect(open).toThrow(message);
  expect(open).not.toThrow(/pass|secret/);
});

test('the error for a missing package has the command that installs it', async () => {
  const name: string = 'no-such-package';

  await expect(optionalPackage(name, () => import(name))).rejects.toThrow(
    'This storage needs the package no-such-package, which is not installed: npm install no-such-package',
  );
  await expect(
    optionalPackage('pg', () => Promise.reject(new Error('it is broken'))),
  ).rejects.toThrow('it is broken');
});

test('a role that may not create tables writes into one that was created for it', async () => {
  const server = await startEmbeddedPostgres();
  onTestFinished(() => server.stop());
  await server.run('CREATE SCHEMA plait');
  await server.run('CREATE ROLE worker');
  await server.run('GRANT USAGE ON SCHEMA plait TO worker');
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({ connectionString: server.url, max: 1 });
  onTestFinished(() => pool.end());
  await pool.query('SET ROLE worker');
  const storage = postgresStorage({ pool, schema: 'plait', table: 'parts' });

  await expect(checkStorage(storage)).rejects.toThrow(
    /permission denied for schema plait.* The role must be allowed to write the table, or to create it/,
  );
  await pool.query('RESET ROLE');
  await expect(storage.store({}, [defaultPayloadConverter.toPayload(1)])).rejects.toThrow(
    /has no table plait\.parts\. .* Otherwise run: CREATE TABLE IF NOT EXISTS plait\.parts \( key text/,
  );
  await server.run(postgresTable({ schema: 'plait', table: 'parts' }));
  await server.run('GRANT SELECT, INSERT, UPDATE, DELETE ON plait.parts TO worker');
  await pool.query('SET ROLE worker');

  await checkStorage(storage);
  expect(await server.run('SELECT count(*)::int AS n FROM plait.parts')).toEqual([{ n: 1 }]);
});

test('an abort closes the connection of the running statement, and close() leaves the caller’s pool open', async () => {
  const released: unknown[] = [];
  let ended = false;
  const pool: PostgresPool = {
    connect: () =>
      Promise.resolve({
        query: () => new Promise(() => undefined),
        release: (error) => void released.push(error),
      }),
    end: () => Promise.resolve(void (ended = true)),
  };
  const storage = postgresStorage({ pool });
  const controller = new AbortController();

  const writing = storage.store({ abortSignal: controller.signal }, [
    defaultPayloadConverter.toPayload(1),
  ]);
  await new Promise((resolve) => setImmediate(resolve));
  controller.abort(new Error('enough'));

  await expect(writing).rejects.toThrow('enough');
  expect(released).toEqual([true]);
  await storage.close();
  expect(ended).toBe(false);
});

test('a directory that is a file is reported before any turn', async () => {
  const root = await mkdtemp(join(tmpdir(), 'plait-check-'));
  onTestFinished(() => rm(root, { recursive: true }));
  const { writeFile } = await import('node:fs/promises');
  await writeFile(join(root, 'file'), '');

  await expect(checkStorage(openStorage(join(root, 'file')))).rejects.toThrow(
    /cannot be used: a file stands where a folder should be.*EEXIST.*Use a directory that this process may write/,
  );
});

test('a project with several copies of protobufjs, in which no turn with a large payload ends, learns what to install', () => {
  expect(referencesProblem()).toBeUndefined();
  expect(
    referencesProblem(() => {
      throw new TypeError('type must be a Type');
    }),
  ).toMatch(/"type must be a Type".*share one copy of protobufjs.*npm install protobufjs@8/);
});
