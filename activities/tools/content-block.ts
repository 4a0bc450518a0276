import { z } from 'zod';

// What the API takes inside a tool result, field by field. A value with any other field is the tool's
// own data that happens to have a `type`; sent as a block, it would be a 400 for the whole turn.
// https://platform.claude.com/docs/en/agents-and-tools/tool-use/handle-tool-calls

const extras = { cache_control: z.unknown().optional(), citations: z.unknown().optional() };
const encoded = z.strictObject({
  type: z.literal('base64'),
  media_type: z.string(),
  data: z.string(),
});
const linked = z.strictObject({ type: z.literal('url'), url: z.string() });
const uploaded = z.strictObject({ type: z.literal('file'), file_id: z.string() });
const plain = z.strictObject({ type: z.literal('text'), media_type: z.string(), data: z.string() });

// The API rejects texts without any visible character as well.
const text = z.strictObject({ type: z.literal('text'), text: z.string().regex(/\S/), ...extras });
const image = z.strictObject({
  type: z.literal('image'),
  source: z.union([encoded, linked, uploaded]),
  transformations: z.unknown().optional(),
  ...extras,
});
const composed = z.strictObject({
  type: z.literal('content'),
  content: z.union([z.string(), z.array(z.union([text, image]))]),
});
const document = z.strictObject({
  type: z.literal('document'),
  source: z.union([encoded, plain, linked, uploaded, composed]),
  title: z.string().nullish(),
  context: z.string().nullish(),
  ...extras,
});
const searchResult = z.strictObject({
  type: z.literal('search_result'),
  source: z.string(),
  title: z.string(),
  content: z.array(text),
  ...extras,
});

/** Returned by actions of the browser toolset. That the call is one is checked where the call is known. */
const browserState = z.strictObject({
  type: z.literal('browser_state'),
  tabs: z.array(
    z.strictObject({
      tab_id: z.string(),
      title: z.string(),
      url: z.string(),
      active: z.boolean().optional(),
    }),
  ),
  state_changes: z
    .array(z.looseObject({ type: z.string() }))
    .min(1)
    .nullish(),
  cache_control: z.unknown().optional(),
});

const contentBlock = z.discriminatedUnion('type', [
  text,
  image,
  document,
  searchResult,
  browserState,
]);

/** Whether the API would take this value as a block of a tool result. */
export function isContentBlock(value: unknown): boolean {
  return contentBlock.safeParse(value).success;
}
