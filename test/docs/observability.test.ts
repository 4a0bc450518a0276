import { context, propagation, trace } from '@opentelemetry/api';
import { Runtime } from '@temporalio/worker';
import { describe, expect, test, vi } from 'vitest';
import { metricBuckets } from '../../worker/index.ts';
import { testGuide } from '../fixtures/guide.ts';
import { openTelemetry } from '../../telemetry/index.ts';
import { createTracedWorker, registerTraces } from './traced-worker.ts';
import { sendMetrics } from './send-metrics.ts';
import { serveMetrics } from './serve-metrics.ts';

describe('docs/observability.md', () => {
  testGuide('docs/observability.md', 3);

  test('registers a provider, without which no worker with traces starts', async () => {
    await expect(createTracedWorker()).rejects.toThrow(/no tracer provider is registered/);
    registerTraces('http://localhost:4318/v1/traces');
    try {
      expect(openTelemetry().problem()).toBeUndefined();
    } finally {
      trace.disable();
      context.disable();
      propagation.disable();
    }
  });

  test.each([
    ['serves metrics to Prometheus', serveMetrics, { prometheus: { countersTotalSuffix: true } }],
    ['sends metrics to a collector', sendMetrics, { otel: { url: 'http://localhost:4317' } }],
  ])('%s, with the buckets of Plait', (_, install, exporter) => {
    // A process can do it once, and this one has.
    const spy = vi.spyOn(Runtime, 'install').mockImplementation(() => Runtime.instance());
    install();
    const [[options] = []] = spy.mock.calls;
    spy.mockRestore();

    expect(options?.telemetryOptions?.metrics).toMatchObject(exporter);
    expect(JSON.stringify(options)).toContain(JSON.stringify(metricBuckets));
  });
});
