import type { TurnResult } from 'plait';
import type { Style } from '../../cli/style.ts';
import { cutTo, oneLine, wrap } from '../../cli/text.ts';
import { field } from '../../cli/worker-report.ts';
import { inputTokens } from '../../core/turn/usage.ts';
import { figuresOf } from './figures.ts';

/** The durations of a turn's calls, one by one and together. */
export function figureLines(result: TurnResult, style: Style): string[] {
  // A live model may answer without any tool.
  if (result.calls.length === 0) return [];
  const { calls, sum, wall, ratio } = figuresOf(result);
  return [
    '',
    field('one by one', `${calls.join(' + ')} = ${sum} ms, each call as measured`, style),
    field('at once', `${style.bold(`${wall} ms`)}, from the first start to the last end`, style),
    field('ratio', style.green(`${ratio.toFixed(2)} times as fast`), style),
    field('cost', costOf(result), style),
  ];
}

/** The same for a turn whose model asked for one call at a time. */
export function slowFigureLines(result: TurnResult, style: Style): string[] {
  if (result.calls.length === 0) return [];
  const { wall } = figuresOf(result);
  return [
    '',
    field('slow way', `${style.bold(`${wall} ms`)}, with a reply of the model between`, style),
    field('cost', costOf(result), style),
  ];
}

function costOf({ calls, rounds, usage }: TurnResult): string {
  const tokens = `${inputTokens(usage)} tokens in, ${usage.output_tokens} out`;
  return `${calls.length} calls, ${rounds} model requests, ${tokens}`;
}

const NAME_COLUMNS = 14;
const TEXT_COLUMNS = 62;

/** What the model has read of each call. */
export function resultLines({ messages, calls }: TurnResult, style: Style): string[] {
  const blocks = messages.flatMap(({ content }) => (typeof content === 'string' ? [] : content));
  const lines = blocks.flatMap((block) => {
    if (block.type !== 'tool_result') return [];
    const { tool_use_id, content, is_error } = block;
    const name = calls.find(({ id }) => id === tool_use_id)?.name ?? tool_use_id;
    const text = oneLine(typeof content === 'string' ? content : JSON.stringify(content));
    const failed = is_error === true;
    const shown = failed ? wrap(`is_error: ${text}`, TEXT_COLUMNS) : [cutTo(text, TEXT_COLUMNS)];
    return shown.map((line, i) => {
      const label = (i === 0 ? name : '').padEnd(NAME_COLUMNS);
      return `  ${label}${failed ? style.red(line) : style.dim(line)}`;
    });
  });
  return ['', '  What the model has read', ...lines];
}
