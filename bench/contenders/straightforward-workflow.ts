import type { Message, MessageParam } from '@anthropic-ai/sdk/resources/messages';
import { proxyActivities } from '@temporalio/workflow';

/** The activities of this contender's worker. */
export interface Activities {
  callModel(messages: MessageParam[]): Promise<Message>;
  callTool(name: string, input: unknown): Promise<string>;
}

const { callModel, callTool } = proxyActivities<Activities>({
  startToCloseTimeout: '2 minutes',
  retry: { maximumAttempts: 5 },
});

/** The loop that you write in an afternoon: every model call gets the whole conversation. */
export async function straightforwardTurn(text: string): Promise<MessageParam[]> {
  const messages: MessageParam[] = [{ role: 'user', content: text }];
  for (;;) {
    const { content, stop_reason } = await callModel(messages);
    messages.push({ role: 'assistant', content });
    if (stop_reason !== 'tool_use') return messages;
    const calls = content.filter((block) => block.type === 'tool_use');
    const results = await Promise.all(calls.map(({ name, input }) => callTool(name, input)));
    messages.push({
      role: 'user',
      content: calls.map(({ id }, i) => ({
        type: 'tool_result',
        tool_use_id: id,
        content: results[i] ?? '',
      })),
    });
  }
}
