import type {
  MessageParam,
  ToolResultBlockParam,
  ToolUseBlock,
} from '@anthropic-ai/sdk/resources/messages';
import { askModel, callsIn } from '../agent.ts';
import type { Contender } from '../contender.ts';
import type { Model } from '../model.ts';
import type { LookupInput } from '../work.ts';
import { lookUp } from '../work.ts';

/** The fastest possible: all calls at once in this process. Everything is lost when the process dies. */
export function inProcess(model: Model): Contender {
  return {
    name: 'in process',
    runTurn: (text) => runLoop(model, text, (calls) => Promise.all(calls.map(runCall))),
    close: async () => undefined,
  };
}

/** The plain loop. `runCalls` returns the results of the calls of one reply, in their order. */
export async function runLoop(
  { client }: Model,
  text: string,
  runCalls: (calls: ToolUseBlock[]) => Promise<ToolResultBlockParam[]>,
): Promise<MessageParam[]> {
  const messages: MessageParam[] = [{ role: 'user', content: text }];
  for (;;) {
    const reply = await askModel(client, messages);
    messages.push({ role: 'assistant', content: reply.content });
    if (reply.stop_reason !== 'tool_use') return messages;
    messages.push({ role: 'user', content: await runCalls(callsIn(reply)) });
  }
}

export async function runCall({ id, input }: ToolUseBlock): Promise<ToolResultBlockParam> {
  return { type: 'tool_result', tool_use_id: id, content: await lookUp(input as LookupInput) };
}
