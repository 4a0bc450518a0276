import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { PayloadCodec, StorageDriver } from '@temporalio/common';
import proto from '@temporalio/proto';
import { NativeConnection } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import { withDefaults } from '../../client/connection-options.ts';
import { TurnFailedError } from '../../client/index.ts';
import { STORAGE_FAILED } from '../../core/failures.ts';
import { directoryStorage } from '../../storage/directory.ts';
import { liveKeys } from '../../storage/live-keys.ts';
import { openStorage } from '../../storage/open-storage.ts';
import type { PlaitStorage } from '../../storage/plait-storage.ts';
import { postgresStorage } from '../../storage/postgres.ts';
import { sweep } from '../../storage/sweep.ts';
import { withStorage } from '../../storage/data-converter.ts';
import { startTestEnvironment } from '../../testing/environment.ts';
import { callTools, say } from '../../testing/replies.ts';
import type { Script } from '../../testing/script.ts';
import { createWorker } from '../../worker/create-worker.ts';
import { startPlait } from '../fixtures/plait.ts';
import { startEmbeddedPostgres } from '../fixtures/postgres-server.ts';
import { inThisThread } from '../fixtures/sandbox.ts';
import { startStores, type Stores } from '../fixtures/stores.ts';
import { agentWith, reader } from '../fixtures/tools.ts';
import { until } from '../fixtures/until.ts';
import { stopWorker } from '../fixtures/waiting-turns.ts';

const PayloadMessage = proto.temporal.api.common.v1.Payload;

let stores: Stores;
let root: string;
let postgres: Stores['postgres'];
let s3: Stores['s3'];
beforeAll(async () => {
  stores = await startStores();
  ({ root, postgres, s3 } = stores);
});
afterAll(() => stores.stop());

const settings: Record<string, () => string> = {
  directory: () => join(root, 'turns'),
  PostgreSQL: () => `${postgres.url}?table=turns_${process.pid}`,
  S3: () =>
    `s3://${s3.bucket}/turns?region=eu-central-1&endpoint=${encodeURIComponent(s3.endpoint)}`,
};

/** The model calls `read` three times a round, for so many rounds, and then stops. */
function rounds(count: number): Script {
  const call = callTools([1, 2, 3].map((part) => ['read', { part }] as const));
  return ({ round }) => (round < count ? call : say('Read all.'));
}

async function connect(): Promise<Connection> {
  const connection = await Connection.connect(withDefaults({ address: inject('temporalAddress') }));
  onTestFinished(() => connection.close());
  return connection;
}

/** A namespace for one storage alone. */
async function newNamespace(connection: Connection): Promise<string> {
  const namespace = `storage-${randomUUID()}`;
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
  });
  // The server's other parts learn of it within seconds.
  const { workflow } = new Client({ connection, namespace });
  await until(() => workflow.count().then(Boolean, () => false));
  return namespace;
}

function clientOf(
  connection: Connection,
  namespace: string,
  storage: StorageDriver,
  codecs: PayloadCodec[] = [],
): Client {
  const dataConverter = withStorage({ payloadCodecs: codecs }, storage) ?? {};
  return new Client({ connection, namespace, dataConverter });
}

async function keysOf(storage: PlaitStorage): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of storage.list()) keys.push(key);
  return keys;
}

async function collected(keys: AsyncIterable<string>): Promise<Set<string>> {
  const all = new Set<string>();
  for await (const key of keys) all.add(key);
  return all;
}

/** A tool for two workers that run two calls each: three calls only end together, so on both workers. */
function meeting() {
  const workers = new Set<string>();
  let waiting: (() => void)[] = [];
  const toolOf = (worker: string) =>
    reader(
      'read',
      async ({ part }) => {
        workers.add(worker);
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
          if (waiting.length < 3) return;
          for (const go of waiting) go();
          waiting = [];
        });
        return `${String(part)}:${'x'.repeat(300_000)}`;
      },
      { maxResultBytes: 2_000_000 },
    );
  return { workers, toolOf };
}

