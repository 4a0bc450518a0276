import { jsonBytes, shorten } from '../json.ts';
import { originOf, resultProblem } from './origin.ts';
import type { Message, ToolResult, ToolUse } from '../conversation/messages.ts';
import { NO_MESSAGE, NO_ROOM, noRoomText, SHORTEST } from './texts.ts';
import type { ToolOutcome } from './outcome.ts';

/**
 * The one user message that answers a reply: one `tool_result` for every `tool_use`, in the order
 * of the calls, and nothing else. Text after tool results teaches the model to expect a person
 * after every call, and results in several messages teach it to stop calling in parallel.
 * https://platform.claude.com/docs/en/agents-and-tools/tool-use/parallel-tool-use
 *
 * Throws a `RangeError` when there is not exactly one outcome per call: sent on, that would make
 * every later request of the conversation a 400.
 */
export function mergeOutcomes(
  calls: readonly ToolUse[],
  outcomes: readonly ToolOutcome[],
): Message {
  if (calls.length !== outcomes.length) {
    throw new RangeError(
      `${calls.length} tool calls cannot be answered by ${outcomes.length} outcomes`,
    );
  }
  return {
    role: 'user',
    content: outcomes.map((outcome, i) => toolResult(calls[i] as ToolUse, outcome)),
  };
}

function toolResult(call: ToolUse, outcome: ToolOutcome): ToolResult {
  const { id, toolset_name: toolset } = call;
  const answer = {
    type: 'tool_result',
    tool_use_id: id,
    // The API rejects a result that does not name the toolset of its call.
    ...(typeof toolset === 'string' ? { toolset_name: toolset } : {}),
  } as const;
  // The API rejects anything but text in a result that is an error.
  if (outcome.type !== 'succeeded') {
    // It also rejects an error without a text.
    const content = outcome.message.trim() === '' ? NO_MESSAGE : outcome.message;
    return { ...answer, content, is_error: true };
  }
  const problem = resultProblem(originOf(call), outcome.content);
  return problem === undefined
    ? { ...answer, content: outcome.content }
    : { ...answer, content: problem, is_error: true };
}

/** In characters: enough for Plait's own texts, and for the beginning of a tool's. */
const SHORT_MESSAGE = 300;
/** In bytes of JSON, when thousands of calls share what is left. */
const SHORTEST_MESSAGE = 80;

/**
 * Without a storage the whole conversation has to fit into one payload. What no longer fits is cut, the
 * largest first: an error replaces a result, and a message is shortened but keeps its type, since an unknown
 * outcome must not become a failure. The others stay as they are. If that is not enough, outcomes are reduced
 * to a few words.
 */
export function fitOutcomes(outcomes: readonly ToolOutcome[], roomBytes: number): ToolOutcome[] {
  return cutLargest(shortest, cutLargest(short, outcomes, roomBytes), roomBytes);
}

function cutLargest(
  cut: (outcome: ToolOutcome) => ToolOutcome,
  outcomes: readonly ToolOutcome[],
  roomBytes: number,
): ToolOutcome[] {
  const fitted = [...outcomes];
  const largestFirst = outcomes
    .map((outcome, index) => ({ outcome, index, bytes: costOf(outcome) }))
    .toSorted((a, b) => b.bytes - a.bytes);
  let total = largestFirst.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { outcome, index, bytes } of largestFirst) {
    if (total <= roomBytes) break;
    const replacement = cut(outcome);
    const saved = bytes - costOf(replacement);
    if (saved <= 0) continue;
    fitted[index] = replacement;
    total -= saved;
  }
  return fitted;
}

/** Messages count twice: in the conversation, and in the record of the call. */
function costOf(outcome: ToolOutcome): number {
  const bytes = jsonBytes(outcome);
  return outcome.type === 'succeeded' ? bytes : 2 * bytes;
}

function short(outcome: ToolOutcome): ToolOutcome {
  if (outcome.type !== 'succeeded') {
    return { ...outcome, message: shorten(outcome.message, SHORT_MESSAGE) };
  }
  return { type: 'failed', message: noRoomText(jsonBytes(outcome)) };
}

function shortest(outcome: ToolOutcome): ToolOutcome {
  if (outcome.type === 'succeeded') return { type: 'failed', message: NO_ROOM };
  const { type, message } = outcome;
  return { type, message: SHORTEST[type] ?? shortenTo(SHORTEST_MESSAGE, message) };
}

function shortenTo(bytes: number, text: string): string {
  let shorter = shorten(text, bytes);
  while (jsonBytes(shorter) > bytes) shorter = shorten(shorter, shorter.length - 4);
  return shorter;
}
