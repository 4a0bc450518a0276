import { jsonBytes } from '../json.ts';
import type { ApprovalRecord, SettledCall, ToolOutcome } from './outcome.ts';
import { deniedText, editedInVainText, editedText, expiredText } from './texts.ts';
import { withNote } from './with-note.ts';

/**
 * What approvers may write into the calls of a reply, in bytes of JSON: into each where there is a
 * storage, and into all together where there is none. The result of the turn then holds it beside the
 * conversation, which may fill all but some 400 KB of it.
 */
const MAX_EDITED_BYTES = { stored: 500_000, inline: 250_000 };

/** How large the input may be that an approver gives to another call. */
export function roomForInput(stored: boolean, edited: readonly unknown[]): number {
  return stored ? MAX_EDITED_BYTES.stored : MAX_EDITED_BYTES.inline - jsonBytes(edited);
}

/**
 * How a call ends that was not approved; `undefined` for one that was.
 *
 * @param timeout how long it has waited for a decision at most, in milliseconds
 */
export function refusal(
  { decision, reason }: ApprovalRecord,
  timeout: number,
): ToolOutcome | undefined {
  switch (decision) {
    case 'approved':
      return undefined;
    case 'denied':
      return { type: 'denied', message: deniedText(reason) };
    case 'expired':
      return { type: 'denied', message: expiredText(timeout) };
  }
}

/** The decision beside how the call ended; what it ran with is told to the model where it was edited. */
export function withApproval(
  settled: SettledCall,
  approval: ApprovalRecord | undefined,
): SettledCall {
  if (approval === undefined) return settled;
  const { input } = approval;
  if (input === undefined) return { ...settled, approval };
  const note = settled.attempts > 0 ? editedText(input) : editedInVainText(input);
  return { ...settled, outcome: withNote(settled.outcome, note), approval };
}
