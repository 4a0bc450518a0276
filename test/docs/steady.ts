import { defineAgent } from 'plait';
import { createWorker } from 'plait/worker';

export const steady = defineAgent({
  name: 'steady',
  model: 'claude-opus-5-5',
  system: 'You answer customers.',
  fallbacks: [
    { model: 'claude-sonnet-5-5', on: ['overloaded'], effort: 'high' },
    { model: 'claude-opus-4-8' }, // where the others are overloaded, and where one of them refuses
  ],
  modelTaskQueue: 'models',
});

/** Asks the model for ten turns at once, and five times a second with all workers together. */
export const createSteadyWorker = () =>
  createWorker({ agents: [steady], maxConcurrentModelCalls: 10, maxModelCallsPerSecond: 5 });
