import * as fc from 'fast-check';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import type { AccessOption, DeclaredAccess, Fields } from '../../agents/access-option.ts';
import { accessOf, accessOption, fieldProblems } from '../../agents/access-option.ts';
import { checkOptions } from '../../agents/check-options.ts';
import type { InputOf, InputSchema } from '../../agents/input-schema.ts';
import { compileSchema } from '../../agents/input-schema.ts';
import { conflicts } from '../../core/calls/order.ts';

/** Evaluates an option of any type, as plain JavaScript may pass it. */
const evaluate = (option: unknown, input: unknown = {}) =>
  accessOf(option as AccessOption | undefined, input);

const move: AccessOption<{ from: string; to: string }> = ({ from, to }) =>
  from === '*' ? 'exclusive' : { writes: [{ path: from }, { path: to }, { path: to }] };

describe('a call touches', () => {
  test('nothing without the option', () => {
    expect(accessOf(undefined, { path: '/a' })).toBeUndefined();
  });

  test('everything when its tool is exclusive', () => {
    expect(accessOf('exclusive', { path: '/a' })).toBe('exclusive');
  });

  test('what a field of its input names', () => {
    const input = { path: '/a', content: 'x' };
    expect(accessOf({ writes: 'path' }, input)).toEqual({ writes: ['{"path":"/a"}'] });
    expect(accessOf({ reads: 'path' }, input)).toEqual({ reads: ['{"path":"/a"}'] });
  });

  test('one thing that several fields identify together, in any order', () => {
    const input = { table: 'users', id: 7, name: 'Ada' };
    const key = '{"id":7,"table":"users"}';
    expect(accessOf({ writes: ['table', 'id'] }, input)).toEqual({ writes: [key] });
    expect(accessOf({ reads: ['id', 'table'] }, input)).toEqual({ reads: [key] });
  });

  test('nothing, or something else, besides its place in an order', () => {
    expect(accessOf({ inOrder: 'db' }, { path: '/a' })).toEqual({ inOrder: ['db'] });
    expect(accessOf({ inOrder: 'db', reads: 'path' }, { path: '/a' })).toEqual({
      inOrder: ['db'],
      reads: ['{"path":"/a"}'],
    });
    expect(accessOf(() => ({ inOrder: 'db' }), {})).toEqual({ inOrder: ['db'] });
    expect(accessOf(() => ({ inOrder: undefined }), {})).toBeUndefined();
    expect(accessOf((() => ({ inOrder: 7 })) as unknown as AccessOption, {})).toBe('exclusive');
  });

  test('one thing to read and another to write', () => {
    expect(accessOf({ reads: 'from', writes: 'to' }, { from: 1, to: 2 })).toEqual({
      reads: ['{"from":1}'],
      writes: ['{"to":2}'],
    });
  });

  test.for([
    ['an absent field', {}, 'path', '{"path":null}'],
    ['an undefined field', { path: undefined }, 'path', '{"path":null}'],
    ['a field that every object has', {}, 'constructor', '{"constructor":null}'],
    ['__proto__', JSON.parse('{"__proto__":1}') as unknown, '__proto__', '{"__proto__":1}'],
    ['a field of a text', 'text', 'length', '{"length":null}'],
    ['an object', { at: { y: 1, x: [2] } }, 'at', '{"at":{"x":[2],"y":1}}'],
    ['a date', { at: new Date(0) }, 'at', '{"at":"1970-01-01T00:00:00.000Z"}'],
  ] as const)('a key with the JSON of %s', ([, input, field, key]) => {
    expect(accessOf({ writes: field }, input)).toEqual({ writes: [key] });
  });

  test.for([
    ['is an empty object', {}],
    ['names no fields', { reads: [], writes: [] }],
    ['has undefined for a field', { reads: undefined }],
    ['returns undefined', (): undefined => undefined],
    ['returns an empty object', () => ({})],
    ['returns no keys', () => ({ reads: [], writes: undefined })],
    ['returns a key without fields', () => ({ writes: {} })],
  ] as const)('nothing when the option %s', ([, option]) => {
    expect(evaluate(option)).toBeUndefined();
  });

  test('what a function returns', () => {
    expect(evaluate(move, { from: '/a', to: '/b' })).toEqual({
      writes: ['{"path":"/a"}', '{"path":"/b"}'],
    });
    expect(evaluate(move, { from: '*', to: '/b' })).toBe('exclusive');
  });

  test.for([
    ['null', null],
    ['a text', 'path'],
    ['a number', 7],
    ['a list', [{ path: '/a' }]],
    ['a map', new Map([['writes', { path: '/a' }]])],
    ['a key alone', { path: '/a' }],
    ['a misspelt use', { write: { path: '/a' } }],
    ['a text for a key', { writes: 'path' }],
    ['null for a key', { reads: null }],
    ['a list in a list', { reads: [[{ path: '/a' }]] }],
    ['a class for a key', { reads: new Date(0) }],
    ['a function in a key', { writes: { path: () => '/a' } }],
    ['a symbol in a key', { writes: { path: Symbol('/a') } }],
    ['a BigInt in a key', { writes: { id: 7n } }],
  ] as const)('everything when the function returns an invalid value: %s', ([, returned]) => {
    expect(evaluate(() => returned)).toBe('exclusive');
  });

  test('everything when a key contains itself', () => {
    const key: Record<string, unknown> = {};
    key['key'] = key;
    expect(evaluate(() => ({ writes: key }))).toBe('exclusive');
  });

  test('everything when the function throws', () => {
    expect(
      evaluate(() => {
        throw new Error('no path');
      }),
    ).toBe('exclusive');
  });

  // Vitest fails when a rejection is not handled; a worker would end.
  test.for([
    ['is asynchronous', () => Promise.resolve({ writes: { path: '/a' } })],
    ['is asynchronous and fails', () => Promise.reject(new Error('no path'))],
    ['returns a promise for a key', () => ({ writes: Promise.reject(new Error('no path')) })],
    [
      'returns a promise for a value',
      () => ({ writes: { path: Promise.reject(new Error('no path')) } }),
    ],
  ] as const)('everything when the function %s', async ([, option]) => {
    expect(evaluate(option)).toBe('exclusive');
    await new Promise((resolve) => setImmediate(resolve));
  });

  test('the same by a field and by a function, so that the tools conflict', () => {
    const json = fc.jsonValue({ maxDepth: 3 });
    fc.assert(
      fc.property(fc.record({ path: json, line: json }, { requiredKeys: [] }), (input) => {
        const { path, line } = input;
        expect(accessOf({ writes: 'path' }, input)).toEqual(evaluate(() => ({ writes: { path } })));
        const together = accessOf({ reads: ['path', 'line'] }, input);
        expect(together).toEqual(evaluate(() => ({ reads: [{ line, path }] })));
        expect(conflicts(accessOf({ writes: ['line', 'path'] }, input), together)).toBe(true);
      }),
    );
  });
});

