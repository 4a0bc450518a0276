import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import * as mini from 'zod/mini';
import { DeclarationError } from '../../agents/declaration-error.ts';
import type { InputSchema } from '../../agents/input-schema.ts';
import { compileSchema } from '../../agents/input-schema.ts';

const compile = (schema: unknown) => compileSchema('defineTool("a")', schema as InputSchema);

async function problemOf(schema: unknown, input: unknown): Promise<string> {
  const parsed = await compile(schema).parse(input);
  if (parsed.ok) throw new Error('The input must be invalid.');
  return parsed.problem;
}

describe('a zod schema', () => {
  test('gives its output to run, and shows its input to the model', async () => {
    const { jsonSchema, parse } = compile(
      z.object({
        since: z.string().transform((text) => new Date(text)),
        limit: z.number().default(10),
      }),
    );

    expect(jsonSchema).toEqual({
      type: 'object',
      properties: { since: { type: 'string' }, limit: { default: 10, type: 'number' } },
      required: ['since'],
    });
    expect(await parse({ since: '2026-11-22' })).toEqual({
      ok: true,
      value: { since: new Date('2026-11-22'), limit: 10 },
    });
  });

  test('drops fields that it does not know', async () => {
    expect(await compile(z.object({ a: z.number() })).parse({ a: 1, b: 2 })).toEqual({
      ok: true,
      value: { a: 1 },
    });
  });

  test('says what is wrong and where, all at once', async () => {
    const schema = z.object({ id: z.number(), items: z.array(z.object({ sku: z.string() })) });

    expect(await problemOf(schema, { items: [{ sku: 'a' }, { sku: 7 }] })).toBe(
      [
        '✖ Invalid input: expected number, received undefined',
        '  → at id',
        '✖ Invalid input: expected string, received number',
        '  → at items[1].sku',
      ].join('\n'),
    );
  });

  test('may check asynchronously', async () => {
    const schema = z.object({
      id: z.number().refine(async (id) => id !== 7, 'no customer has it'),
    });

    expect(await compile(schema).parse({ id: 8 })).toEqual({ ok: true, value: { id: 8 } });
    expect(await problemOf(schema, { id: 7 })).toContain('no customer has it');
  });

  test('leaves no unhandled rejection when it turns out to be asynchronous', async () => {
    const schema = z.object({
      id: mini.pipe(
        mini.number(),
        mini.transform(async (id: number) => {
          await sleep(1);
          throw new Error(`no customer ${id}`);
        }),
      ),
    });

    expect(await problemOf(schema, { id: 7 })).toBe('no customer 7');

    await sleep(10);
  });

  test.for([
    ['a transform', z.object({ json: z.string().transform((text): unknown => JSON.parse(text)) })],
    [
      'an asynchronous transform',
      z.object({ json: z.string().transform(async (text): Promise<unknown> => JSON.parse(text)) }),
    ],
    ['a refinement', z.object({ json: z.string().refine((text) => JSON.parse(text) !== null) })],
  ] as const)('reports what %s throws as a problem of the input', async ([, schema]) => {
    expect(await problemOf(schema, { json: '{"a"' })).toContain('in JSON at position 4');
  });

  test('may be a record, and may refer to itself', async () => {
    const tree = z.object({
      name: z.string(),
      get children() {
        return z.array(tree).optional();
      },
    });

    expect(compile(z.record(z.string(), z.number())).jsonSchema).toMatchObject({ type: 'object' });
    const { parse } = compile(tree);
    expect(await parse({ name: 'a', children: [{ name: 'b' }] })).toMatchObject({ ok: true });
    expect(await parse({ name: 'a', children: [{}] })).toMatchObject({ ok: false });
  });

  test('may be an intersection of objects', () => {
    const schema = z.object({ a: z.string() }).and(z.object({ b: z.string() }));

    expect(compile(schema).jsonSchema).toMatchObject({ type: 'object', required: ['a', 'b'] });
  });

  test('is shown to the model without the name of its draft', () => {
    expect(compile(z.object({})).jsonSchema).not.toHaveProperty('$schema');
  });
});

const field = (schema: object) => ({ type: 'object', properties: { a: schema } });

