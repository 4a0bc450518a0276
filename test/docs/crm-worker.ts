import { createWorker } from 'plait/worker';
import { office } from './office.ts';

/** Serves the tools with the queue `crm`, and no turns: `run()` it as often as you like. */
export const createCrmWorker = () =>
  createWorker({
    agents: [office],
    taskQueues: ['crm'],
    maxTaskQueueActivitiesPerSecond: 10, // for all workers of `crm` together
  });
