import { jsonBytes } from '../json.ts';
import type { Room } from '../turn/payload-room.ts';
import type { ApprovalRecord, SettledCall, ToolOutcome } from './outcome.ts';
import { editedText } from './texts.ts';

/**
 * How much approvers may write into the calls of a reply, in bytes of JSON: into each call if there is a
 * storage, and into all together if not. Then the turn's result holds it beside the conversation, which may
 * fill all but about 400 KB of the result.
 */
const MAX_EDITED_BYTES = { storage: 500_000, payload: 250_000 };

/** How large an edited input for another call may be. */
export function roomForInput({ type }: Room, edited: readonly unknown[]): number {
  return MAX_EDITED_BYTES[type] - (type === 'storage' ? 0 : jsonBytes(edited));
}

/** Adds the decision to how the call ended. If the input was edited, the model reads that first. */
export function withApproval(
  settled: SettledCall,
  approval: ApprovalRecord | undefined,
): SettledCall {
  if (approval === undefined) return settled;
  const { input } = approval;
  if (input === undefined) return { ...settled, approval };
  const edited = editedText(input, { ran: settled.attempts > 0 });
  return { ...settled, outcome: afterSentence(edited, settled.outcome), approval };
}

/** The outcome with a sentence before what the model reads of it. */
export function afterSentence(sentence: string, outcome: ToolOutcome): ToolOutcome {
  if (outcome.type !== 'succeeded') {
    return { ...outcome, message: `${sentence}\n\n${outcome.message}` };
  }
  const { content } = outcome;
  return {
    ...outcome,
    content:
      typeof content === 'string'
        ? `${sentence}\n\n${content}`
        : [{ type: 'text', text: sentence }, ...content],
  };
}
