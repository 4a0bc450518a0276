import { Ajv2020 } from 'ajv/dist/2020.js';
import { isRecord } from '../../core/json.ts';
import type { JsonObject } from '../messages/canonical.ts';
import { TOOL_KEYS, unknownKey } from './known-keys.ts';
import { firstRejection, inOurWords, invalid } from './rejection.ts';
import type { Rejection, RejectionOptions } from './rejection.ts';
import { entryRejection, entryToolset } from './toolsets.ts';

// The documentation says 64 characters. The text of the API's 400 says 128.
const TOOL_NAME = '^[a-zA-Z0-9_-]{1,128}$';
/** https://platform.claude.com/docs/en/build-with-claude/structured-outputs */
const MAX_STRICT_TOOLS = 20;

export function toolsRejection(body: JsonObject, options: RejectionOptions): Rejection | undefined {
  const { tools } = body;
  if (tools === undefined) return undefined;
  if (!Array.isArray(tools)) return invalid('tools: Input should be a valid array');
  return firstRejection([
    ...tools.map((tool: unknown, index) => () => toolRejection(tool, index, options)),
    () => nameRejection(tools),
    () => deferredMarkRejection(tools),
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

/** https://platform.claude.com/docs/en/agents-and-tools/tool-use/programmatic-tool-calling */
export function callersRejection({
  tools,
  tool_choice: choice,
}: JsonObject): Rejection | undefined {
  const entries = Array.isArray(tools) ? tools.filter(isRecord) : [];
  const called = entries.findIndex(isCalledByCode);
  if (called === -1) return undefined;
  const path = `tools.${called}.custom`;
  const runsCode = entries.some(({ type }) => String(type).startsWith('code_execution_'));
  return firstRejection([
    () =>
      runsCode
        ? undefined
        : inOurWords(`${path}.allowed_callers: requires the code execution tool`),
    () =>
      entries.some((tool) => isCalledByCode(tool) && tool['strict'] === true)
        ? inOurWords(`${path}: \`strict\` is not supported with programmatic tool calling`)
        : undefined,
    () =>
      isRecord(choice) && choice['disable_parallel_tool_use'] === true
        ? inOurWords(
            'tool_choice.disable_parallel_tool_use: not supported with programmatic tool calling',
          )
        : undefined,
  ]);
}

function isCalledByCode({ allowed_callers: callers }: JsonObject): boolean {
  return Array.isArray(callers) && callers.some((caller) => caller !== 'direct');
}

function toolRejection(
  tool: unknown,
  index: number,
  options: RejectionOptions,
): Rejection | undefined {
  if (!isRecord(tool)) return invalid(`tools.${index}: Input should be a valid dictionary`);
  if (entryToolset(tool) !== undefined) {
    return entryRejection(tool, `tools.${index}`, options.beta === true);
  }
  // The other tools that Anthropic defines are not checked.
  if (typeof tool['type'] === 'string' && tool['type'] !== 'custom') return undefined;
  const path = `tools.${index}.custom`;
  const { name, input_schema: schema } = tool;
  return firstRejection([
    () => (name === undefined ? invalid(`${path}.name: Field required`) : undefined),
    () =>
      typeof name === 'string' && new RegExp(TOOL_NAME).test(name)
        ? undefined
        : invalid(`${path}.name: String should match pattern '${TOOL_NAME}'`),
    () => (schema === undefined ? invalid(`${path}.input_schema: Field required`) : undefined),
    () => schemaRejection(schema, `${path}.input_schema`),
    () => (options.beta ? undefined : unknownKey(tool, TOOL_KEYS, path)),
  ]);
}

function schemaRejection(schema: unknown, path: string): Rejection | undefined {
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
/** By the JSON of a schema: every request of a conversation has the same tools. */
const judged = new Map<string, boolean>();

function isDraft2020(whole: JsonObject): boolean {
  // The API accepts a schema that names an older draft.
  const { $schema: _, ...schema } = whole;
  const text = JSON.stringify(schema);
  const known = judged.get(text) ?? ajv.validateSchema(schema) === true;
  judged.set(text, known);
  return known;
}

function nameRejection(tools: readonly unknown[]): Rejection | undefined {
  const names = tools.flatMap((tool) =>
    isRecord(tool) ? (tool['name'] ?? entryToolset(tool) ?? []) : [],
  );
  return new Set(names).size < names.length
    ? invalid('tools: Tool names must be unique.')
    : undefined;
}

function deferredMarkRejection(tools: readonly unknown[]): Rejection | undefined {
  const marked = tools
    .filter(isRecord)
    .find((tool) => tool['defer_loading'] === true && isRecord(tool['cache_control']));
  return marked === undefined
    ? undefined
    : invalid(
        `Tool '${String(marked['name'])}' cannot have both defer_loading=true and cache_control set. Tools with defer_loading cannot use prompt caching.`,
      );
}
