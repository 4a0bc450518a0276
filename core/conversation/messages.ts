import type { BetaCompactionBlock } from '@anthropic-ai/sdk/resources/beta/messages';
import type {
  ContentBlock,
  ContentBlockParam,
  MessageParam,
  StopReason as ModelStopReason,
  TextBlock,
  ToolResultBlockParam,
  ToolUseBlock,
} from '@anthropic-ai/sdk/resources/messages';

// The Messages API's own types under short names. Types only: the SDK does not run in the workflow sandbox.
export type Message = MessageParam;
export type ReplyBlock = ContentBlock | BetaCompactionBlock;
export type InputBlock = ContentBlockParam;
export type ToolUse = ToolUseBlock;
export type ToolResult = ToolResultBlockParam;
export type ToolResultContent = NonNullable<ToolResultBlockParam['content']>;
export type ToolResultBlock = Exclude<ToolResultContent, string>[number];
export type { ModelStopReason };

/** The blocks of a message; none for a text. */
export function blocksOf({ content }: Message): readonly InputBlock[] {
  return typeof content === 'string' ? [] : content;
}

/** The content of a message as blocks; a text becomes one. */
export function asBlocks({ content }: Message): readonly InputBlock[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}

export function toolUses(content: readonly { type: string }[]): ToolUse[] {
  return content.filter((block): block is ToolUse => block.type === 'tool_use');
}

/** The visible text of a reply: its text blocks, without thinking and tool calls. */
export function textOf(content: readonly ReplyBlock[]): string {
  return content
    .filter((block): block is TextBlock => block.type === 'text')
    .map((block) => block.text)
    .join('');
}
