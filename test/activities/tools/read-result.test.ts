import { ApplicationFailure } from '@temporalio/common';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createReadResult } from '../../../activities/tools/read-result.ts';
import { presentResult } from '../../../activities/tools/result.ts';
import type { KeptText } from '../../../activities/transcript/store.ts';
import { pageOf, readResultTool } from '../../../agents/read-result.ts';
import type { StoredResult } from '../../../core/calls/outcome.ts';
import { DEFAULT_RESULT_BYTES, utf8Bytes } from '../../../core/conversation/cut-result.ts';
import { INVALID_TOOL_INPUT, STORAGE_FAILED } from '../../../core/failures.ts';
import { READ_RESULT } from '../../../core/names.ts';

/** A storage of one text. */
function storeOf(text: string) {
  return {
    hasStorage: true,
    takeOut: <T>(value: T) => Promise.resolve(value),
    keep: (kept: string) => Promise.resolve({ digest: kept, claim: {}, bytes: 0 }),
    readKept: ({ digest }: KeptText) => Promise.resolve(digest === 'd' ? text : digest),
  };
}
/** A page without its first line. */
const body = (page: string) => page.slice(page.indexOf('\n') + 1);
const stored: StoredResult = { callId: 'toolu_01', digest: 'd', claim: { key: 'k' }, bytes: 10 };

describe('read_result', () => {
  test('reads a page of the omitted part of a result', async () => {
    const readResult = createReadResult(storeOf('0123456789'));

    expect(await readResult({ id: 'toolu_01', offset: 2, limit: 3 }, stored)).toBe(
      '[Offset 2 to 5 of 10 characters. The next page begins at offset 5.]\n234',
    );
    expect(await readResult({ id: 'toolu_01' }, stored)).toBe(
      '[Offset 0 to 10 of 10 characters. This is the end.]\n0123456789',
    );
  });

  test('takes the input that the notice in a cut result names', async () => {
    const value = Array.from({ length: 1_000 }, (_, i) => `line ${i}`).join('\n');
    const store = storeOf(value);
    const presented = await presentResult(value, {
      callId: 'toolu_01',
      maxResultBytes: 600,
      store,
    });

    const notice = /^(.*)\n\[….*read_result (\{.*\});.*…\]\n(.*)$/s.exec(
      presented.content as string,
    );
    const [, head = '', input = '', tail = ''] = notice ?? [];
    const page = await createReadResult(store)(JSON.parse(input), presented.stored);

    expect(`${head}\n${body(page)}`).toBe(value);
    expect(value.endsWith(tail)).toBe(true);
  });

  test.for([
    ['no id', {}, "must have required property 'id'"],
    ['an offset below 0', { id: 'a', offset: -1 }, 'input/offset must be >= 0'],
    ['half a character', { id: 'a', offset: 0.5 }, 'input/offset must be integer'],
    ['a limit above that of a page', { id: 'a', limit: 30_001 }, 'input/limit must be <= 30000'],
    ['a limit of nothing', { id: 'a', limit: 0 }, 'input/limit must be >= 1'],
    ['another field', { id: 'a', page: 1 }, 'must NOT have additional properties: "page"'],
    ['no object', 'toolu_01', 'must be object'],
  ] as const)('rejects input with %s, and says what is wrong', async ([, input, problem]) => {
    const rejection: unknown = await createReadResult(storeOf(''))(input, stored).catch(
      (error: unknown) => error,
    );

    expect(rejection).toBeInstanceOf(ApplicationFailure);
    expect(rejection).toMatchObject({ type: INVALID_TOOL_INPUT, nonRetryable: true });
    expect((rejection as Error).message).toContain(
      'The input does not match the schema of read_result, so the tool did not run:',
    );
    expect((rejection as Error).message).toContain(problem);
  });

  test('rejects an unknown id, and says which ids there are', async () => {
    const rejection = createReadResult(storeOf(''))({ id: 'toolu_99' }, undefined);

    await expect(rejection).rejects.toMatchObject({
      message:
        'No kept result has the id "toolu_99". Only results that were cut are kept, each under the id of its call. Use the id in the notice at the place where something was left out.',
      type: INVALID_TOOL_INPUT,
      nonRetryable: true,
    });
  });

  test('may be tried again if the storage cannot be read', async () => {
    const failure = ApplicationFailure.create({ message: 'Cannot read', type: STORAGE_FAILED });
    const readResult = createReadResult({ readKept: () => Promise.reject(failure) });

    await expect(readResult({ id: 'toolu_01' }, stored)).rejects.toBe(failure);
    expect(readResultTool.policy.repeatable).toBe(true);
  });

  test('explains its fields to the model', () => {
    expect(readResultTool.spec.name).toBe(READ_RESULT);
    expect(readResultTool.spec.input_schema).toMatchObject({
      properties: {
        id: { type: 'string' },
        offset: { type: 'integer', default: 0 },
        limit: { type: 'integer', default: 20_000, maximum: 30_000 },
      },
      required: ['id'],
    });
  });
});

describe('a page of a long text', () => {
  const anyText = fc.oneof(
    fc.string({ unit: 'binary', minLength: 1 }),
    fc.array(fc.constantFrom('a', '🧵'), { minLength: 1 }).map((pieces) => pieces.join('')),
  );

  test('is empty beyond the end, and says so', () => {
    expect(pageOf('0123456789', 10)).toBe(
      '[Nothing is at offset 10: the result has 10 characters.]',
    );
    expect(pageOf('0123456789', Number.MAX_SAFE_INTEGER, 30_000)).toContain('has 10 characters');
  });

  test('contains the whole emoji that its offset or its limit splits', () => {
    expect(pageOf('a🧵b', 2, 1)).toBe(
      '[Offset 1 to 3 of 4 characters. The next page begins at offset 3.]\n🧵',
    );
    expect(pageOf('a🧵b', 1, 1)).toBe(
      '[Offset 1 to 3 of 4 characters. The next page begins at offset 3.]\n🧵',
    );
  });

  test('continues on the next pages until the text is whole, for any text and any page size', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 1, max: 20 }), (text, limit) => {
        let read = '';
        let offset: number | undefined = 0;
        while (offset !== undefined) {
          const page: string = pageOf(text, offset, limit);
          read += body(page);
          const next = /^\[.*The next page begins at offset (\d+)\.\]/.exec(page)?.[1];
          offset = next === undefined ? undefined : Number(next);
        }
        expect(read).toBe(text);
      }),
    );
  });

  test('holds the character at its offset and no half emoji, for any text', () => {
    fc.assert(
      fc.property(anyText, fc.nat(120), fc.integer({ min: 1, max: 20 }), (text, offset, limit) => {
        const page = pageOf(text, offset, limit);
        expect(page.isWellFormed()).toBe(true);
        if (offset >= text.length) return;
        expect(body(page).length).toBeLessThanOrEqual(limit + 2);
        const from = Number(/^\[Offset (\d+)/.exec(page)?.[1]);
        expect(offset - from).toBeGreaterThanOrEqual(0);
        expect(body(page)[offset - from]).toBe(text[offset]);
      }),
    );
  });

  test('is never so long that it would be cut itself', () => {
    for (const character of ['x', 'é', '日', '🧵']) {
      const page = pageOf(character.repeat(40_000), 1, 30_000);
      expect(utf8Bytes(page)).toBeLessThan(DEFAULT_RESULT_BYTES);
    }
  });
});
