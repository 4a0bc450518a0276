import { Runtime } from '@temporalio/worker';
import { metricBuckets } from 'plait/worker';

/** Call it before you create a worker or connect. */
export function sendMetrics(url = 'http://localhost:4317'): void {
  Runtime.install({
    telemetryOptions: {
      metrics: {
        otel: { url, metricsExportInterval: '15s', histogramBucketOverrides: metricBuckets },
      },
    },
  });
}
