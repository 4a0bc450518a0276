import type Anthropic from '@anthropic-ai/sdk';
import type { Message, MessageParam, ToolUseBlock } from '@anthropic-ai/sdk/resources/messages';
import { agent } from './agent.ts';

/** One streamed request of the contenders that are not Plait: the same model, prompt and tools. */
export async function askModel(client: Anthropic, messages: MessageParam[]): Promise<Message> {
  return await client.messages.stream({ ...agent.spec, messages }).finalMessage();
}

export function callsIn({ content }: Message): ToolUseBlock[] {
  return content.filter((block) => block.type === 'tool_use');
}
