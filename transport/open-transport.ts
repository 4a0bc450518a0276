import { InvalidTransportError } from './errors.ts';
import { postgresTransport } from './postgres.ts';
import { redisTransport } from './redis.ts';
import type { PlaitStreamTransport } from './stream-transport.ts';

const KINDS = 'redis://user@host:6379, rediss://… or postgres://user@host:5432/database';

/**
 * The stream transport that a setting describes: `redis://user@host:6379`, `rediss://…` for TLS, or
 * `postgres://user@host:5432/database`. Nothing is opened until it is used. What a `postgres:` URL leaves out,
 * such as the password, comes from PGPASSWORD and the other PG variables.
 *
 * Throws an `InvalidTransportError` for anything else.
 *
 * @example
 * const streamTransport = openTransport('redis://redis.internal:6379');
 * const worker = await createWorker({ agents, streamTransport });
 * const client = new AgentClient({ streamTransport });
 */
export function openTransport(setting: string): PlaitStreamTransport {
  const text = typeof setting === 'string' ? setting : '';
  switch (/^([a-z]+):\/\//i.exec(text)?.[1]?.toLowerCase()) {
    case 'redis':
    case 'rediss':
      return redisTransport({ url: text });
    case 'postgres':
    case 'postgresql':
      return postgresTransport({ connectionString: text });
    default:
      // The error must not repeat the setting, which may hold a password.
      throw new InvalidTransportError(
        `The setting of the stream transport names no known kind. Give ${KINDS}.`,
      );
  }
}
