import { firstRejection, invalid } from './rejection.ts';
import type { Rejection } from './rejection.ts';
import { actionResultRejection } from './toolsets.ts';
import type { PlacedBlock, Turn } from './turns.ts';

/** Every `tool_use` has exactly one result, in the next message, before any other block. */
export function pairingRejection(turns: readonly Turn[]): Rejection | undefined {
  return firstRejection([
    () => repeatedIdRejection(turns),
    ...turns.map((turn, at) => () => unansweredRejection(turn, turns[at + 1])),
    ...turns.map((turn, at) => () => resultsRejection(turn, turns[at - 1])),
  ]);
}

function repeatedIdRejection(turns: readonly Turn[]): Rejection | undefined {
  const seen = new Set<unknown>();
  for (const { block, place } of turns.flatMap(({ blocks }) => blocks)) {
    if (block.type !== 'tool_use') continue;
    if (seen.has(block['id'])) return invalid(`${place}: \`tool_use\` ids must be unique`);
    seen.add(block['id']);
  }
  return undefined;
}

function unansweredRejection(turn: Turn, next: Turn | undefined): Rejection | undefined {
  const calls = turn.blocks.filter(({ block }) => block.type === 'tool_use');
  const message = calls[0]?.message;
  if (message === undefined) return undefined;
  // Another assistant message in between separates the calls from their results.
  const interrupted = turn.blocks.at(-1)?.message !== calls.at(-1)?.message;
  const following = interrupted ? [] : (next?.blocks ?? []);
  const firstOther = following.findIndex(({ block }) => block.type !== 'tool_result');
  const leading = firstOther === -1 ? following : following.slice(0, firstOther);
  const answered = new Set(leading.map(({ block }) => block['tool_use_id']));
  const missing = calls
    .filter((call) => !answered.has(call.block['id']) || isFollowedByText(call, turn))
    .map(({ block }) => block['id']);
  return missing.length === 0
    ? undefined
    : invalid(
        `messages.${message}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ` +
          `${missing.join(', ')}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
      );
}

/** A text after a call separates it from its result; this was seen in an answer of the API. */
function isFollowedByText(call: PlacedBlock, { blocks }: Turn): boolean {
  const behind = blocks.slice(blocks.indexOf(call));
  return behind.find(({ block }) => block.type !== 'tool_use')?.block.type === 'text';
}

function resultsRejection(turn: Turn, previous: Turn | undefined): Rejection | undefined {
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
    const misfit = actionResultRejection(block, call, place);
    if (misfit !== undefined) return misfit;
    answered.add(id);
  }
  return undefined;
}
