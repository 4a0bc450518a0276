import { LATE_RESULT } from '../core/calls/texts.ts';
import type { InputBlock, Message } from '../core/conversation/messages.ts';
import { asBlocks } from '../core/conversation/messages.ts';
import { toolCalls } from '../core/conversation/toolsets.ts';
import type { CallResult } from './output.ts';
import { resultsIn, shownOutput } from './output.ts';

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
  | (CallPart & { state: 'output-available'; output: unknown })
  | (CallPart & { state: 'output-error'; errorText: string });

interface CallPart {
  type: 'dynamic-tool';
  toolName: string;
  toolCallId: string;
  input: unknown;
  providerExecuted: true;
}

interface Shown {
  /** Whether the page gets what the model wrote into calls. */
  inputs: boolean;
  /** Whether it gets what tools returned. */
  outputs: boolean;
  results: ReadonlyMap<string, CallResult>;
}

interface Options extends Omit<Shown, 'results'> {
  /** The id of the last answer: that of its turn. */
  lastTurnId?: string | undefined;
}

/** A conversation as a page shows it: what people said, and each answer with all of its rounds. */
export function chatMessages(
  messages: readonly Message[],
  { inputs, outputs, lastTurnId }: Options,
): ChatMessage[] {
  const results = resultsIn(messages);
  const shown: ChatMessage[] = [];
  for (const [i, message] of messages.entries()) {
    const blocks = asBlocks(message);
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
      ...blocks.flatMap((block) => answerPart(block, { inputs, outputs, results })),
    );
  }
  const last = shown.at(-1);
  if (last?.role === 'assistant' && lastTurnId !== undefined) last.id = lastTurnId;
  return shown;
}

/** Whether a user message holds results of calls, so that no person has written it. */
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

function answerPart(block: InputBlock, { inputs, outputs, results }: Shown): ChatPart[] {
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
        const { isError, content } = results.get(id) ?? { isError: false, content: undefined };
        return isError
          ? { ...call, state: 'output-error', errorText: 'The call did not succeed.' }
          : { ...call, state: 'output-available', output: outputs ? shownOutput(content) : null };
      });
    default:
      return [];
  }
}
