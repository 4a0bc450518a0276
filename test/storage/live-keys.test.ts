import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import type { Payload, StorageDriver } from '@temporalio/common';
import { defaultPayloadConverter } from '@temporalio/common';
import * as fc from 'fast-check';
import { afterAll, afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest';
import { withStorage } from '../../storage/data-converter.ts';
import { directoryStorage } from '../../storage/directory.ts';
import type { UnreadableHistory } from '../../storage/errors.ts';
import { UnreadableHistoryError } from '../../storage/errors.ts';
import type { LiveKeysOptions } from '../../storage/live-keys.ts';
import { liveKeys } from '../../storage/live-keys.ts';
import type { PlaitStorage } from '../../storage/plait-storage.ts';
import { sweep } from '../../storage/sweep.ts';
import { anyReference, lookAlikeJson } from '../fixtures/look-alikes.ts';
import type { Namespace } from '../fixtures/namespace.ts';
import { newNamespace } from '../fixtures/namespace.ts';

const root = await mkdtemp(join(tmpdir(), 'plait-live-keys-'));
afterAll(() => rm(root, { recursive: true }));

const TOMORROW = new Date(Date.now() + 86_400_000);

/** For each test a namespace of its own, where nothing else is named. */
let own: Namespace;
beforeEach(async () => {
  own = await newNamespace(inject('temporalAddress'));
});
afterEach(() => own[Symbol.asyncDispose]());

function newStorage(): PlaitStorage {
  return directoryStorage(join(root, randomUUID()));
}

function clientWith(storage: StorageDriver): Client {
  const dataConverter = withStorage(undefined, storage) ?? {};
  return new Client({ connection: own.client.connection, namespace: own.name, dataConverter });
}

/** Starts a workflow that no worker runs. */
async function record(
  client: Client,
  args: unknown[],
  { type = 'nobody', memo = {} }: { type?: string; memo?: Record<string, unknown> } = {},
): Promise<string> {
  const workflowId = `w-${randomUUID()}`;
  await client.workflow.start(type, { workflowId, taskQueue: 'nobody', args, memo });
  await listed(client, workflowId);
  return workflowId;
}

const WAIT = { timeout: 30_000, interval: 100 };

async function listed(client: Client, workflowId: string): Promise<void> {
  const query = `WorkflowId = '${workflowId}'`;
  await vi.waitUntil(async () => (await client.workflow.count(query)).count === 1, WAIT);
}

/** Lists are about a second behind, also those of schedules. */
async function listedSchedules(client: Client, count: number): Promise<void> {
  await vi.waitUntil(async () => {
    const found = [];
    for await (const { scheduleId } of client.schedule.list()) found.push(scheduleId);
    return found.length === count;
  }, WAIT);
}

async function keysIn(client: Client, options?: LiveKeysOptions): Promise<Set<string>> {
  const keys = new Set<string>();
  for await (const key of liveKeys(client, options)) keys.add(key);
  return keys;
}

async function store(storage: PlaitStorage, value: unknown): Promise<string> {
  const [claim] = await storage.store({}, [defaultPayloadConverter.toPayload<unknown>(value)]);
  return claim?.claimData['key'] ?? '';
}

async function keysOf(storage: PlaitStorage): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of storage.list()) keys.push(key);
  return keys;
}

const KEY = /^[0-9a-f]{64}$/;

