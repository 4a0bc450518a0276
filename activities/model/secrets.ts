import { inspect } from 'node:util';
import type { ClientOptions } from '@anthropic-ai/sdk';
import { isNestedDeeper } from '../../core/conversation/exact-json.ts';
import { escapeHtml } from '../../core/html.ts';

type Logger = NonNullable<ClientOptions['logger']>;
type Middleware = NonNullable<ClientOptions['middleware']>[number];

/** Credentials that a worker has sent. They must not appear in its failures and logs. */
export interface Secrets {
  /** Ignores texts of fewer than 8 characters: too much ordinary text would be replaced. */
  add(value: string): void;
  /** The same text with `***` for every known secret and for everything that looks like one. */
  readonly redact: (text: string) => string;
  /**
   * Replaces only the worker's own credentials. For tool results: other users, passwords and tokens may be
   * what was asked for.
   */
  readonly redactOwn: (text: string) => string;
}

const MIN_LENGTH = 8;
/** A provider may make a new token every hour, and old ones are useless. */
const MAX_KEPT = 200;

const SENSITIVE_HEADER =
  /auth|key|token|secret|passw|cookie|credential|session|signature|assertion|jwt|otp/i;

const ANTHROPIC_KEY = /\bsk-ant-[\w-]{8,}/g;

/** Always secret, wherever it appears. Google's tokens, for example, are not known before they are sent. */
const PATTERNS: readonly [RegExp, string][] = [
  [/\bya29\.[\w-]+/g, '***'],
  [/\b(Bearer|Basic) +[\w.~+/=-]{16,}/gi, '$1 ***'],
  [/:\/\/[^\s/?#@]*@/g, '://***@'],
];

export function createSecrets(): Secrets {
  const kept = new Map<string, readonly string[]>();
  /** All that are kept, the longest first, because one secret may contain another. */
  let sorted: readonly string[] | undefined;
  const redactOwn = (text: string) => {
    let clean = text;
    sorted ??= [...kept.values()].flat().toSorted((a, b) => b.length - a.length);
    for (const form of sorted) clean = clean.replaceAll(form, '***');
    return clean.replace(ANTHROPIC_KEY, '***');
  };
  return {
    redactOwn,
    add(value) {
      sorted = undefined;
      for (const text of plainForms(value)) {
        if (text.length < MIN_LENGTH) continue;
        const forms = kept.get(text) ?? encodedForms(text);
        kept.delete(text);
        kept.set(text, forms);
      }
      for (const oldest of kept.keys()) {
        if (kept.size <= MAX_KEPT) break;
        kept.delete(oldest);
      }
    },
    redact(text) {
      let clean = redactOwn(text);
      for (const [pattern, instead] of PATTERNS) clean = clean.replace(pattern, instead);
      return clean.includes('eyJ') ? clean.replace(DOTTED, withoutJwt) : clean;
    },
  };
}

/**
 * The text may hold a JSON Web Token (the shortest is `eyJa.b.c`). Two steps, because a single expression
 * would read a long text to its end at each "eyJ".
 */
const DOTTED = /[\w.-]{8,}/g;

function withoutJwt(run: string): string {
  const parts = run.split('.');
  const clean: string[] = [];
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] as string;
    const start = part.search(/\beyJ[\w-]/);
    const isToken = start >= 0 && Boolean(parts[i + 1]) && Boolean(parts[i + 2]);
    clean.push(isToken ? `${part.slice(0, start)}***` : part);
    if (isToken) i += 2;
  }
  return clean.join('.');
}

/** A credential without its scheme, or a password without its user. */
function plainForms(value: string): string[] {
  const [, scheme, rest = value] = /^(Bearer|Basic) +(.+)$/is.exec(value.trim()) ?? [];
  if (scheme?.toLowerCase() !== 'basic') return [rest];
  const userAndPassword = Buffer.from(rest, 'base64').toString();
  return [rest, userAndPassword, userAndPassword.slice(userAndPassword.indexOf(':') + 1)];
}

