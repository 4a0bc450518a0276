import { isRecord } from '../../core/json.ts';
import { blocksOf, type JsonObject } from '../messages/canonical.ts';
import { OUTPUT_CONFIG_KEYS, OUTPUT_FORMAT_KEYS, unknownKey } from './known-keys.ts';
import { firstRefusal, inOurWords, invalid, type Refusal, type RefusalOptions } from './refusal.ts';

const PATH = 'output_config.format';

/** https://platform.claude.com/docs/en/build-with-claude/structured-outputs */
export function outputConfigRefusal(
  body: JsonObject,
  { beta = false }: RefusalOptions,
): Refusal | undefined {
  const config = body['output_config'];
  if (config === undefined || config === null) return undefined;
  if (!isRecord(config)) return invalid('output_config: Input should be a valid dictionary');
  const { format } = config;
  return firstRefusal([
    () => (beta ? undefined : unknownKey(config, OUTPUT_CONFIG_KEYS, 'output_config')),
    () => (format === undefined || format === null ? undefined : formatRefusal(format, beta)),
    () => (isRecord(format) ? citationsRefusal(body) : undefined),
  ]);
}

function formatRefusal(format: unknown, beta: boolean): Refusal | undefined {
  if (!isRecord(format)) return invalid(`${PATH}: Input should be a valid dictionary`);
  const { type, schema } = format;
  return firstRefusal([
    () => (type === undefined ? invalid(`${PATH}.type: Field required`) : undefined),
    () =>
      type === 'json_schema' ? undefined : invalid(`${PATH}.type: Input should be 'json_schema'`),
    () => (schema === undefined ? invalid(`${PATH}.schema: Field required`) : undefined),
    () =>
      isRecord(schema) ? undefined : invalid(`${PATH}.schema: Input should be a valid dictionary`),
    () => (beta ? undefined : unknownKey(format, OUTPUT_FORMAT_KEYS, PATH)),
    () => schemaRefusal(schema, { root: schema, inside: [] }),
  ]);
}

/** What grammars cannot say. The rest of JSON Schema is taken here, since not all that is refused is known. */
const UNSUPPORTED: Readonly<Record<string, readonly string[]>> = {
  integer: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  string: ['minLength', 'maxLength'],
  array: ['maxItems', 'uniqueItems'],
};

const SCHEMAS = ['items', 'anyOf', 'allOf'];

interface Walk {
  root: unknown;
  /** The references that led here. */
  inside: readonly string[];
}

function schemaRefusal(schema: unknown, walk: Walk): Refusal | undefined {
  if (Array.isArray(schema)) {
    return firstRefusal(schema.map((one: unknown) => () => schemaRefusal(one, walk)));
  }
  if (!isRecord(schema)) return undefined;
  const { $ref, properties } = schema;
  if (typeof $ref === 'string') return referenceRefusal($ref, walk);
  const inner = isRecord(properties) ? Object.values(properties) : [];
  return firstRefusal([
    () => keywordsRefusal(schema),
    ...[...inner, ...SCHEMAS.map((keyword) => schema[keyword])].map(
      (one) => () => schemaRefusal(one, walk),
    ),
  ]);
}

function keywordsRefusal(schema: JsonObject): Refusal | undefined {
  const { type, additionalProperties, minItems } = schema;
  const refuse = (problem: string) =>
    invalid(`${PATH}.schema: For '${String(type)}' type, ${problem}`);
  if (type === 'object' && additionalProperties !== false) {
    return refuse("'additionalProperties' must be explicitly set to false");
  }
  if (type === 'array' && minItems !== undefined && minItems !== 0 && minItems !== 1) {
    return refuse("'minItems' values other than 0 or 1 are not supported");
  }
  const unsupported = UNSUPPORTED[String(type)]?.find((keyword) => schema[keyword] !== undefined);
  return unsupported === undefined
    ? undefined
    : refuse(`property '${unsupported}' is not supported`);
}

function referenceRefusal(ref: string, { root, inside }: Walk): Refusal | undefined {
  if (!ref.startsWith('#'))
    return inOurWords(`${PATH}.schema: External $ref is not supported: ${ref}`);
  if (inside.includes(ref))
    return inOurWords(`${PATH}.schema: Recursive schemas are not supported: ${ref}`);
  const target = ref
    .split('/')
    .slice(1)
    .reduce<unknown>((value, key) => (isRecord(value) ? value[key] : undefined), root);
  return schemaRefusal(target, { root, inside: [...inside, ref] });
}

/** A text with citations between its blocks would be no JSON. */
function citationsRefusal({ messages }: JsonObject): Refusal | undefined {
  const cites = blocksOf(messages)
    .flatMap((message) => (isRecord(message) ? blocksOf(message['content']) : []))
    .some(
      (block) =>
        isRecord(block) && isRecord(block['citations']) && block['citations']['enabled'] === true,
    );
  return cites
    ? inOurWords(`${PATH}: Citations cannot be enabled with output_config.format`)
    : undefined;
}