describe('data that looks like a reference', () => {
  test('names nothing, or one key too many, wherever a stranger has written it', async () => {
    const storage = newStorage();
    const client = clientWith(storage);
    const needed = await store(storage, 'needed');
    const garbage = await store(storage, 'garbage');
    const seeds = fc.sample(fc.oneof(lookAlikeJson, anyReference), { numRuns: 200, seed: 7 });
    await record(client, [{ claim: { key: needed } }]);
    await record(client, seeds, { memo: { seen: seeds.slice(0, 50) } });
    const listedInput = {
      x: { files: true, digest: 'd', claim: { key: '../../etc/passwd' } },
    };
    await record(client, [listedInput]);
    await client.schedule.create({
      scheduleId: `s-${randomUUID()}`,
      spec: {},
      action: { type: 'startWorkflow', workflowType: 'nobody', taskQueue: 'nobody', args: seeds },
    });
    await listedSchedules(client, 1);

    const report = await sweep(storage, { live: () => liveKeys(client), writtenBefore: TOMORROW });

    expect(report).toMatchObject({ removed: { objects: 1 }, needed: { objects: 1 } });
    expect(await keysOf(storage)).toEqual([needed]);
    expect(garbage).toMatch(KEY);
  });

  test('names nothing if it points at an object that is gone, damaged, or something else', async () => {
    const storage = newStorage();
    const client = clientWith(storage);
    const other = await store(storage, { x: 'f'.repeat(64) });
    const damaged = await store(storage, 'damaged');
    await writeFile(join(storage.location, damaged.slice(0, 2), damaged), 'not what was stored');
    const segments = [other, damaged, 'e'.repeat(64)].map((key) => ({
      files: true,
      digest: key,
      claim: { key },
      messages: 1,
      bytes: 9,
    }));
    await record(client, [segments]);

    const live = await keysIn(client);

    expect(live).toEqual(new Set([other, damaged, 'e'.repeat(64), 'f'.repeat(64)]));
  });

  test('may be deeper than the stack', async () => {
    const storage = newStorage();
    const client = clientWith(storage);
    const key = 'a'.repeat(64);
    const depth = 50_000;
    const text = `${'['.repeat(depth)}{"files":true,"key":"${key}"}${']'.repeat(depth)}`;
    await recordPayloads(client, [payloadOf('json/plain', text)]);

    expect(await keysIn(client)).toContain(key);
  });

  test('may be a payload that is not what it says', async () => {
    const storage = newStorage();
    const client = clientWith(storage);
    const reference = (data: string): Payload =>
      payloadOf('json/protobuf', data, 'temporal.api.sdk.v1.ExternalStorageReference');
    await recordPayloads(client, [
      payloadOf('json/plain', '{"files":true,'),
      payloadOf('json/plain', '"files":true'),
      payloadOf('binary/plain', `"files":true ${'b'.repeat(64)}`),
      reference('not JSON'),
      reference('null'),
      reference('[]'),
      reference('{"driverName":"","claimData":{}}'),
      reference('{"driverName":"plait-directory"}'),
      reference('{"driverName":"plait-directory","claimData":["a"]}'),
      reference('{"driverName":"plait-directory","claimData":{"key":"../../etc/passwd"}}'),
      reference('{"driverName":"plait-directory","claimData":{"key":{"key":"a"}}}'),
    ]);

    expect(await keysIn(client)).toContain('b'.repeat(64));
  });
});

function payloadOf(encoding: string, data: string, messageType?: string): Payload {
  return {
    metadata: {
      encoding: Buffer.from(encoding),
      ...(messageType === undefined ? {} : { messageType: Buffer.from(messageType) }),
    },
    data: Buffer.from(data),
  };
}

/** With payloads that no converter would make. */
async function recordPayloads(
  client: Client,
  payloads: Payload[],
  type = 'nobody',
): Promise<string> {
  const workflowId = `w-${randomUUID()}`;
  const { namespace } = client.options;
  await client.workflowService.startWorkflowExecution({
    namespace,
    workflowId,
    workflowType: { name: type },
    taskQueue: { name: 'nobody' },
    requestId: randomUUID(),
    input: { payloads },
  });
  await listed(client, workflowId);
  return workflowId;
}

describe('a history that is larger than a message of gRPC', () => {
  test.each(['while the workflow runs', 'when it has ended'])(
    'is read in pages that fit, %s',
    async (when) => {
      const storage = newStorage();
      const client = clientWith(storage);
      const workflowId = await record(client, []);
      const handle = client.workflow.getHandle(workflowId);
      const keys = Array.from({ length: 100 }, (_, i) => String(i).padStart(64, '0'));
      for (const key of keys) await handle.signal('wide', { key, text: 'x'.repeat(90_000) });
      if (when === 'when it has ended') {
        await handle.terminate();
        const query = `WorkflowId = '${workflowId}' AND ExecutionStatus = 'Terminated'`;
        await vi.waitUntil(async () => (await client.workflow.count(query)).count === 1, WAIT);
      }

      const started = performance.now();
      const live = await keysIn(client);

      for (const key of keys) expect(live).toContain(key);
      // The SDK asks ten times for a page that is too large, for more than 40 s.
      expect(performance.now() - started).toBeLessThan(30_000);
    },
  );
});

