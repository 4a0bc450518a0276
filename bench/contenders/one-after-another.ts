import type { ToolResultBlockParam } from '@anthropic-ai/sdk/resources/messages';
import type { Contender } from '../contender.ts';
import type { Model } from '../model.ts';
import { runCall, runLoop } from './in-process.ts';

/** In process as well, but each call waits for the one before it. */
export function oneAfterAnother(model: Model): Contender {
  return {
    name: 'one after another',
    runTurn: (text) =>
      runLoop(model, text, async (calls) => {
        const results: ToolResultBlockParam[] = [];
        for (const call of calls) results.push(await runCall(call));
        return results;
      }),
    close: async () => undefined,
  };
}
