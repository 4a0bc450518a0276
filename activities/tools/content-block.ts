import { isRecord } from '../../core/json.ts';
import type { Shape } from '../../core/shape.ts';
import {
  anything,
  bool,
  closed,
  either,
  list,
  nullable,
  object,
  optional,
  text,
  that,
} from '../../core/shape.ts';

// What the API takes inside a tool result, field by field. A value with any other field is the tool's
// own data that happens to have a `type`; sent as a block, it would be a 400 for the whole turn.
// https://platform.claude.com/docs/en/agents-and-tools/tool-use/handle-tool-calls
//
// Shapes and not zod: a result may have ten thousands of blocks, and zod takes ten times as long for each.

const extras = { cache_control: anything, citations: anything };

type Fields = Record<string, Shape<unknown>>;

/** An object with a `type` that has these fields, and no others. */
function typed(kinds: Readonly<Record<string, Fields>>): Shape<unknown> {
  const shapes = new Map(
    Object.entries(kinds).map(([type, fields]) => [
      type,
      closed<Record<string, unknown>>(type, { type: anything, ...fields }),
    ]),
  );
  return (value, at) => {
    const shape = isRecord(value) ? shapes.get(value['type'] as string) : undefined;
    return shape === undefined ? `${at} is not a block` : shape(value, at);
  };
}

// The API rejects texts without any visible character as well.
const visible = that('be visible', (value) => typeof value === 'string' && /\S/.test(value));
const encoded = { media_type: text(), data: text() };
const linked = { url: { url: text() }, file: { file_id: text() } };

const TEXT = { text: { text: visible, ...extras } };
const IMAGE = {
  image: {
    source: typed({ base64: encoded, ...linked }),
    transformations: anything,
    ...extras,
  },
};
const composed = { content: either(text(), list(typed({ ...TEXT, ...IMAGE }))) };

const tab = closed<Record<string, unknown>>('a tab', {
  tab_id: text(),
  title: text(),
  url: text(),
  active: optional(bool),
});
const changes = list(object<{ type: string }>({ type: text() }));
const nonEmpty: Shape<unknown> = (value, at) =>
  Array.isArray(value) && value.length === 0 ? `${at} is empty` : changes(value, at);

const contentBlock = typed({
  ...TEXT,
  ...IMAGE,
  document: {
    source: typed({
      base64: encoded,
      text: encoded,
      content: composed,
      ...linked,
    }),
    title: optional(nullable(text())),
    context: optional(nullable(text())),
    ...extras,
  },
  search_result: { source: text(), title: text(), content: list(typed(TEXT)), ...extras },
  // Returned by actions of the browser toolset. That the call is one is checked where the call is known.
  browser_state: {
    tabs: list(tab),
    state_changes: optional(nullable(nonEmpty)),
    cache_control: anything,
  },
});

/** Whether the API would take this value as a block of a tool result. */
export function isContentBlock(value: unknown): boolean {
  return contentBlock(value, '') === undefined;
}