describe('a JSON Schema', () => {
  const schema = {
    type: 'object',
    properties: { id: { type: 'number' }, plan: { enum: ['free', 'pro'] } },
    required: ['id'],
    additionalProperties: false,
  };

  test('gives run what the model wrote, without defaults', async () => {
    const input = { id: 7 };
    const withDefault = { type: 'object', properties: { limit: { type: 'number', default: 10 } } };

    expect(await compile(schema).parse(input)).toEqual({ ok: true, value: input });
    expect(await compile(withDefault).parse({})).toEqual({ ok: true, value: {} });
  });

  test('says everything that is wrong at once', async () => {
    expect(await problemOf(schema, { plan: 'gold' })).toBe(
      `input must have required property 'id'\ninput/plan must be equal to one of the allowed values: ["free","pro"]`,
    );
  });

  test.for([
    'http://json-schema.org/draft-07/schema#',
    'http://json-schema.org/draft-04/schema#',
    'https://json-schema.org/draft/2020-12/schema',
    'no draft at all',
  ])('may name any draft: %s', async ($schema) => {
    const { jsonSchema, parse } = compile({ $schema, ...schema });

    expect(jsonSchema).toEqual(schema);
    expect(await parse({ id: 'seven' })).toMatchObject({ ok: false });
  });

  test('may hold keywords and formats that the validator does not know', async () => {
    const lenient = {
      type: 'object',
      properties: { at: { type: 'string', format: 'odd', 'x-order': 1 } },
    };

    expect(await compile(lenient).parse({ at: 'noon' })).toMatchObject({ ok: true });
  });

  test('may combine schemas below its top level', async () => {
    const nested = {
      type: 'object',
      properties: { id: { anyOf: [{ type: 'number' }, { type: 'null' }] } },
    };

    expect(await compile(nested).parse({ id: null })).toMatchObject({ ok: true });
    expect(await compile(nested).parse({ id: 'a' })).toMatchObject({ ok: false });
  });

  const defs = (a: object) => ({ ...field(a), $defs: { x: { type: 'string', pattern: '^b\\-' } } });

  // The API knows none of this, and takes it.
  test.for([
    ['a pattern of another language', field({ pattern: '\\A(?P<x>b)\\Z' }), ['b'], ['c']],
    ['names that match a pattern', { patternProperties: { '^\\@': { type: 'number' } } }, [], []],
    ['a pattern of names', { propertyNames: { pattern: '^[\\w-.]$' } }, [], []],
    ['nullable without type', field({ nullable: true, enum: ['b'] }), ['b', null], ['c', 7]],
    ['nullable with type', field({ nullable: true, type: 'string' }), ['b', null], [7]],
    ['nullable with types', field({ nullable: true, type: ['string', 'null'] }), ['b', null], [7]],
    ['nullable with $ref', defs({ nullable: true, $ref: '#/$defs/x' }), ['b-', null], ['c', 7]],
    ['nullable that is false', field({ nullable: false, type: ['string', 'null'] }), [null], [7]],
    ['nullable that is a text', field({ nullable: 'true', enum: ['b'] }), ['b'], ['c']],
    ['nullable alone', field({ nullable: true, description: 'Anything.' }), ['b', null, 7], []],
    ['a field that is named nullable', { properties: { nullable: { type: 'null' } } }, [], []],
    ['fields named like keywords', { properties: { id: { type: 'null' }, pattern: {} } }, [], []],
    ['an id', { ...field({ id: 'a', type: 'string' }), id: 'http://a.example/b' }, ['b'], [7]],
    ['a draft further down', field({ $schema: 'http://a.example', type: 'string' }), ['b'], [7]],
    ['an empty list of values', field({ enum: [] }), [], ['b', null]],
    [
      'definitions',
      { ...field({ $ref: '#/definitions/x' }), definitions: { x: false } },
      [],
      ['b'],
    ],
    [
      'definitions elsewhere',
      {
        ...field({ $ref: '#/components/schemas/x' }),
        components: { schemas: { x: { nullable: true, pattern: '^b\\-' } } },
      },
      ['b-', null],
      ['c'],
    ],
    ['data that looks like a schema', field({ const: { pattern: '(', id: 7 } }), [], ['b']],
    ['keywords of others', { 'x-ui': { pattern: '(' }, example: { nullable: true } }, [], []],
    ['OpenAPI', field({ discriminator: 'b', xml: {}, example: 7, format: 'int32' }), ['b'], []],
  ] as [string, object, unknown[], unknown[]][])('may hold %s', async ([, given, good, bad]) => {
    const schema = { type: 'object', ...given };

    const { jsonSchema, parse } = compile(schema);

    expect(jsonSchema).toEqual(schema);
    for (const a of good) expect(await parse({ a })).toEqual({ ok: true, value: { a } });
    for (const a of bad) expect(await parse({ a })).toMatchObject({ ok: false });
  });

  test('is kept as it was declared', async () => {
    const mutable = structuredClone(schema);
    const { jsonSchema } = compile(mutable);

    mutable.required.push('plan');

    expect(jsonSchema).toEqual(schema);
  });

  test('reports the first fifty problems', async () => {
    const list = field({ type: 'array', items: { type: 'number' } });

    const lines = (await problemOf(list, { a: Array(70).fill('x') })).split('\n');

    expect(lines).toHaveLength(51);
    expect([lines[0], lines[50]]).toEqual(['input/a/0 must be number', '… and 20 more']);
  });

  test('is not changed', () => {
    const given = { $schema: 'http://json-schema.org/draft-07/schema#', ...schema };
    const copy = structuredClone(given);

    compile(given);

    expect(given).toEqual(copy);
  });

  test.for([
    ['a text', 'id 7'],
    ['a list', [7]],
    ['null', null],
    ['nothing', undefined],
  ] as const)('rejects an input that is %s', async ([, input]) => {
    expect(await problemOf(schema, input)).toBe('input must be object');
  });
});

