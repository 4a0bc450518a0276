import { jsonSchemaOutputFormat } from '@anthropic-ai/sdk/helpers/json-schema';
import type { z } from 'zod';
import type { OutputSchema } from '../core/agent-spec.ts';
import { isRecord } from '../core/json.ts';
import { DeclarationError } from './declaration-error.ts';
import type { JsonSchema, ParsedInput } from './input-schema.ts';
import { compileAnySchema } from './input-schema.ts';

/** What a turn's answer must be: a zod schema of an object, or a JSON Schema of one. */
export type OutputOption<Output = unknown> = z.core.$ZodType<Output> | JsonSchema;

/** A schema in its two uses: sent with every request, and checked against the answer. */
export interface CompiledOutput {
  /**
   * As the API takes it, which is less than JSON Schema: the SDK turns what is not supported, like
   * `minimum`, into a part of the description.
   */
  readonly config: { format: { type: 'json_schema'; schema: OutputSchema } };
  readonly parse: (value: unknown) => Promise<ParsedInput>;
}

/** Throws a `DeclarationError` for what the API would refuse, or what no answer could match. */
export function compileOutput(subject: string, schema: OutputOption): CompiledOutput {
  const { jsonSchema, parse } = compileAnySchema(
    { subject, option: 'output', value: 'output' },
    schema,
  );
  const refuse = (problem: string) => new DeclarationError(`${subject}: output ${problem}`);
  const problem = findRefusedOutput(jsonSchema, jsonSchema);
  if (problem !== undefined) throw refuse(problem);
  try {
    const format = jsonSchemaOutputFormat(jsonSchema as { type: 'object' });
    return { config: { format: { type: 'json_schema', schema: format.schema } }, parse };
  } catch (error) {
    throw refuse(`cannot be sent to the API: ${(error as Error).message}`);
  }
}

const UNNAMED =
  'allows properties that it does not name (z.record, z.looseObject), and the API has no answers with such; describe a list of pairs instead';

/** https://platform.claude.com/docs/en/build-with-claude/structured-outputs */
function findRefusedOutput(
  schema: unknown,
  root: OutputSchema,
  inside: readonly string[] = [],
): string | undefined {
  if (Array.isArray(schema)) {
    return firstOf(schema, (item) => findRefusedOutput(item, root, inside));
  }
  if (!isRecord(schema)) return undefined;
  const { $ref, additionalProperties } = schema;
  if (additionalProperties !== undefined && additionalProperties !== false) return UNNAMED;
  if (typeof $ref === 'string') {
    if (inside.includes($ref)) return `is recursive (${$ref}), which the API refuses`;
    return findRefusedOutput(resolve($ref, root), root, [...inside, $ref]);
  }
  return firstOf(Object.entries(schema), ([keyword, value]) => {
    if (keyword === 'properties' && isRecord(value)) {
      return firstOf(Object.values(value), (one) => findRefusedOutput(one, root, inside));
    }
    return SCHEMAS.has(keyword) ? findRefusedOutput(value, root, inside) : undefined;
  });
}

/** Keywords whose values are schemas; definitions are looked at where they are used. */
const SCHEMAS = new Set(['items', 'prefixItems', 'anyOf', 'oneOf', 'allOf', 'not']);

function firstOf<T, R>(items: readonly T[], find: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `#` and `#/$defs/name`; a reference to elsewhere has no schema that could be looked at. */
function resolve(ref: string, root: OutputSchema): unknown {
  const [first, ...path] = ref.split('/');
  if (first !== '#') return undefined;
  return path.reduce<unknown>((value, key) => {
    const name = decodeURIComponent(key).replaceAll('~1', '/').replaceAll('~0', '~');
    return isRecord(value) ? value[name] : undefined;
  }, root);
}
