import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { DeclarationError } from '../../agents/declaration-error.ts';
import type { OutputOption } from '../../agents/output-schema.ts';
import { compileOutput } from '../../agents/output-schema.ts';
import { rejection } from '../../testing/rejections.ts';

const compile = (schema: OutputOption) => compileOutput('test', schema);

const accepted: [string, OutputOption][] = [
  ['numbers and texts with limits', z.object({ n: z.int().min(1).max(5), t: z.string().min(3) })],
  [
    'lists, choices and what may be absent',
    z.object({
      list: z
        .array(z.union([z.string(), z.null()]))
        .min(2)
        .max(9),
      kind: z.enum(['a', 'b']).optional(),
      at: z.iso.datetime().default('2026-11-22T00:00:00Z'),
    }),
  ],
  ['objects within objects', z.object({ inner: z.object({ a: z.literal(1) }) })],
  ['one shape in two places', z.object({ a: z.object({ x: z.string() }).meta({ id: 'pair' }) })],
  [
    'a discriminated union',
    z.object({
      shape: z.discriminatedUnion('type', [
        z.object({ type: z.literal('circle'), radius: z.number().positive() }),
        z.object({ type: z.literal('square'), side: z.number() }),
      ]),
    }),
  ],
  [
    'a property that is named like a keyword',
    z.object({ additionalProperties: z.string(), $ref: z.string() }),
  ],
  ['a JSON Schema', { type: 'object', properties: { a: { type: 'integer', minimum: 0 } } }],
];

describe('an output schema is sent in a form that the API accepts', () => {
  test.each(accepted)('%s', (_name, schema) => {
    const body = {
      model: 'claude-opus-5-5',
      max_tokens: 100,
      messages: [{ role: 'user', content: 'Hello' }],
      output_config: compile(schema).config,
    };
    expect(rejection(body)).toBeUndefined();
  });
});

test('a limit that the API does not support goes into the description, and is checked', async () => {
  const { config, parse } = compile(z.object({ stars: z.number().max(5) }));

  expect(config.format.schema['properties']).toEqual({
    stars: { type: 'number', description: '{maximum: 5}' },
  });
  expect(await parse({ stars: 5 })).toMatchObject({ ok: true });
  expect(await parse({ stars: 6 })).toMatchObject({ ok: false });
});

test('an answer that does not match a JSON Schema is reported with its path', async () => {
  const { parse } = compile({ type: 'object', properties: { a: { type: 'integer' } } });

  expect(await parse({ a: 'b' })).toEqual({ ok: false, problem: 'output/a must be integer' });
});

interface Node {
  next?: Node | undefined;
}
const node: z.ZodType<Node> = z.lazy(() => z.object({ next: node.optional() }));

describe('an output schema is invalid', () => {
  const unnamed = /output allows properties that it does not name/;
  test.for<[string, OutputOption, RegExp]>([
    [
      'that is not an object',
      z.array(z.string()),
      /output cannot be sent to the API: .*must be an object, but got array/,
    ],
    [
      'that may be several things',
      z.union([z.object({}), z.string()]),
      /must be an object, but got undefined/,
    ],
    [
      'with any value',
      z.object({ a: z.unknown() }),
      /output cannot be sent to the API: .*type defined/,
    ],
    ['with a record', z.object({ a: z.record(z.string(), z.number()) }), unnamed],
    ['with an open object in a list', z.object({ a: z.array(z.looseObject({})) }), unnamed],
    [
      'that holds itself',
      z.object({ root: node }),
      /output is recursive \(#.*\), which the API rejects/,
    ],
    [
      'that has no JSON Schema',
      z.object({ on: z.date() }),
      /output cannot be turned into a JSON Schema/,
    ],
    ['of zod 3', { _def: {}, type: 'object' }, /output is a zod 3 schema/],
  ])('%s', ([, schema, message]) => {
    expect(() => compile(schema)).toThrow(DeclarationError);
    expect(() => compile(schema)).toThrow(message);
  });
});
