import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { describeZod } from '../../../agents/zod-schema.ts';
import { exampleValue } from '../../../testing/example/value.ts';

const ajv = new Ajv2020({ strict: false, validateFormats: false, logger: false });

const object = (properties: object, required: string[] = Object.keys(properties)) => ({
  type: 'object',
  properties,
  required,
});

describe('an example value', () => {
  test.each<[string, unknown, unknown]>([
    ['a text', { type: 'string' }, 'example'],
    ['a whole number', { type: 'integer' }, 1],
    ['a number', { type: 'number' }, 1],
    ['a boolean', { type: 'boolean' }, true],
    ['null', { type: 'null' }, null],
    ['a const', { const: { a: 1 } }, { a: 1 }],
    ['the first of an enum', { enum: ['open', 'closed'] }, 'open'],
    ['the first of the examples', { type: 'string', examples: ['A-17'] }, 'A-17'],
    ['the default', { type: 'integer', default: 20 }, 20],
    ['the type that is not null', { type: ['null', 'string'] }, 'example'],
    ['a schema that allows anything', true, 'example'],
    ['no schema', {}, 'example'],

    ['a minimum', { type: 'integer', minimum: 18 }, 18],
    ['a minimum that is not whole', { type: 'integer', minimum: 2.5 }, 3],
    ['a minimum below 1', { type: 'integer', minimum: 0 }, 1],
    ['an exclusive minimum', { type: 'integer', exclusiveMinimum: 18 }, 19],
    ['a maximum below 1', { type: 'integer', maximum: -5 }, -5],
    ['an exclusive maximum', { type: 'integer', exclusiveMaximum: 1 }, 0],
    ['bounds close together', { type: 'number', minimum: 0.25, maximum: 0.75 }, 0.5],
    ['a multiple', { type: 'integer', minimum: 7, multipleOf: 5 }, 10],
    ['a whole multiple', { type: 'integer', multipleOf: 1.5 }, 3],

    ['a date', { type: 'string', format: 'date' }, '2026-01-31'],
    ['a time', { type: 'string', format: 'date-time' }, '2026-01-31T12:00:00Z'],
    ['an e-mail address', { type: 'string', format: 'email' }, 'ada@example.com'],
    ['an address of a page', { type: 'string', format: 'uri' }, 'https://example.com/'],
    ['an unknown format', { type: 'string', format: 'isbn' }, 'example'],
    ['a short text', { type: 'string', maxLength: 3 }, 'exa'],
    ['a long text', { type: 'string', minLength: 10 }, 'exaexample'],
    ['a pattern', { type: 'string', pattern: '^[A-Z]-\\d{4}$' }, 'A-1111'],
    ['a pattern with a choice', { type: 'string', pattern: '^(?:red|blue)$' }, 'red'],
    ['a pattern with a length', { type: 'string', pattern: '^a*$', minLength: 3 }, 'aaa'],
    ['a pattern of Python', { type: 'string', pattern: '(?P<year>\\d{4})\\Z' }, '1111'],
    ['a pattern that cannot be read', { type: 'string', pattern: '(' }, 'example'],

    ['an array', { type: 'array', items: { type: 'integer' } }, [1]],
    ['several items', { type: 'array', items: { type: 'integer' }, minItems: 2 }, [1, 2]],
    ['no items', { type: 'array', maxItems: 0 }, []],
    ['a tuple', { type: 'array', prefixItems: [{ const: 1 }, { const: 'b' }] }, [1, 'b']],
    [
      'items that must differ',
      { type: 'array', items: { enum: ['a', 'b', 'c'] }, minItems: 3, uniqueItems: true },
      ['a', 'b', 'c'],
    ],

    ['an object without properties', { type: 'object' }, {}],
    ['an object by its properties', { properties: { a: { const: 1 } } }, { a: 1 }],
    [
      'optional properties',
      object({ a: { type: 'integer' }, b: { type: 'string' } }, ['b']),
      { b: 'example', a: 1 },
    ],
    ['nested objects', object({ a: object({ b: { type: 'boolean' } }) }), { a: { b: true } }],
    ['a required name without a schema', { type: 'object', required: ['a'] }, { a: 'example' }],
    [
      'the names of a dictionary',
      { type: 'object', additionalProperties: { type: 'integer' }, minProperties: 1 },
      { key_1: 1 },
    ],
    ['few properties', { ...object({ a: {}, b: {} }, []), maxProperties: 1 }, { a: 'example' }],

    ['the first branch', { anyOf: [{ type: 'integer' }, { type: 'string' }] }, 1],
    ['a branch that is not null', { anyOf: [{ type: 'null' }, { type: 'string' }] }, 'example'],
    ['one of several', { oneOf: [object({ kind: { const: 'a' } })] }, { kind: 'a' }],
    [
      'a branch and what stands beside it',
      { ...object({ a: { const: 1 } }), anyOf: [object({ b: { const: 2 } })] },
      { a: 1, b: 2 },
    ],
    [
      'all of several',
      { type: 'integer', allOf: [{ minimum: 3 }, { minimum: 5 }, { maximum: 9 }] },
      5,
    ],
    [
      'a reference',
      { ...object({ a: { $ref: '#/$defs/a~1b' } }), $defs: { 'a/b': { const: 'found' } } },
      { a: 'found' },
    ],
    ['a reference to nothing', { $ref: '#/$defs/none' }, 'example'],
    [
      'a schema that refers to itself',
      object({ name: { type: 'string' }, child: { $ref: '#' } }, ['name']),
      { name: 'example', child: { name: 'example', child: { name: 'example' } } },
    ],
    [
      'a schema that refers to itself or null',
      object({ next: { anyOf: [{ $ref: '#' }, { type: 'null' }] } }),
      { next: { next: { next: null } } },
    ],
  ])('of %s', (_, schema, value) => {
    expect(exampleValue(schema)).toEqual(value);
  });

  test('is found or given up for a schema that no value can match', () => {
    expect(exampleValue(object({ next: { $ref: '#' } }))).toBeDefined();
  });

  test.each([
    z.object({ id: z.uuid(), mail: z.email(), at: z.iso.datetime(), day: z.iso.date() }),
    z.object({
      url: z.url(),
      ip: z.ipv4(),
      time: z.iso.time(),
      code: z.string().regex(/^\w{3}-\d+$/),
    }),
    z.object({ cents: z.number().int().positive().max(5000), share: z.number().gt(0).lt(1) }),
    z.object({ tags: z.array(z.string().min(2)).min(2), pair: z.tuple([z.string(), z.number()]) }),
    z.object({
      by: z.discriminatedUnion('type', [
        z.object({ type: z.literal('order'), order: z.string().startsWith('A-') }),
        z.object({ type: z.literal('mail'), mail: z.email() }),
      ]),
      note: z.string().nullable().optional(),
      prices: z.record(z.string(), z.number()),
      state: z.enum(['open', 'closed']).default('open'),
    }),
  ])('is valid for the zod schema %#', (schema) => {
    const value = exampleValue(describeZod(schema));
    expect(schema.safeParse(value)).toMatchObject({ success: true });
  });

  test('is valid for its schema, and the same each time', () => {
    fc.assert(
      fc.property(schemas, (schema) => {
        const value = exampleValue(schema);
        const validate = ajv.compile(schema);
        validate(value);
        expect({ value, problems: validate.errors ?? [] }).toMatchObject({ problems: [] });
        expect(exampleValue(schema)).toEqual(value);
      }),
      { numRuns: 200 },
    );
  });
});

