import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { problemList } from '../core/calls/texts.ts';
import { isRecord } from '../core/json.ts';
import { toRegExp } from './pattern.ts';

const OPTIONS = { allErrors: true, strict: false, logger: false, validateFormats: false } as const;

const meta = new Ajv2020(OPTIONS);
// Ajv compiles what it checks schemas with now. If the time limit of a check stopped that, it would be broken for good.
void meta.validateSchema({});

/**
 * Returns a function that says what is wrong with a value: `undefined` for nothing. `name` is what it calls
 * the value. Throws for what is not a JSON Schema or cannot be checked; the message is the end of a sentence,
 * and names the place.
 */
export function compileValidator(
  name: string,
  schema: Record<string, unknown>,
): (value: unknown) => string | undefined {
  const checked = checkedSchema(schema);
  const ajv = new Ajv2020({
    ...OPTIONS,
    validateSchema: false,
    code: { regExp: Object.assign((pattern: string) => toRegExp(pattern), { code: 'toRegExp' }) },
  });
  const validate = compile(ajv, checked);
  return (value) =>
    validate(value) ? undefined : problemList(validate.errors ?? [], describe(name));
}

/** Throws likewise, but takes a hundredth of the time: it does not check whether each `$ref` leads somewhere. */
export function checkedSchema(schema: Record<string, unknown>): object {
  if (meta.validateSchema(schema) !== true) throw invalid(schemaProblem(meta.errors ?? []));
  return checkable(schema, '') as object;
}

function compile(ajv: Ajv2020, schema: object): ValidateFunction {
  try {
    return ajv.compile(schema);
  } catch (error) {
    throw invalid((error as Error).message, error);
  }
}

function invalid(why: string, cause?: unknown): Error {
  return new Error(`is not a valid JSON Schema (draft 2020-12): ${why}`, { cause });
}

/** The first wrong place. Where a place may hold one of several things, Ajv reports an error for each. */
function schemaProblem(errors: readonly ErrorObject[]): string {
  const [first] = errors;
  const texts = errors
    .filter(
      ({ instancePath, keyword }) => instancePath === first?.instancePath && keyword !== 'anyOf',
    )
    .map(({ message, params }) => `${message}${detail(params)}`);
  return `${place(first?.instancePath ?? '')} ${[...new Set(texts)].join(', or ')}`;
}

/** Ajv's text, plus the names or values that it omits and the model needs to correct its input. */
const describe =
  (name: string) =>
  ({ instancePath, message, params }: ErrorObject): string =>
    `${name}${instancePath} ${message ?? 'is not valid'}${detail(params)}`;

function detail(params: Record<string, unknown>): string {
  const named = params['additionalProperty'] ?? params['allowedValues'];
  return named === undefined ? '' : `: ${JSON.stringify(named)}`;
}

/** `/properties/a~1b` as `properties["a/b"]`. */
function place(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<string>((path, key) => within(path, /^\d+$/.test(key) ? Number(key) : key), '');
}

function within<Path extends string | undefined>(path: Path, key: string | number): string | Path {
  if (path === undefined) return path;
  if (!/^[a-z_$][\w$]*$/i.test(String(key))) return `${path}[${JSON.stringify(key)}]`;
  return path === '' ? String(key) : `${path}.${key}`;
}

/** Keywords whose values are schemas by name. */
const NAMED = new Set([
  '$defs',
  'definitions',
  'dependencies',
  'dependentSchemas',
  'patternProperties',
  'properties',
]);
/** Keywords whose values are a schema, or several. */
const SCHEMAS = new Set([
  'additionalItems',
  'additionalProperties',
  'allOf',
  'anyOf',
  'contains',
  'contentSchema',
  'else',
  'if',
  'items',
  'not',
  'oneOf',
  'prefixItems',
  'propertyNames',
  'then',
  'unevaluatedItems',
  'unevaluatedProperties',
]);
/** Keywords whose values are data. The value of any other keyword may be a schema, since a `$ref` may name it. */
const DATA = new Set(['const', 'default', 'enum', 'example', 'examples', 'required']);

/**
 * A copy that Ajv accepts as the API does: the API ignores keywords of older drafts and of OpenAPI. Throws
 * for a pattern that cannot be checked. Without a `path`, this may not be a schema at all.
 */
function checkable(schema: unknown, path?: string): unknown {
  if (Array.isArray(schema)) return schema.map((item, i) => checkable(item, within(path, i)));
  if (!isRecord(schema)) return schema;
  // Ajv rejects an `id`, and a `$schema` that is not at the top.
  const { id: _, $schema: __, nullable, ...rest } = schema;
  const copy = Object.fromEntries(
    Object.entries(rest).map(([keyword, value]) => {
      const here = within(path, keyword);
      if (keyword === 'pattern') checkPattern(value, here);
      if (keyword === 'patternProperties' && isRecord(value)) {
        for (const pattern of Object.keys(value)) checkPattern(pattern, here);
      }
      if (NAMED.has(keyword) && isRecord(value)) {
        const named = Object.entries(value).map(([name, one]) => [
          name,
          checkable(one, within(here, name)),
        ]);
        return [keyword, Object.fromEntries(named) as unknown];
      }
      // Ajv rejects an empty list, which nothing matches.
      if (keyword === 'enum' && Array.isArray(value) && value.length === 0) return ['not', {}];
      if (DATA.has(keyword)) return [keyword, value];
      return [keyword, checkable(value, SCHEMAS.has(keyword) ? here : undefined)];
    }),
  );
  return nullable === true ? orNull(copy) : copy;
}

function orNull(schema: Record<string, unknown>): Record<string, unknown> {
  const { type } = schema;
  if (type === undefined) return { anyOf: [{ type: 'null' }, schema] };
  return { ...schema, type: [...new Set([type, 'null'].flat())] };
}

function checkPattern(pattern: unknown, path: string | undefined): void {
  if (path === undefined || typeof pattern !== 'string') return;
  try {
    toRegExp(pattern);
  } catch (error) {
    const why = (error as Error).message.replace(/^.*: /s, '');
    throw new Error(
      `has a pattern that JavaScript cannot read: ${path} ${JSON.stringify(pattern)}: ${why}. Write it as a regular expression of JavaScript, or leave it out and say in the description what it means`,
      { cause: error },
    );
  }
}
