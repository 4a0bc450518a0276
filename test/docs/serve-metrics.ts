import { Runtime } from '@temporalio/worker';
import { metricBuckets } from 'plait/worker';

/** Call it before you create a worker or connect. */
export function serveMetrics(bindAddress = '0.0.0.0:9464'): void {
  Runtime.install({
    telemetryOptions: {
      metrics: {
        prometheus: {
          bindAddress,
          countersTotalSuffix: true,
          histogramBucketOverrides: metricBuckets,
        },
      },
    },
  });
}
