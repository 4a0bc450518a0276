import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import type { McpCaller, McpWorker } from '../agents/mcp-server.ts';
import { isSecretName } from './secret-names.ts';
import type { HttpTransport } from './transports.ts';

type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

/** In bytes: larger than any result that a turn could use. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/**
 * `fetch` for the connections of one caller. Only requests to the server get the caller's headers. Other
 * requests come from an OAuth provider, to addresses that the server has named: none may be private, or the
 * server could make this worker send requests into its own network.
 */
export function fetchFor(
  { url, headers }: HttpTransport,
  caller: McpCaller,
  { secret }: Pick<McpWorker, 'secret'>,
  send: Fetch = fetch,
): Fetch {
  const { origin } = new URL(url);
  return async (target, init = {}) => {
    const all = new Headers(init.headers);
    if (new URL(target).origin === origin) {
      const own = typeof headers === 'function' ? await headers(caller) : (headers ?? {});
      for (const [name, value] of Object.entries(own)) {
        // An OAuth provider's token takes precedence.
        if (!all.has(name)) all.set(name, value);
      }
    } else {
      await rejectPrivate(new URL(target));
    }
    for (const [name, value] of all) if (isSecretName(name)) secret(value);
    const response = await send(target, { ...init, headers: all });
    return init.method === 'POST' ? limited(response) : response;
  };
}

/** Ends the stream of an answer that is too large with an error, which fails this one call. */
function limited(response: Response): Response {
  const { body, status, statusText, headers } = response;
  if (body === null) return response;
  let bytes = 0;
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      if (bytes <= MAX_ANSWER_BYTES) controller.enqueue(chunk);
      else controller.error(new Error(`the answer has more than ${MAX_ANSWER_BYTES} bytes`));
    },
  });
  return new Response(body.pipeThrough(counter), { status, statusText, headers });
}

async function rejectPrivate({ hostname, protocol }: URL): Promise<void> {
  if (protocol !== 'https:') {
    throw new Error(`the server names ${hostname} without https, so no request was sent there`);
  }
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const addresses = isIP(host) === 0 ? await lookup(host, { all: true }) : [{ address: host }];
  if (!addresses.some(({ address }) => isPrivate(address))) return;
  throw new Error(`the server names ${hostname}, a private address, so no request was sent there`);
}

/** Whether an address is of this machine or of a network that is not public. */
export function isPrivate(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  return PRIVATE.check(mapped, isIP(mapped) === 6 ? 'ipv6' : 'ipv4');
}

const PRIVATE = new BlockList();
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const) {
  PRIVATE.addSubnet(net, prefix, 'ipv4');
}
for (const [net, prefix] of [
  ['::', 127],
  ['64:ff9b::', 96],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  PRIVATE.addSubnet(net, prefix, 'ipv6');
}
