import { describe, expect, test } from 'vitest';
import { z } from 'zod';
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

  test('may be a record, and refer to itself', async () => {
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

  test('says what is wrong, all at once', async () => {
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
  ] as const)('%s', ([, schema, problem]) => {
    const expected =
      typeof problem === 'string'
        ? new DeclarationError(`defineTool("a"): inputSchema ${problem}`)
        : new RegExp(problem.source.replace('^', '^defineTool\\("a"\\): inputSchema '));

    expect(() => compile(schema)).toThrow(expected);
  });
});
