import { LATE_RESULT, NOTHING_RETURNED } from '../core/calls/texts.ts';
import { resultText } from '../core/conversation/cut-result.ts';
import type { Message, ToolResultContent } from '../core/conversation/messages.ts';
import { asBlocks } from '../core/conversation/messages.ts';
import { isRecord, shorten } from '../core/json.ts';

/** In characters: what a page gets of a result. People are seldom shown more. */
export const MAX_OUTPUT = 20_000;

/**
 * What a page gets of a tool's result: its data, or else the beginning of its text. `null` for a result
 * without text: images are for the model.
 */
export function shownOutput(content: ToolResultContent | undefined): unknown {
  if (content === undefined) return null;
  const text = resultText(content);
  // Left out, because it is meant for the model.
  if (text === '' || text === NOTHING_RETURNED) return null;
  if (text.length > MAX_OUTPUT) return shorten(text, MAX_OUTPUT);
  return dataIn(text) ?? text;
}

/**
 * The text as data, if it is an object or a list and loses nothing. A text that looks like a number stays a
 * text.
 */
function dataIn(text: string): object | undefined {
  if (!/^[[{]/.test(text)) return undefined;
  try {
    const data = JSON.parse(text) as object;
    return JSON.stringify(data) === text ? data : undefined;
  } catch {
    return undefined;
  }
}

/** How a call ended, as the conversation has it. */
export interface CallResult {
  isError: boolean;
  content: ToolResultContent | undefined;
}

/** The results of all calls, by their ids. For calls in the background: what came later. */
export function resultsIn(messages: readonly Message[]): ReadonlyMap<string, CallResult> {
  const results = new Map<string, CallResult>();
  for (const message of messages) {
    if (message.role !== 'user') continue;
    for (const block of asBlocks(message)) {
      if (block.type === 'tool_result') {
        results.set(block.tool_use_id, {
          isError: block.is_error === true,
          content: block.content,
        });
      }
      if (block.type === 'text') addLate(results, block.text);
    }
  }
  return results;
}

/** Reads a `lateResultText`. If the user's own words look like one, they name no call. */
function addLate(results: Map<string, CallResult>, text: string): void {
  const at = text.indexOf('\n');
  if (!text.startsWith(LATE_RESULT) || at === -1) return;
  try {
    const late: unknown = JSON.parse(text.slice(at + 1));
    if (!isRecord(late) || typeof late['content'] !== 'string') return;
    const id = String(late['tool_use_id']);
    if (results.has(id))
      results.set(id, { isError: late['is_error'] === true, content: late['content'] });
  } catch {
    // Cut by a compaction, or not Plait's.
  }
}
