import { isInsidePair } from '../core/conversation/cut-result.ts';
import { READ_RESULT } from '../core/names.ts';
import { toolPolicy } from '../core/calls/tool-policy.ts';
import type { Tool } from './define-tool.ts';
import { compileSchema } from './input-schema.ts';

/** Enough for most questions about a long text, and small enough to ask for several at once. */
const DEFAULT_PAGE = 20_000;
/** At most three bytes each: a page stays below `DEFAULT_RESULT_BYTES`, so that it is not cut itself. */
const MAX_PAGE = 30_000;

/** What the model writes. */
export interface ReadResultInput {
  id: string;
  offset?: number;
  limit?: number;
}

const annotations = { title: 'Read the rest of a result', readOnlyHint: true };

const { jsonSchema, parse } = compileSchema(READ_RESULT, {
  type: 'object',
  properties: {
    id: {
      type: 'string',
      description: 'The id in the notice: that of the call whose result was cut.',
    },
    offset: {
      type: 'integer',
      minimum: 0,
      default: 0,
      description: 'Where to begin, in characters from the beginning of the result.',
    },
    limit: {
      type: 'integer',
      minimum: 1,
      maximum: MAX_PAGE,
      default: DEFAULT_PAGE,
      description: 'How many characters to read at most.',
    },
  },
  required: ['id'],
  additionalProperties: false,
});

/** The declaration of the tool. `createReadResult`, which has the storage, does its work. */
export const readResultTool: Pick<Tool, 'name' | 'spec' | 'annotations' | 'policy' | 'parse'> = {
  name: READ_RESULT,
  spec: {
    name: READ_RESULT,
    description: `Reads parts of an earlier tool result that was too long to be shown whole. Where a part of a result is left out, a notice in square brackets stands in its place, with the id and the offset to read from. Returns the text from that offset on, after a line that says where it stands in the whole result and where the next page begins. Several pages can be read at once.`,
    input_schema: jsonSchema,
  },
  annotations,
  policy: toolPolicy(annotations.readOnlyHint),
  parse,
};

/**
 * A page of a text, after a line that says where it stands. The pages one after another are the whole
 * text, and none begins or ends with half an emoji.
 */
export function pageOf(text: string, offset = 0, limit = DEFAULT_PAGE): string {
  const total = text.length;
  if (offset >= total) {
    return `[Nothing is at offset ${offset}: the result has ${total} characters.]`;
  }
  const from = isInsidePair(text, offset) ? offset - 1 : offset;
  const end = Math.min(total, offset + limit);
  const to = isInsidePair(text, end) ? end + 1 : end;
  const next = to < total ? `The next page begins at offset ${to}.` : 'This is the end.';
  return `[Offset ${from} to ${to} of ${total} characters. ${next}]\n${text.slice(from, to)}`;
}
