import { LATE_RESULT } from '../core/calls/texts.ts';
import type { InputBlock, Message } from '../core/conversation/messages.ts';
import { toolCalls } from '../core/conversation/toolsets.ts';

/** A message as the AI SDK's `UIMessage` has it. */
export interface ChatMessage {
  id: string;
  role: 'user' | 'assistant';
  parts: ChatPart[];
}

type ChatPart =
  | { type: 'step-start' }
  | { type: 'text' | 'reasoning'; text: string; state: 'done' }
  | { type: 'file'; mediaType: string; url: string }
  | (CallPart & { state: 'output-available'; output: null })
  | (CallPart & { state: 'output-error'; errorText: string });

interface CallPart {
  type: 'dynamic-tool';
  toolName: string;
  toolCallId: string;
  input: unknown;
  providerExecuted: true;
}

interface Options {
  /** Whether the page gets what the model wrote into calls. */
  inputs: boolean;
  /** The id of the last answer: that of its turn. */
  lastTurnId?: string | undefined;
}

/** A conversation as a page shows it: what people said, and each answer with all of its rounds. */
export function chatMessages(
  messages: readonly Message[],
  { inputs, lastTurnId }: Options,
): ChatMessage[] {
  const failed = failedCalls(messages);
  const shown: ChatMessage[] = [];
  for (const [i, message] of messages.entries()) {
    const blocks = blocksOf(message);
    if (message.role === 'user') {
      if (isAnswerOfPlait(blocks)) continue;
      shown.push({ id: `message-${i}`, role: 'user', parts: blocks.flatMap(saidPart) });
      continue;
    }
    let answer = shown.at(-1);
    if (answer?.role !== 'assistant') {
      answer = { id: `message-${i}`, role: 'assistant', parts: [] };
      shown.push(answer);
    }
    answer.parts.push(
      { type: 'step-start' },
      ...blocks.flatMap((block) => answerPart(block, { inputs, failed })),
    );
  }
  const last = shown.at(-1);
  if (last?.role === 'assistant' && lastTurnId !== undefined) last.id = lastTurnId;
  return shown;
}

function blocksOf({ content }: Message): readonly InputBlock[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}

function failedCalls(messages: readonly Message[]): ReadonlySet<string> {
  const results = messages.flatMap(blocksOf).flatMap((block) => {
    return block.type === 'tool_result' && block.is_error === true ? [block.tool_use_id] : [];
  });
  return new Set(results);
}

/** Results of calls, and what stands behind them, are said by no person. */
function isAnswerOfPlait(blocks: readonly InputBlock[]): boolean {
  return blocks.some(
    (block) =>
      block.type === 'tool_result' || (block.type === 'text' && block.text.startsWith(LATE_RESULT)),
  );
}

function saidPart(block: InputBlock): ChatPart[] {
  switch (block.type) {
    case 'text':
      return [{ type: 'text', text: block.text, state: 'done' }];
    case 'image':
    case 'document': {
      const { source } = block;
      if (source.type !== 'base64') return [];
      const { media_type: mediaType, data } = source;
      return [{ type: 'file', mediaType, url: `data:${mediaType};base64,${data}` }];
    }
    default:
      return [];
  }
}

function answerPart(
  block: InputBlock,
  { inputs, failed }: { inputs: boolean; failed: ReadonlySet<string> },
): ChatPart[] {
  switch (block.type) {
    case 'text':
      return [{ type: 'text', text: block.text, state: 'done' }];
    case 'thinking':
      return [{ type: 'reasoning', text: block.thinking, state: 'done' }];
    case 'tool_use':
      return toolCalls([block]).map(({ id, name, input }): ChatPart => {
        const call: CallPart = {
          type: 'dynamic-tool',
          toolName: name,
          toolCallId: id,
          input: inputs ? input : {},
          providerExecuted: true,
        };
        return failed.has(id)
          ? { ...call, state: 'output-error', errorText: 'The call did not succeed.' }
          : { ...call, state: 'output-available', output: null };
      });
    default:
      return [];
  }
}
