import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { Payload, PayloadCodec, StorageDriver } from '@temporalio/common';
import { ApplicationFailure, defaultPayloadConverter } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import * as fc from 'fast-check';
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { TranscriptStore } from '../../../activities/transcript/store.ts';
import { createTranscriptStore } from '../../../activities/transcript/store.ts';
import type { Message } from '../../../core/conversation/messages.ts';
import { mapData, storedData } from '../../../core/conversation/stored-data.ts';
import type { Segment } from '../../../core/conversation/transcript.ts';
import { STORAGE_FAILED } from '../../../core/failures.ts';
import { jsonBytes } from '../../../core/json.ts';
import { directoryStorage } from '../../../storage/directory.ts';
import { openStorage } from '../../../storage/open-storage.ts';
import { imageBlock, pdf, pdfBlock, png } from '../../fixtures/images.ts';

const root = await mkdtemp(join(tmpdir(), 'plait-store-'));
afterAll(() => rm(root, { recursive: true }));

let directories = 0;
const freshStorage = () => directoryStorage(join(root, `${(directories += 1)}`));

// What fails here is meant to.
const quiet = new DefaultLogger('ERROR');

function lazyClient(codecs: PayloadCodec[] = []): Client {
  const connection = Connection.lazy({ address: 'nobody.invalid:7233' });
  return new Client({ connection, dataConverter: { payloadCodecs: codecs } });
}

/** Runs something where activities run: with the worker's client and its codecs. */
async function inActivity<T>(work: () => Promise<T>, codecs: PayloadCodec[] = []): Promise<T> {
  const client = lazyClient(codecs);
  return await new MockActivityEnvironment({}, { client, logger: quiet }).run(work);
}

const says = (text: string): Message => ({ role: 'user', content: text });
const sizeOf = (messages: readonly Message[]) =>
  messages.reduce((sum, message) => sum + jsonBytes(message), 0);
const seal = (store: TranscriptStore, segments: readonly Segment[], tail: readonly Message[]) =>
  store.seal(segments, tail, sizeOf(tail));

/** Counts what is asked of a storage. */
function counted(storage: StorageDriver) {
  const counts = { stored: 0, retrieved: 0 };
  const counting: StorageDriver = {
    name: storage.name,
    type: storage.type,
    store: (context, payloads) => {
      counts.stored += payloads.length;
      return storage.store(context, payloads);
    },
    retrieve: (context, claims) => {
      counts.retrieved += claims.length;
      return storage.retrieve(context, claims);
    },
  };
  return { counts, storage: counting };
}

/** A codec that changes the bytes of every payload. */
function codec(encode: (data: Uint8Array) => Uint8Array, decode: (data: Uint8Array) => Uint8Array) {
  const mapped = (change: typeof encode) => (payloads: Payload[]) =>
    Promise.resolve(
      payloads.map((payload) => ({ ...payload, data: change(payload.data ?? new Uint8Array()) })),
    );
  return { encode: mapped(encode), decode: mapped(decode) } satisfies PayloadCodec;
}
const turningRound = codec(
  (data) => data.toReversed(),
  (data) => data.toReversed(),
);
/** Does not commute with the other one. */
const addingOne = codec(
  (data) => Uint8Array.from([1, ...data]),
  (data) => data.subarray(1),
);