describe('a payload that cannot be read', () => {
  const hidden = payloadOf('binary/hidden', `secret ${'c'.repeat(64)}`);

  test('is an error that names the workflow, its type and the option', async () => {
    const client = clientWith(newStorage());
    const workflowId = await recordPayloads(client, [hidden], 'Order Process');

    const error: unknown = await keysIn(client).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(UnreadableHistoryError);
    expect((error as Error).message).toBe(
      `Cannot find out which stored objects workflow ${workflowId} of type "Order Process" in namespace ${own.name} needs: cannot read a payload with the encoding "binary/hidden": give the client the codecs of the workers. If workflows of this type do not use the storage, leave out what cannot be read of them: --ignore-unreadable "Order Process", or in a program ignoreUnreadable: ["Order Process"].`,
    );
  });

  test('is left out if its type is ignored, and everything else is read and reported', async () => {
    const storage = newStorage();
    const client = clientWith(storage);
    const workflowId = await recordPayloads(
      client,
      [hidden, payloadOf('json/plain', `"${'d'.repeat(64)}"`)],
      'Order',
    );
    const needed = await store(storage, 'needed');
    await record(client, [{ claim: { key: needed } }]);
    const left: UnreadableHistory[] = [];
    const progress: number[] = [];

    const live = await keysIn(client, {
      ignoreUnreadable: ['Other', 'Order'],
      onUnreadable: (one) => left.push(one),
      onProgress: (read) => progress.push(read),
    });

    expect(progress).toEqual(progress.map((_, i) => i + 1));
    expect(progress.length).toBeGreaterThanOrEqual(2);
    expect(live).toEqual(new Set([needed, 'c'.repeat(64), 'd'.repeat(64)]));
    expect(left).toEqual([
      {
        what: `workflow ${workflowId}`,
        workflowType: 'Order',
        namespace: own.name,
        reason:
          'cannot read a payload with the encoding "binary/hidden": give the client the codecs of the workers',
      },
    ]);
    await expect(keysIn(client, { ignoreUnreadable: ['Other'] })).rejects.toThrow('"Order"');
  });

  test('may belong to a schedule, or be an object of another storage', async () => {
    const client = clientWith(newStorage());
    const other = { ...newStorage(), name: 'somewhere-else' };
    await record(clientWith(other), ['x'.repeat(300_000)], { type: 'Moved' });
    const scheduleId = `s-${randomUUID()}`;
    await clientWith(other).schedule.create({
      scheduleId,
      spec: {},
      action: {
        type: 'startWorkflow',
        workflowType: 'Nightly',
        taskQueue: 'nobody',
        args: ['x'.repeat(300_000)],
      },
    });
    await listedSchedules(client, 1);
    const left: UnreadableHistory[] = [];
    const ignoring = (...ignoreUnreadable: string[]) =>
      keysIn(client, { ignoreUnreadable, onUnreadable: (one) => left.push(one) });

    // Both are read at once, so without a list of types either may be the first to fail.
    await expect(ignoring()).rejects.toThrow(/of type "(Moved|Nightly)" in namespace/);
    await expect(ignoring('Nightly')).rejects.toThrow('of type "Moved" in namespace');
    await expect(ignoring('Moved')).rejects.toThrow(`schedule ${scheduleId} of type "Nightly"`);
    left.length = 0;
    await ignoring('Moved', 'Nightly');

    const reason =
      'it needs an object of the storage driver somewhere-else, and the client has no such storage; use withStorage';
    expect(new Set(left.map((one) => `${one.workflowType}: ${one.reason}`))).toEqual(
      new Set([`Moved: ${reason}`, `Nightly: ${reason}`]),
    );
  });

  test('does not hide that the storage is away', async () => {
    const storage = newStorage();
    const away: StorageDriver = {
      name: storage.name,
      type: storage.type,
      store: (context, payloads) => storage.store(context, payloads),
      retrieve: () => Promise.reject(new Error('the storage is away')),
    };
    const client = clientWith(away);
    await record(client, ['x'.repeat(300_000)]);

    await expect(keysIn(client)).rejects.toThrow('the storage is away');
  });
});
