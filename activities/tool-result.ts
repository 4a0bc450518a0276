import { isRecord, jsonBytes } from '../core/json.ts';
import type { ToolResultBlock, ToolResultContent } from '../core/messages.ts';

/** The tool ran, but what it returned cannot be given to the model. */
export class InvalidToolResultError extends Error {
  override readonly name = 'InvalidToolResultError' as const;
}

/** Just under Temporal's limit of 2 MB for a payload, which the result shares with its envelope. */
export const MAX_RESULT_BYTES = 2_000_000;

/** Turns what `run` returned into the content of a `tool_result`. */
export function toolResultContent(value: unknown): ToolResultContent {
  const content = toContent(value);
  const bytes = jsonBytes(content);
  if (bytes > MAX_RESULT_BYTES) {
    throw new InvalidToolResultError(
      `The tool ran, but its result of ${bytes} bytes is above the limit of ${MAX_RESULT_BYTES}. Ask for less, or in parts.`,
    );
  }
  return content;
}

function toContent(value: unknown): ToolResultContent {
  if (value === undefined || value === null || value === '') {
    return 'The tool finished and returned nothing.';
  }
  if (typeof value === 'string') return value.toWellFormed();
  const json = toJson(value);
  return isBlocks(value) ? wellFormed(json) : json.toWellFormed();
}

function toJson(value: unknown): string {
  let problem = `a ${typeof value} has no JSON`;
  try {
    const json = JSON.stringify(value) as string | undefined;
    if (json !== undefined) return json;
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  }
  throw new InvalidToolResultError(
    `The tool ran, but its result cannot be turned into JSON: ${problem}`,
  );
}

function isBlocks(value: unknown): value is ToolResultBlock[] {
  return Array.isArray(value) && value.length > 0 && value.every(isBlock);
}

/** Only what the API would take: anything else with a `type` of its own is the tool's data. */
function isBlock(value: unknown): boolean {
  if (!isRecord(value)) return false;
  switch (value['type']) {
    case 'text':
      // The API refuses texts without any visible character.
      return typeof value['text'] === 'string' && value['text'].trim() !== '';
    case 'image':
    case 'document':
      return isRecord(value['source']) && typeof value['source']['type'] === 'string';
    case 'search_result':
      return (
        Array.isArray(value['content']) &&
        typeof value['source'] === 'string' &&
        typeof value['title'] === 'string'
      );
    default:
      return false;
  }
}

/**
 * Without half surrogate pairs, which a tool that cuts texts leaves behind: the API refuses the
 * request that holds one, and with it every later request of the conversation.
 */
function wellFormed(json: string): ToolResultBlock[] {
  return JSON.parse(json, (_key, value: unknown) =>
    typeof value === 'string' ? value.toWellFormed() : value,
  ) as ToolResultBlock[];
}
