import { defined, isRecord } from '../core/json.ts';
import { KEY_PATTERN } from './content.ts';
import { InvalidStorageError } from './errors.ts';
import { storeByContent } from './keyed-content.ts';
import { Opened } from './opened.ts';
import type { PlaitStorage, StoredObject } from './plait-storage.ts';

/** What is used of a connection of `pg`. */
export interface PostgresClient {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
  /** With an error the connection is closed, and not used again. */
  release(error?: Error | boolean): void;
}

/** What is used of a `Pool` of `pg`. */
export interface PostgresPool {
  connect(): Promise<PostgresClient>;
  end(): Promise<void>;
}

export interface PostgresStorageOptions {
  /**
   * `postgres://user@host:5432/database`. What it leaves out comes from PGHOST, PGUSER, PGPASSWORD and
   * the other variables of PostgreSQL.
   * @default all of it from there
   */
  connectionString?: string;
  /**
   * A pool of your own, from any version of `pg` since 8, instead of a connection string. It is not
   * closed by `close()`. Listen to its `error` event: without a listener, a connection that is lost
   * while nobody uses it ends the process.
   * @default one of up to 10 connections
   */
  pool?: PostgresPool;
  /** Letters, digits and underscores. @default 'plait_objects' */
  table?: string;
  /** Of the table; it must exist. @default the first of the connection's search path */
  schema?: string;
}

/** How long a connection may take, and then a statement. */
const CONNECT_MS = 10_000;
const STATEMENT_MS = 60_000;

// A statement carries so many objects at most, so that neither it nor its answer grows without end.
const BATCH_OBJECTS = 100;
const BATCH_BYTES = 16 * 1024 * 1024;

const UNDEFINED_TABLE = '42P01';

/** Writing an object again makes it young, and not more often than this: an update is a row written. */
const TOUCH_AFTER = "interval '1 hour'";

/**
 * Keeps payloads as rows of a PostgreSQL table, named after their content. Needs PostgreSQL 12 or newer.
 *
 * The table is made when a worker starts, if its role may do so: see `postgresTable` for the statement.
 * Throws an `InvalidStorageError` for a name that is none.
 */
export function postgresStorage(options: PostgresStorageOptions = {}): PlaitStorage {
  const table = qualifiedName(options);
  const location = locationOf(options.connectionString);
  const own = new Opened(() => openPool(options.connectionString));

  /** Runs statements on one connection, which an abort closes. */
  async function run<T>(
    signal: AbortSignal | undefined,
    work: (query: Query) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    const from = options.pool ?? (await own.get());
    try {
      return await onConnection(await from.connect(), signal, work);
    } catch (error) {
      signal?.throwIfAborted();
      throw explained(error, location, table);
    }
  }

  return {
    name: 'plait-postgres',
    type: 'plait.postgres',
    location,

    ...storeByContent({
      kind: 'PostgreSQL',
      placeOf: (key) => `${key} in table ${table} of ${location}`,

      async put(contents, signal) {
        // Two transactions that write the same rows must do so in one order, or they lock each other out.
        const sorted = contents.toSorted((a, b) => (a.key < b.key ? -1 : 1));
        await run(signal, async (query) => {
          for (const batch of batches(sorted, ({ bytes }) => bytes.length)) {
            const rows = batch.map((_, i) => `($${2 * i + 1}, $${2 * i + 2})`).join(', ');
            await query(
              `INSERT INTO ${table} AS stored (key, content) VALUES ${rows}
               ON CONFLICT (key) DO UPDATE SET written_at = now()
               WHERE stored.written_at < now() - ${TOUCH_AFTER}`,
              batch.flatMap(({ key, bytes }) => [key, Buffer.from(bytes)]),
            );
          }
        });
      },

      async get(keys, signal) {
        const found = new Map<string, Uint8Array>();
        await run(signal, async (query) => {
          for (const batch of batches(keys, () => 0)) {
            const text = `SELECT key, content FROM ${table} WHERE key = ANY($1)`;
            for (const row of await query(text, [batch])) {
              const { key, content } = row as { key: string; content: Buffer };
              found.set(key, content);
            }
          }
        });
        return found;
      },
    }),

    async *list() {
      let after = '';
      for (;;) {
        const rows = await run(undefined, (query) =>
          query(
            `SELECT key, octet_length(content) AS bytes, written_at FROM ${table}
             WHERE key > $1 ORDER BY key LIMIT 1000`,
            [after],
          ),
        );
        for (const row of rows) {
          const { key, bytes, written_at } = row as {
            key: string;
            bytes: number;
            written_at: Date;
          };
          yield { key, bytes, writtenAt: written_at } satisfies StoredObject;
          after = key;
        }
        if (rows.length === 0) return;
      }
    },

    async remove(keys, writtenBefore) {
      const ours = keys.filter((key) => KEY_PATTERN.test(key));
      const rows = await run(undefined, (query) =>
        query(`DELETE FROM ${table} WHERE key = ANY($1) AND written_at < $2 RETURNING key`, [
          ours,
          writtenBefore,
        ]),
      );
      return rows.map((row) => (row as { key: string }).key);
    },

    async prepare() {
      await run(undefined, async (query) => {
        if (await exists(query, table)) return;
        await query('BEGIN');
        // Not even IF NOT EXISTS is safe where several make one table at the same time.
        await query('SELECT pg_advisory_xact_lock(hashtext($1))', [`plait ${table}`]);
        await query(tableStatement(table));
        await query('COMMIT');
      });
    },

    async close() {
      await (await own.take())?.end();
    },
  };
}