/** The forms in which servers repeat a text: in JSON, URLs and pages, in hex and in base64. */
function encodedForms(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const json = JSON.stringify(secret).slice(1, -1);
  const url = encodeURIComponent(secret.toWellFormed());
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0'));
  const units = secret.split('').map((unit) => unit.charCodeAt(0));
  const unicode = units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
  const forms = [
    secret,
    json,
    json.replaceAll('/', String.raw`\/`),
    JSON.stringify(json).slice(1, -1),
    url,
    url.replaceAll('%20', '+'),
    url.replaceAll(/%../g, (code) => code.toLowerCase()),
    hex.map((code) => `%${code}`).join(''),
    unicode,
    hex.map((code) => String.raw`\x${code}`).join(''),
    units.map((unit) => `&#${unit};`).join(''),
    units.map((unit) => `&#x${unit.toString(16)};`).join(''),
    escapeHtml(secret),
    hex.join(''),
    ...[0, 1, 2].flatMap((before) => base64Forms(bytes, before)),
  ];
  const upper = forms.filter((form) => form !== secret).map(upperHex);
  return [...new Set([...forms, ...upper])].filter((form) => form.length >= MIN_LENGTH);
}

/** The form with its hexadecimal codes in capitals. */
function upperHex(form: string): string {
  if (/^(?:[\da-f]{2})+$/.test(form)) return form.toUpperCase();
  return form.replaceAll(/(?<=%|\\u|\\x|&#x)[\da-f]+/g, (code) => code.toUpperCase());
}

/**
 * The base64 of a text that has so many bytes before it, modulo 3, such as a user and a colon: the
 * characters that hold bytes of the text alone.
 */
function base64Forms(bytes: Buffer, before: number): string[] {
  const all = Buffer.concat([Buffer.alloc(before), bytes]);
  const from = Math.ceil((before * 8) / 6);
  const to = Math.floor((all.length * 8) / 6);
  const text = all.toString('base64').slice(from, to);
  return [
    text,
    text.replaceAll('+', '-').replaceAll('/', '_'),
    encodeURIComponent(text),
    text.replaceAll('/', String.raw`\/`),
  ];
}

/**
 * Learns the credentials of each request, whatever their source, and takes them out of an error response
 * before anything reads it: a gateway may repeat what it was sent.
 */
export function redactRejections(secrets: Secrets): Middleware {
  return async (request, next) => {
    const credentials = [...new Headers(request.headers)].flatMap(([name, value]) =>
      SENSITIVE_HEADER.test(name) ? value : [],
    );
    const learn = () => credentials.forEach((value) => secrets.add(value));
    learn();
    const response = await next(request);
    if (response.ok) return response;
    const text = await beginningOfBody(response).catch(String);
    // Remember them again: newer tokens may have pushed them out meanwhile.
    learn();
    const headers = new Headers();
    for (const [name, value] of response.headers) headers.append(name, secrets.redact(value));
    // Responses with some statuses must not have a body, not even an empty one.
    const body = text === '' ? null : secrets.redact(text);
    return new Response(body === null || isReadable(body) ? body : body.slice(0, MAX_PROSE), {
      status: response.status,
      statusText: secrets.redact(response.statusText),
      headers,
    });
  };
}

/** Of an error's body, in characters. The API's own have a few hundred. */
const MAX_BODY = 64 * 1024;
/** Of a body that cannot be read as JSON. Once cut it is not JSON, and the SDK takes it for prose. */
const MAX_PROSE = 4_000;

/** A proxy may answer with a page of megabytes, and searching it would hold up the whole worker. */
async function beginningOfBody({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length >= MAX_BODY) break;
  }
  return text.slice(0, MAX_BODY);
}

/** The SDK writes the JSON of an error into its message, which fails where that is too deep. */
function isReadable(body: string): boolean {
  try {
    return !isNestedDeeper(JSON.parse(body));
  } catch {
    return true;
  }
}

/** A logger for the SDK that hides all credentials; the SDK's own hides only the headers that it knows. */
export function redactLog(log: Logger, secrets: Secrets): Logger {
  const line = (part: unknown) => secrets.redact(typeof part === 'string' ? part : inspect(part));
  return {
    error: (...parts) => log.error(...redacted(parts, line)),
    warn: (...parts) => log.warn(...redacted(parts, line)),
    info: (...parts) => log.info(...redacted(parts, line)),
    debug: (...parts) => log.debug(...redacted(parts, line)),
  };
}

function redacted([message, ...rest]: [string, ...unknown[]], line: (part: unknown) => string) {
  return [line(message), ...rest.map(line)] as const;
}
