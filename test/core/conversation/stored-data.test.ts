import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StoredData } from '../../../core/conversation/stored-data.ts';
import {
  findLookAlike,
  isStoredData,
  largeData,
  mapData,
  putBackData,
  STORED_FROM,
  storedData,
  takeOutData,
  withoutLookAlikes,
} from '../../../core/conversation/stored-data.ts';
import { fingerprint } from '../../../core/fingerprint.ts';
import { lookAlikeBlock, lookAlikeJson, wellFormedReference } from '../../fixtures/look-alikes.ts';

const digestOf = (text: string) => createHash('sha256').update(text).digest('hex');

/** Keeps what it is given, under a claim that is another one each time. */
function memory() {
  const kept = new Map<string, string>();
  return {
    kept,
    store: (data: string): Promise<StoredData> => {
      const claim = { key: `claim ${kept.size}` };
      kept.set(claim.key, data);
      const digest = digestOf(data);
      return Promise.resolve({ type: 'plait.stored', digest, claim, bytes: data.length });
    },
    read: ({ claim }: StoredData) => Promise.resolve(kept.get(claim['key'] ?? '') as string),
  };
}

const LARGE = 'A'.repeat(STORED_FROM);
const image = (data: unknown) => ({
  type: 'image',
  source: { data, type: 'base64', media_type: 'image/png' },
  cache_control: null,
});
const pdf = (data: string) => ({
  source: { type: 'base64', media_type: 'application/pdf', data },
  type: 'document',
});
const plain = (data: string) => ({
  type: 'document',
  source: { type: 'text', media_type: 'text/plain', data },
});
const within = (...content: unknown[]) => ({
  type: 'document',
  source: { type: 'content', content },
});

const anyData = fc.oneof(
  fc.string(),
  fc.constantFrom('B', 'C').map((char) => char.repeat(STORED_FROM + 1)),
  fc.constant(LARGE),
);
const anyFile = fc.oneof(
  anyData.map(image),
  anyData.map(pdf),
  anyData.map(plain),
  anyData.map((data) => within(image(data), { type: 'text', text: 'a page' })),
  fc.record({ type: fc.constant('text'), text: fc.string() }),
);
const anyBlock = fc.oneof(
  anyFile,
  fc.record({
    type: fc.constant('tool_result'),
    tool_use_id: fc.string(),
    content: fc.oneof(fc.string(), fc.array(anyFile)),
  }),
  fc.record({ type: fc.constant('tool_use'), input: fc.oneof(fc.jsonValue(), anyFile) }),
  anyFile.map((content) => ({
    type: 'web_fetch_tool_result',
    content: { type: 'web_fetch_result', content },
  })),
);
const anyMessages = fc.array(
  fc.record({
    role: fc.constantFrom('user', 'assistant'),
    content: fc.oneof(fc.string(), fc.array(anyBlock)),
  }),
);

describe('data that is taken out and put back', () => {
  test('is the same, byte for byte, with its keys in their order, for any messages', async () => {
    await fc.assert(
      fc.asyncProperty(anyMessages, async (messages) => {
        const { store, read } = memory();
        const out = await takeOutData(messages, store);
        expect(largeData(out)).toEqual([]);
        expect(JSON.stringify(await putBackData(out, read))).toBe(JSON.stringify(messages));
      }),
    );
  });

  test('leaves a reference that describes it', async () => {
    const { store } = memory();
    const out = await takeOutData([image(LARGE)], store);

    const reference: unknown = out[0]?.source.data;
    expect(reference).toEqual({
      type: 'plait.stored',
      digest: digestOf(LARGE),
      claim: { key: 'claim 0' },
      bytes: STORED_FROM,
    });
    expect(isStoredData(reference)).toBe(true);
    expect(storedData(out)).toEqual([reference]);
  });

  test('is stored and read once, however often it occurs', async () => {
    const { store, read, kept } = memory();
    const value = [image(LARGE), pdf(LARGE), { type: 'tool_result', content: [image(LARGE)] }];
    const out = await takeOutData(value, store);

    expect(kept.size).toBe(1);
    let reads = 0;
    const counted = (stored: StoredData) => {
      reads += 1;
      return read(stored);
    };
    expect(await putBackData(out, counted)).toEqual(value);
    expect(reads).toBe(1);
  });

  test('is only what is large; a value without large data stays the same object', async () => {
    const { store, read, kept } = memory();
    const value = [image(LARGE.slice(1)), { type: 'text', text: LARGE }];

    expect(await takeOutData(value, store)).toBe(value);
    expect(await putBackData(value, read)).toBe(value);
    expect(kept.size).toBe(0);
  });

  test('is never in the input of a call, whatever that looks like', () => {
    const call = { type: 'tool_use', input: image(LARGE) };

    expect(largeData([{ role: 'assistant', content: [call] }])).toEqual([]);
  });
});

