import { isRecord } from '../../core/json.ts';
import { exampleNumber } from './number.ts';
import { exampleText } from './text.ts';

type Schema = Readonly<Record<string, unknown>>;

/** Where a value stands. */
interface Place {
  /** The whole schema, which a `$ref` points into. */
  readonly root: unknown;
  /** How many `$ref`s led here: a schema may refer to itself. */
  readonly depth: number;
  /** Which of several it is, from 0: items that must be unique differ by it. */
  readonly nth: number;
}

/** After this many references, a value is as small as its schema allows. */
const SMALL_FROM = 2;
/** No finite value needs more references. */
const GIVE_UP_AT = 16;

/**
 * A value that is valid for a JSON Schema; always the same one for the same schema. Examples and defaults of
 * the schema are used as they are. `pattern` is honoured if possible; `not`, `if` and `contains` are ignored.
 * Pure.
 */
export function exampleValue(schema: unknown): unknown {
  return valueOf(schema, { root: schema, depth: 0, nth: 0 });
}

function valueOf(schema: unknown, at: Place): unknown {
  if (!isRecord(schema)) return 'example';
  if (typeof schema['$ref'] === 'string') return referred(schema, schema['$ref'], at);
  if ('const' in schema) return schema['const'];
  const { enum: allowed, examples, allOf } = schema;
  if (Array.isArray(allowed) && allowed.length > 0) return allowed[at.nth % allowed.length];
  if (Array.isArray(examples) && examples.length > 0) return examples[at.nth % examples.length];
  if ('default' in schema && at.nth === 0) return schema['default'];
  if (Array.isArray(allOf)) {
    const { allOf: _, ...rest } = schema;
    return valueOf(merged([rest, ...allOf.map((part) => resolved(part, at.root))]), at);
  }
  for (const keyword of ['anyOf', 'oneOf']) {
    const { [keyword]: branches, ...rest } = schema;
    if (!Array.isArray(branches) || branches.length === 0) continue;
    const branch = chosenBranch(branches, at);
    const isReference = isRecord(branch) && '$ref' in branch;
    // A reference counts as one more schema, since its target may have keywords of its own.
    const deeper = isReference ? { ...at, depth: at.depth + 1 } : at;
    if (deeper.depth > GIVE_UP_AT) return null;
    return valueOf(merged([rest, resolved(branch, at.root)]), deeper);
  }
  return typedValue(schema, at);
}

function typedValue(schema: Schema, at: Place): unknown {
  switch (typeOf(schema, at)) {
    case 'null':
      return null;
    case 'boolean':
      return at.nth % 2 === 0;
    case 'integer':
      return exampleNumber(schema, { integer: true, nth: at.nth });
    case 'number':
      return exampleNumber(schema, { integer: false, nth: at.nth });
    case 'array':
      return list(schema, at);
    case 'object':
      return record(schema, at);
    default:
      return exampleText(schema, at.nth);
  }
}

/** Keywords that imply the type if `type` is missing. */
const TYPE_OF_KEYWORD = {
  properties: 'object',
  required: 'object',
  additionalProperties: 'object',
  items: 'array',
  prefixItems: 'array',
  minItems: 'array',
  minimum: 'number',
  maximum: 'number',
  exclusiveMinimum: 'number',
  exclusiveMaximum: 'number',
  multipleOf: 'number',
};

function typeOf(schema: Schema, { depth }: Place): unknown {
  const types = [schema['type']].flat();
  // Null is the smallest value, but says the least.
  if (depth >= SMALL_FROM && types.includes('null')) return 'null';
  const type = types.find((one) => one !== 'null') ?? types[0];
  if (type !== undefined) return type;
  return Object.entries(TYPE_OF_KEYWORD).find(([keyword]) => keyword in schema)?.[1];
}

