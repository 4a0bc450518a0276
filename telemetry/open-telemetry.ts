import type { Context, Span, TracerProvider } from '@opentelemetry/api';
import {
  context,
  isSpanContextValid,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { given, optionalBooleanProblem } from '../core/arguments.ts';
import type { SpanRef, TraceContext } from '../core/trace/context.ts';
import { contextOf } from '../core/trace/context.ts';
import { spanIdOf, traceIdOf } from '../core/trace/ids.ts';
import type { SpanData } from '../core/trace/spans.ts';
import type { StartSpan, Traces } from '../core/trace/traces.ts';
import { withIds } from './id-generator.ts';
import { spanContext, spanRef } from './span-context.ts';
import { SpanRecorder } from './span-recorder.ts';

/** What `openTelemetry` takes. */
export interface OpenTelemetryOptions {
  /**
   * What makes and exports the spans. @default the one that is registered with `@opentelemetry/api` when it is
   * first needed
   */
  tracerProvider?: TracerProvider;
  /**
   * Whether spans have what was said: system prompts, messages, replies, arguments and results of calls, in clear
   * text, whatever encrypts your histories. The worker's own credentials are taken out, other secrets are not. The
   * worker that writes a trace reads the history of its turn for it. It counts in workers alone.
   * @default false
   */
  captureContent?: boolean;
  /**
   * Most content on one span, in bytes of UTF-8: a whole number of at least 1. Where there is more, the system
   * prompt and then the oldest messages are left out, or the end of a result, and the span has
   * `anthropic.content.truncated`. Every request has the conversation before it, so a turn of 40 rounds may send 40
   * times as much.
   * @default 65536
   */
  maxContentBytes?: number;
}

const MAX_CONTENT_BYTES = 65_536;

/** The scope of Plait's own spans. */
const SCOPE: [name: string, version: string] = ['plait', ''];

/** How long a turn waits until its spans have been sent, in milliseconds. */
const SEND_MS = 5_000;
/** After a failure, how long turns do not wait at all, in milliseconds. */
const AWAY_MS = 60_000;

const NO_PROVIDER =
  'traces: no tracer provider is registered. Make one before the worker and register it, or give it to openTelemetry({ tracerProvider }).';
const NO_GENERATOR =
  'traces: the tracer provider has no plaitIdGenerator(). Without it, a span that is written twice gets two ids, and other spans do not find it. Give the provider the option idGenerator: plaitIdGenerator() of plait/telemetry.';

/**
 * Traces by OpenTelemetry: what each turn did as one trace, by the conventions for generative AI. Give it to
 * `createWorker` and to `AgentClient`, as `traces`. It needs the package `@opentelemetry/api`, and a tracer
 * provider with `plaitIdGenerator()`; a worker whose provider lacks that does not start.
 *
 * @example
 * const provider = new NodeTracerProvider({
 *   idGenerator: plaitIdGenerator(),
 *   spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
 * });
 * provider.register();
 * const worker = await createWorker({ agents: [support], traces: openTelemetry() });
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): Traces {
  return new OpenTelemetryTraces(options);
}

class OpenTelemetryTraces implements Traces {
  readonly contentBytes?: number;
  private readonly options: OpenTelemetryOptions;
  private readonly recorder = new SpanRecorder();
  /** Until then nobody waits for the exporter: milliseconds since the epoch. */
  private awayUntil = 0;

  constructor(options: OpenTelemetryOptions) {
    this.options = options;
    const { captureContent, maxContentBytes = MAX_CONTENT_BYTES } = options;
    if (captureContent === true) this.contentBytes = maxContentBytes;
  }

  private provider(): TracerProvider {
    return this.options.tracerProvider ?? trace.getTracerProvider();
  }

  problem(): string | undefined {
    const wrong = optionsProblem(this.options);
    if (wrong !== undefined) return wrong;
    const turn = { namespace: '', turnId: 'plait' };
    const ids = { traceId: traceIdOf(turn), spanId: spanIdOf(turn, '') };
    // A span that is never ended is never exported.
    const span = withIds(ids, () => this.tracer(SCOPE).startSpan('plait', {}, ROOT_CONTEXT));
    const { traceId, spanId } = span.spanContext();
    if (!isSpanContextValid(span.spanContext())) return NO_PROVIDER;
    return traceId === ids.traceId && spanId === ids.spanId ? undefined : NO_GENERATOR;
  }

  async write(spans: readonly SpanData[], log: (problem: string) => void): Promise<void> {
    for (const span of spans) this.writeOne(span);
    if (Date.now() < this.awayUntil) return;
    const problem = await inTime(this.flush(), SEND_MS);
    if (problem === undefined) return;
    this.awayUntil = Date.now() + AWAY_MS;
    log(problem);
  }

  private writeOne(data: SpanData): void {
    const { span: ids, parent, name, attributes, scope = SCOPE, error } = data;
    const within: Context =
      parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, spanContext(parent));
    const span = withIds(ids, () =>
      this.tracer(scope).startSpan(
        name,
        {
          startTime: new Date(data.start),
          attributes,
          kind: data.kind === 'client' ? SpanKind.CLIENT : SpanKind.INTERNAL,
        },
        within,
      ),
    );
    if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
    span.end(new Date(data.end));
  }

  /** Why the written spans may not have been sent; `undefined` if they have. */
  private async flush(): Promise<string | undefined> {
    const provider = delegateOf(this.provider());
    if (!('forceFlush' in provider) || typeof provider.forceFlush !== 'function') return undefined;
    try {
      await (provider.forceFlush as () => Promise<void>)();
      return undefined;
    } catch (error) {
      const [first] = Array.isArray(error) ? (error as unknown[]) : [error];
      return first instanceof Error ? first.message : String(first);
    }
  }

  within<T>(span: SpanRef, run: () => T): T {
    return context.with(trace.setSpanContext(context.active(), spanContext(span)), run);
  }

  recorded<T extends object>(client: T): T {
    return this.recorder.recorded(client);
  }

  record<T>(span: SpanRef, request: () => Promise<T>) {
    return this.recorder.record(span, request);
  }

  async start<T>(
    about: StartSpan,
    request: (context: TraceContext | undefined) => Promise<T>,
  ): Promise<T> {
    const { name, attributes, turn, isExpected } = about;
    const begin = () =>
      this.tracer(SCOPE).startSpan(name, { kind: SpanKind.PRODUCER, attributes }, context.active());
    // The same start, sent again, gets the same span.
    const span =
      turn === undefined
        ? begin()
        : withIds({ traceId: traceIdOf(turn), spanId: spanIdOf(turn, 'start') }, begin);
    return await ended(span, isExpected, () => {
      const own = span.spanContext();
      const sent = isSpanContextValid(own) ? contextOf(spanRef(own)) : undefined;
      return context.with(trace.setSpan(context.active(), span), () => request(sent));
    });
  }

  private tracer([name, version]: [name: string, version: string]) {
    return this.provider().getTracer(name, version);
  }
}

