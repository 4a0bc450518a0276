import type { Tool as ApiTool } from '@anthropic-ai/sdk/resources/messages';
import type { ErrorObject } from 'ajv/dist/2020.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { z } from 'zod';
import { causeChain } from '../core/failures.ts';
import { isRecord } from '../core/json.ts';
import { shown } from './check-options.ts';
import { DeclarationError } from './declaration-error.ts';

/** A JSON Schema (draft 2020-12) of an object. */
export interface JsonSchema {
  type: 'object';
  [keyword: string]: unknown;
}

export type InputSchema = z.core.$ZodType | JsonSchema;

/** What `run` gets for a schema: the output of a zod schema, or a plain object. */
export type InputOf<Schema extends InputSchema> = Schema extends z.core.$ZodType
  ? z.output<Schema>
  : Record<string, unknown>;

export type ParsedInput = { ok: true; value: unknown } | { ok: false; problem: string };

/** A schema in its two uses: the model reads it, and what the model sends is checked by it. */
export interface CompiledSchema {
  readonly jsonSchema: ApiTool.InputSchema;
  readonly parse: (input: unknown) => Promise<ParsedInput>;
}

/**
 * Throws a `DeclarationError` for a schema that the API would reject with every request: you find out
 * when the program starts, not with the first turn.
 */
export function compileSchema(subject: string, schema: InputSchema): CompiledSchema {
  const compiled = compileAnySchema({ subject, option: 'inputSchema', value: 'input' }, schema);
  const problem = findRejectedSchema(compiled.jsonSchema);
  if (problem !== undefined) throw new DeclarationError(`${subject}: inputSchema ${problem}`);
  return compiled;
}

/** What errors say: whose option has the schema, and what its values are called. */
export interface SchemaNames {
  subject: string;
  option: string;
  value: string;
}

/** Whether the API takes the schema is not checked. Throws a `DeclarationError` if it is not a schema. */
export function compileAnySchema(names: SchemaNames, schema: InputSchema): CompiledSchema {
  return isZod(schema) ? compileZod(names, schema) : compileJsonSchema(names, schema);
}

function isZod(schema: InputSchema): schema is z.core.$ZodType {
  return '_zod' in schema;
}

function compileZod({ subject, option }: SchemaNames, schema: z.core.$ZodType): CompiledSchema {
  let jsonSchema: Record<string, unknown>;
  try {
    // What the model writes is what goes into the schema, before defaults and transforms.
    jsonSchema = z.toJSONSchema(schema, { io: 'input' });
  } catch (error) {
    throw new DeclarationError(
      `${subject}: ${option} cannot be turned into a JSON Schema: ${messageOf(error)}`,
      { cause: error },
    );
  }
  delete jsonSchema['$schema'];
  return {
    jsonSchema: jsonSchema as unknown as ApiTool.InputSchema,
    async parse(input) {
      try {
        const parsed = await z.safeParseAsync(schema, input);
        return parsed.success
          ? { ok: true, value: parsed.data }
          : { ok: false, problem: z.prettifyError(parsed.error) };
      } catch (error) {
        // The input is wrong when a transform or a refinement throws, such as `JSON.parse`.
        return { ok: false, problem: causeChain(error) };
      }
    },
  };
}

function compileJsonSchema(
  { subject, option, value }: SchemaNames,
  schema: JsonSchema,
): CompiledSchema {
  if (!isRecord(schema)) {
    throw new DeclarationError(
      `${subject}: ${option} must be a zod 4 schema or a JSON Schema; got ${shown(schema)}`,
    );
  }
  if ('_def' in schema) {
    throw new DeclarationError(`${subject}: ${option} is a zod 3 schema; import zod 4 instead`);
  }
  if ('$async' in schema) {
    throw new DeclarationError(`${subject}: ${option} must not have $async; remove it`);
  }
  // Many schemas name an older draft. The API accepts that, and Ajv does not.
  const { $schema: _, ...jsonSchema } = schema;
  const ajv = new Ajv2020({
    allErrors: true,
    strict: false,
    logger: false,
    validateFormats: false,
  });
  let validate: ReturnType<typeof ajv.compile>;
  try {
    validate = ajv.compile(jsonSchema);
  } catch (error) {
    throw new DeclarationError(
      `${subject}: ${option} is not a valid JSON Schema (draft 2020-12): ${messageOf(error)}`,
      { cause: error },
    );
  }
  return {
    jsonSchema,
    parse: (input) =>
      Promise.resolve(
        validate(input)
          ? { ok: true, value: input }
          : {
              ok: false,
              problem: (validate.errors ?? [])
                .map((error) => describeError(value, error))
                .join('\n'),
            },
      ),
  };
}

/** Ajv's text, with the names or values that it leaves out and a model needs to correct its input. */
function describeError(value: string, { instancePath, message, params }: ErrorObject): string {
  const { additionalProperty, allowedValues } = params as Record<string, unknown>;
  const named = additionalProperty ?? allowedValues;
  const detail = named === undefined ? '' : `: ${JSON.stringify(named)}`;
  return `${value}${instancePath} ${message ?? 'is not valid'}${detail}`;
}

/** https://platform.claude.com/docs/en/agents-and-tools/tool-use/define-tools */
function findRejectedSchema(schema: Record<string, unknown>): string | undefined {
  const combined = ['oneOf', 'allOf', 'anyOf'].find((keyword) => keyword in schema);
  if (combined !== undefined) {
    return `has ${combined} at its top level, which the API rejects; move it into a property`;
  }
  if (schema['type'] !== 'object') {
    const type =
      schema['type'] === undefined ? 'no type' : `type ${JSON.stringify(schema['type'])}`;
    return `must describe an object at its top level; got ${type}`;
  }
  return undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
