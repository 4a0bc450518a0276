import { types } from 'node:util';
import { aKindOf, causeChain, isErrorValue, kindOf } from '../../core/failures.ts';
import { isPlain } from '../../core/json.ts';

// `run` may return any value of JavaScript, and JSON silently makes `{}` or null of many. Here each becomes
// plain data, or a `NotDataError` that says what it is and where. The table of what becomes what is in
// docs/decisions/0033-what-a-tool-returns-becomes-data.md.

/** `path` is "result.customers", `problem` a clause such as "is a Response". */
export class NotDataError extends Error {
  override readonly name = 'NotDataError' as const;
}

/** More values would block the worker for too long for one call. */
const MAX_VALUES = 100_000;
/** Of one object: naming and setting this many fields takes as long as a list of four times as many values. */
const MAX_FIELDS = 50_000;
/** In bytes of JSON, of all texts and names. Longer data cannot be kept, and no model reads so much. */
const MAX_BYTES = 20_000_000;
/** Deeper data is a mistake, and overflows the stack of everything that walks through it later. */
const MAX_DEPTH = 200;
/** Of a path in an error, for a person to read. */
const MAX_PATH = 200;
/** Digits. Writing out a longer number takes too long: the time grows with the square of its length. */
const MAX_BIGINT_BITS = 40_000;
/** Of the texts of all `URLSearchParams`, in characters: encoding takes ten times as long as copying. */
const MAX_ENCODED = 500_000;

/** How to continue with a value once its kind is known. */
type Kind =
  | { type: 'value'; data: unknown }
  | { type: 'list'; items: readonly unknown[] }
  | { type: 'fields'; of: object; fields: readonly string[] };

interface Walk {
  /** The name by which people know the whole value. */
  readonly root: string;
  values: number;
  bytes: number;
  encoded: number;
  /** Where the current value stands. Turned into text only for an error, since there are many values. */
  readonly places: (string | number)[];
  /** The values around the current one, to find a value that contains itself. */
  readonly around: Set<object>;
}

/**
 * The value as plain data: texts, finite numbers, booleans, null, and lists and objects of these. Its own
 * code (getters, `toJSON`, proxies) runs here, and never again.
 */
export function toData(value: unknown, root = 'result'): unknown {
  const walk: Walk = { root, values: 0, bytes: 0, encoded: 0, places: [], around: new Set() };
  try {
    return convert(value, 0, walk);
  } catch (error) {
    if (error instanceof NotDataError) throw error;
    throw problem(walk, `cannot be read: ${causeChain(error)}`);
  }
}

function convert(value: unknown, depth: number, walk: Walk): unknown {
  walk.values += 1;
  if (walk.values > MAX_VALUES) {
    throw new NotDataError(`it has more than ${MAX_VALUES} values: return fewer`);
  }
  if (depth > MAX_DEPTH) throw problem(walk, `is nested more than ${MAX_DEPTH} deep`);
  switch (typeof value) {
    case 'string':
      return text(value, walk);
    case 'number':
      // JSON writes null for the others, which means something else.
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
      return digits(value, walk);
    case 'boolean':
      return value;
    case 'undefined':
      return null;
    case 'function':
    case 'symbol':
      throw problem(walk, `is a ${typeof value}`);
    case 'object':
      return value === null ? null : fromObject(value, depth, walk);
  }
}

function fromObject(value: object, depth: number, walk: Walk): unknown {
  if (walk.around.has(value)) {
    throw problem(walk, 'holds itself: it is one of the values that it stands in');
  }
  walk.around.add(value);
  const data = fromKind(kindFor(value, walk), depth, walk);
  walk.around.delete(value);
  return data;
}

function fromKind(kind: Kind, depth: number, walk: Walk): unknown {
  switch (kind.type) {
    case 'value':
      return convert(kind.data, depth + 1, walk);
    case 'list':
      return fromList(kind.items, depth, walk);
    case 'fields':
      return fromFields(kind.of, kind.fields, depth, walk);
  }
}

