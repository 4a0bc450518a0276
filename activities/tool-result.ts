import { jsonBytes } from '../core/json.ts';
import type { ToolResultBlock, ToolResultContent } from '../core/messages.ts';
import { MAX_RESULT_BYTES } from '../core/turn-limits.ts';
import { isContentBlock } from './content-block.ts';

/** The tool ran, but what it returned cannot be given to the model. */
export class InvalidToolResultError extends Error {
  override readonly name = 'InvalidToolResultError' as const;
}

const NOTHING = 'The tool finished and returned nothing.';

/** Turns what `run` returned into the content of a `tool_result`. */
export function toolResultContent(
  value: unknown,
  limit: number = MAX_RESULT_BYTES,
): ToolResultContent {
  const content = toContent(value);
  const bytes = jsonBytes(content);
  if (bytes > limit) {
    throw new InvalidToolResultError(
      `The tool ran, but its result of ${bytes} bytes is above the limit of ${limit}. Ask for less, or in parts.`,
    );
  }
  return content;
}

function toContent(value: unknown): ToolResultContent {
  if (value === undefined || value === null) return NOTHING;
  // The API refuses texts without any visible character.
  if (typeof value === 'string') return value.trim() === '' ? NOTHING : value.toWellFormed();
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
  return Array.isArray(value) && value.length > 0 && value.every(isContentBlock);
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
