import { beginningOf, hasLoneSurrogate, isRecord } from '../json.ts';
import { TOOL_USE_ID_LIMIT, TOOL_USE_ID_PATTERN, TOOL_USE_NAME_PATTERN } from '../names.ts';
import type { Usage } from '../turn/usage.ts';
import { isNestedDeeper, MAX_NESTING } from './exact-json.ts';
import type { ModelStopReason, ReplyBlock, ToolUse } from './messages.ts';
import { toolUses } from './messages.ts';
import type { Container } from './server-calls.ts';

/** One whole reply of the model, as the Messages API sent it. */
export interface ModelReply {
  id: string;
  /** The model that answered, which may differ from the one that was asked. */
  model: string;
  /** Block for block as it came: the API rejects a conversation with an edited block. */
  content: ReplyBlock[];
  /** `string` because a newer API may send one that this version does not know. */
  stopReason: ModelStopReason | (string & {});
  stopSequence: string | null;
  /** Why the model declined to answer, where it did. */
  stopDetails: unknown;
  usage: Usage;
  /** The sandbox that the API has started or continued. */
  container?: Container;
  /** The API's id of the request, for its support team. */
  requestId: string | null;
}

/** What only worker code can decide about an answer: whether it matches its schema. */
export type CheckedOutput = { type: 'valid' } | { type: 'invalid'; problem: string };

/**
 * Why this reply is invalid, or `undefined`. An invalid reply, once committed, would make every later
 * request of the conversation a 400. `earlierIds` are the ids of all earlier `tool_use` blocks: they
 * must be unique in the whole conversation.
 */
export function findReplyProblem(
  reply: ModelReply,
  earlierIds: ReadonlySet<string>,
): string | undefined {
  // First, because the checks below are recursive. A block is three levels deep in the reply.
  if (isNestedDeeper(reply, MAX_NESTING + 3)) {
    return `it is nested more than ${MAX_NESTING} deep`;
  }
  const calls = toolUses(reply.content);
  if (reply.stopReason === 'tool_use' && calls.length === 0) {
    return 'it stopped for tool_use without asking for a tool';
  }
  // A paused reply is sent back unchanged, and nothing may come between a call and its result.
  const pauses = reply.stopReason === 'pause_turn' || reply.stopReason === 'compaction';
  if (pauses && calls.length > 0) {
    return 'it paused while it asked for tools';
  }
  const torn = reply.content.find((block) => hasLoneSurrogate(block));
  if (torn !== undefined) {
    return `${callName(torn)} holds half of a surrogate pair: ${beginningOf(JSON.stringify(torn))}`;
  }
  return findCallProblem(calls, earlierIds);
}

/** Why these calls cannot run, or `undefined`. Their ids become ids of activities. */
export function findCallProblem(
  calls: readonly ToolUse[],
  earlierIds: ReadonlySet<string>,
): string | undefined {
  const seen = new Set(earlierIds);
  for (const { id, name, input } of calls) {
    if (typeof id !== 'string' || !TOOL_USE_ID_PATTERN.test(id) || id.length > TOOL_USE_ID_LIMIT) {
      return `the tool_use id ${JSON.stringify(id)} is not valid`;
    }
    if (seen.has(id)) return `the tool_use id ${id} is used twice`;
    if (typeof name !== 'string' || !TOOL_USE_NAME_PATTERN.test(name)) {
      return `the tool name ${JSON.stringify(name)} of tool_use ${id} is not valid`;
    }
    if (!isRecord(input)) {
      const shown = beginningOf(JSON.stringify(input) ?? 'nothing');
      return `the input of ${name} (${id}) is not an object: ${shown}`;
    }
    seen.add(id);
  }
  return undefined;
}

/** How errors name a block: `get_orders (toolu_1)`, or `a text`. */
export function callName(block: ReplyBlock): string {
  const { type } = block;
  return 'name' in block && 'id' in block ? `${block.name} (${block.id})` : `a ${type}`;
}