describe('images and documents of a conversation', () => {
  const photo = imageBlock(png({ bytes: 100_000 }));
  const document = pdfBlock(pdf(50_000));
  const messages: Message[] = [{ role: 'user', content: [photo, document, photo] }];

  test('are in the storage once, and another worker puts them back unchanged', async () => {
    const { counts, storage } = counted(freshStorage());
    const [first, second] = [createTranscriptStore(storage), createTranscriptStore(storage)];

    const out = await inActivity(() => first.takeOut(messages));
    expect(await inActivity(() => first.takeOut(messages))).toEqual(out);
    expect(jsonBytes(out)).toBeLessThan(2_000);
    expect(counts).toEqual({ stored: 2, retrieved: 0 });
    for (const store of [first, second, second]) {
      const back = await inActivity(() => store.putBack(out));
      expect(JSON.stringify(back)).toBe(JSON.stringify(messages));
    }
    expect(counts).toEqual({ stored: 2, retrieved: 2 });
  });

  test('pass through the codecs of the worker', async () => {
    const storage = freshStorage();
    const codecs = [turningRound, addingOne];
    const out = await inActivity(() => createTranscriptStore(storage).takeOut(messages), codecs);

    const read = () => createTranscriptStore(storage).putBack(out);
    expect(await inActivity(read, codecs)).toEqual(messages);
    await expect(inActivity(read)).rejects.toMatchObject({ type: STORAGE_FAILED });
  });

  test('are not in the segments, which say that there are some', async () => {
    const store = createTranscriptStore(freshStorage());
    const segments = await inActivity(() => seal(store, [], messages));

    expect(segments).toMatchObject([{ files: true, messages: 1 }]);
    expect(segments[0]?.bytes).toBeLessThan(2_000);
    const loaded = await inActivity(() => store.load(segments));
    expect(await inActivity(() => store.putBack(loaded))).toEqual(messages);
    const [without] = await inActivity(() => seal(store, [], [says('Hello')]));
    expect(without).not.toHaveProperty('files');
  });

  test('stay inline without a storage, and stored ones cannot be read', async () => {
    const store = createTranscriptStore(undefined);
    expect(await inActivity(() => store.takeOut(messages))).toBe(messages);

    const out = await inActivity(() => createTranscriptStore(freshStorage()).takeOut(messages));
    await expect(inActivity(() => store.putBack(out))).rejects.toMatchObject({
      type: STORAGE_FAILED,
      message: expect.stringContaining(
        'Cannot read an image or a document from the storage: this worker has no storage',
      ) as string,
    });
  });

  test('are not read if something else is in their place', async () => {
    const storage = freshStorage();
    const store = () => createTranscriptStore(storage);
    const other = imageBlock(png({ bytes: 100_000, seed: 2 }));
    const [one, two] = await inActivity(() => store().takeOut([photo, other]));
    const wrong = mapData(one, (data) => ({
      ...(data as object),
      claim: storedData(two)[0]?.claim,
    }));

    await expect(inActivity(() => store().putBack(wrong))).rejects.toMatchObject({
      message: expect.stringContaining('its content has changed') as string,
    });
  });
});

const spec = { model: 'claude-opus-5-5', max_tokens: 100, system: 'You help.' };

