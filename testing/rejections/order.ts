import { modelRules } from '../messages/model-rules.ts';
import { firstRejection, invalid, type CheckedMessage, type Rejection } from './rejection.ts';

const DIRECTIVE_ONLY =
  'the directive-only form (content: [] with output_config) is accepted at any position';

/** Where messages with the role `system` may stand: after a user message, before an assistant message. */
export function systemRejection(
  messages: readonly CheckedMessage[],
  model: string,
): Rejection | undefined {
  return firstRejection(
    messages.map((message, at) => () => {
      if (message.role !== 'system' || message.blocks.length === 0) return undefined;
      const before = messages.slice(0, at).findLast(({ role }) => role !== 'system');
      const after = messages.slice(at).find(({ role }) => role !== 'system');
      if (!modelRules(model).systemMessages) {
        return invalid(`messages.${at}: role 'system' is not supported on this model`);
      }
      if (before === undefined) {
        return invalid(
          `messages.${at}: use the top-level 'system' parameter for the initial system prompt; ${DIRECTIVE_ONLY}`,
        );
      }
      if (before.role !== 'user' && !endsWithServerToolResult(before)) {
        return invalid(
          `messages.${at}: role 'system' must follow a 'user' message or an 'assistant' message ending in a server tool result; ${DIRECTIVE_ONLY}`,
        );
      }
      return after === undefined || after.role === 'assistant'
        ? undefined
        : invalid(
            `messages.${at}: role 'system' must precede an 'assistant' message or end the array; ${DIRECTIVE_ONLY}`,
          );
    }),
  );
}

/** How the conversation may end, and each assistant message. */
export function endingRejection(
  messages: readonly CheckedMessage[],
  model: string,
): Rejection | undefined {
  const last = messages.findLast(({ role }) => role !== 'system');
  if (last?.role === 'assistant' && !modelRules(model).prefill && !isPaused(last)) {
    return invalid(
      'This model does not support assistant message prefill. The conversation must end with a user message.',
    );
  }
  const thoughtLast = messages.find(
    ({ role, blocks }) => role === 'assistant' && blocks.at(-1)?.type.endsWith('thinking') === true,
  );
  return thoughtLast === undefined
    ? undefined
    : invalid(
        `messages.${thoughtLast.index}: The final block in an assistant message cannot be \`thinking\`.`,
      );
}

/** The client sends back a reply that stopped with `pause_turn` or `compaction`, to have it continued. */
function isPaused({ blocks }: CheckedMessage): boolean {
  if (blocks.at(-1)?.type === 'compaction') return true;
  return blocks.some(({ type }) => type === 'server_tool_use');
}

function endsWithServerToolResult({ blocks }: CheckedMessage): boolean {
  return /._tool_result$/.test(blocks.at(-1)?.type ?? '');
}