const check = (access: unknown) =>
  checkOptions('tool', z.strictObject({ access: accessOption.optional() }), { access });

describe('the option', () => {
  test.for([
    ['left out', undefined],
    ['"exclusive"', 'exclusive'],
    ['a field to read', { reads: 'path' }],
    ['fields to write', { writes: ['table', 'id'] }],
    ['both', { reads: 'from', writes: 'to' }],
    ['one of them undefined', { reads: undefined, writes: 'to' }],
    ['empty', {}],
    ['the name of an order', { inOrder: 'db' }],
    ['the name of an order and a field', { inOrder: 'db', reads: 'path' }],
    ['a function', () => undefined],
  ] as const)('may be %s', ([, access]) => {
    expect(check(access)).toEqual({ access });
  });

  test.for([
    ['another text', 'parallel'],
    ['null', null],
    ['true', true],
    ['a list', ['path']],
    ['a misspelt use', { write: 'path' }],
    ['an order without a name', { inOrder: ' ' }],
    ['a list of orders', { inOrder: ['db'] }],
    ['a number as a field', { writes: 7 }],
    ['a key instead of a field', { writes: { path: '/a' } }],
    ['a list that is not all names', { reads: ['path', 7] }],
  ] as const)('may not be %s', ([, access]) => {
    expect(() => check(access)).toThrow(
      'tool: access must be "exclusive", { reads, writes } with names of fields, { inOrder } with a name of your own, or a function',
    );
  });
});

