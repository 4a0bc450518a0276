import { jsonSchemaOutputFormat } from '@anthropic-ai/sdk/helpers/json-schema';
import type { z } from 'zod';
import type { OutputSchema } from '../core/agent-spec.ts';
import { isRecord } from '../core/json.ts';
import { DeclarationError } from './declaration-error.ts';
import type { JsonSchema, ParsedInput } from './input-schema.ts';
import { compileAnySchema } from './input-schema.ts';

/** What a turn's answer must be: a zod schema of an object, or a JSON Schema of one. */
export type OutputOption<Output = unknown> = z.core.$ZodType<Output> | JsonSchema;

/** A schema in both uses: every request sends it, and it checks the answer. */
export interface CompiledOutput {
  /**
   * As the API takes it. It supports less than JSON Schema: the SDK moves what it does not support, such
   * as `minimum`, into the description.
   */
  readonly config: { format: { type: 'json_schema'; schema: OutputSchema } };
  readonly parse: (value: unknown) => Promise<ParsedInput>;
}

/** Throws a `DeclarationError` for what the API would reject, or what no answer could match. */
export function compileOutput(subject: string, schema: OutputOption): CompiledOutput {
  const { jsonSchema, parse } = compileAnySchema(
    { subject, option: 'output', value: 'output' },
    schema,
  );
  const outputError = (problem: string) => new DeclarationError(`${subject}: output ${problem}`);
  const problem = findRejectedOutput(jsonSchema, jsonSchema);
  if (problem !== undefined) throw outputError(problem);
  try {
    const format = jsonSchemaOutputFormat(jsonSchema as { type: 'object' });
    return { config: { format: { type: 'json_schema', schema: format.schema } }, parse };
  } catch (error) {
    throw outputError(`cannot be sent to the API: ${(error as Error).message}`);
  }
}

const UNNAMED =
  'allows properties that it does not name (z.record, z.looseObject), which the API does not support; describe a list of name and value pairs instead';

/** https://platform.claude.com/docs/en/build-with-claude/structured-outputs */
function findRejectedOutput(
  schema: unknown,
  root: OutputSchema,
  inside: readonly string[] = [],
  fine = new Set<string>(),
): string | undefined {
  const find = (part: unknown) => findRejectedOutput(part, root, inside, fine);
  if (Array.isArray(schema)) return firstOf(schema, find);
  if (!isRecord(schema)) return undefined;
  const { $ref, additionalProperties } = schema;
  if (additionalProperties !== undefined && additionalProperties !== false) return UNNAMED;
  if (typeof $ref === 'string') {
    if (inside.includes($ref)) return `is recursive (${$ref}), which the API rejects`;
    // Each definition is checked once: definitions that refer to others twice each would double the work with
    // every level.
    if (fine.has($ref)) return undefined;
    const found = findRejectedOutput(resolve($ref, root), root, [...inside, $ref], fine);
    fine.add($ref);
    return found;
  }
  return firstOf(Object.entries(schema), ([keyword, value]) => {
    if (keyword === 'properties' && isRecord(value)) return firstOf(Object.values(value), find);
    return SCHEMAS.has(keyword) ? find(value) : undefined;
  });
}

/** Keywords whose values are schemas. Definitions are checked where they are used. */
const SCHEMAS = new Set(['items', 'prefixItems', 'anyOf', 'oneOf', 'allOf', 'not']);

function firstOf<T, R>(items: readonly T[], find: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Follows `#` and `#/$defs/name`; `undefined` for a reference to another document. */
function resolve(ref: string, root: OutputSchema): unknown {
  const [first, ...path] = ref.split('/');
  if (first !== '#') return undefined;
  return path.reduce<unknown>((value, key) => {
    const name = decodeURIComponent(key).replaceAll('~1', '/').replaceAll('~0', '~');
    return isRecord(value) ? value[name] : undefined;
  }, root);
}
