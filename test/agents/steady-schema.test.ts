import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { isSteadyJsonSchema, isSteadyZod } from '../../agents/steady-schema.ts';

const node: z.ZodType = z.object({
  name: z.string(),
  get children() {
    return z.array(node).optional();
  },
});

describe('a zod schema that needs no time limit', () => {
  test.for<[what: string, schema: z.ZodType, isSteady: boolean]>([
    [
      'fields of plain types',
      z.object({ id: z.number(), name: z.string(), on: z.boolean() }),
      true,
    ],
    ['numbers and lengths in bounds', z.array(z.string().min(1).max(9)).max(3), true],
    ['whole numbers', z.int().min(0).max(9).multipleOf(3), true],
    ['a name or a value of a list', z.tuple([z.enum(['a', 'b']), z.literal([1, 'x'])]), true],
    [
      'what may be left out',
      z.object({ a: z.string().optional(), b: z.null().default(null) }),
      true,
    ],
    ['what nobody may change', z.object({ a: z.string().nullable() }).readonly(), true],
    ['names that are not known', z.record(z.string(), z.unknown()), true],
    ['other fields', z.looseObject({ a: z.any() }), true],
    ['no other fields', z.strictObject({ a: z.number() }), true],
    ['a description', z.string().describe('The name.'), true],
    ['itself in itself', node, true],
    ['a pattern', z.object({ a: z.string().regex(/^(\w+\s?)*$/) }), false],
    ['a pattern in a list in a field', z.object({ a: z.array(z.string().regex(/a/)) }), false],
    ['a pattern for other fields', z.object({}).catchall(z.string().regex(/a/)), false],
    ['a pattern for names', z.record(z.string().regex(/a/), z.number()), false],
    ['a pattern for the rest', z.tuple([z.number()], z.string().regex(/a/)), false],
    ['the beginning of a text', z.string().startsWith('a'), false],
    ['a format', z.email(), false],
    ['a date as a text', z.iso.date(), false],
    ['a refinement', z.string().refine((text) => text !== ''), false],
    ['a refinement of the whole', z.object({}).refine(() => true), false],
    ['a transform', z.string().transform((text) => text.length), false],
    ['a change', z.string().trim(), false],
    ['a message of its own', z.string({ error: () => 'no' }), false],
    ['a message of its own for a bound', z.string().min(1, { error: () => 'no' }), false],
    ['a choice', z.union([z.string(), z.number()]), false],
    ['both of two', z.intersection(z.object({}), z.object({})), false],
    ['a number from a text', z.coerce.number(), false],
    ['a bigint', z.bigint(), false],
    ['what is only known later', z.lazy(() => z.string()), false],
    ['another value where it fails', z.string().catch('x'), false],
  ])('%s', ([, schema, isSteady]) => {
    expect(isSteadyZod(schema)).toBe(isSteady);
  });
});

const object = (properties: object) => ({ type: 'object', properties });

describe('a JSON Schema that needs no time limit', () => {
  test.for<[what: string, schema: unknown, isSteady: boolean]>([
    ['fields of plain types', object({ a: { type: 'string', minLength: 1 }, b: {} }), true],
    [
      'required fields and no others',
      { ...object({}), required: [], additionalProperties: false },
      true,
    ],
    [
      'lists',
      object({ a: { type: 'array', items: { type: ['number', 'null'] }, maxItems: 3 } }),
      true,
    ],
    [
      'the first of a list',
      object({ a: { prefixItems: [{ type: 'number' }], items: false } }),
      true,
    ],
    ['values of a list', object({ a: { enum: ['x', 1, null] }, b: { const: 'y' } }), true],
    ['a description', { ...object({}), title: 'T', description: 'D', examples: [{}] }, true],
    ['a pattern', object({ a: { type: 'string', pattern: '^(\\w+\\s?)*$' } }), false],
    ['a pattern in a list', object({ a: { items: { pattern: 'a' } } }), false],
    ['a pattern for other fields', { additionalProperties: { pattern: 'a' } }, false],
    ['a pattern at the beginning of a list', { prefixItems: [{ pattern: 'a' }] }, false],
    ['patterns for names', { patternProperties: { a: {} } }, false],
    ['a format', object({ a: { format: 'email' } }), false],
    ['no two alike', object({ a: { uniqueItems: true } }), false],
    ['objects of a list', object({ a: { enum: [{}] } }), false],
    ['a list of a list', object({ a: { enum: [[]] } }), false],
    ['one object', object({ a: { const: {} } }), false],
    ['one list', object({ a: { const: [] } }), false],
    ['a choice', object({ a: { anyOf: [{}] } }), false],
    ['a schema elsewhere', object({ a: { $ref: '#/$defs/a' } }), false],
    ['a keyword that is not known', object({ a: { contentEncoding: 'base64' } }), false],
    ['a name that is no keyword', object({ pattern: { type: 'string' } }), true],
    ['fields that are not an object', { properties: [] }, false],
    ['a list that is none', { prefixItems: {} }, false],
    ['values that are no list', { enum: {} }, false],
    ['no schema', null, false],
  ])('%s', ([, schema, isSteady]) => {
    expect(isSteadyJsonSchema(schema)).toBe(isSteady);
  });
});
