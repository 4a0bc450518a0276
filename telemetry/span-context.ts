import type { SpanContext } from '@opentelemetry/api';
import { createTraceState, TraceFlags } from '@opentelemetry/api';
import type { SpanRef } from '../core/trace/context.ts';

/** A span as OpenTelemetry names it. */
export function spanContext({ traceId, spanId, sampled, tracestate }: SpanRef): SpanContext {
  return {
    traceId,
    spanId,
    traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
    ...(tracestate === undefined ? {} : { traceState: createTraceState(tracestate) }),
  };
}

/** The other way round. */
export function spanRef({ traceId, spanId, traceFlags, traceState }: SpanContext): SpanRef {
  const tracestate = traceState?.serialize();
  return {
    traceId,
    spanId,
    // The lowest bit of the flags.
    sampled: traceFlags % 2 === 1,
    ...(tracestate === undefined || tracestate === '' ? {} : { tracestate }),
  };
}
