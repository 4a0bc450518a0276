import type { Pool, PoolConfig } from 'pg';
import { defined } from '../core/json.ts';

/** A pool that does not keep the process alive. Loads `pg` only now: most programs do not use it. */
export async function openPool(
  connectionString: string | undefined,
  options: PoolConfig,
): Promise<Pool> {
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({
    ...defined({ connectionString }),
    ...options,
    allowExitOnIdle: true,
  });
  // The pool replaces an idle connection that is lost. Without a listener the error ends the process.
  pool.on('error', () => undefined);
  return pool;
}
