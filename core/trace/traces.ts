import { methodsProblem } from '../arguments.ts';
import { isRecord } from '../json.ts';
import type { Attributes, RecordedSpan } from './chat.ts';
import type { SpanRef, TraceContext } from './context.ts';
import type { SpanData } from './spans.ts';
import type { TurnKey } from './ids.ts';

/**
 * Where traces go. Made by `openTelemetry` of `plait/telemetry`, for the option `traces` of `createWorker`,
 * `createActivities` and `AgentClient`.
 */
export interface Traces {
  /** Most bytes of what was said on one span. Absent where none of it is on any. */
  readonly contentBytes?: number;
  /** Why a worker cannot write traces with it, or `undefined`. */
  problem(): string | undefined;
  /** Writes spans of what is over, and waits until they have been sent. Does not reject. */
  write(spans: readonly SpanData[], log: (problem: string) => void): Promise<void>;
  /** Runs what belongs to a span that will be written: spans that it makes are children of that. */
  within<T>(span: SpanRef, run: () => T): T;
  /** The same client of the Anthropic SDK, whose spans are recorded here. Another client stays as it is. */
  recorded<T extends object>(client: T): T;
  /** Makes a request to the model, and returns what the SDK has recorded of it. */
  record<T>(
    span: SpanRef,
    request: () => Promise<T>,
  ): Promise<[answer: T, recorded?: RecordedSpan]>;
  /** Makes a request that starts something, as a span of its own. */
  start<T>(
    about: StartSpan,
    request: (context: TraceContext | undefined) => Promise<T>,
  ): Promise<T>;
}

/** A request that starts a turn, or sends a message. */
export interface StartSpan {
  name: string;
  attributes: Attributes;
  /** The id of the turn that it starts, if known. */
  turn?: TurnKey;
  /** Whether an error is an expected answer, and not a failure. */
  isExpected?: (error: unknown) => boolean;
}

const METHODS = ['problem', 'write', 'within', 'recorded', 'record', 'start'] as const;

/** Recognized by its shape: it may come from another copy of Plait. */
export function isTraces(value: unknown): value is Traces {
  return isRecord(value) && METHODS.every((method) => typeof value[method] === 'function');
}

/** Why `openTelemetry` cannot have returned this; `undefined` if it can, or if the option is absent. */
export function notTracesProblem(name: string, traces: unknown): string | undefined {
  if (traces === undefined) return undefined;
  return methodsProblem(name, traces, {
    methods: METHODS,
    wanted: 'be what openTelemetry() of plait/telemetry returns',
  });
}
