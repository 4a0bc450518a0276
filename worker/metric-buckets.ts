import { bucketsByName } from '../core/metrics.ts';

/**
 * The buckets of Plait's histograms, for `histogramBucketOverrides` of the exporter that you give to
 * `Runtime.install`. Without them the SDK's own hold, whose bounds are for milliseconds: quantiles of times in
 * seconds are then wrong. You can change those of a metric; its name is the key.
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