describe('a field that the schema does not have', () => {
  const file = z.object({ path: z.string(), line: z.number().default(1) });
  const problems = (access: unknown, schema: InputSchema = file) =>
    fieldProblems(access as AccessOption, compileSchema('tool', schema).jsonSchema);

  test.for([
    ['reads', { reads: 'file' }, 'file'],
    ['writes', { reads: 'path', writes: ['path', 'Line'] }, 'Line'],
    ['reads', { reads: 'toString' }, 'toString'],
  ] as const)('is reported for %s, with the existing ones: %j', ([use, access, field]) => {
    expect(problems(access)).toEqual([
      `access.${use}: inputSchema has no field "${field}"; known fields: path, line`,
    ]);
  });

  test('is reported for reads and for writes', () => {
    expect(problems({ reads: ['a', 'b'], writes: 'c' }, z.strictObject({}))).toEqual([
      'access.reads: inputSchema has no field "a"; known fields: none',
      'access.reads: inputSchema has no field "b"; known fields: none',
      'access.writes: inputSchema has no field "c"; known fields: none',
    ]);
  });

  test.for([
    ['is left out', undefined],
    ['is exclusive', 'exclusive'],
    ['is a function', () => ({ writes: { file: 1 } })],
    ['names fields of the schema', { reads: 'line', writes: ['line', 'path'] }],
    ['is empty', {}],
  ] as const)('is not reported when the option %s', ([, access]) => {
    expect(problems(access)).toEqual([]);
  });

  test.for<[string, InputSchema]>([
    ['allows other fields', z.looseObject({ path: z.string() })],
    ['describes other fields', z.object({ path: z.string() }).catchall(z.number())],
    ['says so itself', { type: 'object', properties: { path: {} }, additionalProperties: true }],
    ['has patterns', { type: 'object', properties: {}, patternProperties: { '^f': {} } }],
    ['lists none', { type: 'object' }],
    ['is a record', z.record(z.string(), z.string())],
  ])('is not reported when the schema %s', ([, schema]) => {
    expect(problems({ writes: 'file' }, schema)).toEqual([]);
  });
});

/** The types of `defineTool`, without what it does. */
function declare<Schema extends InputSchema>(options: {
  inputSchema: Schema;
  access?: AccessOption<InputOf<Schema>>;
  run: (input: InputOf<Schema>) => unknown;
}): unknown {
  return options;
}

const run = () => 'done';

describe('the compiler', () => {
  const inputSchema = z.object({ path: z.string(), line: z.number().optional() });

  test('accepts the fields of the input, alone and together', () => {
    declare({ inputSchema, access: 'exclusive', run });
    declare({ inputSchema, access: { writes: 'path' }, run });
    declare({ inputSchema, access: { reads: ['path', 'line'], writes: 'line' }, run });
    declare({ inputSchema, access: {}, run });
    declare({ inputSchema, access: { inOrder: 'any name' }, run });
    declare({ inputSchema, access: ({ path }) => ({ inOrder: path }), run });
    expectTypeOf<Fields<{ path: string; line?: number }>>().toEqualTypeOf<
      'path' | 'line' | readonly ('path' | 'line')[]
    >();
  });

  test('rejects other fields', () => {
    // @ts-expect-error the input has no such field
    declare({ inputSchema, access: { writes: 'file' }, run });
    // @ts-expect-error the input has only one of them
    declare({ inputSchema, access: { reads: ['path', 'file'] }, run });
    // @ts-expect-error no such use
    declare({ inputSchema, access: { write: 'path' }, run });
    // @ts-expect-error no such mode
    declare({ inputSchema, access: 'parallel', run });
  });

  test('knows the input of the function, and of run', () => {
    declare({
      inputSchema,
      access: (input) => {
        expectTypeOf(input).toEqualTypeOf<{ path: string; line?: number | undefined }>();
        return { writes: { path: input.path, line: input.line } };
      },
      run: ({ path }) => path,
    });
    declare({ inputSchema, access: ({ path }) => (path === '*' ? 'exclusive' : undefined), run });
    declare({ inputSchema, access: ({ path }) => ({ reads: [{ path }, { all: true }] }), run });
  });

  test('rejects a function that returns something else', () => {
    // @ts-expect-error a field instead of a key
    declare({ inputSchema, access: () => ({ writes: 'path' }), run });
    // @ts-expect-error a promise, which nobody awaits
    declare({ inputSchema, access: async ({ path }) => ({ writes: { path } }), run });
    expectTypeOf<Promise<DeclaredAccess>>().not.toExtend<DeclaredAccess>();
  });

  test('accepts any field of a JSON Schema, which it cannot read', () => {
    const jsonSchema = { type: 'object', properties: { path: { type: 'string' } } } as const;
    declare({ inputSchema: jsonSchema, access: { writes: 'path' }, run });
    declare({
      inputSchema: jsonSchema,
      access: (input) => ({ writes: { path: input['path'] } }),
      run,
    });
  });

  test('knows the type that the check returns', () => {
    expectTypeOf<z.output<typeof accessOption>>().toEqualTypeOf<AccessOption>();
  });
});