function optionsProblem({
  captureContent,
  maxContentBytes,
}: OpenTelemetryOptions): string | undefined {
  const isSize = Number.isSafeInteger(maxContentBytes) && Number(maxContentBytes) >= 1;
  return (
    optionalBooleanProblem('traces: captureContent', captureContent) ??
    (maxContentBytes === undefined || isSize
      ? undefined
      : `traces: maxContentBytes must be a whole number of at least 1; got ${given(maxContentBytes)}`)
  );
}

/** `trace.getTracerProvider()` returns a proxy: this is the registered provider behind it. */
function delegateOf(provider: TracerProvider): TracerProvider {
  if (!('getDelegate' in provider) || typeof provider.getDelegate !== 'function') return provider;
  return (provider.getDelegate as () => TracerProvider)();
}

async function inTime(
  sent: Promise<string | undefined>,
  limit: number,
): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`not sent within ${limit / 1_000} s`), limit);
  });
  try {
    return await Promise.race([sent, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function ended<T>(
  span: Span,
  isExpected: StartSpan['isExpected'],
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (isExpected?.(error) !== true) {
      const type = error instanceof Error ? error.name : '_OTHER';
      span.setAttribute('error.type', type);
      span.setStatus({ code: SpanStatusCode.ERROR, message: type });
    }
    throw error;
  } finally {
    span.end();
  }
}
