import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import * as mini from 'zod/mini';
import { z as zod325 } from 'zod-3-25/v4';
import * as mini325 from 'zod-3-25/v4-mini';
import { z as zod40 } from 'zod-4-0';
import * as mini40 from 'zod-4-0/mini';
import { z as zod41 } from 'zod-4-1';
import * as mini41 from 'zod-4-1/mini';
import { z as zod42 } from 'zod-4-2';
import * as mini42 from 'zod-4-2/mini';
import { DeclarationError } from '../../agents/declaration-error.ts';
import { compileSchema } from '../../agents/input-schema.ts';

// Copies of zod differ in their types as well.
const COPIES = (
  [
    ['ours', z],
    ['3.25.76', zod325],
    ['4.0.17', zod40],
    ['4.1.12', zod41],
    ['4.2.1', zod42],
  ] as unknown as [string, typeof z][]
).map(([version, copy]) => ({ version, copy }));

const MINI = (
  [
    ['ours', mini],
    ['4.0.0', mini325],
    ['4.0.17', mini40],
    ['4.1.12', mini41],
    ['4.2.1', mini42],
  ] as unknown as [string, typeof mini][]
).map(([version, copy]) => ({ version, copy }));

const { major, minor, patch } = z.core.version;
const OURS = `${major}.${minor}.${patch}`;

describe.for(COPIES)('a schema of zod $version', ({ version, copy }) => {
  const node = copy
    .object({
      name: copy.string(),
      get inner() {
        return copy.array(node).optional();
      },
    })
    .describe('A folder.');
  const schema = copy.object({
    path: copy.string().min(1).describe('Where it is.'),
    depth: copy.number().meta({ title: 'Depth', description: 'How deep.' }).optional(),
    kind: copy.enum(['file', 'folder']).default('file').describe('What it is.'),
    owner: copy.object({ mail: copy.email().describe('For letters.') }).describe('Whose.'),
    tags: copy.array(copy.string().describe('A word.')).describe('Words.'),
    ends: copy.iso.date().nullable().describe('The last day.'),
    size: copy.preprocess(Number, copy.number()).describe('In bytes.'),
    other: copy.lazy(() => copy.string().describe('Later.')),
    folder: node,
  });

  test('keeps all its descriptions and types', () => {
    const text = JSON.stringify(compileSchema('defineTool("a")', schema).jsonSchema);

    for (const kept of [
      'Where it is.',
      'How deep.',
      'What it is.',
      'For letters.',
      'Whose.',
      'A word.',
      'Words.',
      'The last day.',
      'In bytes.',
      'Later.',
      'A folder.',
      'Depth',
    ]) {
      expect(text).toContain(JSON.stringify(kept));
    }
    const { properties } = JSON.parse(text) as { properties: Record<string, unknown> };
    expect(properties).toMatchObject({
      path: { type: 'string', minLength: 1 },
      depth: { type: 'number' },
      kind: { type: 'string', enum: ['file', 'folder'], default: 'file' },
      owner: { type: 'object', required: ['mail'] },
      tags: { type: 'array', items: { type: 'string' } },
      size: { type: 'number' },
      other: { type: 'string' },
    });
  });

  test('checks', async () => {
    const { parse } = compileSchema('defineTool("a")', schema);
    const folder = { name: 'a', inner: [{ name: 'b' }] };
    const input = { path: 'a', owner: { mail: 'a@b.ch' }, tags: [], ends: null, other: '', folder };

    expect(await parse({ ...input, size: '7' })).toEqual({
      ok: true,
      value: { ...input, kind: 'file', size: 7 },
    });
    expect(await parse({ ...input, path: 7 })).toMatchObject({
      ok: false,
      problem: expect.stringContaining('→ at path') as string,
    });
  });

  test('may be nested in one of ours, or is rejected by its version', () => {
    const outer = z.object({
      inner: copy.object({ a: copy.string().describe('Deep.') }).describe('Inside.'),
    });
    const compile = () => compileSchema('defineTool("a")', outer).jsonSchema;
    if (version === '4.2.1') {
      expect(compile).toThrow(
        new DeclarationError(
          `defineTool("a"): inputSchema has a schema of zod 4.2.1, and zod ${OURS} of Plait cannot read its type; install zod ${OURS} for your schemas too`,
        ),
      );
      return;
    }
    const text = JSON.stringify(compile());
    expect(text).toContain('"Deep."');
    expect(text).toContain('"Inside."');
  });
});

describe.for(MINI)('a schema of zod/mini $version', ({ version, copy }) => {
  const schema = copy.object({
    path: copy.string().register(copy.globalRegistry, { description: 'Where it is.' }),
  });

  const compile = () => compileSchema('defineTool("a")', schema).jsonSchema;

  test('keeps its descriptions, or is rejected by its version', () => {
    if (version === 'ours' || version === '4.2.1') {
      expect(compile()).toMatchObject({
        properties: { path: { type: 'string', description: 'Where it is.' } },
      });
    } else {
      expect(compile).toThrow(DeclarationError);
      expect(compile).toThrow(`has a schema of zod ${version}, and zod `);
      expect(compile).toThrow('cannot read its descriptions; install zod ');
    }
  });
});