describe('a sealed tail', () => {
  test('is read back by another worker, message for message', async () => {
    const storage = freshStorage();
    const tail = [says('Hello'), { role: 'assistant', content: 'Grüße 🧵' } as const];

    const segments = await inActivity(() => seal(createTranscriptStore(storage), [], tail));
    const loaded = await inActivity(() => createTranscriptStore(storage).load(segments));

    expect(segments).toMatchObject([{ messages: 2, bytes: jsonBytes(tail) }]);
    expect(JSON.stringify(loaded)).toBe(JSON.stringify(tail));
  });

  test('is written under the same key by a retried attempt', async () => {
    const storage = freshStorage();
    const write = () => inActivity(() => seal(createTranscriptStore(storage), [], [says('a')]));

    expect(await write()).toEqual(await write());
  });

  test('is written once by one worker, and read from its memory', async () => {
    const { counts, storage } = counted(freshStorage());
    const store = createTranscriptStore(storage);

    const segments = await inActivity(async () => {
      await seal(store, [], [says('a')]);
      return await seal(store, [], [says('a')]);
    });
    await inActivity(() => store.load(segments));

    expect(counts).toEqual({ stored: 1, retrieved: 0 });
  });

  test('is written again by a worker that has used it for an hour, so that it does not look old', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const { counts, storage } = counted(freshStorage());
    const store = createTranscriptStore(storage);
    const use = () =>
      inActivity(() => Promise.all([seal(store, [], [says('a')]), store.pin(spec)]));
    await use();
    vi.advanceTimersByTime(3_500_000);
    await use();
    expect(counts.stored).toBe(2);

    vi.advanceTimersByTime(200_000);
    // The cache looks at the clock once a millisecond.
    await new Promise((resolve) => setTimeout(resolve, 20));
    await use();

    expect(counts.stored).toBe(4);
  });

  test('absorbs small segments, in the order of the messages', async () => {
    const store = createTranscriptStore(freshStorage());
    const tails = ['a', 'b', 'c', 'd'].map((text) => [says(text)]);

    const segments = await inActivity(async () => {
      let sealed: Segment[] = [];
      for (const tail of tails) sealed = await seal(store, sealed, tail);
      return sealed;
    });

    expect(await inActivity(() => store.load(segments))).toEqual(tails.flat());
    expect(segments.length).toBeLessThanOrEqual(2);
  });

  test('leaves few segments after a hundred of the same size', async () => {
    const store = createTranscriptStore(freshStorage());

    const segments = await inActivity(async () => {
      let sealed: Segment[] = [];
      for (let i = 100; i < 200; i += 1) sealed = await seal(store, sealed, [says(`message ${i}`)]);
      return sealed;
    });

    expect(segments.length).toBeLessThanOrEqual(8);
    expect(segments.reduce((sum, { messages }) => sum + messages, 0)).toBe(100);
  });

  test('loses no message and no order, for any tails', async () => {
    const tails = fc.array(
      fc.array(
        fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }).map((text) => says(text)),
        { minLength: 1, maxLength: 4 },
      ),
      { maxLength: 12 },
    );
    const storage = freshStorage();
    await fc.assert(
      fc.asyncProperty(tails, async (sealedTails) => {
        const segments = await inActivity(async () => {
          const store = createTranscriptStore(storage);
          let sealed: Segment[] = [];
          for (const tail of sealedTails) sealed = await seal(store, sealed, tail);
          return sealed;
        });
        const loaded = await inActivity(() => createTranscriptStore(storage).load(segments));
        expect(loaded).toEqual(sealedTails.flat());
      }),
      { numRuns: 25 },
    );
  });

  test('says where the API has compacted the conversation, even after a merge', async () => {
    const store = createTranscriptStore(freshStorage());
    const summary = { type: 'compaction', content: 'So far.', encrypted_content: null };
    const reply = { role: 'assistant', content: [summary] } as unknown as Message;

    const segments = await inActivity(async () => {
      const first = await seal(store, [], [says('x'.repeat(1_000))]);
      const second = await seal(store, first, [reply]);
      const merged = await seal(store, second, [says('and then'), says('and then')]);
      return [first, second, merged];
    });

    expect(segments.map((list) => list.map(({ compacted }) => compacted))).toEqual([
      [undefined],
      [undefined, true],
      [undefined, true],
    ]);
    expect(segments[2]?.[1]?.messages).toBe(3);
  });

  test("passes through the worker's codecs", async () => {
    const directory = join(root, 'codec');
    const storage = directoryStorage(directory);
    const codecs = [turningRound, addingOne];
    const tail = [says('secret')];

    const segments = await inActivity(() => seal(createTranscriptStore(storage), [], tail), codecs);

    const read = (codecs: PayloadCodec[]) =>
      inActivity(() => createTranscriptStore(storage).load(segments), codecs);
    expect(await read(codecs)).toEqual(tail);
    await expect(read([])).rejects.toMatchObject({ type: STORAGE_FAILED });
  });
});

const block = (data: unknown) => ({
  type: 'image',
  source: { type: 'base64', media_type: 'image/png', data },
});

describe('what only looks like a reference to an image', () => {
  const key = 'a'.repeat(64);
  const reference = { type: 'plait.stored', digest: key, claim: { key }, bytes: 9_000 };

  test('becomes a text if a tool or the model has given it', async () => {
    const store = createTranscriptStore(freshStorage());
    const out = await inActivity(() => store.takeOut([block(reference)]));

    expect(out).toEqual([block(JSON.stringify(reference))]);
    expect(await inActivity(() => store.putBack(out))).toBe(out);
  });

  test('is data if it is not written as Plait writes one', async () => {
    const value = [
      block({ ...reference, claim: { key: 7 } }),
      block({ ...reference, digest: 'd' }),
    ];
    const store = createTranscriptStore(freshStorage());
    expect(await inActivity(() => store.putBack(value))).toBe(value);
  });

  test('is given up soon if there is no such object, or one of another kind', async () => {
    const storage = freshStorage();
    const store = createTranscriptStore(storage);
    const [segment] = await inActivity(() => seal(store, [], [says('Hello')]));
    const { digest, claim } = segment as Segment;
    const read = (data: unknown) =>
      new MockActivityEnvironment({ attempt: 3 }, { client: lazyClient(), logger: quiet }).run(() =>
        createTranscriptStore(storage).putBack([block(data)]),
      );

    for (const data of [
      reference,
      { ...reference, claim: { key: '../../etc/passwd' } },
      { ...reference, claim: {} },
      { ...reference, claim },
      { ...reference, claim, digest },
    ]) {
      await expect(read(data)).rejects.toMatchObject({ type: STORAGE_FAILED, nonRetryable: true });
    }
  });
});