function circular(): object {
  const schema: { type: string; properties: Record<string, unknown> } = {
    type: 'object',
    properties: {},
  };
  schema.properties['again'] = schema;
  return schema;
}

const combined = (keyword: string) =>
  `has ${keyword} at its top level, which the API rejects; move it into a property`;
const notAnObject = (type: string) => `must describe an object at its top level; got ${type}`;
const unrepresentable = (what: string) => `cannot be turned into a JSON Schema: ${what}`;

describe('a schema is invalid that', () => {
  const object = z.object({ a: z.string() });

  test.for([
    ['is a list', [], 'must be a zod 4 schema or a JSON Schema; got []'],
    ['comes from zod 3', { _def: {}, parse: () => 1 }, 'is a zod 3 schema; import zod 4 instead'],
    ['is a text in zod', z.string(), notAnObject('type "string"')],
    ['is a list in zod', z.array(z.string()), notAnObject('type "array"')],
    ['may be anything in zod', z.any(), notAnObject('no type')],
    ['is a union in zod', z.union([object, z.object({ b: z.string() })]), combined('anyOf')],
    [
      'is a discriminated union in zod',
      z.discriminatedUnion('type', [
        z.object({ type: z.literal('a') }),
        z.object({ type: z.literal('b') }),
      ]),
      combined('oneOf'),
    ],
    ['has allOf at its top level', { type: 'object', allOf: [{}] }, combined('allOf')],
    [
      'holds a date',
      z.object({ at: z.date() }),
      unrepresentable('Date cannot be represented in JSON Schema'),
    ],
    [
      'holds a BigInt',
      z.object({ n: z.bigint() }),
      unrepresentable('BigInt cannot be represented in JSON Schema'),
    ],
    [
      'holds a map',
      z.object({ m: z.map(z.string(), z.string()) }),
      unrepresentable('Map cannot be represented in JSON Schema'),
    ],
    ['has no type', { properties: {} }, notAnObject('no type')],
    ['is a text', { type: 'string' }, notAnObject('type "string"')],
    [
      'has oneOf at its top level',
      { type: 'object', oneOf: [{ required: ['a'] }] },
      combined('oneOf'),
    ],
    [
      'holds an unknown type',
      { type: 'object', properties: { a: { type: 'text' } } },
      /^is not a valid JSON Schema \(draft 2020-12\): .*type/,
    ],
    [
      'refers to what is not there',
      { type: 'object', properties: { a: { $ref: '#/$defs/missing' } } },
      /^is not a valid JSON Schema \(draft 2020-12\): can't resolve reference/,
    ],
    [
      'is of draft 4',
      {
        type: 'object',
        properties: { 'the age': { type: 'number', minimum: 0, exclusiveMinimum: true } },
      },
      'is not a valid JSON Schema (draft 2020-12): properties["the age"].exclusiveMinimum must be number',
    ],
    [
      'has a list of items',
      { type: 'object', properties: { a: { allOf: [{ items: [{}] }] } } },
      'is not a valid JSON Schema (draft 2020-12): properties.a.allOf[0].items must be object,boolean',
    ],
    [
      'has a pattern that JavaScript cannot read',
      { type: 'object', properties: { a: { items: { pattern: '(?>a+)b' } } } },
      'has a pattern that JavaScript cannot read: properties.a.items.pattern "(?>a+)b": Invalid group. Write it as a regular expression of JavaScript, or leave it out and say in the description what it means',
    ],
    [
      'has such a pattern for names',
      { type: 'object', patternProperties: { 'a++': {} } },
      /^has a pattern that JavaScript cannot read: patternProperties "a\+\+": Nothing to repeat\./,
    ],
    [
      'holds a bigint',
      { type: 'object', properties: { a: { maximum: 7n } } },
      'cannot be written as JSON: Do not know how to serialize a BigInt',
    ],
    [
      'holds itself',
      circular(),
      'cannot be written as JSON: Converting circular structure to JSON',
    ],
    [
      'holds a bigint in zod',
      z.object({ a: z.string().meta({ examples: [7n] }) }),
      unrepresentable('Error converting schema to JSON.'),
    ],
  ] as const)('%s', ([, schema, problem]) => {
    const expected =
      typeof problem === 'string'
        ? new DeclarationError(`defineTool("a"): inputSchema ${problem}`)
        : new RegExp(problem.source.replace('^', '^defineTool\\("a"\\): inputSchema '));

    expect(() => compile(schema)).toThrow(expected);
  });
});

