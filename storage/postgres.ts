import { methodsProblem, recordProblem, rejectIf } from '../core/arguments.ts';
import { isRecord } from '../core/json.ts';
import { KEY_PATTERN, storeByContent } from './content.ts';
import { InvalidStorageError, StorageUnavailableError } from './errors.ts';
import { Opened } from './opened.ts';
import type { PlaitStorage, StoredObject } from './plait-storage.ts';
import { openPool } from './postgres-pool.ts';
import { NOT_POSTGRES, postgresLocation } from './url.ts';

/** The part of a `pg` connection that is used. */
export interface PostgresClient {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
  /** With an error, the pool closes the connection instead of using it again. */
  release(error?: Error | boolean): void;
}

/** The part of a `pg` `Pool` that is used. */
export interface PostgresPool {
  connect(): Promise<PostgresClient>;
  end(): Promise<void>;
}

/** What `postgresStorage` takes. */
export interface PostgresStorageOptions {
  /**
   * `postgres://user@host:5432/database`. What it leaves out comes from PGHOST, PGUSER, PGPASSWORD and
   * the other variables of PostgreSQL. @default those variables alone
   */
  connectionString?: string;
  /**
   * Your own pool, of `pg` 8 or later, instead of a connection string. `close()` does not close it. Listen
   * to its `error` event: without a listener, losing an idle connection ends the process.
   * @default a pool of up to 10 connections
   */
  pool?: PostgresPool;
  /** Letters, digits and underscores. @default 'plait_objects' */
  table?: string;
  /** The schema of the table; it must exist. @default the first of the connection's search path */
  schema?: string;
}

/** Limits opening a connection, and each statement. */
const POOL = {
  application_name: 'plait',
  connectionTimeoutMillis: 10_000,
  query_timeout: 60_000,
};

// For one statement, so that neither it nor its answer grows without end.
const BATCH_OBJECTS = 100;
const BATCH_BYTES = 16 * 1024 * 1024;

const UNDEFINED_TABLE = '42P01';

/** In milliseconds: rewriting an object updates its time at most this often, because every update writes a row. */
const TOUCH_AFTER = "interval '1 hour'";

/**
 * Keeps payloads as rows of a PostgreSQL table, named after their content. Needs PostgreSQL 12 or newer.
 *
 * A worker creates the table when it starts, if its role may; `postgresTable` returns the statement.
 * Throws an `InvalidStorageError` for an invalid name of the table or the schema.
 */
export function postgresStorage(options: PostgresStorageOptions = {}): PlaitStorage {
  rejectIf(InvalidStorageError, recordProblem('postgresStorage: the options', options));
  if (options.pool !== undefined) {
    const pool = { methods: ['connect'], wanted: 'be a Pool of pg' };
    rejectIf(InvalidStorageError, methodsProblem('postgresStorage: pool', options.pool, pool));
  }
  const table = qualifiedName(options);
  const location = locationOf(options.connectionString);
  const own = new Opened(() => openPool(options.connectionString, POOL));

  /** Runs statements on one connection. An abort closes it. */
  async function run<T>(
    signal: AbortSignal | undefined,
    work: (query: Query) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    try {
      const from = options.pool ?? (await own.get());
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
        // In one order: otherwise two transactions that write the same rows could deadlock.
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
        // IF NOT EXISTS is not safe when several workers create the table at the same time.
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

/** The statement that creates the table. Run it yourself when your workers may not. */
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

/** The name is not quoted anywhere, so it must not need quotes. */
function qualifiedName({
  table = 'plait_objects',
  schema,
}: Pick<PostgresStorageOptions, 'table' | 'schema'>): string {
  for (const [option, name] of Object.entries({ table, ...(schema && { schema }) })) {
    if (/^[a-z_][a-z0-9_]{0,62}$/.test(name)) continue;
    throw new InvalidStorageError(
      `postgresStorage: ${option} must be at most 63 lower-case letters, digits and underscores, and not begin with a digit; got ${JSON.stringify(name)}`,
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
      // Closing the connection is the only way to end a running statement.
      release(true);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { signal: done.signal });
  });
  // Nobody awaits it if the work fails first.
  aborted.catch(() => undefined);
  try {
    signal?.throwIfAborted();
    const working = work(async (text, values) => (await client.query(text, values)).rows);
    const result = await Promise.race([working, aborted]);
    release(false);
    return result;
  } catch (error) {
    // The connection may be in the middle of a transaction.
    release(true);
    throw error;
  } finally {
    done.abort();
  }
}

function locationOf(connectionString: string | undefined): string {
  const location = postgresLocation(connectionString);
  if (location !== undefined) return location;
  throw new InvalidStorageError(NOT_POSTGRES);
}

function explained(error: unknown, location: string, table: string): unknown {
  if (error instanceof InvalidStorageError) return error;
  if (isRecord(error) && error['code'] === UNDEFINED_TABLE) {
    return new StorageUnavailableError(
      `PostgreSQL (${location}) has no table ${table}. A worker creates it when it starts, if its role may. Otherwise run: ${tableStatement(table).replaceAll(/\s+/g, ' ')}`,
      { cause: error },
    );
  }
  return new StorageUnavailableError(`PostgreSQL (${location}) failed`, { cause: error });
}

/** Splits the items into batches within the limits; one larger item is a batch alone. */
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
