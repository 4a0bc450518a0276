/**
 * The entry point for a process that runs agents.
 *
 * @module plait/worker
 */

export { createWorker } from './create-worker.ts';
export type { CreateWorkerOptions } from './create-worker.ts';
export { metricBuckets } from './metric-buckets.ts';
