import type { JsonObject } from '../messages/canonical.ts';
import { openCallsRefusal } from './open-calls.ts';
import { firstRefusal, invalid } from './refusal.ts';
import type { CheckedBlock, CheckedMessage, Refusal, RefusalOptions } from './refusal.ts';
import { actionResultRefusal } from './toolsets.ts';

export interface PlacedBlock {
  readonly block: CheckedBlock;
  readonly message: number;
  readonly place: string;
}

export interface Turn {
  readonly role: CheckedMessage['role'];
  readonly blocks: readonly PlacedBlock[];
}

/** Every `tool_use` is answered once, in the next message, before anything else stands there. */
export function pairingRefusal(
  messages: readonly CheckedMessage[],
  body: JsonObject,
  options: RefusalOptions,
): Refusal | undefined {
  const turns = mergedTurns(messages);
  return firstRefusal([
    () => repeatedIdRefusal(turns),
    ...turns.map((turn, at) => () => unansweredRefusal(turn, turns[at + 1])),
    ...turns.map((turn, at) => () => resultsRefusal(turn, turns[at - 1])),
    () => openCallsRefusal(turns, body, options),
  ]);
}

/** The API merges messages of one role in a row; a system message interrupts no turn. */
function mergedTurns(messages: readonly CheckedMessage[]): Turn[] {
  const turns: { role: CheckedMessage['role']; blocks: PlacedBlock[] }[] = [];
  for (const { role, blocks, index } of messages) {
    if (role === 'system') continue;
    const placed = blocks.map((block, at) => ({
      block,
      message: index,
      place: `messages.${index}.content.${at}`,
    }));
    const last = turns.at(-1);
    if (last?.role === role) last.blocks.push(...placed);
    else turns.push({ role, blocks: placed });
  }
  return turns;
}

function repeatedIdRefusal(turns: readonly Turn[]): Refusal | undefined {
  const seen = new Set<unknown>();
  for (const { block, place } of turns.flatMap(({ blocks }) => blocks)) {
    if (block.type !== 'tool_use') continue;
    if (seen.has(block['id'])) return invalid(`${place}: \`tool_use\` ids must be unique`);
    seen.add(block['id']);
  }
  return undefined;
}

function unansweredRefusal(turn: Turn, next: Turn | undefined): Refusal | undefined {
  const calls = turn.blocks.filter(({ block }) => block.type === 'tool_use');
  const message = calls[0]?.message;
  if (message === undefined) return undefined;
  // Another message of the assistant's in between parts the calls from their results.
  const interrupted = turn.blocks.at(-1)?.message !== calls.at(-1)?.message;
  const following = interrupted ? [] : (next?.blocks ?? []);
  const firstOther = following.findIndex(({ block }) => block.type !== 'tool_result');
  const leading = firstOther === -1 ? following : following.slice(0, firstOther);
  const answered = new Set(leading.map(({ block }) => block['tool_use_id']));
  const missing = calls
    .filter((call) => !answered.has(call.block['id']) || isTalkedOver(call, turn))
    .map(({ block }) => block['id']);
  return missing.length === 0
    ? undefined
    : invalid(
        `messages.${message}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ` +
          `${missing.join(', ')}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
      );
}

/** A text behind a call parts it from its result, as a recorded refusal shows. */
function isTalkedOver(call: PlacedBlock, { blocks }: Turn): boolean {
  const behind = blocks.slice(blocks.indexOf(call));
  return behind.find(({ block }) => block.type !== 'tool_use')?.block.type === 'text';
}

function resultsRefusal(turn: Turn, previous: Turn | undefined): Refusal | undefined {
  const asked = new Map(
    (previous?.blocks ?? [])
      .filter(({ block }) => block.type === 'tool_use')
      .map(({ block }) => [block['id'], block]),
  );
  const answered = new Set<unknown>();
  for (const { block, place } of turn.blocks) {
    if (block.type !== 'tool_result') continue;
    const id = block['tool_use_id'];
    const call = asked.get(id);
    if (call === undefined) {
      return invalid(
        `${place}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${String(id)}. ` +
          'Each `tool_result` block must have a corresponding `tool_use` block in the previous message.',
      );
    }
    if (answered.has(id)) {
      return invalid(
        `${place}: each tool_use must have a single result. Found multiple \`tool_result\` blocks with id: ${String(id)}`,
      );
    }
    const misfit = actionResultRefusal(block, call, place);
    if (misfit !== undefined) return misfit;
    answered.add(id);
  }
  return undefined;
}
