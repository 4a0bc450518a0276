import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defineTool } from 'plait';
import { z } from 'zod';

const name = z.string().regex(/^[\w-]+\.md$/);
const at = (file: string) => join(process.env['NOTES'] ?? 'notes', file);

export const readNote = defineTool({
  name: 'read_note',
  description: 'Reads a note.',
  inputSchema: z.object({ file: name }),
  annotations: { readOnlyHint: true },
  access: { reads: 'file' },
  maxResultBytes: 20_000,
  run: ({ file }, { signal }) => readFile(at(file), { encoding: 'utf8', signal }),
});

export const writeNote = defineTool({
  name: 'write_note',
  description: 'Writes a note, and replaces what it said.',
  inputSchema: z.object({ file: name, text: z.string() }),
  annotations: { idempotentHint: true }, // the same text again changes nothing
  access: { writes: 'file' },
  async run({ file, text }, { signal }) {
    await writeFile(at(file), text, { signal });
    return `${file} is written.`;
  },
});
