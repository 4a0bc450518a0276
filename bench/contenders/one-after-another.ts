import type { ToolResultBlockParam } from '@anthropic-ai/sdk/resources/messages';
import type { Contender } from '../contender.ts';
import type { Model } from '../model.ts';
import { callTime } from '../scenarios.ts';
import { runCall, runLoop } from './in-process.ts';

/** Also in this process, but each call waits for the one before. */
export function oneAfterAnother(model: Model): Contender {
  return {
    name: 'one after another',
    runTurn: (text) =>
      runLoop(model, text, async (calls) => {
        const results: ToolResultBlockParam[] = [];
        for (const call of calls) results.push(await runCall(call));
        return results;
      }),
    // It would say nothing new where replies come at the speed of a model.
    takesPart: ({ paced }) => paced !== true,
    // Sleeping does not vary, and would take most of the benchmark's time.
    isSteady: (scenario) => callTime(scenario) > 5_000,
    close: async () => undefined,
  };
}
