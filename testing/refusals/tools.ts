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

/** Breakpoints in tools, system and messages; the automatic one at the top level takes a slot too. */
export function cacheControlRefusal(body: JsonObject): Refusal | undefined {
  const inMessages = blocksOf(body['messages']).flatMap((message) =>
    isRecord(message) ? blocksOf(message['content']) : [],
  );
  const inResults = inMessages.flatMap((block) =>
    isRecord(block) && block['type'] === 'tool_result' ? blocksOf(block['content']) : [],
  );
  const places = [body, ...blocksOf(body['tools']), ...blocksOf(body['system'])];
  const found = [...places, ...inMessages, ...inResults].filter(
    (place) => isRecord(place) && isRecord(place['cache_control']),
  ).length;
  return found > MAX_CACHE_CONTROLS
    ? invalid(
        `A maximum of ${MAX_CACHE_CONTROLS} blocks with cache_control may be provided. Found ${found}.`,
      )
    : undefined;
}
