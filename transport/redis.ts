import { recordProblem, rejectIf } from '../core/arguments.ts';
import { optionalPackage } from '../storage/optional-package.ts';
import { Opened } from '../storage/opened.ts';
import { locationOf, unambiguousUrl } from '../storage/url.ts';
import type { Refable } from './connection.ts';
import { IdleConnection } from './connection.ts';
import { InvalidTransportError, TransportUnavailableError } from './errors.ts';
import type { PlaitStreamTransport } from './stream-transport.ts';

/** What `redisTransport` takes. */
export interface RedisTransportOptions {
  /** `redis://user@host:6379`, or `rediss://` for TLS. @default 'redis://localhost:6379' */
  url?: string;
  /** @default that of the URL, or REDISCLI_AUTH, as for `redis-cli` */
  password?: string;
}

/** The part of the package's client that is used. */
interface Client extends Refable {
  readonly isReady: boolean;
  ping(): Promise<unknown>;
  publish(channel: string, message: string): Promise<unknown>;
  subscribe(channel: string, listener: (message: string) => void): Promise<void>;
  unsubscribe(channel: string, listener: (message: string) => void): Promise<void>;
  destroy(): void;
}

/** Limit for opening a connection. */
const CONNECT_MS = 5_000;
/** Longest pause before the next attempt to connect. */
const RECONNECT_MS = 2_000;

/**
 * Publishes partial replies by Redis PUBLISH, and reads them by SUBSCRIBE. Redis keeps nothing of them. Needs
 * the package `@redis/client`, and Redis 6 or newer or what speaks its protocol, such as Valkey.
 *
 * A lost connection is opened again by itself. Throws an `InvalidTransportError` for an invalid URL.
 */
export function redisTransport(options: RedisTransportOptions = {}): PlaitStreamTransport {
  rejectIf(InvalidTransportError, recordProblem('redisTransport: the options', options));
  const url = redisUrl(options.url ?? 'redis://localhost:6379');
  const location = locationOf(url);
  const password = options.password ?? process.env['REDISCLI_AUTH'] ?? '';
  if (options.password !== undefined || url.password === '') url.password = password;
  const open = async () => new IdleConnection(await connect(url.href));
  const inWords = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof InvalidTransportError) throw error;
      throw new TransportUnavailableError(`Redis (${location}) failed`, { cause: error });
    }
  };
  // A connection that subscribes can do nothing else.
  const publisher = new Opened(open);
  const subscriber = new Opened(open);

  return {
    location,

    publish: (channel, message) =>
      inWords(async () => {
        const connection = await publisher.get();
        await connection.use((client) => client.publish(channel, message));
      }),

    async subscribe(channel, onMessage) {
      const listener = (message: string) => onMessage(message);
      const connection = await inWords(async () => {
        const opened = await subscriber.get();
        await opened.use((client) => client.subscribe(channel, listener));
        return opened;
      });
      return () =>
        inWords(async () => {
          const { isReady } = connection.client;
          if (isReady) await connection.use((client) => client.unsubscribe(channel, listener));
        });
    },

    prepare: () =>
      inWords(async () => {
        const connection = await publisher.get();
        await connection.use((client) => client.ping());
      }),

    async close() {
      const opened = await Promise.allSettled([publisher.take(), subscriber.take()]);
      for (const each of opened) if (each.status === 'fulfilled') each.value?.client.destroy();
    },
  };
}

/** Rejects if the first connection fails. Later ones are retried forever. */
async function connect(url: string): Promise<Client> {
  const { createClient } = await optionalPackage('@redis/client', () => import('@redis/client'), {
    what: 'The stream transport',
    Invalid: InvalidTransportError,
  });
  let wasReady = false;
  const client = createClient({
    url,
    RESP: 2,
    // What is published while it is away would be outdated when it is back.
    disableOfflineQueue: true,
    socket: {
      connectTimeout: CONNECT_MS,
      reconnectStrategy: (retries) => wasReady && Math.min(50 * 2 ** retries, RECONNECT_MS),
    },
  });
  // Without a listener the error ends the process.
  client.on('error', () => undefined);
  await client.connect();
  wasReady = true;
  return client;
}

/** The error must not repeat the URL, which may hold a password. */
function redisUrl(setting: string): URL {
  const isRedis = typeof setting === 'string' && /^rediss?:\/\//i.test(setting);
  const url = isRedis ? unambiguousUrl(setting) : undefined;
  if (url !== undefined && /^(\/\d*)?$/.test(url.pathname)) return url;
  throw new InvalidTransportError(
    'The URL of Redis cannot be read. Write redis://user@host:6379, or rediss:// for TLS, and escape special characters of a password (@ as %40, / as %2F, # as %23, ? as %3F).',
  );
}
