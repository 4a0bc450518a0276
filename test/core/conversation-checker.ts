import type { InputBlock, Message } from '../../core/conversation/messages.ts';

// What the Messages API holds against a conversation. Knows nothing of core/ but its types.

const blocksOf = ({ content }: Message): readonly InputBlock[] =>
  typeof content === 'string' ? [{ type: 'text', text: content }] : content;

/** The result of a call in the background. */
const isLate = (block: InputBlock | undefined) =>
  block?.type === 'text' && block.text.startsWith('Result of an earlier call');

/**
 * Every call is answered exactly once, in the next message, in order, by results only. Those of calls in the
 * background may follow.
 */
export function pairingComplaints(messages: readonly Message[]): string[] {
  const found: string[] = [];
  const everAsked = new Set<string>();
  let open: string[] = [];
  for (const [i, message] of messages.entries()) {
    const { role } = message;
    const blocks = blocksOf(message);
    const results = blocks.flatMap((block) => (block.type === 'tool_result' ? [block] : []));
    if (results.map((block) => block.tool_use_id).join() !== open.join()) {
      found.push(`message ${i} does not answer exactly what was asked, in order`);
    }
    if (results.length > 0 && !blocks.slice(results.length).every(isLate)) {
      found.push(`message ${i} has more than results`);
    }
    if (results.length > 0 && role !== 'user') found.push(`message ${i} answers as ${role}`);
    for (const { is_error, content } of results) {
      if (is_error === true && typeof content !== 'string') found.push(`message ${i}: not a text`);
    }
    const asked = blocks.flatMap((block) => (block.type === 'tool_use' ? [block.id] : []));
    if (asked.length > 0 && role !== 'assistant') found.push(`message ${i} asks as ${role}`);
    for (const id of asked) {
      if (everAsked.has(id)) found.push(`${id} is asked for twice`);
      everAsked.add(id);
    }
    open = asked;
  }
  if (open.length > 0) found.push(`${open.join()} stay without a result`);
  return found;
}

/** All that would make the next request, in which a person goes on, a 400. */
export function complaints(messages: readonly Message[]): string[] {
  const found = pairingComplaints(messages);
  for (const [i, message] of messages.entries()) {
    const blocks = blocksOf(message);
    if (blocks.length === 0) found.push(`message ${i} is empty`);
    if (blocks.some((block) => block.type === 'text' && !/\S/.test(block.text))) {
      found.push(`message ${i} has a blank text`);
    }
  }
  const replies = messages.filter(({ role }) => role === 'assistant').map(blocksOf);
  const last = replies.at(-1) ?? [];
  if (last.at(-1)?.type === 'thinking') found.push('the last reply ends with thinking');
  const searched = new Set(
    last.flatMap((block) => (block.type === 'web_search_tool_result' ? [block.tool_use_id] : [])),
  );
  for (const block of last) {
    if (block.type === 'server_tool_use' && !searched.has(block.id)) {
      found.push(`${block.id} is still open`);
    }
  }
  return found;
}