describe.each(Object.entries(settings))('with a storage of the kind %s', (_, setting) => {
  test('two workers run a long conversation with large results, and every needed object is found', async () => {
    const storages: PlaitStorage[] = [];
    const open = (): PlaitStorage => {
      const storage = openStorage(setting());
      storages.push(storage);
      return storage;
    };
    onTestFinished(async () => void (await Promise.all(storages.map((one) => one.close()))));
    const { workers, toolOf } = meeting();
    const both = { maxConcurrentActivityTaskExecutions: 2, maxCachedWorkflows: 0 } as const;
    const admin = await connect();
    const namespace = await newNamespace(admin);
    await using plait = await startTestEnvironment({
      temporal: { address: inject('temporalAddress'), namespace },
      ...inThisThread,
      agents: [agentWith([toolOf('first')], { rounds: 100 })],
      script: rounds(2),
      storage: open(),
      ...both,
    });
    const connection = await NativeConnection.connect({ address: inject('temporalAddress') });
    onTestFinished(() => connection.close());
    const second = await createWorker({
      agents: [agentWith([toolOf('second')], { rounds: 100 })],
      storage: open(),
      connection,
      namespace,
      taskQueue: plait.taskQueue,
      anthropic: { baseURL: plait.model.url, apiKey: 'test' },
      ...inThisThread,
      shutdownGraceTime: 0,
      ...both,
    });
    const running = second.run();
    running.catch(() => undefined);

    const input = `Read it all. ${'y'.repeat(400_000)}`;
    const turn = await plait.agents.start('tester', input);
    const result = await turn.result();
    const historyBytes = (await turn.describe()).historyBytes ?? 0;
    second.shutdown();
    await running;

    expect(result).toMatchObject({ stopReason: 'end_turn', rounds: 3, text: 'Read all.' });
    expect(plait.model.requests.at(-1)?.body?.messages).toEqual(result.messages.slice(0, -1));
    expect(JSON.stringify(result.messages).length).toBeGreaterThan(1_800_000);
    expect(historyBytes).toBeLessThan(200_000);
    expect(workers).toEqual(new Set(['first', 'second']));

    const storage = open();
    const stored = await keysOf(storage);
    const client = clientOf(admin, namespace, storage);
    await until(async () => (await client.workflow.count()).count === 1);
    const live = await collected(liveKeys(client));
    expect(stored.length).toBeGreaterThan(10);
    // Only the object of the workers' check is not needed.
    expect(stored.filter((key) => !live.has(key))).toHaveLength(1);

    const future = new Date(Date.now() + 86_400_000);
    const report = await sweep(storage, { live: () => liveKeys(client), writtenBefore: future });
    expect(report).toMatchObject({ removed: { objects: 1 }, young: { objects: 0 } });
    expect(await turn.result()).toEqual(result);
  });
});

/** Its results do not fit into history, and its calls are tried again often enough. */
const large = reader('read', ({ part }) => `${String(part)}:${'x'.repeat(300_000)}`, {
  maxResultBytes: 2_000_000,
  activity: { retry: { initialInterval: '10ms', maximumAttempts: 20 } },
});
const page = reader('read', ({ part }) => `${String(part)}:${'x'.repeat(9_000)}`);

/** A storage that loses everything once it is `broken`. */
function breakable(storage: PlaitStorage) {
  const state = { broken: false, reads: 0 };
  const driver: StorageDriver = {
    name: storage.name,
    type: storage.type,
    store: (context, payloads) => storage.store(context, payloads),
    async retrieve(context, claims) {
      if (!state.broken) return await storage.retrieve(context, claims);
      state.reads += 1;
      const tomorrow = new Date(Date.now() + 86_400_000);
      await storage.remove(await keysOf(storage), tomorrow);
      return await storage.retrieve(context, claims);
    },
  };
  return { state, driver };
}

test('a lost part of the conversation soon fails the turn, and the error says what to do', async () => {
  const { state, driver } = breakable(directoryStorage(join(root, randomUUID())));
  const agent = agentWith([page], { rounds: 100 });
  const left = new AbortController();
  const released = once(left.signal, 'abort');
  const script: Script = async (request) => {
    // The first worker leaves during this round.
    if (request.round === 5) await released;
    return await rounds(20)(request);
  };
  await using plait = await startPlait({ agents: [agent], script, storage: driver });
  // Another worker with an empty cache takes over.
  const turn = await plait.agents.start(agent, 'read', { turnId: randomUUID() });
  await until(() => plait.model.requests.length > 5);
  await stopWorker(plait);
  state.broken = true;
  const connection = await NativeConnection.connect({ address: inject('temporalAddress') });
  onTestFinished(() => connection.close());
  const second = await createWorker({
    agents: [agent],
    storage: { ...driver, retrieve: brokenAfterCheck(driver, state) },
    connection,
    taskQueue: plait.taskQueue,
    anthropic: { baseURL: plait.model.url, apiKey: 'test' },
    ...inThisThread,
  });
  const running = second.run();

  const failed = (await turn.result().catch((error: unknown) => error)) as TurnFailedError;
  left.abort();
  second.shutdown();
  await running;

  expect(failed).toBeInstanceOf(TurnFailedError);
  expect(failed.message).toMatch(
    // Both are read at once, so either may fail first.
    /Cannot read (a part of the conversation|the agent) from the storage: Nothing is stored at .*Give every worker of the task queue the same `storage`/,
  );
  expect(failed).toMatchObject({ type: STORAGE_FAILED });
  expect(state.reads).toBeLessThanOrEqual(12);
});

/** Lets the check at the worker's start pass: the first read works. */
function brokenAfterCheck(
  driver: StorageDriver,
  state: { broken: boolean },
): StorageDriver['retrieve'] {
  let started = false;
  return async (context, claims) => {
    if (started) return await driver.retrieve(context, claims);
    started = true;
    state.broken = false;
    const payloads = await driver.retrieve(context, claims);
    state.broken = true;
    return payloads;
  };
}

