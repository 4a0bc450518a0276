import { agent } from '../agent.ts';
import type { Contender } from '../contender.ts';
import type { Model } from '../model.ts';
import type { LookupInput } from '../work.ts';
import { lookUp } from '../work.ts';

/**
 * The tool runner of `@anthropic-ai/sdk`, in this process. With `eagerly` it starts a call as soon as the
 * model has moved on from it, which makes a difference only where replies take their time. It takes part
 * there, or `always`.
 */
export function toolRunner(
  model: Model,
  { eagerly, always }: { eagerly: boolean; always: boolean },
): Contender {
  const { tools = [], model: name, max_tokens, system = '' } = agent.spec;
  const runnable = tools.flatMap((tool) =>
    'input_schema' in tool
      ? [
          {
            ...tool,
            run: (input: LookupInput) => lookUp(input),
            parse: (input: unknown) => input as LookupInput,
          },
        ]
      : [],
  );
  return {
    name: eagerly ? 'SDK runner, eager' : 'SDK runner',
    takesPart: ({ paced }) => always || paced === true,
    async runTurn(text) {
      const runner = model.client.beta.messages.toolRunner({
        model: name,
        max_tokens,
        system,
        tools: runnable,
        messages: [{ role: 'user', content: text }],
        stream: true,
        runToolsEagerly: eagerly,
        max_iterations: 1_001,
        // The whole conversation with each request, as all others send it.
        thread: false,
      });
      const { content } = await runner.runUntilDone();
      const answer = content.map((block) => (block.type === 'text' ? block.text : '')).join('');
      return [{ role: 'assistant', content: answer }];
    },
    close: async () => undefined,
  };
}