const driver = (error: Error): StorageDriver => ({
  name: 'theirs',
  type: 'theirs',
  store: () => Promise.reject(error),
  retrieve: () => Promise.reject(error),
});

describe('a segment that cannot be read', () => {
  const lost: Segment = {
    claim: { key: 'a'.repeat(64) },
    digest: 'b'.repeat(64),
    messages: 1,
    bytes: 1,
  };

  const loadLost = (attempt: number, storage: StorageDriver = freshStorage()) =>
    new MockActivityEnvironment({ attempt }, { client: lazyClient(), logger: quiet }).run(() =>
      createTranscriptStore(storage).load([lost]),
    );

  test('is a failure that may be retried and says what to do', async () => {
    const load = inActivity(() => createTranscriptStore(freshStorage()).load([lost]));

    await expect(load).rejects.toMatchObject({ type: STORAGE_FAILED, nonRetryable: false });
    await expect(load).rejects.toThrow(
      /^Cannot read a part of the conversation from the storage: .*\. Give every worker of the task queue the same `storage`, and check that it is up\.$/,
    );
  });

  test('is given up soon if it is lost for good', async () => {
    const storage = freshStorage();
    await storage.store({}, [defaultPayloadConverter.toPayload('another object')]);

    await expect(loadLost(2, storage)).rejects.toMatchObject({ nonRetryable: false });
    await expect(loadLost(3, storage)).rejects.toMatchObject({
      type: STORAGE_FAILED,
      nonRetryable: true,
      message: expect.stringMatching(
        /^Cannot read a part of the conversation from the storage: Nothing is stored at .*a{64}: .*\. Give every worker of the task queue the same `storage`, and restore the object from a backup if it was lost\.$/,
      ) as string,
    });
  });

  test('is read again while a whole directory is missing or empty', async () => {
    const storage = freshStorage();
    await expect(loadLost(10, storage)).rejects.toMatchObject({ nonRetryable: false });
    await storage.prepare();
    await expect(loadLost(10, storage)).rejects.toMatchObject({
      nonRetryable: false,
      message: expect.stringContaining('is empty: check that its volume is mounted') as string,
    });
  });

  test('is given up soon, and named, if it is damaged', async () => {
    const storage = freshStorage();
    const [segment] = await inActivity(() =>
      seal(createTranscriptStore(storage), [], [says('Hello')]),
    );
    const key = segment?.claim['key'] ?? '';
    const path = join(storage.location, key.slice(0, 2), key);
    await writeFile(path, 'something else');
    const load = (attempt: number) =>
      new MockActivityEnvironment({ attempt }, { client: lazyClient(), logger: quiet }).run(() =>
        createTranscriptStore(storage).load([segment as Segment]),
      );

    await expect(load(2)).rejects.toMatchObject({ nonRetryable: false });
    await expect(load(3)).rejects.toMatchObject({ type: STORAGE_FAILED, nonRetryable: true });
    await expect(load(3)).rejects.toThrow(`The object ${path} is damaged`);
  });

  test("is given up soon if somebody else's driver says that it is gone", async () => {
    const gone = driver(ApplicationFailure.nonRetryable('there is no such blob', 'TheirType'));
    const away = driver(ApplicationFailure.retryable('503', 'TheirType'));

    await expect(loadLost(3, gone)).rejects.toMatchObject({ nonRetryable: true });
    await expect(loadLost(10, away)).rejects.toMatchObject({ nonRetryable: false });
    await expect(loadLost(10, driver(new Error('ETIMEDOUT')))).rejects.toMatchObject({
      nonRetryable: false,
    });
  });

  test('is read again for as long as the storage is away', async () => {
    const away = openStorage('postgres://plait@127.0.0.1:1/plait');
    const load = loadLost(10, away);

    await expect(load).rejects.toMatchObject({ type: STORAGE_FAILED, nonRetryable: false });
    await expect(load).rejects.toThrow(
      /from the storage: PostgreSQL \(postgres:\/\/plait@127.0.0.1:1\/plait\) failed: connect ECONNREFUSED.* check that it is up\.$/,
    );
  });

  test('is reported if the worker has no storage', async () => {
    const store = createTranscriptStore(undefined);

    await expect(inActivity(() => store.load([lost]))).rejects.toThrow(
      'this worker has no storage',
    );
    await expect(inActivity(() => seal(store, [], [says('a')]))).rejects.toThrow('no storage');
    expect(store.hasStorage).toBe(false);
  });

  test('may be one whose content is not what was written', async () => {
    const storage = freshStorage();
    const seals = (text: string) =>
      inActivity(() => seal(createTranscriptStore(storage), [], [says(text)]));
    const [first] = await seals('first');
    const [second] = await seals('second');
    if (first === undefined || second === undefined) throw new Error('Both must be sealed.');

    const swapped = { ...first, claim: second.claim };

    await expect(inActivity(() => createTranscriptStore(storage).load([swapped]))).rejects.toThrow(
      'its content has changed',
    );
  });
});

