import { createWorker } from 'plait/worker';
import { office } from './office.ts';

/** Serves the tools of the queue `crm`, and no turns. Run as many of these as you like. */
export const createCrmWorker = () =>
  createWorker({
    agents: [office],
    taskQueues: ['crm'],
    maxTaskQueueActivitiesPerSecond: 10, // for all workers of `crm` together
  });
