import { defined, isRecord } from '../json.ts';
import type { Shape } from '../shape.ts';
import { object, optional, text } from '../shape.ts';
import type { TurnKey } from './ids.ts';
import { spanIdOf, traceIdOf } from './ids.ts';

/**
 * A reference to the enclosing span, in headers of Temporal and in the arguments of activities.
 * https://www.w3.org/TR/trace-context/
 */
export interface TraceContext {
  traceparent: string;
  tracestate?: string;
}

export const TRACE_CONTEXT: Shape<TraceContext> = object<TraceContext>({
  traceparent: text(),
  tracestate: optional(text()),
});

/** The header of Temporal's own OpenTelemetry interceptors in every language. Its value is a `TraceContext`. */
export const TRACE_HEADER = '_tracer-data';

/** What identifies a span. */
export interface SpanRef {
  traceId: string;
  spanId: string;
  /** Whether its trace is recorded. If that is not decided yet, it counts as recorded. */
  sampled: boolean;
  tracestate?: string;
}

const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;

/** A longer one is not passed on, which the specification allows. */
const MAX_TRACESTATE = 512;

/** The context in an unknown value; `undefined` if it is not one. */
export function readTraceContext(value: unknown): TraceContext | undefined {
  if (!isRecord(value)) return undefined;
  const { traceparent, tracestate } = value;
  if (typeof traceparent !== 'string' || !TRACEPARENT.test(traceparent)) return undefined;
  const isPassedOn =
    typeof tracestate === 'string' && tracestate !== '' && tracestate.length <= MAX_TRACESTATE;
  return { traceparent, ...(isPassedOn ? { tracestate } : {}) };
}

/** The span of a context. */
export function spanOf({ traceparent, tracestate }: TraceContext): SpanRef {
  const [, traceId = '', spanId = '', flags = ''] = TRACEPARENT.exec(traceparent) ?? [];
  const sampled = Number.parseInt(flags, 16) % 2 === 1;
  return { traceId, spanId, sampled, ...defined({ tracestate }) };
}

/** The context of a span. */
export function contextOf({ traceId, spanId, sampled, tracestate }: SpanRef): TraceContext {
  const traceparent = `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
  return { traceparent, ...defined({ tracestate }) };
}

/**
 * A span of a turn: of the whole turn if `part` is `''`, of a call if it is the call's id.
 *
 * @param from the span that started the turn, if there is one
 */
export function spanInTurn(turn: TurnKey, from: TraceContext | undefined, part: string): SpanRef {
  const spanId = spanIdOf(turn, part);
  return from === undefined
    ? { traceId: traceIdOf(turn), spanId, sampled: true }
    : { ...spanOf(from), spanId };
}
