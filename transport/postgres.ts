import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { recordProblem, rejectIf } from '../core/arguments.ts';
import { defined } from '../core/json.ts';
import { Opened } from '../storage/opened.ts';
import { openPool } from '../storage/postgres-pool.ts';
import { NOT_POSTGRES, postgresLocation } from '../storage/url.ts';
import type { Refable } from './connection.ts';
import { IdleConnection } from './connection.ts';
import { InvalidTransportError, TransportUnavailableError } from './errors.ts';
import { FrameJoiner, framesOf } from './frames.ts';
import type { PlaitStreamTransport } from './stream-transport.ts';

/** What `postgresTransport` takes. */
export interface PostgresTransportOptions {
  /**
   * `postgres://user@host:5432/database`. What it leaves out comes from PGHOST, PGUSER, PGPASSWORD and
   * the other variables of PostgreSQL. @default those variables alone
   */
  connectionString?: string;
}

/** The types of `pg` lack these methods. */
type PostgresConnection = IdleConnection<Client & Refable>;

/** With limits for opening a connection, and for one statement. */
const OPTIONS = {
  application_name: 'plait streams',
  connectionTimeoutMillis: 5_000,
  query_timeout: 5_000,
  keepAlive: true,
};
/** For publishing. Each reply has at most one message on its way. */
const CONNECTIONS = 2;
/** The pause before the next attempt to reopen a lost connection. */
const RECONNECT_MS = 1_000;

/**
 * Publishes partial replies by `NOTIFY`, and reads them by `LISTEN`. PostgreSQL keeps nothing of them once
 * they are delivered. It needs no table and no permission but to connect. Connect to the server itself: a
 * pooler that gives a connection to each transaction, such as PgBouncer's `transaction` mode, loses `LISTEN`.
 *
 * Each piece is a transaction, and PostgreSQL commits those of `NOTIFY` one after the other: for more than
 * some tens of replies at once, take Redis. A lost connection is opened again by itself.
 *
 * Throws an `InvalidTransportError` for an invalid connection string.
 */
export function postgresTransport(options: PostgresTransportOptions = {}): PlaitStreamTransport {
  rejectIf(InvalidTransportError, recordProblem('postgresTransport: the options', options));
  const { connectionString } = options;
  const location = postgresLocation(connectionString);
  if (location === undefined) throw new InvalidTransportError(NOT_POSTGRES);
  const listener = new Listener(location, () => connect(connectionString));
  const publisher = new Opened(() => openPool(connectionString, { ...OPTIONS, max: CONNECTIONS }));
  const publish = async (statement: string, values: unknown[] = []): Promise<void> => {
    try {
      const pool = await publisher.get();
      await pool.query(statement, values);
    } catch (error) {
      throw unavailable(location, error);
    }
  };

  return {
    location,
    publish: (channel, message) =>
      publish(NOTIFY, [nameOf(channel), framesOf(message, randomUUID())]),
    subscribe: (channel, onMessage) => listener.subscribe(nameOf(channel), onMessage),
    prepare: () => publish('SELECT 1'),

    async close() {
      await listener.close();
      await (await publisher.take())?.end();
    },
  };
}

const NOTIFY = 'SELECT pg_notify($1, frame) FROM unnest($2::text[]) AS frame';

/** A name has at most 63 bytes, and must not need quotes. */
function nameOf(channel: string): string {
  return `plait_${createHash('sha256').update(channel).digest('hex').slice(0, 40)}`;
}

type OnMessage = (message: string) => void;

/** Listens to all channels on one connection. */
class Listener {
  private readonly channels = new Map<
    string,
    { joiner: FrameJoiner; subscribers: Set<OnMessage> }
  >();
  private readonly location: string;
  private readonly opened: Opened<PostgresConnection>;
  /** The statements run one after the other. */
  private queue: Promise<unknown> = Promise.resolve();
  private isClosed = false;

  constructor(location: string, open: () => Promise<PostgresConnection>) {
    this.location = location;
    this.opened = new Opened(async () => {
      const connection = await open();
      connection.client.on('notification', ({ channel, payload = '' }) => {
        this.deliver(channel, payload);
      });
      connection.client.once('end', () => void this.reopen());
      return connection;
    });
  }

  async subscribe(name: string, onMessage: OnMessage): Promise<() => Promise<void>> {
    // A new function each time, in case the caller subscribes the same one twice.
    const subscriber: OnMessage = (message) => onMessage(message);
    const channel = this.channels.get(name) ?? {
      joiner: new FrameJoiner(),
      subscribers: new Set(),
    };
    this.channels.set(name, channel);
    channel.subscribers.add(subscriber);
    /** Returns whether nobody listens to the channel any more. */
    const remove = (): boolean => {
      channel.subscribers.delete(subscriber);
      const isLast = channel.subscribers.size === 0 && this.channels.get(name) === channel;
      if (isLast) this.channels.delete(name);
      return isLast;
    };
    try {
      await this.run(`LISTEN ${name}`);
    } catch (error) {
      remove();
      throw error;
    }
    return async () => {
      if (remove()) await this.run(`UNLISTEN ${name}`);
    };
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.channels.clear();
    await (await this.opened.take().catch(() => undefined))?.client.end();
  }

  private async run(statement: string): Promise<void> {
    const running = this.queue.then(async () => {
      const connection = await this.opened.get();
      await connection.use((client) => client.query(statement));
    });
    this.queue = running.catch(() => undefined);
    await running.catch((error: unknown) => {
      throw unavailable(this.location, error);
    });
  }

  private deliver(name: string, frame: string): void {
    const channel = this.channels.get(name);
    const message = channel?.joiner.add(frame);
    if (message === undefined) return;
    for (const subscriber of channel?.subscribers ?? []) subscriber(message);
  }

  /** Messages that are sent in between are lost. */
  private async reopen(): Promise<void> {
    await this.opened.take();
    while (!this.isClosed && this.channels.size > 0) {
      try {
        for (const name of this.channels.keys()) await this.run(`LISTEN ${name}`);
        return;
      } catch {
        await sleep(RECONNECT_MS, undefined, { ref: false });
      }
    }
  }
}

async function connect(connectionString: string | undefined): Promise<PostgresConnection> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ ...defined({ connectionString }), ...OPTIONS });
  client.on('error', () => undefined);
  await client.connect();
  return new IdleConnection(client as Client & Refable);
}

function unavailable(location: string, cause: unknown): TransportUnavailableError {
  return new TransportUnavailableError(`PostgreSQL (${location}) failed`, { cause });
}
