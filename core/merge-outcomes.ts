import { jsonBytes, shorten } from './json.ts';
import type { Message, ToolResult, ToolUse } from './messages.ts';
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
  const answer = { type: 'tool_result', tool_use_id: call.id } as const;
  // The API refuses anything but text in a result that is an error.
  return outcome.type === 'succeeded'
    ? { ...answer, content: outcome.content }
    : { ...answer, content: outcome.message, is_error: true };
}

/** Enough for what Plait itself says of a call, and for the beginning of what a tool says. */
const SHORT_MESSAGE = 300;

/**
 * Without a storage the whole conversation has to fit into one payload. What does not fit any more
 * is cut, the largest first: results are replaced by an error that says so, messages are shortened
 * and keep their kind, since an unknown outcome must not become a failure. The others stay as they are.
 */
export function fitOutcomes(outcomes: readonly ToolOutcome[], roomBytes: number): ToolOutcome[] {
  const fitted = [...outcomes];
  const largestFirst = outcomes
    .map((outcome, index) => ({ outcome, index, bytes: costOf(outcome) }))
    .toSorted((a, b) => b.bytes - a.bytes);
  let total = largestFirst.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { outcome, index, bytes } of largestFirst) {
    if (total <= roomBytes) break;
    const replacement = cut(outcome, bytes);
    const saved = bytes - costOf(replacement);
    if (saved <= 0) continue;
    fitted[index] = replacement;
    total -= saved;
  }
  return fitted;
}

/** A result stands in the conversation, a message in the record of the call as well. */
function costOf(outcome: ToolOutcome): number {
  const bytes = jsonBytes(outcome);
  return outcome.type === 'succeeded' ? bytes : 2 * bytes;
}

function cut(outcome: ToolOutcome, bytes: number): ToolOutcome {
  if (outcome.type !== 'succeeded') {
    return { ...outcome, message: shorten(outcome.message, SHORT_MESSAGE) };
  }
  const message = `The call succeeded, but its result (${bytes} bytes) does not fit into this conversation any more, which has no storage configured.`;
  return { type: 'failed', message };
}