describe('the spec of an agent', () => {
  test('is pinned inline without a storage', async () => {
    const store = createTranscriptStore(undefined);

    const pinned = await inActivity(() => store.pin(spec));

    expect(pinned).toMatchObject({ type: 'inline', spec });
    expect(await inActivity(() => store.specOf(pinned))).toEqual(spec);
  });

  test('is pinned as a reference with a storage, and written once', async () => {
    const directory = join(root, 'spec');
    const store = createTranscriptStore(directoryStorage(directory));

    const pinned = await inActivity(() => store.pin(spec));
    await inActivity(() => store.pin({ ...spec }));

    expect(pinned).toMatchObject({
      type: 'stored',
      digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
    expect(await readdir(directory)).toHaveLength(1);
    const elsewhere = createTranscriptStore(directoryStorage(directory));
    expect(await inActivity(() => elsewhere.specOf(pinned))).toEqual(spec);
  });

  test('has the same digest with and without a storage', async () => {
    const inline = await inActivity(() => createTranscriptStore(undefined).pin(spec));
    const stored = await inActivity(() => createTranscriptStore(freshStorage()).pin(spec));

    expect(stored.digest).toBe(inline.digest);
  });
});

describe('the full text of a result', () => {
  const words = 'Grüße 🧵\n'.repeat(1_000);

  test('is read back by another worker, with its size in bytes', async () => {
    const storage = freshStorage();

    const kept = await inActivity(() => createTranscriptStore(storage).keep(words));

    expect(kept.bytes).toBe(Buffer.byteLength(words));
    expect(await inActivity(() => createTranscriptStore(storage).readKept(kept))).toBe(words);
  });

  test('is written once by attempts of one worker, and under the same key by several workers', async () => {
    const { counts, storage } = counted(freshStorage());
    const store = createTranscriptStore(storage);

    const first = await inActivity(() => store.keep(words));
    expect(await inActivity(() => store.keep(words))).toEqual(first);
    expect(counts.stored).toBe(1);
    expect(await inActivity(() => createTranscriptStore(storage).keep(words))).toEqual(first);
  });

  test('is fetched once for all its pages', async () => {
    const { counts, storage } = counted(freshStorage());
    const store = createTranscriptStore(storage);
    const kept = await inActivity(() => store.keep(words));

    for (let page = 0; page < 3; page += 1) await inActivity(() => store.readKept(kept));

    expect(counts).toEqual({ stored: 1, retrieved: 1 });
  });

  test('passes through the codecs of the worker', async () => {
    const storage = freshStorage();
    const codecs = [turningRound, addingOne];

    const kept = await inActivity(() => createTranscriptStore(storage).keep(words), codecs);

    const read = (codecs: PayloadCodec[]) =>
      inActivity(() => createTranscriptStore(storage).readKept(kept), codecs);
    expect(await read(codecs)).toBe(words);
    await expect(read([])).rejects.toMatchObject({ type: STORAGE_FAILED });
  });

  test('cannot be kept without a storage, and the error for a lost one says what to do', async () => {
    const lost = { claim: { key: 'a'.repeat(64) }, digest: 'b'.repeat(64), bytes: 1 };

    await expect(inActivity(() => createTranscriptStore(undefined).keep(words))).rejects.toThrow(
      'no storage',
    );
    await expect(
      inActivity(() => createTranscriptStore(freshStorage()).readKept(lost)),
    ).rejects.toThrow(
      /^Cannot read the rest of a result from the storage: .*\. Give every worker of the task queue the same `storage`, and check that it is up\.$/,
    );
  });
});
