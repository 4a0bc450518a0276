/**
 * Traces of turns by OpenTelemetry. Needs the package `@opentelemetry/api`.
 *
 * @module plait/telemetry
 */

export { openTelemetry } from './open-telemetry.ts';
export type { OpenTelemetryOptions } from './open-telemetry.ts';
export { plaitIdGenerator } from './id-generator.ts';
export type { IdGenerator } from './id-generator.ts';
export type { Traces } from '../core/trace/traces.ts';
