import { Ajv2020 } from 'ajv/dist/2020.js';
import { isRecord } from '../../core/json.ts';
import type { JsonObject } from '../messages/canonical.ts';
import { TOOL_KEYS, unknownKey } from './known-keys.ts';
import { firstRefusal, inOurWords, invalid } from './refusal.ts';
import type { Refusal, RefusalOptions } from './refusal.ts';
import { entryRefusal, entryToolset } from './toolsets.ts';

// The documentation promises 64 characters, the API's own refusal says 128.
const TOOL_NAME = '^[a-zA-Z0-9_-]{1,128}$';
/** https://platform.claude.com/docs/en/build-with-claude/structured-outputs */
const MAX_STRICT_TOOLS = 20;

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
    () =>
      tools.filter((tool) => isRecord(tool) && tool['strict'] === true).length > MAX_STRICT_TOOLS
        ? inOurWords(`tools: at most ${MAX_STRICT_TOOLS} tools may be strict`)
        : undefined,
  ]);
}

function toolRefusal(tool: unknown, index: number, options: RefusalOptions): Refusal | undefined {
  if (!isRecord(tool)) return invalid(`tools.${index}: Input should be a valid dictionary`);
  if (entryToolset(tool) !== undefined) {
    return entryRefusal(tool, `tools.${index}`, options.beta === true);
  }
  // Tools of Anthropic's other kinds are theirs to describe.
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
    : isDraft2020(schema)
      ? undefined
      : invalid(
          `${path}: JSON schema is invalid. It must match JSON Schema draft 2020-12 (https://json-schema.org/draft/2020-12).`,
        );
}

const ajv = new Ajv2020({ strict: false, logger: false, validateFormats: false });
/** By their JSON: the same tools come with every request of a conversation. */
const judged = new Map<string, boolean>();

function isDraft2020(whole: JsonObject): boolean {
  // An older draft may be named, which the API does not mind.
  const { $schema: _, ...schema } = whole;
  const text = JSON.stringify(schema);
  const known = judged.get(text) ?? ajv.validateSchema(schema) === true;
  judged.set(text, known);
  return known;
}

function nameRefusal(tools: readonly unknown[]): Refusal | undefined {
  const names = tools.flatMap((tool) =>
    isRecord(tool) ? (tool['name'] ?? entryToolset(tool) ?? []) : [],
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
