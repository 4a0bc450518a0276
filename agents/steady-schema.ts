import type { z } from 'zod';
import { isRecord } from '../core/json.ts';

// Most schemas contain nothing that could take long over a small input: no regular expression, no choice
// between schemas, no function of the declaration. They need no time limit, for which Node would start a
// thread each time. A schema that is not recognized here may take any time.

/** Checks of zod that compare a number or a length. */
const STEADY_CHECKS: ReadonlySet<unknown> = new Set([
  'greater_than',
  'length_equals',
  'less_than',
  'max_length',
  'min_length',
  'multiple_of',
  'number_format',
]);

/** Whether zod's time is proportional to the input, for every input. */
export function isSteadyZod(schema: z.core.$ZodType, seen = new Set<z.core.$ZodType>()): boolean {
  // A recursive schema also checks each value once.
  if (seen.has(schema)) return true;
  seen.add(schema);
  const {
    _zod: { def },
  } = schema as z.core.$ZodTypes;
  const checks = 'checks' in def ? (def.checks ?? []) : [];
  const isPlain = def.error === undefined && !('coerce' in def && def.coerce);
  if (!isPlain || !checks.every(isSteadyCheck)) return false;
  const all = (parts: readonly z.core.$ZodType[]) => parts.every((part) => isSteadyZod(part, seen));
  switch (def.type) {
    case 'string':
      // A format is a regular expression.
      return !('format' in def);
    case 'any':
    case 'boolean':
    case 'enum':
    case 'literal':
    case 'never':
    case 'null':
    case 'number':
    case 'unknown':
      return true;
    case 'default':
    case 'nonoptional':
    case 'nullable':
    case 'optional':
    case 'readonly':
      return all([def.innerType]);
    case 'array':
      return all([def.element]);
    case 'object':
      return all([
        ...Object.values(def.shape),
        ...(def.catchall === undefined ? [] : [def.catchall]),
      ]);
    case 'record':
      return all([def.keyType, def.valueType]);
    case 'tuple':
      return all([...def.items, ...(def.rest === null ? [] : [def.rest])]);
    default:
      return false;
  }
}

/** A custom message is a function of the declaration, and gets the input. */
function isSteadyCheck({ _zod: { def } }: z.core.$ZodCheck): boolean {
  return def.error === undefined && STEADY_CHECKS.has(def.check);
}

/** Keywords of JSON Schema that check nothing, or only compare a number or a length. */
const STEADY_KEYWORDS: ReadonlySet<string> = new Set([
  '$comment',
  'default',
  'deprecated',
  'description',
  'examples',
  'exclusiveMaximum',
  'exclusiveMinimum',
  'maxItems',
  'maxLength',
  'maxProperties',
  'maximum',
  'minItems',
  'minLength',
  'minProperties',
  'minimum',
  'multipleOf',
  'nullable',
  'readOnly',
  'required',
  'title',
  'type',
  'writeOnly',
]);

/** The same of a JSON Schema that Ajv has compiled. */
export function isSteadyJsonSchema(schema: unknown): boolean {
  if (typeof schema === 'boolean') return true;
  if (!isRecord(schema)) return false;
  return Object.entries(schema).every(([keyword, value]) => {
    switch (keyword) {
      case 'properties':
        return isRecord(value) && Object.values(value).every(isSteadyJsonSchema);
      case 'prefixItems':
        return Array.isArray(value) && value.every(isSteadyJsonSchema);
      case 'items':
      case 'additionalProperties':
        return isSteadyJsonSchema(value);
      case 'const':
        return !isRecord(value) && !Array.isArray(value);
      case 'enum':
        return Array.isArray(value) && !value.some((one) => isRecord(one) || Array.isArray(one));
      default:
        return STEADY_KEYWORDS.has(keyword);
    }
  });
}