function record(schema: Schema, at: Place): Record<string, unknown> {
  const { minProperties, maxProperties, additionalProperties } = schema;
  const properties = isRecord(schema['properties']) ? schema['properties'] : {};
  const required = requiredOf(schema);
  const optional = Object.keys(properties).filter(
    (name) => !required.includes(name) && properties[name] !== false,
  );
  const room = Math.max(0, numberOr(maxProperties, Infinity) - required.length);
  const wanted = at.depth >= SMALL_FROM ? [] : optional.slice(0, room);
  const names = [...required, ...wanted, ...optional.slice(wanted.length)].slice(
    0,
    Math.max(required.length + wanted.length, numberOr(minProperties, 0)),
  );
  for (let i = 1; names.length < numberOr(minProperties, 0); i += 1) names.push(`key_${i}`);
  const entries = names.map((name) => [
    name,
    valueOf(Object.hasOwn(properties, name) ? properties[name] : additionalProperties, at),
  ]);
  return Object.fromEntries(entries) as Record<string, unknown>;
}

function list(schema: Schema, at: Place): unknown[] {
  const { prefixItems, items, minItems, maxItems } = schema;
  const first = Array.isArray(prefixItems) ? prefixItems : [];
  const usual = at.depth >= SMALL_FROM || items === false ? 0 : 1;
  const count = Math.max(numberOr(minItems, 0), Math.min(usual, numberOr(maxItems, usual)));
  const length = Math.max(count, Math.min(first.length, numberOr(maxItems, first.length)));
  return Array.from({ length }, (_, i) =>
    valueOf(i < first.length ? first[i] : items, { ...at, nth: at.nth + i }),
  );
}

function referred(schema: Schema, reference: string, at: Place): unknown {
  if (at.depth >= GIVE_UP_AT) return null;
  const { $ref: _, ...rest } = schema;
  const target = merged([rest, lookUp(reference, at.root)]);
  return valueOf(target, { ...at, depth: at.depth + 1 });
}

/** What `#/$defs/name` points to; any value if that is not in this schema. */
function lookUp(reference: string, root: unknown): unknown {
  const keys = decodeURIComponent(reference.replace(/^#\/?/, '')).split('/');
  return keys
    .filter((key) => key !== '')
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>(
      (part, key) => (typeof part === 'object' && part !== null ? Reflect.get(part, key) : {}),
      root,
    );
}

function resolved(schema: unknown, root: unknown): unknown {
  if (!isRecord(schema) || typeof schema['$ref'] !== 'string') return schema;
  return lookUp(schema['$ref'], root);
}

const isNull = (schema: unknown): boolean => isRecord(schema) && schema['type'] === 'null';

/** The first branch that is not null; deep down, the one that ends soonest. */
function chosenBranch(branches: readonly unknown[], { depth }: Place): unknown {
  if (depth < SMALL_FROM) return branches.find((one) => !isNull(one)) ?? branches[0];
  return (
    branches.find(isNull) ??
    branches.find((one) => !JSON.stringify(one).includes('"$ref"')) ??
    branches[0]
  );
}

/** One schema from several that all apply. */
function merged(schemas: readonly unknown[]): Schema {
  return schemas.filter(isRecord).reduce<Schema>((all, one) => {
    const both: Record<string, unknown> = { ...all, ...one };
    for (const keyword of ['properties', '$defs']) {
      const [a, b] = [all[keyword], one[keyword]];
      if (isRecord(a) && isRecord(b)) both[keyword] = { ...a, ...b };
    }
    const required = [...requiredOf(all), ...requiredOf(one)];
    if (required.length > 0) both['required'] = [...new Set(required)];
    for (const [keyword, stricter] of Object.entries(STRICTER)) {
      const bounds = [all[keyword], one[keyword]].filter((bound) => typeof bound === 'number');
      if (bounds.length === 2) both[keyword] = stricter(...bounds);
    }
    return both;
  }, {});
}

const STRICTER = {
  minimum: Math.max,
  exclusiveMinimum: Math.max,
  minLength: Math.max,
  minItems: Math.max,
  minProperties: Math.max,
  maximum: Math.min,
  exclusiveMaximum: Math.min,
  maxLength: Math.min,
  maxItems: Math.min,
  maxProperties: Math.min,
};

function requiredOf({ required }: Schema): readonly string[] {
  return Array.isArray(required) ? (required as string[]) : [];
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}
