/**
 * The entry point for stream transports: they bring partial replies from workers to `turn.stream()` in
 * milliseconds, without heartbeats.
 *
 * @module plait/transport
 */

export { openTransport } from './open-transport.ts';
export { postgresTransport } from './postgres.ts';
export type { PostgresTransportOptions } from './postgres.ts';
export { redisTransport } from './redis.ts';
export type { RedisTransportOptions } from './redis.ts';
export type { PlaitStreamTransport, StreamTransport } from './stream-transport.ts';
export { InvalidTransportError, TransportUnavailableError } from './errors.ts';
