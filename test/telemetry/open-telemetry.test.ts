import Anthropic from '@anthropic-ai/sdk';
import { context, trace } from '@opentelemetry/api';
import { AlwaysOffSampler } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { afterAll, describe, expect, test } from 'vitest';
import { spanInTurn } from '../../core/trace/context.ts';
import { spanIdOf, traceIdOf } from '../../core/trace/ids.ts';
import type { SpanData } from '../../core/trace/spans.ts';
import { openTelemetry, plaitIdGenerator } from '../../telemetry/index.ts';
import { forgetTraces, tracesInMemory } from '../fixtures/spans.ts';

const turn = { namespace: 'default', turnId: 'ticket-88' };
const span = spanInTurn(turn, undefined, '');
const data: SpanData = {
  span,
  name: 'invoke_agent support',
  kind: 'internal',
  start: Date.parse('2026-11-29T12:00:00.000Z'),
  end: Date.parse('2026-11-29T13:00:00.000Z'),
  attributes: { 'plait.turn.id': 'ticket-88' },
};
const fail = () => Promise.reject(new TypeError('no'));
const never = (problem: string) => expect.fail(problem);

afterAll(forgetTraces);

describe('a worker with traces', () => {
  test('does not start without a tracer provider, or with one that chooses ids by itself', () => {
    expect(openTelemetry().problem()).toMatch(
      /no tracer provider is registered.*openTelemetry\(\{ tracerProvider \}\)/,
    );
    const provider = new NodeTracerProvider();
    expect(openTelemetry({ tracerProvider: provider }).problem()).toMatch(
      /plaitIdGenerator\(\) of plait\/telemetry/,
    );
    expect(tracesInMemory().traces.problem()).toBeUndefined();
  });

  test.each<[options: object, problem: RegExp]>([
    [{ captureContent: 'false' }, /captureContent must be true or false; got "false"/],
    [{ maxContentBytes: 0 }, /maxContentBytes must be a whole number of at least 1; got 0/],
    [{ maxContentBytes: '9' }, /maxContentBytes must be a whole number of at least 1; got "9"/],
  ])('does not start with the options %o', (options, problem) => {
    expect(tracesInMemory(options).traces.problem()).toMatch(problem);
  });

  test('has content on its spans only on request, and never without a limit', () => {
    expect(tracesInMemory({ maxContentBytes: 9 }).traces.contentBytes).toBeUndefined();
    expect(tracesInMemory({ captureContent: true }).traces.contentBytes).toBe(65_536);
    const both = tracesInMemory({ captureContent: true, maxContentBytes: 9 });
    expect(both.traces.contentBytes).toBe(9);
    expect(both.traces.problem()).toBeUndefined();
  });

  test('starts if nothing is sampled', () => {
    const tracerProvider = new NodeTracerProvider({
      idGenerator: plaitIdGenerator(),
      sampler: new AlwaysOffSampler(),
    });
    expect(openTelemetry({ tracerProvider }).problem()).toBeUndefined();
  });
});

describe('spans', () => {
  test('have their ids, their true times, and their scope', async () => {
    const { traces, spans, tracer } = tracesInMemory();
    const call: SpanData = {
      ...data,
      span: spanInTurn(turn, undefined, 'toolu_1'),
      parent: span,
      name: 'execute_tool pay',
      scope: ['other', '1'],
      error: 'failed',
    };
    await traces.write([data, call], never);
    await traces.write([data], never);
    const [first, second, again] = spans();
    expect(first?.spanContext()).toMatchObject({ traceId: traceIdOf(turn), spanId: span.spanId });
    expect(again?.spanContext()).toEqual(first?.spanContext());
    expect([first?.startTime[0], first?.duration]).toEqual([data.start / 1_000, [3_600, 0]]);
    expect(first?.instrumentationScope.name).toBe('plait');
    expect(second).toMatchObject({
      parentSpanContext: { spanId: span.spanId },
      instrumentationScope: { name: 'other', version: '1' },
      status: { message: 'failed' },
    });
    // Those of the program have random ids.
    const own = tracer.startSpan('own').spanContext();
    expect(own.spanId).not.toBe(tracer.startSpan('own').spanContext().spanId);
  });

  test('are the parents of what runs within a call', () => {
    const { traces } = tracesInMemory();
    const active = traces.within({ ...span, tracestate: 'a=1' }, () =>
      trace.getSpanContext(context.active()),
    );
    expect(active).toMatchObject({ traceId: span.traceId, spanId: span.spanId, traceFlags: 1 });
    expect(active?.traceState?.get('a')).toBe('1');
  });

  test('that cannot be sent are reported once, and nobody waits for the next ones', async () => {
    const problems: string[] = [];
    const tracerProvider = new NodeTracerProvider({
      idGenerator: plaitIdGenerator(),
      spanProcessors: [
        {
          onStart: () => undefined,
          onEnd: () => undefined,
          forceFlush: () => Promise.reject(new Error('away')),
          shutdown: () => Promise.resolve(),
        },
      ],
    });
    const traces = openTelemetry({ tracerProvider });
    await traces.write([data], (problem) => problems.push(problem));
    await traces.write([data], (problem) => problems.push(problem));
    expect(problems).toEqual(['away']);
  });
});

