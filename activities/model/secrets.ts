import { inspect } from 'node:util';
import type { ClientOptions } from '@anthropic-ai/sdk';

type Logger = NonNullable<ClientOptions['logger']>;
type Middleware = NonNullable<ClientOptions['middleware']>[number];

/** The credentials that a worker has sent. They must not stand in its failures and logs. */
export interface Secrets {
  /** Ignores texts of fewer than 8 characters: too much else would be blotted out. */
  add(value: string): void;
  /** The same text with `***` for every secret, and for what looks like one. */
  readonly redact: (text: string) => string;
  /**
   * The same for the worker's own credentials alone. For what a tool returns: other users, passwords and
   * tokens in it may be what was asked for.
   */
  readonly redactOwn: (text: string) => string;
}

const MIN_LENGTH = 8;
/** A provider may make a new token every hour, and old ones are useless. */
const MAX_KEPT = 200;

const SENSITIVE_HEADER = /auth|key|token|secret|password|cookie/i;

const ANTHROPIC_KEY = /\bsk-ant-[\w-]{8,}/g;

/** What is secret wherever it stands. Google's tokens, for example, are not known here before they are sent. */
const PATTERNS: readonly [RegExp, string][] = [
  [/\bya29\.[\w-]+/g, '***'],
  [/\b(Bearer|Basic) +[\w.~+/=-]{16,}/gi, '$1 ***'],
  [/:\/\/[^\s/?#@]*@/g, '://***@'],
];

export function createSecrets(): Secrets {
  const kept = new Set<string>();
  const redactOwn = (text: string) => {
    let clean = text;
    // The longest first: one may hold another.
    for (const secret of [...kept].toSorted((a, b) => b.length - a.length)) {
      clean = clean.replaceAll(secret, '***');
    }
    return clean.replace(ANTHROPIC_KEY, '***');
  };
  return {
    redactOwn,
    add(value) {
      for (const text of formsOf(value)) {
        if (text.length < MIN_LENGTH) continue;
        kept.delete(text);
        kept.add(text);
      }
      for (const oldest of kept) {
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

/** A JSON Web Token may be in it. Found in two steps: in one, each "eyJ" of a long text is read to its end. */
const DOTTED = /[\w.-]{10,}/g;

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

/** A credential without its scheme, a password without its user, and both as JSON and URLs have them. */
function formsOf(value: string): string[] {
  const [, scheme, rest = value] = /^(Bearer|Basic) +(.+)$/is.exec(value.trim()) ?? [];
  const plain = [rest];
  if (scheme?.toLowerCase() === 'basic') {
    const userAndPassword = Buffer.from(rest, 'base64').toString();
    plain.push(userAndPassword, userAndPassword.slice(userAndPassword.indexOf(':') + 1));
  }
  return plain.flatMap((text) => [
    text,
    JSON.stringify(text).slice(1, -1),
    encodeURIComponent(text.toWellFormed()),
  ]);
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
    const text = await response.text().catch(String);
    // Again: where each request has a token of its own, newer ones may have replaced it meanwhile.
    learn();
    const headers = new Headers();
    for (const [name, value] of response.headers) headers.append(name, secrets.redact(value));
    // Some statuses must not have a body, not even an empty one.
    const body = text === '' ? null : secrets.redact(text);
    return new Response(body, {
      status: response.status,
      statusText: response.statusText,
      headers,
    });
  };
}

/** The SDK's log, which hides the headers that it knows and no others. */
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
