import type { TurnHandle } from '../../client/turn-handle.ts';
import { inexactText } from '../../core/calls/texts.ts';
import { inexactOf } from '../../core/conversation/exact-json.ts';
import type { ApprovalRequest } from '../../core/turn/protocol.ts';
import type { Style } from '../style.ts';
import { inputLines, waitingText } from '../waiting-table.ts';

/** A call that waits for a person, and its turn. */
export interface WaitingRequest {
  turn: TurnHandle;
  request: ApprovalRequest;
}

/** What the person is asked about a call. */
export type Question = WaitingRequest & { step: 'decide' | 'reason' | 'edit' };

/** What an answer means. */
export type Answered =
  | { type: 'approve'; input?: unknown }
  | { type: 'deny'; reason?: string }
  | { type: 'later' }
  /** Another question about the same call. */
  | { type: 'ask'; step: Question['step']; problem?: string };

export const PROMPTS: Record<Question['step'], string> = {
  decide: 'approve? [y]es, [n]o, [e]dit, [l]ater › ',
  reason: 'why not? (the model reads it; Enter for no reason) › ',
  edit: 'input › ',
};

const DECISIONS = 'Answer y, n, e or l.';

/** Reads an answer. Pure. */
export function readAnswer(step: Question['step'], typed: string): Answered {
  const text = typed.trim();
  switch (step) {
    case 'decide':
      return decision(text.toLowerCase());
    case 'reason':
      return text === '' ? { type: 'deny' } : { type: 'deny', reason: text };
    case 'edit':
      if (text === '') return { type: 'ask', step: 'decide' };
      return edited(text);
  }
}

function edited(text: string): Answered {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch {
    const problem = 'This is not JSON. Enter an empty line to go back.';
    return { type: 'ask', step: 'edit', problem };
  }
  const inexact = inexactOf(text, input);
  return inexact === undefined
    ? { type: 'approve', input }
    : { type: 'ask', step: 'edit', problem: inexactText(inexact) };
}

function decision(text: string): Answered {
  if (text === 'y' || text === 'yes') return { type: 'approve' };
  if (text === 'n' || text === 'no') return { type: 'ask', step: 'reason' };
  if (text === 'e' || text === 'edit') return { type: 'ask', step: 'edit' };
  if (text === 'l' || text === 'later') return { type: 'later' };
  return { type: 'ask', step: 'decide', problem: DECISIONS };
}

/** The call with its whole input, for the person who decides. Pure. */
export function requestLines({ request }: WaitingRequest, style: Style): string[] {
  return [
    style.yellow(`  ‖ ${waitingText(request)} waits for your approval`),
    ...inputLines(request.input),
  ];
}