describe('a start', () => {
  const start = { name: 'start_turn support', attributes: { 'plait.turn.id': 'ticket-88' }, turn };

  test('is a span that is passed on to what it starts', async () => {
    const { traces, spans } = tracesInMemory();
    const sent = await traces.start(start, (given) => Promise.resolve(given));
    const [only] = spans();
    expect(sent).toEqual({ traceparent: `00-${traceIdOf(turn)}-${spanIdOf(turn, 'start')}-01` });
    expect(only).toMatchObject({ name: 'start_turn support', status: { code: 0 } });
  });

  test('reports its failure, unless the error was expected', async () => {
    const { traces, spans } = tracesInMemory();
    await expect(traces.start(start, fail)).rejects.toThrow('no');
    await expect(traces.start({ ...start, isExpected: () => true }, fail)).rejects.toThrow('no');
    await expect(traces.start(start, () => Promise.reject('no'))).rejects.toBe('no');
    expect(spans().map(({ status }) => status.message)).toEqual(['TypeError', undefined, '_OTHER']);
  });

  test('has no header if no provider is registered', async () => {
    const sent = await openTelemetry().start({ ...start, attributes: {} }, (given) =>
      Promise.resolve(given),
    );
    expect(sent).toBeUndefined();
  });
});

describe('a client of the Anthropic SDK', () => {
  test('records its span, without what was said, and passes it on to the API', async () => {
    const { traces } = tracesInMemory();
    let traceparent: string | null = null;
    const client = traces.recorded(
      new Anthropic({
        apiKey: 'test',
        openTelemetry: { traces: { contentMode: 'content' } },
        fetch: (_url, init) => {
          traceparent = new Headers(init?.headers).get('traceparent');
          return Promise.resolve(new Response('{}', { status: 200 }));
        },
      }),
    );
    const ask = () =>
      client.messages
        .create({
          model: 'claude-opus-5-5',
          max_tokens: 10,
          messages: [{ role: 'user', content: 'a secret' }],
        })
        .asResponse();
    const [, recorded] = await traces.record(span, ask);
    expect(recorded).toMatchObject({
      scope: ['com.anthropic.sdk.typescript', expect.any(String)],
      attributes: { 'gen_ai.operation.name': 'chat', 'gen_ai.request.max_tokens': 10 },
    });
    expect(JSON.stringify(recorded)).not.toContain('secret');
    expect(traceparent).toBe(`00-${span.traceId}-${span.spanId}-01`);
    // Outside of a turn nothing is recorded.
    await ask();
    expect(traceparent).toBeNull();
  });

  test('without spans of its own does not change', async () => {
    const { traces } = tracesInMemory();
    const client = { messages: {} };
    expect(traces.recorded(client)).toBe(client);
    const off = traces.recorded(new Anthropic({ apiKey: 'test', openTelemetry: false }));
    expect(off.openTelemetry.traces.enabled).toBe(false);
    expect(await traces.record(span, () => Promise.resolve(1))).toEqual([1]);
  });
});
