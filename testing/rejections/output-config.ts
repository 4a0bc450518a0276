import { isRecord } from '../../core/json.ts';
import { blocksOf, type JsonObject } from '../messages/canonical.ts';
import { OUTPUT_CONFIG_KEYS, OUTPUT_FORMAT_KEYS, unknownKey } from './known-keys.ts';
import {
  firstRejection,
  inOurWords,
  invalid,
  type Rejection,
  type RejectionOptions,
} from './rejection.ts';

const PATH = 'output_config.format';

/** https://platform.claude.com/docs/en/build-with-claude/structured-outputs */
export function outputConfigRejection(
  body: JsonObject,
  { beta = false }: RejectionOptions,
): Rejection | undefined {
  const config = body['output_config'];
  if (config === undefined || config === null) return undefined;
  if (!isRecord(config)) return invalid('output_config: Input should be a valid dictionary');
  const { format } = config;
  return firstRejection([
    () => (beta ? undefined : unknownKey(config, OUTPUT_CONFIG_KEYS, 'output_config')),
    () => (format === undefined || format === null ? undefined : formatRejection(format, beta)),
    () => (isRecord(format) ? citationsRejection(body) : undefined),
  ]);
}

function formatRejection(format: unknown, beta: boolean): Rejection | undefined {
  if (!isRecord(format)) return invalid(`${PATH}: Input should be a valid dictionary`);
  const { type, schema } = format;
  return firstRejection([
    () => (type === undefined ? invalid(`${PATH}.type: Field required`) : undefined),
    () =>
      type === 'json_schema' ? undefined : invalid(`${PATH}.type: Input should be 'json_schema'`),
    () => (schema === undefined ? invalid(`${PATH}.schema: Field required`) : undefined),
    () =>
      isRecord(schema) ? undefined : invalid(`${PATH}.schema: Input should be a valid dictionary`),
    () => (beta ? undefined : unknownKey(format, OUTPUT_FORMAT_KEYS, PATH)),
    () => schemaRejection(schema, { root: schema, inside: [] }),
  ]);
}

/** Keywords that the API does not support. There may be others; schemas with those are accepted. */
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

function schemaRejection(schema: unknown, walk: Walk): Rejection | undefined {
  if (Array.isArray(schema)) {
    return firstRejection(schema.map((one: unknown) => () => schemaRejection(one, walk)));
  }
  if (!isRecord(schema)) return undefined;
  const { $ref, properties } = schema;
  if (typeof $ref === 'string') return referenceRejection($ref, walk);
  const inner = isRecord(properties) ? Object.values(properties) : [];
  return firstRejection([
    () => keywordsRejection(schema),
    ...[...inner, ...SCHEMAS.map((keyword) => schema[keyword])].map(
      (one) => () => schemaRejection(one, walk),
    ),
  ]);
}

function keywordsRejection(schema: JsonObject): Rejection | undefined {
  const { type, additionalProperties, minItems } = schema;
  const forType = (problem: string) =>
    invalid(`${PATH}.schema: For '${String(type)}' type, ${problem}`);
  if (type === 'object' && additionalProperties !== false) {
    return forType("'additionalProperties' must be explicitly set to false");
  }
  if (type === 'array' && minItems !== undefined && minItems !== 0 && minItems !== 1) {
    return forType("'minItems' values other than 0 or 1 are not supported");
  }
  const unsupported = UNSUPPORTED[String(type)]?.find((keyword) => schema[keyword] !== undefined);
  return unsupported === undefined
    ? undefined
    : forType(`property '${unsupported}' is not supported`);
}

function referenceRejection(ref: string, { root, inside }: Walk): Rejection | undefined {
  if (!ref.startsWith('#'))
    return inOurWords(`${PATH}.schema: External $ref is not supported: ${ref}`);
  if (inside.includes(ref))
    return inOurWords(`${PATH}.schema: Recursive schemas are not supported: ${ref}`);
  const target = ref
    .split('/')
    .slice(1)
    .reduce<unknown>((value, key) => (isRecord(value) ? value[key] : undefined), root);
  return schemaRejection(target, { root, inside: [...inside, ref] });
}

/** Citations would interrupt the JSON. */
function citationsRejection({ messages }: JsonObject): Rejection | undefined {
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