function fromList(items: readonly unknown[], depth: number, walk: Walk): unknown[] {
  if (items.length > MAX_VALUES - walk.values) {
    throw problem(walk, `is a list of ${items.length} values: return fewer`);
  }
  const list: unknown[] = [];
  for (let i = 0; i < items.length; i++) {
    walk.places.push(i);
    list.push(convert(items[i], depth + 1, walk));
    walk.places.pop();
  }
  return list;
}

function fromFields(value: object, fields: readonly string[], depth: number, walk: Walk): unknown {
  const data: Record<string, unknown> = {};
  for (const field of fields) {
    walk.places.push(field);
    const inner = (value as Record<string, unknown>)[field];
    // Left out: that is what people mean by `undefined`.
    if (inner !== undefined) define(data, text(field, walk), convert(inner, depth + 1, walk));
    walk.places.pop();
  }
  return data;
}

/** Also a field named `__proto__`. */
function define(data: object, field: string, value: unknown): void {
  if (field !== '__proto__') {
    (data as Record<string, unknown>)[field] = value;
    return;
  }
  const rest = { enumerable: true, configurable: true, writable: true };
  Object.defineProperty(data, field, { value, ...rest });
}

function kindFor(value: object, walk: Walk): Kind {
  if (Array.isArray(value)) return listOf(value, walk);
  if (isPlain(value) && !hasJson(value)) return fieldsOf(value, walk);
  const isError: boolean = isErrorValue(value);
  if (isError) return { type: 'value', data: errorText(value) };
  if (isBytes(value)) {
    throw problem(
      walk,
      `is ${aKindOf(value)}, which is bytes: return a text, or an image or document block with base64`,
    );
  }
  if (ArrayBuffer.isView(value)) {
    return { type: 'list', items: value as unknown as readonly unknown[] };
  }
  if (types.isDate(value)) {
    if (Number.isNaN(Date.prototype.getTime.call(value))) throw problem(walk, 'is an invalid Date');
    return { type: 'value', data: Date.prototype.toISOString.call(value) };
  }
  if (hasJson(value)) {
    const json: unknown = (value as { toJSON: (key: string) => unknown }).toJSON(
      String(walk.places.at(-1) ?? ''),
    );
    // `toJSON` is called once, as JSON does.
    if (json !== value && typeof json === 'object' && json !== null && hasJson(json)) {
      return Array.isArray(json) ? listOf(json, walk) : fieldsOf(json, walk);
    }
    return json === value ? fieldsOf(value, walk) : { type: 'value', data: json ?? null };
  }
  if (types.isMap(value)) return fromMap(value, walk);
  if (types.isSet(value)) return { type: 'list', items: [...bounded(value, walk)] };
  if (types.isBoxedPrimitive(value)) return { type: 'value', data: value.valueOf() };
  if (types.isRegExp(value)) return { type: 'value', data: RegExp.prototype.toString.call(value) };
  if (types.isArgumentsObject(value)) return { type: 'list', items: [...(value as never)] };
  if (value instanceof URLSearchParams) return { type: 'value', data: encoded(value, walk) };
  return fieldsOf(value, walk);
}

function isBytes(value: object): boolean {
  return (
    types.isAnyArrayBuffer(value) ||
    types.isUint8Array(value) ||
    types.isUint8ClampedArray(value) ||
    types.isDataView(value)
  );
}

interface WithJson {
  toJSON?: unknown;
}

function hasJson(value: WithJson): boolean {
  return typeof value.toJSON === 'function';
}

function listOf(value: readonly unknown[], walk: Walk): Kind {
  if (value.length === 0) {
    const [field] = Object.keys(value);
    if (field !== undefined) {
      throw problem(walk, `is an empty list with the field ${JSON.stringify(field)}`);
    }
  }
  return { type: 'list', items: value };
}

