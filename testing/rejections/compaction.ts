import { isRecord } from '../../core/json.ts';
import { compactionEdit, isAltered, isSummary } from '../messages/compaction.ts';
import type { JsonObject } from '../messages/canonical.ts';
import { modelRules } from '../messages/model-rules.ts';
import { unknownKey } from './known-keys.ts';
import { firstRejection, invalid } from './rejection.ts';
import type { CheckedBlock, CheckedMessage, Rejection, RejectionOptions } from './rejection.ts';

const MIN_TRIGGER = 50_000;
const EDIT_KEYS = { type: true, instructions: true, pause_after_compaction: true, trigger: true };
const BLOCK_KEYS = {
  type: true,
  cache_control: true,
  content: true,
  encrypted_content: true,
  signature: true,
  tool_changes: true,
};

/** The edit that asks for compaction, and the summaries that the client sends back. */
export function compactionRejection(
  body: JsonObject,
  messages: readonly CheckedMessage[],
  options: RejectionOptions,
): Rejection | undefined {
  const asked = compactionEdit(body);
  return firstRejection([
    () =>
      asked === undefined
        ? undefined
        : editRejection(asked.edit, `context_management.edits.${asked.at}`, body, options),
    ...messages.flatMap(({ index, role, blocks }) =>
      blocks.map((block, at) => () => {
        if (block.type !== 'compaction') return undefined;
        const place = `messages.${index}.content.${at}`;
        if (role !== 'assistant') {
          return invalid(
            `messages.${index}: \`compaction\` blocks can only be in \`assistant\` messages`,
          );
        }
        return asked === undefined
          ? invalid(
              `${place}: \`compaction\` blocks require a \`compact_20260112\` edit in \`context_management.edits\``,
            )
          : blockRejection(block, place);
      }),
    ),
  ]);
}

function editRejection(
  edit: JsonObject,
  place: string,
  { model }: JsonObject,
  options: RejectionOptions,
): Rejection | undefined {
  if (options.compaction !== true) {
    return invalid(
      `${place}: Input tag 'compact_20260112' found using 'type' does not match any of the expected tags: 'clear_thinking_20251015', 'clear_tool_uses_20250919'`,
    );
  }
  const path = `${place}.compact_20260112`;
  return firstRejection([
    () => unknownKey(edit, EDIT_KEYS, path),
    () => triggerRejection(edit['trigger'], `${path}.trigger`),
    () =>
      modelRules(String(model)).compaction
        ? undefined
        : invalid('compaction is not supported on this model'),
  ]);
}

function triggerRejection(trigger: unknown, path: string): Rejection | undefined {
  if (trigger === undefined || trigger === null) return undefined;
  if (!isRecord(trigger)) return invalid(`${path}: Input should be a valid dictionary`);
  const { type, value } = trigger;
  if (type !== 'input_tokens') return invalid(`${path}.type: Input should be 'input_tokens'`);
  if (!Number.isInteger(value)) return invalid(`${path}.value: Input should be a valid integer`);
  return Number(value) < MIN_TRIGGER
    ? invalid(`${path}.value: Input should be greater than or equal to ${MIN_TRIGGER}`)
    : undefined;
}

function blockRejection(block: CheckedBlock, place: string): Rejection | undefined {
  const path = `${place}.compaction`;
  const { content } = block;
  if (content === '') return invalid(`${path}.content: String should have at least 1 character`);
  if (content !== undefined && content !== null && typeof content !== 'string') {
    return invalid(`${path}.content: Input should be a valid string`);
  }
  return (
    unknownKey(block, BLOCK_KEYS, path) ??
    (isSummary(block) && isAltered(block)
      ? invalid(
          `${place}: \`compaction\` blocks cannot be modified. The block must remain as it was in the original response.`,
        )
      : undefined)
  );
}
