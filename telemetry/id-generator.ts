import { randomBytes } from 'node:crypto';

/** The ids for the next span, if it must have specific ones. */
export interface WantedIds {
  /** For the first span of a trace. */
  traceId: string;
  spanId: string;
}

let wanted: WantedIds | undefined;

/** What the SDK of OpenTelemetry takes as `idGenerator`. */
export interface IdGenerator {
  generateTraceId(): string;
  generateSpanId(): string;
}

/**
 * Makes the ids of spans. Give it to your tracer provider, as `idGenerator`: Plait's spans then have ids that
 * follow from turn and call, and all others have random ones, as before. A span that is written twice, because a
 * worker was killed just then, has the same ids both times.
 *
 * @param others for all spans but Plait's, for example the one of AWS X-Ray. @default random ids
 * @example
 * const provider = new NodeTracerProvider({ idGenerator: plaitIdGenerator(), spanProcessors });
 */
export function plaitIdGenerator(others: IdGenerator = random): IdGenerator {
  return {
    generateTraceId: () => wanted?.traceId ?? others.generateTraceId(),
    generateSpanId: () => {
      const id = wanted?.spanId;
      if (id === undefined) return others.generateSpanId();
      return id;
    },
  };
}

/** Starts a span with these ids, if the provider uses this generator. `start` must start only one span. */
export function withIds<T>(ids: WantedIds, start: () => T): T {
  wanted = ids;
  try {
    return start();
  } finally {
    wanted = undefined;
  }
}

const random: IdGenerator = {
  generateTraceId: () => randomBytes(16).toString('hex'),
  generateSpanId: () => randomBytes(8).toString('hex'),
};