/** The fields of an object. An object of a class may hold much and have no fields, so it is rejected. */
function fieldsOf(value: object, walk: Walk): Kind {
  const fields = Object.keys(value).filter((field) => field !== 'toJSON' || !hasJson(value));
  if (fields.length > MAX_FIELDS) {
    throw problem(walk, `has ${fields.length} fields: return a list, or fewer`);
  }
  if (fields.length === 0 && !isPlain(value)) {
    throw problem(walk, `is ${aKindOf(value)}, which JSON cannot hold: return plain data`);
  }
  return { type: 'fields', of: value, fields };
}

/** With texts or numbers as keys an object, otherwise a list of pairs. */
function fromMap(value: ReadonlyMap<unknown, unknown>, walk: Walk): Kind {
  const entries = [...bounded(value, walk)] as [unknown, unknown][];
  const named = entries.every(([key]) => typeof key === 'string' || typeof key === 'number');
  const names = new Set(entries.map(([key]) => (named ? String(key) : key)));
  if (!named || names.size < entries.length) return { type: 'list', items: entries };
  const fields = {};
  for (const [key, inner] of entries) define(fields, String(key), inner);
  return { type: 'fields', of: fields, fields: Object.keys(fields) };
}

/** The items of a map or a set, without calling methods that a subclass may have replaced. */
function bounded(value: object, walk: Walk): Iterable<unknown> {
  const isMap = types.isMap(value);
  const size = Reflect.get(isMap ? Map.prototype : Set.prototype, 'size', value);
  if (size > (isMap ? MAX_FIELDS : MAX_VALUES)) {
    throw problem(walk, `has ${size} entries: return fewer`);
  }
  return isMap
    ? Map.prototype.entries.call(value)
    : Set.prototype.values.call(value as Set<unknown>);
}

function errorText(error: object): string {
  const said = causeChain(error);
  const kind = kindOf(error);
  return said.startsWith(kind) ? said : `${kind}: ${said}`;
}

function text(value: string, walk: Walk): string {
  spend(value.length, walk);
  spend(moreBytes(value), walk);
  return value;
}

function spend(bytes: number, walk: Walk): void {
  walk.bytes += bytes;
  if (walk.bytes > MAX_BYTES) {
    throw new NotDataError(`it has more than ${MAX_BYTES} bytes: return less`);
  }
}

/**
 * How many bytes a text takes in JSON beyond its length: control characters take six bytes, Chinese ones
 * three.
 */
function moreBytes(value: string): number {
  // Half a surrogate pair takes six.
  const surrogate = value.isWellFormed() ? 1 : 5;
  let more = 0;
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    if (unit < 0x20) more += 5;
    else if (unit === 0x22 || unit === 0x5c) more += 1;
    else if (unit >= 0xd800 && unit <= 0xdfff) more += surrogate;
    else if (unit >= 0x80) more += unit < 0x800 ? 1 : 2;
  }
  return more;
}

/** Writing out a number takes the square of its length: a million digits would block the worker for seconds. */
function digits(value: bigint, walk: Walk): string {
  if (BigInt.asIntN(MAX_BIGINT_BITS, value) !== value) {
    throw problem(walk, 'is a bigint of more than 40,000 bits');
  }
  // Hexadecimal digits take only linear time.
  const length = value.toString(16).length;
  spend(Math.ceil(length + length ** 2 / 200), walk);
  return String(value);
}

function encoded(params: URLSearchParams, walk: Walk): string {
  for (const [name, value] of params) {
    walk.encoded += name.length + value.length;
    if (walk.encoded <= MAX_ENCODED) continue;
    throw problem(walk, `is a URLSearchParams of more than ${MAX_ENCODED} characters: return less`);
  }
  return params.toString();
}

/** `result.customers[2].id`. */
function pathText({ root, places }: Walk): string {
  let path = root;
  for (const place of places) {
    if (path.length > MAX_PATH) return `${path.slice(0, MAX_PATH)}…`;
    path += typeof place === 'number' ? `[${place}]` : step(place.slice(0, MAX_PATH));
  }
  return path;
}

function step(field: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(field) ? `.${field}` : `[${JSON.stringify(field)}]`;
}

function problem(walk: Walk, clause: string): NotDataError {
  return new NotDataError(`${pathText(walk).toWellFormed()} ${clause}`);
}
