import type { IncomingHttpHeaders } from 'node:http';
import type {
  ContentBlockParam,
  MessageCreateParams,
  MessageParam,
  ToolResultBlockParam,
} from '@anthropic-ai/sdk/resources/messages';
import { LATE_RESULT } from '../../core/calls/texts.ts';
import { isSummary, sinceSummary } from './compaction.ts';

/** A request as a script sees it. The API has already accepted it. */
export interface ScriptRequest {
  readonly body: MessageCreateParams;
  readonly headers: IncomingHttpHeaders;
  /**
   * The last text that a user wrote, which began this turn; tool results do not count, nor do those of calls in
   * the background. When the API has replaced it by a summary, the summary.
   */
  readonly userText: string;
  /** How many assistant messages follow that text: 0 for the first reply of a turn. */
  readonly round: number;
  /** The tool results sent since the last assistant message, in the order of the request. */
  readonly toolResults: readonly ToolResultBlockParam[];
  /** The text of the result for the first call of this tool in the last assistant message. */
  readonly resultOf: (toolName: string) => string | undefined;
  /** How often this very same request has arrived: 1 for the first time, more for retries. */
  readonly arrival: number;
}

export function readRequest(
  body: MessageCreateParams,
  headers: IncomingHttpHeaders,
  arrival: number,
): ScriptRequest {
  const messages = sinceSummary(body.messages);
  const start = messages.findLastIndex((message) => isPlainUserText(message));
  const begin = Math.max(0, start);
  const lastReply = messages.findLastIndex(({ role }) => role === 'assistant');
  const toolResults = messages
    .slice(lastReply + 1)
    .flatMap((message) => contentBlocks(message))
    .filter((block) => block.type === 'tool_result');
  const calls = contentBlocks(messages[lastReply]).filter((block) => block.type === 'tool_use');
  return {
    body,
    headers,
    arrival,
    toolResults,
    userText: start === -1 ? summaryText(messages[0]) : plainText(messages[start]),
    round: messages.slice(begin + 1).filter(({ role }) => role === 'assistant').length,
    resultOf: (toolName) => {
      const ids = new Set(calls.filter(({ name }) => name === toolName).map(({ id }) => id));
      const result = toolResults.find(({ tool_use_id }) => ids.has(tool_use_id));
      return result === undefined ? undefined : resultText(result);
    },
  };
}

function isPlainUserText(message: MessageParam): boolean {
  return message.role === 'user' && plainText(message) !== '';
}

function plainText(message: MessageParam | undefined): string {
  return contentBlocks(message)
    .flatMap((block) => (block.type === 'text' ? [block.text] : []))
    .filter((text) => !text.startsWith(LATE_RESULT))
    .join('\n');
}

function summaryText(message: MessageParam | undefined): string {
  return (contentBlocks(message) as readonly unknown[]).find(isSummary)?.content ?? '';
}

function resultText({ content }: ToolResultBlockParam): string {
  if (typeof content === 'string') return content;
  return (content ?? []).flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n');
}

function contentBlocks(message: MessageParam | undefined): readonly ContentBlockParam[] {
  if (message === undefined) return [];
  const { content } = message;
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}
