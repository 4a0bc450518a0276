export { createWorker } from './create-worker.ts';
export type { CreateWorkerOptions } from './create-worker.ts';
export type { ModelClient } from '../activities/model/client.ts';