/** Years of work for a regular expression that backtracks. */
const LETTERS = `${'a'.repeat(60)}!`;
const BACKTRACKS = /^(\w+\s?)*$/;
const backtrack = (text: string) => BACKTRACKS.test(text);
const many = <T>(count: number, of: (i: number) => T) =>
  Array.from({ length: count }, (_, i) => of(i));
const nested = (depth: number): unknown =>
  JSON.parse(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`);

/** Each step down is checked twice. */
const DOUBLING = {
  type: 'object',
  properties: { a: { anyOf: [{ $ref: '#/$defs/b' }, { $ref: '#/$defs/c' }] } },
  $defs: {
    b: {
      properties: { a: { anyOf: [{ $ref: '#/$defs/b' }, { $ref: '#/$defs/c' }] } },
      required: ['b'],
    },
    c: {
      properties: { a: { anyOf: [{ $ref: '#/$defs/b' }, { $ref: '#/$defs/c' }] } },
      required: ['c'],
    },
  },
};

describe('an input that cannot be checked in time', () => {
  const text = z.string();

  test.for([
    ['a pattern', { type: 'object', properties: { a: { pattern: BACKTRACKS.source } } }, LETTERS],
    [
      'a pattern of names',
      { type: 'object', properties: { a: { patternProperties: { [BACKTRACKS.source]: {} } } } },
      { [LETTERS]: 1 },
    ],
    [
      'uniqueItems',
      { type: 'object', properties: { a: { uniqueItems: true } } },
      many(20_000, (i) => ({ i })),
    ],
    ['schemas that refer to each other', DOUBLING, nested(40)],
    ['a regex of zod', z.object({ a: text.regex(BACKTRACKS) }), LETTERS],
    [
      'a regex of a record',
      z.object({ a: z.record(text.regex(BACKTRACKS), z.any()) }),
      { [LETTERS]: 1 },
    ],
    ['a refinement', z.object({ a: text.refine(backtrack) }), LETTERS],
    ['a refinement of the whole', z.object({ a: text }).refine(({ a }) => backtrack(a)), LETTERS],
    [
      'an asynchronous refinement',
      z.object({ a: text.refine(async (a) => backtrack(a)) }),
      LETTERS,
    ],
    ['superRefine', z.object({ a: text.superRefine((a) => void backtrack(a)) }), LETTERS],
    ['a transform', z.object({ a: text.transform(backtrack) }), LETTERS],
    [
      'what comes after a transform',
      z.object({ a: text.transform(String).pipe(text.regex(BACKTRACKS)) }),
      LETTERS,
    ],
    ['preprocess', z.object({ a: z.preprocess(String, text.regex(BACKTRACKS)) }), LETTERS],
    [
      'the message of an error',
      z.object({ a: z.number({ error: ({ input }) => String(backtrack(String(input))) }) }),
      LETTERS,
    ],
    [
      'what comes after a transform of zod/mini',
      mini.object({
        a: mini.pipe(
          mini.pipe(mini.string(), mini.transform(String)),
          mini.string().check(mini.regex(BACKTRACKS)),
        ),
      }),
      LETTERS,
    ],
    ['a lazy schema', z.object({ a: z.lazy(() => text.regex(BACKTRACKS)) }), LETTERS],
  ] as [string, unknown, unknown][])('is invalid by itself, with %s', async ([, schema, a]) => {
    expect(await compile(schema).parse({ a })).toEqual({
      ok: false,
      problem: 'It could not be checked within 100 ms. Send a shorter or simpler one.',
      givenUpAfter: 100,
    });
  });

  test('is invalid if its refinement never answers', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const schema = z.object({
        a: z.string().refine(() => new Promise<boolean>(() => undefined)),
      });
      const parsed = compile(schema).parse({ a: 'b' });
      while (vi.getTimerCount() === 0) await new Promise(setImmediate);
      await vi.advanceTimersByTimeAsync(10_000);

      expect(await parsed).toMatchObject({ ok: false, givenUpAfter: 10_000 });
    } finally {
      vi.useRealTimers();
    }
  });

  const tree = z.object({
    get a() {
      return z.union([tree, z.number()]);
    },
  });

  test.for([
    [
      'a JSON Schema',
      { type: 'object', properties: { a: { anyOf: [{ $ref: '#' }, { type: 'number' }] } } },
    ],
    ['zod', tree],
  ] as const)('is invalid if it is too deep for %s', async ([, schema]) => {
    expect(await problemOf(schema, nested(100_000))).toBe(
      'It is too large or too deeply nested to be checked. Send a shorter or simpler one.',
    );
  });
});
