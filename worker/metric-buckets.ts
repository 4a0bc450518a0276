import { bucketsByName } from '../core/metrics.ts';

/**
 * The buckets of Plait's histograms, for `histogramBucketOverrides` of the exporter that you give to
 * `Runtime.install`. The SDK's own buckets are for milliseconds: with them, quantiles of times in seconds are
 * wrong. The keys are the names of metrics; you can replace the buckets of each.
 *
 * @example
 * Runtime.install({
 *   telemetryOptions: {
 *     metrics: {
 *       prometheus: {
 *         bindAddress: '0.0.0.0:9464',
 *         countersTotalSuffix: true,
 *         histogramBucketOverrides: metricBuckets,
 *       },
 *     },
 *   },
 * });
 */
export const metricBuckets: Record<string, number[]> = bucketsByName();
