import type { ClientOptions } from '@anthropic-ai/sdk';
import { requestIdOf } from './platform-errors.ts';

type Middleware = NonNullable<ClientOptions['middleware']>[number];

/** The address of the Messages API is wrong, so asking again does not help. */
export class WrongAddressError extends Error {
  override readonly name = 'WrongAddressError' as const;
  readonly status: number;
  readonly requestId: string | null;

  constructor(message: string, { status, headers }: Pick<Response, 'status' | 'headers'>) {
    super(message);
    this.status = status;
    this.requestId = requestIdOf(headers);
  }
}

/** The settings with which a person can change the address. */
const BASE_URL = '`baseURL` of the `anthropic` client, or ANTHROPIC_BASE_URL';

/** More redirects than any gateway needs. */
const MAX_REDIRECTS = 5;

/**
 * Keeps the conversation, and the headers beside it, at the address that a person has chosen. `fetch` would
 * follow a redirect to anywhere and send all of it there again: only `Authorization` stays behind.
 */
export const stayAtAddress: Middleware = async (request, next) => {
  let { url } = request;
  for (let hops = 0; ; hops += 1) {
    const response = await next({ ...request, url, redirect: 'manual' });
    const location = redirectOf(response, url);
    if (location === undefined) {
      rejectDoubledPath(response);
      return response;
    }
    // Clients for other platforms change our URL into their own, and could not change the URL of a redirect.
    const isOwn = response.url === '' || response.url === url;
    if (!isOwn || !mayFollow(response, location, url) || hops === MAX_REDIRECTS) {
      throw new WrongAddressError(redirectText(response, location, url), response);
    }
    await response.body?.cancel();
    url = location.href;
  }
};

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

function redirectOf(response: Response, url: string): URL | undefined {
  const location = response.headers.get('location');
  if (!REDIRECTS.has(response.status) || location === null) return undefined;
  const from = response.url || url;
  return URL.canParse(location, from) ? new URL(location, from) : undefined;
}

/** Only 307 and 308 keep the body (the other statuses turn the request into a GET), and only within the origin. */
function mayFollow({ status }: Response, location: URL, url: string): boolean {
  return (status === 307 || status === 308) && location.origin === new URL(url).origin;
}

function redirectText({ status, url }: Response, location: URL, asked: string): string {
  const from = placeOf(new URL(url || asked));
  return `The Messages API at ${from} redirects to ${placeOf(location)} (${status}), and the conversation is not sent there, since nobody has chosen that address. If you trust it, set ${BASE_URL}, to that address without /v1/messages.`;
}

/** Without a query, which may hold credentials. */
function placeOf({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}

/** The path that the SDK adds, behind an address that already ends in it. */
const DOUBLED = /(\/v1(?:\/messages)?)\/?\/v1\/messages$/;

/**
 * Names an address that already ends in the path that the SDK adds: the API only says that the path does not
 * exist.
 */
function rejectDoubledPath(response: Response): void {
  if (response.status !== 404 && response.status !== 405) return;
  const hint = doubledPathText(response.url);
  if (hint === undefined) return;
  throw new WrongAddressError(`The Messages API answered ${response.status}: ${hint}`, response);
}

/** What is wrong with the address; `undefined` where its path is not doubled. */
export function doubledPathText(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { origin, pathname } = new URL(url);
  const [, end] = DOUBLED.exec(pathname) ?? [];
  if (end === undefined) return undefined;
  const address = `${origin}${pathname.replace(DOUBLED, '')}`;
  return `the request went to ${origin}${pathname}, because the address ends in ${end} already. Set ${BASE_URL}, to ${address}.`;
}