test('a storage that is down for a while is retried, and the turn goes on', async () => {
  const server = await startEmbeddedPostgres();
  const storage = postgresStorage({ connectionString: server.url });
  onTestFinished(async () => {
    await storage.close();
    await server.stop();
  });
  const failures: unknown[] = [];
  const watched: StorageDriver = {
    name: storage.name,
    type: storage.type,
    retrieve: (context, claims) => storage.retrieve(context, claims),
    store: (context, payloads) =>
      storage.store(context, payloads).catch((error: unknown) => {
        failures.push(error);
        if (failures.length === 4) server.goAway(false);
        throw error;
      }),
  };
  await storage.prepare();
  const agent = agentWith([large], { rounds: 100 });
  await using plait = await startPlait({
    agents: [agent],
    script: (request) => {
      if (request.round === 1 && failures.length === 0) server.goAway(true);
      return rounds(3)(request);
    },
    storage: watched,
  });

  const result = await plait.agents.execute(agent, 'read');

  expect(result).toMatchObject({ stopReason: 'end_turn', rounds: 4 });
  expect(result.calls.map(({ outcome }) => outcome)).toEqual(Array(9).fill('succeeded'));
  expect(failures.length).toBeGreaterThanOrEqual(4);
});

test('without a storage, a conversation that outgrows a payload ends validly, and stopDetails names the setting', async () => {
  const big = reader('read', () => 'x'.repeat(250_000), { maxResultBytes: 2_000_000 });
  const agent = agentWith([big], { rounds: 100 });
  await using plait = await startPlait({ agents: [agent], script: rounds(20) });

  const result = await plait.agents.execute(agent, 'read');

  expect(result).toMatchObject({
    stopReason: 'turn_too_large',
    stopDetails: expect.stringContaining('Give the worker and the client a `storage`') as string,
  });
});

test('a worker whose storage cannot be written does not start, and says what to configure', async () => {
  const agent = agentWith([]);
  const start = (setting: string) =>
    startPlait({ agents: [agent], script: rounds(1), storage: openStorage(setting) });

  await expect(start('postgres://plait@127.0.0.1:1/plait')).rejects.toThrow(
    /^The storage postgres:\/\/plait@127.0.0.1:1\/plait cannot be used: PostgreSQL .* failed: connect ECONNREFUSED 127.0.0.1:1\. Check the URL, PGPASSWORD/,
  );
  await expect(
    start(`s3://no-such-bucket?region=eu-central-1&endpoint=${encodeURIComponent(s3.endpoint)}`),
  ).rejects.toThrow(
    /^The storage s3:\/\/no-such-bucket cannot be used: .*NoSuchBucket: .* Check the bucket/,
  );
  await expect(start('/dev/null/nowhere')).rejects.toThrow(
    /^The storage \/dev\/null\/nowhere cannot be used: .* Use a directory that this process may write/,
  );
});

describe('the keys that workflows need', () => {
  const encoding = Buffer.from('binary/hidden');
  const hidden: PayloadCodec = {
    encode: (payloads) =>
      Promise.resolve(
        payloads.map((payload) => ({
          metadata: { encoding },
          data: PayloadMessage.encode(payload).finish().toReversed(),
        })),
      ),
    decode: (payloads) =>
      Promise.resolve(
        payloads.map((payload) =>
          encoding.equals(payload.metadata?.['encoding'] ?? Buffer.of())
            ? PayloadMessage.decode((payload.data ?? Buffer.of()).toReversed())
            : payload,
        ),
      ),
  };

  test('are found with the codecs of the workers, and without them there is an error that says so', async () => {
    const connection = await connect();
    const namespace = await newNamespace(connection);
    const storage = directoryStorage(join(root, randomUUID()));
    const client = (codecs: PayloadCodec[]) => clientOf(connection, namespace, storage, codecs);
    const key = 'c'.repeat(64);
    const start = client([hidden]).workflow;
    await start.start('nobody', {
      workflowId: 'w',
      taskQueue: 'nobody',
      args: [{ claim: { key } }, { large: 'x'.repeat(300_000), key: 'd'.repeat(64) }],
      // As every turn has one.
      memo: { agent: 'nobody' },
    });
    await until(async () => (await start.count()).count === 1);

    const found = await collected(liveKeys(client([hidden])));
    expect(found).toContain(key);
    // This one is in a payload that is in the storage itself.
    expect(found).toContain('d'.repeat(64));
    for (const stored of await keysOf(storage)) expect(found).toContain(stored);
    await expect(collected(liveKeys(client([])))).rejects.toMatchObject({
      message: expect.stringContaining(
        `Cannot find out which stored objects workflow w of type "nobody" in namespace ${namespace} needs`,
      ) as string,
      cause: { message: expect.stringContaining('the codecs of the workers') as string },
    });
    await client([]).workflow.getHandle('w').terminate();
  });
});
