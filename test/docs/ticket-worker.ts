import { fileURLToPath } from 'node:url';
import type { WorkerOptions } from '@temporalio/worker';
import { Worker } from '@temporalio/worker';
import { createActivities } from 'plait/activities';
import { support } from './support.ts';
import * as activities from './ticket-activities.ts';

export const createTicketWorker = (options: Partial<WorkerOptions>) =>
  Worker.create({
    taskQueue: 'tickets',
    workflowsPath: fileURLToPath(new URL('./ticket-workflows.ts', import.meta.url)),
    activities: { ...activities, ...createActivities({ agents: [support] }) },
    ...options,
  });
