import { setImmediate } from 'node:timers/promises';
import { causeChain, isErrorValue } from '../../core/failures.ts';
import { isRecord, shorten } from '../../core/json.ts';
import { sharing } from './sharing.ts';

// What a tool returns, throws, logs and records may hold the credentials with which the worker reaches the
// model and Temporal: a command that prints its environment, or an error that repeats a request.

type Redact = (text: string) => string;

/** Texts are searched in pieces of this many characters, so that other calls get their turn. */
const PIECE = 1_000_000;

/** The same data without the credentials in its texts. The data of images and documents is left alone. */
export async function redactAll<T>(data: T, redact: Redact): Promise<T> {
  const clean = inTurns(redact);
  if (typeof data !== 'string') {
    const json = JSON.stringify(data);
    if ((await clean(json)) === json) return data;
  }
  return (await redactWithin(data, clean)) as T;
}

async function redactWithin(
  data: unknown,
  redact: (text: string) => Promise<string>,
): Promise<unknown> {
  if (typeof data === 'string') return redact(data);
  if (Array.isArray(data)) {
    const list: unknown[] = [];
    for (const item of data) list.push(await redactWithin(item, redact));
    return list;
  }
  if (!isRecord(data)) return data;
  const fields: [string, unknown][] = [];
  for (const [name, value] of Object.entries(data)) {
    const isFile = name === 'data' && data['type'] === 'base64';
    fields.push([name, isFile ? value : await redactWithin(value, redact)]);
  }
  return Object.fromEntries(fields);
}

/** Searches one long text or many short ones, and pauses if that takes too long. */
function inTurns(redact: Redact): (text: string) => Promise<string> {
  const pause = sharing();
  return async (text) => {
    const pieces: string[] = [];
    for (const piece of piecesOf(text)) {
      pieces.push(redact(piece));
      await (text.length > PIECE ? setImmediate() : pause());
    }
    return pieces.join('');
  };
}

/** Cuts where no credential can continue: at the end of a line, or of a text within JSON. */
function* piecesOf(text: string): Generator<string> {
  for (let from = 0; from < text.length;) {
    const end = from + PIECE;
    const cut = Math.max(text.lastIndexOf('\n', end), text.lastIndexOf('"', end));
    const to = end >= text.length ? text.length : cut > from ? cut : end;
    yield text.slice(from, to);
    from = to;
  }
}

/** Data that is JSON, such as the details of a heartbeat. The same value where it holds no credential. */
export function redactJson(value: unknown, redact: Redact): unknown {
  const json = JSON.stringify(value) as string | undefined;
  if (json === undefined || redact(json) === json) return value;
  return JSON.parse(json, (_key, inner: unknown) =>
    typeof inner === 'string' ? redact(inner) : inner,
  );
}

/** How many causes appear in a log with their stacks, and how many characters of each. */
const MAX_STACKS = 5;
const MAX_STACK = 8_000;

/** The stacks of an error and its causes, for the log. The model and history get only the texts. */
export function stackText(error: unknown, redact: Redact): string {
  const stacks: string[] = [];
  let current = error;
  while (stacks.length < MAX_STACKS && isErrorValue(current)) {
    const { stack, cause } = readable(current);
    stacks.push(shorten(typeof stack === 'string' ? stack : causeChain(current), MAX_STACK));
    current = cause;
  }
  if (current !== undefined && current !== null && !isErrorValue(current)) {
    stacks.push(causeChain(current));
  }
  return redact(stacks.join('\nCaused by: '));
}

function readable(error: object): { stack?: unknown; cause?: unknown } {
  try {
    const { stack, cause } = error as Error;
    return { stack, cause };
  } catch {
    return {};
  }
}