/** Schemas that some value is valid for. */
const { schemas } = fc.letrec<{ schemas: object; leaf: object; nested: object }>((tie) => ({
  schemas: fc.oneof({ maxDepth: 3, withCrossShrink: true }, tie('leaf'), tie('nested')),
  leaf: fc.oneof(
    fc.constantFrom({ type: 'boolean' }, { type: 'null' }, {}, { const: [1] }, { enum: ['a', 2] }),
    bounds(fc.integer({ min: -50, max: 50 })).map(([a, b]) => ({
      type: 'integer',
      minimum: a,
      maximum: b,
    })),
    fc.integer({ min: -50, max: 50 }).map((low) => ({ type: 'number', exclusiveMinimum: low })),
    fc.integer({ min: -50, max: 50 }).map((high) => ({ type: 'integer', exclusiveMaximum: high })),
    fc.integer({ min: 1, max: 9 }).map((step) => ({ type: 'integer', multipleOf: step })),
    bounds(fc.integer({ min: 0, max: 30 })).map(([a, b]) => ({
      type: 'string',
      minLength: a,
      maxLength: b,
    })),
    fc
      .constantFrom('^[a-f0-9]{8}$', '^\\d+(\\.\\d+)?$', '(cat|dog)s?', '^#[^\\s]+$', '\\p{L}{2,}')
      .map((pattern) => ({ type: 'string', pattern })),
  ),
  nested: fc.oneof(
    fc
      .tuple(
        fc.dictionary(fc.stringMatching(/^[a-z]{1,3}$/), tie('schemas'), { maxKeys: 3 }),
        fc.nat(),
      )
      .map(([properties, n]) => ({
        type: 'object',
        properties,
        required: Object.keys(properties).slice(0, n % 4),
        additionalProperties: false,
      })),
    fc
      .tuple(tie('schemas'), bounds(fc.integer({ min: 0, max: 3 })))
      .map(([items, [minItems, maxItems]]) => ({ type: 'array', items, minItems, maxItems })),
    fc.array(tie('schemas'), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
  ),
}));

function bounds(numbers: fc.Arbitrary<number>): fc.Arbitrary<[number, number]> {
  return fc.tuple(numbers, numbers).map(([a, b]) => [Math.min(a, b), Math.max(a, b)]);
}
