import type { Tool as ApiTool } from '@anthropic-ai/sdk/resources/messages';
import { z } from 'zod';
import { notCheckedText, problemList, TOO_LARGE_TO_CHECK } from '../core/calls/texts.ts';
import { causeChain } from '../core/failures.ts';
import { isRecord } from '../core/json.ts';
import { shown } from './check-options.ts';
import { DeclarationError } from './declaration-error.ts';
import { inTime, inTurn, OutOfTimeError } from './in-time.ts';
import { checkedSchema, compileValidator } from './json-schema.ts';
import { isSteadyJsonSchema, isSteadyZod } from './steady-schema.ts';
import { describeZod } from './zod-schema.ts';

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

export type ParsedInput = { ok: true; value: unknown } | InvalidInput;

export interface InvalidInput {
  ok: false;
  problem: string;
  /** Set if the check was stopped after so many milliseconds: whether the input is valid is not known. */
  givenUpAfter?: number;
}

/** A schema in both uses: the model reads it, and it checks what the model sends. */
export interface CompiledSchema {
  readonly jsonSchema: ApiTool.InputSchema;
  /** Does not reject and does not block the process, whatever the input and the schema are. */
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

/**
 * The schema of somebody else's tool, in a form that the API accepts. Throws if there is none. Not compiled:
 * of hundreds of tools few are called, and compiling would hold up the worker.
 */
export function foreignSchema(schema: Record<string, unknown>): ApiTool.InputSchema {
  const { $schema: _, ...rest } = schema;
  const jsonSchema = asJson(rest) as ApiTool.InputSchema;
  const problem = findRejectedSchema(jsonSchema);
  if (problem !== undefined) throw new Error(problem);
  checkedSchema(jsonSchema);
  return jsonSchema;
}

/** Words for errors: whose option the schema is, and what its values are called. */
export interface SchemaNames {
  subject: string;
  option: string;
  value: string;
}

/** Whether the API takes the schema is not checked. Throws a `DeclarationError` if it is not a schema. */
export function compileAnySchema(names: SchemaNames, schema: InputSchema): CompiledSchema {
  const about = `${names.subject}: ${names.option}`;
  if (!isRecord(schema)) {
    throw new DeclarationError(
      `${about} must be a zod 4 schema or a JSON Schema; got ${shown(schema)}`,
    );
  }
  return isZod(schema) ? compileZod(about, schema) : compileJsonSchema(about, names.value, schema);
}

/** Recognized by its shape: it may come from another copy of zod. */
export function isZod(schema: unknown): schema is z.core.$ZodType {
  return (
    isRecord(schema) && isRecord(schema['_zod']) && typeof schema['_zod']['run'] === 'function'
  );
}

function compileZod(about: string, schema: z.core.$ZodType): CompiledSchema {
  let jsonSchema: ApiTool.InputSchema;
  try {
    jsonSchema = asJson(describeZod(schema)) as ApiTool.InputSchema;
  } catch (error) {
    throw new DeclarationError(`${about} ${messageOf(error)}`, { cause: error });
  }
  return { jsonSchema, parse: zodParser(schema) };
}

/**
 * Synchronous if possible, because what follows a promise cannot be interrupted. Without zod's compiled code,
 * which mistakes the promise of a transform for a value.
 */
export function zodParser(schema: z.core.$ZodType): CompiledSchema['parse'] {
  let isAsync = false;
  // Decided on first use: the schema may refer to others that are declared after it.
  let isSteady: boolean | undefined;
  const parseNow = (input: unknown) =>
    isAsync ? z.safeParseAsync(schema, input) : z.safeParse(schema, input, { jitless: true });
  return safely(async (input) => {
    isSteady ??= isSteadyZod(schema);
    const check = isSteady ? inTurn : inTime;
    const parsed = await check(() => parseNow(input)).catch(async (error: unknown) => {
      if (isAsync || !meetsPromise(error)) throw error;
      isAsync = true;
      return await inTime(() => parseNow(input));
    });
    if (parsed.success) return { ok: true, value: parsed.data };
    return { ok: false, problem: await inTime(() => zodProblem(parsed.error)) };
  });
}

function compileJsonSchema(about: string, value: string, schema: JsonSchema): CompiledSchema {
  if ('_def' in schema) {
    throw new DeclarationError(`${about} is a zod 3 schema; import zod 4 instead`);
  }
  if ('$async' in schema) {
    throw new DeclarationError(`${about} must not have $async; remove it`);
  }
  // Many schemas name an older draft. The API accepts that, and Ajv does not.
  const { $schema: _, ...rest } = schema;
  try {
    const jsonSchema = asJson(rest) as JsonSchema;
    const findProblem = compileValidator(value, jsonSchema);
    const check = isSteadyJsonSchema(jsonSchema) ? inTurn : inTime;
    return {
      jsonSchema,
      parse: safely(async (input) => {
        const problem = await check(() => findProblem(input));
        return problem === undefined ? { ok: true, value: input } : { ok: false, problem };
      }),
    };
  } catch (error) {
    throw new DeclarationError(`${about} ${messageOf(error)}`, { cause: error });
  }
}

/** As JSON, since it goes into requests; a copy, so that nobody can change it later. */
function asJson(schema: object): unknown {
  try {
    return JSON.parse(JSON.stringify(schema));
  } catch (error) {
    throw new Error(`cannot be written as JSON: ${messageOf(error)}`, { cause: error });
  }
}

/** If a check throws or does not end, this one input is invalid, and nothing else fails. */
function safely(parse: (input: unknown) => Promise<ParsedInput>): CompiledSchema['parse'] {
  return async (input) => {
    try {
      return await parse(input);
    } catch (error) {
      if (error instanceof OutOfTimeError) {
        const { milliseconds } = error;
        return { ok: false, problem: notCheckedText(milliseconds), givenUpAfter: milliseconds };
      }
      // The input is wrong when a transform or a refinement throws, such as `JSON.parse`.
      return {
        ok: false,
        problem: isStackOverflow(error) ? TOO_LARGE_TO_CHECK : causeChain(error),
      };
    }
  };
}

/** Recognized by its text: it may come from another copy of zod. */
function meetsPromise(error: unknown): boolean {
  return (
    error instanceof Error && error.message.startsWith('Encountered Promise during synchronous')
  );
}

/** V8 reports it in zod and Ajv, which recurse into a value. */
function isStackOverflow(error: unknown): boolean {
  return error instanceof RangeError && error.message.includes('call stack');
}

/** Problems of the whole come before those of its parts, as in `prettifyError`. */
function zodProblem({ issues }: z.core.$ZodError): string {
  const sorted = issues.toSorted((a, b) => a.path.length - b.path.length);
  return problemList(sorted, (issue) => z.prettifyError({ issues: [issue] }));
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

/** Only the first line: V8 draws a circle over several. */
function messageOf(error: unknown): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  return line;
}
