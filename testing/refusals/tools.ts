import { isRecord } from '../../core/json.ts';
import { blocksOf, type JsonObject } from '../messages/canonical.ts';
import { TOOL_KEYS, unknownKey } from './known-keys.ts';
import { firstRefusal, invalid, type Refusal, type RefusalOptions } from './refusal.ts';

// The documentation promises 64 characters, the API's own refusal says 128.
const TOOL_NAME = '^[a-zA-Z0-9_-]{1,128}$';
const MAX_CACHE_CONTROLS = 4;

export function toolsRefusal(body: JsonObject, options: RefusalOptions): Refusal | undefined {
  const { tools } = body;
  if (tools === undefined) return undefined;
  if (!Array.isArray(tools)) return invalid('tools: Input should be a valid array');
  return firstRefusal([
    ...tools.map((tool: unknown, index) => () => toolRefusal(tool, index, options)),
    () => nameRefusal(tools),
    () => deferredMarkRefusal(tools),
    () =>
      tools.length > 0 && tools.every((tool) => isRecord(tool) && tool['defer_loading'] === true)
        ? invalid('All tools have defer_loading: true')
        : undefined,
  ]);
}

function toolRefusal(tool: unknown, index: number, options: RefusalOptions): Refusal | undefined {
  if (!isRecord(tool)) return invalid(`tools.${index}: Input should be a valid dictionary`);
  // Tools of Anthropic's own kinds are theirs to describe.
  if (typeof tool['type'] === 'string' && tool['type'] !== 'custom') return undefined;
  const path = `tools.${index}.custom`;
  const { name, input_schema: schema } = tool;
  return firstRefusal([
    () => (name === undefined ? invalid(`${path}.name: Field required`) : undefined),
    () =>
      typeof name === 'string' && new RegExp(TOOL_NAME).test(name)
        ? undefined
        : invalid(`${path}.name: String should match pattern '${TOOL_NAME}'`),
    () => (schema === undefined ? invalid(`${path}.input_schema: Field required`) : undefined),
    () => schemaRefusal(schema, `${path}.input_schema`),
    () => (options.beta ? undefined : unknownKey(tool, TOOL_KEYS, path)),
  ]);
}

function schemaRefusal(schema: unknown, path: string): Refusal | undefined {
  if (!isRecord(schema)) return invalid(`${path}: Input should be a valid dictionary`);
  if (schema['type'] === undefined) return invalid(`${path}.type: Field required`);
  if (schema['type'] !== 'object') return invalid(`${path}.type: Input should be 'object'`);
  return ['oneOf', 'allOf', 'anyOf'].some((key) => schema[key] !== undefined)
    ? invalid(`${path}: input_schema does not support oneOf, allOf, or anyOf at the top level`)
    : undefined;
}

function nameRefusal(tools: readonly unknown[]): Refusal | undefined {
  const names = tools.flatMap((tool) =>
    isRecord(tool) && tool['name'] !== undefined ? [tool['name']] : [],
  );
  return new Set(names).size < names.length
    ? invalid('tools: Tool names must be unique.')
    : undefined;
}

function deferredMarkRefusal(tools: readonly unknown[]): Refusal | undefined {
  const marked = tools
    .filter(isRecord)
    .find((tool) => tool['defer_loading'] === true && isRecord(tool['cache_control']));
  return marked === undefined
    ? undefined
    : invalid(
        `Tool '${String(marked['name'])}' cannot have both defer_loading=true and cache_control set. Tools with defer_loading cannot use prompt caching.`,
      );
}

/** Breakpoints in tools, system and messages; the automatic one at the top level takes a slot too. */
export function cacheControlRefusal(body: JsonObject): Refusal | undefined {
  const inMessages = blocksOf(body['messages']).flatMap((message) =>
    isRecord(message) ? blocksOf(message['content']) : [],
  );
  const inResults = inMessages.flatMap((block) =>
    isRecord(block) && block['type'] === 'tool_result' ? blocksOf(block['content']) : [],
  );
  // In the order in which the API reads them; the automatic one stands behind everything.
  const before = [...blocksOf(body['tools']), ...blocksOf(body['system'])];
  const marks = [...before, ...inMessages, ...inResults, body].flatMap((place) =>
    isRecord(place) && isRecord(place['cache_control']) ? [place['cache_control']] : [],
  );
  if (marks.length > MAX_CACHE_CONTROLS) {
    return invalid(
      `A maximum of ${MAX_CACHE_CONTROLS} blocks with cache_control may be provided. Found ${marks.length}.`,
    );
  }
  const firstShort = marks.findIndex(({ ttl }) => ttl !== '1h');
  const late = firstShort !== -1 && marks.slice(firstShort).some(({ ttl }) => ttl === '1h');
  return late
    ? invalid(
        "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are processed in the following order: `tools`, `system`, `messages`.",
      )
    : undefined;
}
