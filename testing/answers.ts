import type { InputBlock, Message, ToolResult } from '../core/conversation/messages.ts';
import type { TurnProgress } from '../core/turn/result.ts';

/** What the model was told of a call: the text of its result. */
export function answerText(messages: readonly Message[], callId: string): string {
  const result = messages.flatMap(resultsOf).find(({ tool_use_id }) => tool_use_id === callId);
  const { content } = result ?? {};
  if (typeof content === 'string') return content;
  return (content ?? []).flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n');
}

/**
 * Where calls are not answered exactly once, in the next message, in call order. A message that
 * answers calls of this turn has nothing but results; one that a caller brought along may go on with
 * words after them.
 */
export function answerProblems(turn: Pick<TurnProgress, 'messages' | 'calls'>): string[] {
  const problems: string[] = [];
  const own = new Set(turn.calls.map(({ id }) => id));
  const asked = new Set<string>();
  let open: string[] = [];
  for (const [i, message] of turn.messages.entries()) {
    const where = `messages[${i}] (${message.role})`;
    const answered = resultsOf(message).map(({ tool_use_id }) => tool_use_id);
    if (!isSameList(answered, open)) {
      problems.push(`${where} answers ${list(answered)}, where ${list(open)} was asked for`);
    }
    const blocks = blocksOf(message);
    const others = blocks.length - answered.length;
    const leading = blocks.findIndex(({ type }) => type !== 'tool_result');
    if (answered.length > 0 && others > 0) {
      if (answered.some((id) => own.has(id)))
        problems.push(`${where} holds more than the results of this turn`);
      else if (leading < answered.length) problems.push(`${where} has words before results`);
    }
    open = callIds(message);
    for (const id of open) {
      if (asked.has(id)) problems.push(`${where} uses the id ${id} a second time`);
      asked.add(id);
    }
  }
  if (open.length > 0) problems.push(`${list(open)} has no answer`);
  const unheard = [...own].filter((id) => !asked.has(id));
  if (unheard.length > 0) problems.push(`no message asks for ${list(unheard)}`);
  return problems;
}

function blocksOf({ content }: Message): readonly InputBlock[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}

function resultsOf(message: Message): ToolResult[] {
  return message.role === 'user'
    ? blocksOf(message).filter((block) => block.type === 'tool_result')
    : [];
}

function callIds(message: Message): string[] {
  return message.role === 'assistant'
    ? blocksOf(message).flatMap((block) => (block.type === 'tool_use' ? [block.id] : []))
    : [];
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}

function list(ids: readonly string[]): string {
  return ids.length === 0 ? 'nothing' : ids.join(', ');
}
