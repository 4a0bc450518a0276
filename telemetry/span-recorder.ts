import { AsyncLocalStorage } from 'node:async_hooks';
import type {
  Attributes as SpanAttributes,
  Span,
  SpanOptions,
  Tracer,
  TracerProvider,
} from '@opentelemetry/api';
import { INVALID_SPAN_CONTEXT, trace } from '@opentelemetry/api';
import type { Attributes, RecordedSpan } from '../core/trace/chat.ts';
import type { SpanRef } from '../core/trace/context.ts';
import { isRecord } from '../core/json.ts';
import { spanContext } from './span-context.ts';

interface Recording {
  span: SpanRef;
  recorded: RecordedSpan | undefined;
}

/**
 * Replaces the tracer provider in a client of the Anthropic SDK. It keeps the SDK's spans as data, to be
 * written once, when the turn is over. Otherwise a span would be lost with a killed worker, and doubled by a
 * lost attempt.
 */
export class SpanRecorder {
  private readonly recordings = new AsyncLocalStorage<Recording>();

  private readonly provider: TracerProvider = {
    getTracer: (name, version = '') => this.tracer([name, version]),
  };

  /** Runs a request, and returns what the SDK has recorded about it. */
  async record<T>(
    span: SpanRef,
    request: () => Promise<T>,
  ): Promise<[answer: T, recorded?: RecordedSpan]> {
    const recording: Recording = { span, recorded: undefined };
    const answer = await this.recordings.run(recording, request);
    const { recorded } = recording;
    return recorded === undefined ? [answer] : [answer, recorded];
  }

  /**
   * The same client, but its spans are recorded here, unless they are switched off. They do not contain what
   * was said: history has that.
   */
  recorded<T extends object>(client: T): T {
    if (!isTraceable(client)) return client;
    const { openTelemetry } = client;
    const traces = { ...openTelemetry.traces, contentMode: 'metadata_only' };
    const { provider: tracerProvider } = this;
    return client.withOptions({ openTelemetry: { ...openTelemetry, tracerProvider, traces } }) as T;
  }

  private tracer(scope: RecordedSpan['scope']): Tracer {
    const startSpan = (_: string, { attributes = {} }: SpanOptions = {}): Span => {
      const recording = this.recordings.getStore();
      if (recording === undefined) return trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
      recording.recorded = { scope, attributes: known(attributes) };
      return recordingSpan(recording.span, recording.recorded);
    };
    return {
      startSpan,
      // The SDK does not use this method.
      startActiveSpan: (...args: unknown[]) =>
        (args.at(-1) as (span: Span) => unknown)(startSpan(String(args[0]))) as never,
    };
  }
}

/** What clients of the Anthropic SDK have from version 1.12 on. */
interface TraceableClient {
  openTelemetry: { traces: object };
  withOptions(options: object): unknown;
}

function isTraceable(client: object): client is TraceableClient {
  if (!('openTelemetry' in client) || !('withOptions' in client)) return false;
  return isRecord(client.openTelemetry) && isRecord(client.openTelemetry['traces']);
}

/** Its ids are known before it is written, so that the request can carry them. */
function recordingSpan(ref: SpanRef, { attributes }: RecordedSpan): Span {
  const span: Span = {
    spanContext: () => spanContext(ref),
    setAttribute(name, value) {
      Object.assign(attributes, known({ [name]: value }));
      return span;
    },
    setAttributes(values) {
      Object.assign(attributes, known(values));
      return span;
    },
    addEvent: () => span,
    addLink: () => span,
    addLinks: () => span,
    setStatus: () => span,
    updateName: () => span,
    end: () => undefined,
    isRecording: () => true,
    recordException: () => undefined,
  };
  return span;
}

/** Keeps plain values, and turns lists into texts. */
function known(attributes: SpanAttributes): Attributes {
  const kept: Attributes = {};
  for (const [name, value] of Object.entries(attributes)) {
    if (Array.isArray(value)) kept[name] = value.map(String);
    else if (value !== undefined && value !== null) kept[name] = value;
  }
  return kept;
}
