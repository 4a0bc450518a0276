import { summarize } from '../../activities/tools/prepare-calls.ts';
import type { InputBlock, Message } from '../../core/conversation/messages.ts';
import { asBlocks } from '../../core/conversation/messages.ts';
import type { Style } from '../style.ts';
import { cutTo, oneLine, paragraphs, printable } from '../text.ts';

export interface HistoryOptions {
  /** Width of the terminal. */
  columns: number;
  style: Style;
}

/** A message of a person, as the chat shows it. */
export function saidLines(text: string, style: Style): string[] {
  const [first = '', ...more] = printable(text).split('\n');
  return [style.bold(`› ${first}`), ...more.map((line) => style.bold(`  ${line}`))];
}

/**
 * The messages of a conversation for reading: the texts, and a line for each tool call. Of a result it
 * shows only why a call failed. Pure.
 */
export function historyLines(messages: readonly Message[], options: HistoryOptions): string[] {
  const results = new Map(
    messages.flatMap(asBlocks).flatMap((block) => {
      return block.type === 'tool_result' ? [[block.tool_use_id, block] as const] : [];
    }),
  );
  return messages.flatMap((message) =>
    asBlocks(message).flatMap((block) => blockLines(block, message.role, results, options)),
  );
}

type Results = ReadonlyMap<string, InputBlock & { type: 'tool_result' }>;

function blockLines(
  block: InputBlock,
  role: Message['role'],
  results: Results,
  { columns, style }: HistoryOptions,
): string[] {
  switch (block.type) {
    case 'text':
      if (block.text.trim() === '') return [];
      return role === 'user'
        ? ['', ...saidLines(block.text, style)]
        : ['', ...paragraphs(printable(block.text.trim()), columns)];
    case 'tool_use': {
      const result = results.get(block.id);
      const failed = result?.is_error === true;
      const why = failed ? `: ${resultText(result)}` : '';
      const mark = failed ? style.red('✖') : style.green('✔');
      const call = oneLine(`${block.name}(${summarize(block.input)})${why}`);
      return [`  ${mark} ${style.dim(cutTo(call, columns - 5))}`];
    }
    case 'tool_result':
    case 'thinking':
    case 'redacted_thinking':
      return [];
    default:
      return [style.dim(`  [${oneLine(block.type)}]`)];
  }
}

function resultText({ content }: InputBlock & { type: 'tool_result' }): string {
  if (typeof content === 'string') return content;
  return (content ?? []).flatMap((part) => (part.type === 'text' ? [part.text] : [])).join(' ');
}
