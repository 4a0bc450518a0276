import { isInsidePair } from '../core/conversation/cut-result.ts';
import { READ_RESULT } from '../core/names.ts';
import {
  noPageText,
  pageText,
  READ_RESULT_DESCRIPTION,
  READ_RESULT_FIELDS,
} from '../core/calls/texts.ts';
import { toolPolicy } from '../core/calls/tool-policy.ts';
import type { Tool } from './define-tool.ts';
import { compileSchema } from './input-schema.ts';

/** In characters: enough for most questions about a long text, and small enough to ask for several at once. */
const DEFAULT_PAGE = 20_000;
/** A character takes at most three bytes, so a page stays below `DEFAULT_RESULT_BYTES` and is not cut itself. */
const MAX_PAGE = 30_000;

/** The input as the model writes it. */
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
      description: READ_RESULT_FIELDS.id,
    },
    offset: {
      type: 'integer',
      minimum: 0,
      default: 0,
      description: READ_RESULT_FIELDS.offset,
    },
    limit: {
      type: 'integer',
      minimum: 1,
      maximum: MAX_PAGE,
      default: DEFAULT_PAGE,
      description: READ_RESULT_FIELDS.limit,
    },
  },
  required: ['id'],
  additionalProperties: false,
});

/** Only the declaration of the tool: `createReadResult`, which has the storage, does the work. */
export const readResultTool: Pick<Tool, 'name' | 'spec' | 'annotations' | 'policy' | 'parse'> = {
  name: READ_RESULT,
  spec: {
    name: READ_RESULT,
    description: READ_RESULT_DESCRIPTION,
    input_schema: jsonSchema,
  },
  annotations,
  policy: toolPolicy(annotations.readOnlyHint),
  parse,
};

/**
 * A page of a text, after a line that says where the page lies. All pages together are the whole text, and
 * none begins or ends with half an emoji.
 */
export function pageOf(text: string, offset = 0, limit = DEFAULT_PAGE): string {
  const total = text.length;
  if (offset >= total) return noPageText(offset, total);
  const from = isInsidePair(text, offset) ? offset - 1 : offset;
  const end = Math.min(total, offset + limit);
  const to = isInsidePair(text, end) ? end + 1 : end;
  return `${pageText({ from, to, total })}\n${text.slice(from, to)}`;
}