test('a value that is not a source does not change', () => {
  const others = [null, 7, 'text', { source: 'https://example.com' }, { content: null }, []];

  for (const other of others) expect(mapData(other, () => 'changed')).toBe(other);
  expect(isStoredData({ type: 'plait.stored' })).toBe(false);
});

test('a message has one fingerprint, wherever its images are', async () => {
  const { store } = memory();
  const send = async (data: string) =>
    fingerprint({ input: await takeOutData([image(data)], store) });

  expect(await send(LARGE)).toBe(await send(LARGE));
  expect(await send(LARGE)).not.toBe(await send(`${LARGE}A`));
});

describe('what only looks like a reference', () => {
  const key = 'a'.repeat(64);
  const genuine = { type: 'plait.stored', digest: key, claim: { key }, bytes: 9_000 };

  test.each([
    ['without one of its fields', { ...genuine, bytes: undefined }],
    ['with one field more', { ...genuine, files: true }],
    ['with a digest that is not one', { ...genuine, digest: 'd' }],
    ['with a digest in capital letters', { ...genuine, digest: 'A'.repeat(64) }],
    ['with a digest that ends with a line break', { ...genuine, digest: `${key}\n` }],
    ['with a claim that is a list', { ...genuine, claim: [key] }],
    ['with a claim that holds an object', { ...genuine, claim: { key: { key } } }],
    ['with a length that is a text', { ...genuine, bytes: '9000' }],
    ['with half a byte', { ...genuine, bytes: 0.5 }],
  ])('is not one %s', (_, lookAlike) => {
    expect(isStoredData(genuine)).toBe(true);
    expect(isStoredData(lookAlike)).toBe(false);
    expect(storedData([image(lookAlike)])).toEqual([]);
  });

  test('is not one outside of the source of an image or a document', async () => {
    const source = { type: 'base64', media_type: 'image/png', data: genuine };
    const others: unknown[] = [
      genuine,
      [genuine],
      source,
      { source },
      { type: 'text', source },
      { type: 'tool_use', input: image(genuine) },
      { type: 'image', source: { ...source, type: 'url' } },
      { type: 'image', title: image(genuine) },
    ];
    for (const other of others) {
      expect(storedData(other)).toEqual([]);
      expect(findLookAlike(other, 'input')).toBeUndefined();
      expect(await putBackData(other, () => Promise.reject(new Error('read')))).toBe(other);
    }
  });

  test('is named by its place in what a person sends', () => {
    const blocks = [{ type: 'text', text: 'See:' }, image(LARGE), within(pdf(LARGE))];
    expect(findLookAlike(blocks, 'input')).toBeUndefined();
    expect(findLookAlike([...blocks, image(genuine)], 'input')).toBe('input[3]');
    expect(findLookAlike([within(image(null))], 'input')).toBe('input[0].source.content[0]');
    expect(findLookAlike([{ role: 'assistant', content: [image(genuine)] }], 'messages')).toBe(
      'messages[0].content[0]',
    );
    expect(
      findLookAlike(
        { type: 'tool_result', content: [{ type: 'image', source: { type: 'url' } }] },
        'x',
      ),
    ).toBeUndefined();
  });

  test('becomes a text if a tool or the model has given it', () => {
    fc.assert(
      fc.property(fc.array(lookAlikeBlock), (blocks) => {
        const texts = withoutLookAlikes(blocks);
        expect(findLookAlike(texts, 'result')).toBeUndefined();
        expect(storedData(texts)).toEqual([]);
      }),
    );
    expect(withoutLookAlikes([image(LARGE)])).toEqual([image(LARGE)]);
  });

  test('is found in any JSON without an error, however deep it is', () => {
    fc.assert(
      fc.property(lookAlikeJson, (json) => {
        findLookAlike(json, 'input');
        storedData(json);
        fingerprint(json);
      }),
    );
    let deep: unknown = image(genuine);
    for (let i = 0; i < 100_000; i += 1) deep = { type: 'document', content: deep };
    expect(findLookAlike(deep, 'input')).toBeUndefined();
    expect(storedData(deep)).toEqual([]);
  });

  test('does not make two different values equal', () => {
    fc.assert(
      fc.property(wellFormedReference, wellFormedReference, (one, other) => {
        fc.pre(one.digest !== other.digest);
        const elsewhere = { ...one, claim: other.claim };
        const inputs = [{ x: one }, { x: elsewhere }, { x: one.digest }].map(fingerprint);
        expect(new Set(inputs).size).toBe(3);
        // Where it is Plait's, it is the same message, wherever the data lies.
        expect(fingerprint([image(one)])).toBe(fingerprint([image(elsewhere)]));
      }),
    );
  });
});
