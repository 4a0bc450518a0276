import { defineAgent } from 'plait';
import { createWorker } from 'plait/worker';

export const steady = defineAgent({
  name: 'steady',
  model: 'claude-opus-5-5',
  system: 'You answer customers.',
  fallbacks: [
    { model: 'claude-sonnet-5-5', on: ['overloaded'], effort: 'high' },
    { model: 'claude-opus-4-8' }, // when the others are overloaded, or one of them declines
  ],
  modelTaskQueue: 'models',
});

/** At most ten requests at once for each worker, and five a second for all workers together. */
export const createSteadyWorker = () =>
  createWorker({ agents: [steady], maxConcurrentModelCalls: 10, maxModelCallsPerSecond: 5 });