/** The statement that makes the table, for teams whose workers may not. */
export function postgresTable(options: Pick<PostgresStorageOptions, 'table' | 'schema'> = {}) {
  return tableStatement(qualifiedName(options));
}

function tableStatement(table: string): string {
  return `CREATE TABLE IF NOT EXISTS ${table} (
  key text COLLATE "C" PRIMARY KEY,
  content bytea NOT NULL,
  written_at timestamptz NOT NULL DEFAULT now()
)`;
}

/** Quoted nowhere, so it may hold nothing that would have to be. */
function qualifiedName({
  table = 'plait_objects',
  schema,
}: Pick<PostgresStorageOptions, 'table' | 'schema'>): string {
  for (const [option, name] of Object.entries({ table, ...(schema && { schema }) })) {
    if (/^[a-z_][a-z0-9_]{0,62}$/.test(name)) continue;
    throw new InvalidStorageError(
      `postgresStorage: ${option} ${JSON.stringify(name)} must be lower-case letters, digits and underscores, at most 63, and begin with no digit.`,
    );
  }
  return schema === undefined ? table : `${schema}.${table}`;
}

type Query = (text: string, values?: unknown[]) => Promise<unknown[]>;

async function exists(query: Query, table: string): Promise<boolean> {
  const [row] = await query('SELECT to_regclass($1) IS NOT NULL AS found', [table]);
  return (row as { found: boolean }).found;
}

async function onConnection<T>(
  client: PostgresClient,
  signal: AbortSignal | undefined,
  work: (query: Query) => Promise<T>,
): Promise<T> {
  let released = false;
  const release = (broken: boolean): void => {
    if (!released) client.release(broken);
    released = true;
  };
  const done = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    const abort = (): void => {
      // There is no other way to end a statement of somebody else's server.
      release(true);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { signal: done.signal });
  });
  // Unheard where the work fails by itself.
  aborted.catch(() => undefined);
  try {
    signal?.throwIfAborted();
    const working = work(async (text, values) => (await client.query(text, values)).rows);
    const result = await Promise.race([working, aborted]);
    release(false);
    return result;
  } catch (error) {
    // In the midst of a transaction, or of who knows what.
    release(true);
    throw error;
  } finally {
    done.abort();
  }
}

/** Loaded when it is needed, since most have another storage. */
async function openPool(connectionString: string | undefined): Promise<PostgresPool> {
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({
    ...defined({ connectionString }),
    application_name: 'plait',
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: STATEMENT_MS,
    // A program that has nothing else to do may end.
    allowExitOnIdle: true,
  });
  // A connection that is lost while nobody uses it is replaced; unheard, its error ends the process.
  pool.on('error', () => undefined);
  return pool;
}

function locationOf(connectionString: string | undefined): string {
  if (connectionString === undefined) return 'postgres://';
  if (!URL.canParse(connectionString)) {
    // Not repeated here: what cannot be parsed may hold a password.
    throw new InvalidStorageError(
      'The connection string of PostgreSQL is no URL. Write postgres://user@host:5432/database, escape special characters as %40, or put the password into PGPASSWORD.',
    );
  }
  const { protocol, username, host, pathname } = new URL(connectionString);
  return `${protocol}//${username === '' ? '' : `${username}@`}${host}${pathname}`;
}

function explained(error: unknown, location: string, table: string): unknown {
  if (error instanceof InvalidStorageError) return error;
  if (isRecord(error) && error['code'] === UNDEFINED_TABLE) {
    return new Error(
      `PostgreSQL (${location}) has no table ${table}. A worker makes it when it starts, if its role may; or run: ${tableStatement(table).replaceAll(/\s+/g, ' ')}`,
      { cause: error },
    );
  }
  return new Error(`PostgreSQL (${location}) failed`, { cause: error });
}

/** In order, each within the limits, or of one item. */
function* batches<T>(items: readonly T[], sizeOf: (item: T) => number): Generator<T[]> {
  let batch: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = sizeOf(item);
    if (batch.length > 0 && (batch.length === BATCH_OBJECTS || bytes + size > BATCH_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(item);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
