import { shorten } from '../json.ts';
import { repairText } from '../calls/texts.ts';
import type { Message } from '../conversation/messages.ts';
import { toolUses } from '../conversation/messages.ts';
import type { CheckedOutput, ModelReply } from '../conversation/reply.ts';
import { sendableContent } from '../conversation/sendable.ts';
import type { NextStep } from './state.ts';

export const DEFAULT_REPAIRS = 2;

const MAX_PROBLEM = 2_000;

/**
 * What to do about an answer that is not what it should be: it is asked for again, unless that was
 * done often enough or the conversation cannot go on from this reply.
 */
export function outputStep(
  step: NextStep,
  reply: ModelReply,
  checked: CheckedOutput | undefined,
  { repairs, maxRepairs = DEFAULT_REPAIRS }: { repairs: number; maxRepairs?: number | undefined },
): NextStep {
  if (step.type !== 'stop' || checked?.type !== 'invalid') return step;
  const ended = reply.stopReason === 'end_turn' || reply.stopReason === 'stop_sequence';
  const mayGoOn = (ended || reply.stopReason === 'max_tokens') && endsWithText(reply);
  if (mayGoOn && repairs < maxRepairs) return { type: 'repair output', problem: checked.problem };
  if (!ended) return step;
  const problem = shorten(checked.problem, MAX_PROBLEM);
  const asked = repairs === 0 ? '' : `, asked ${repairs + 1} times`;
  return {
    type: 'stop',
    reason: 'invalid_output',
    details: `The reply does not match the output schema${asked}: ${problem}`,
  };
}

/** Of a reply that was cut off, thinking may stand last, and the API takes it back only in a turn that goes on. */
function endsWithText({ content }: ModelReply): boolean {
  return toolUses(content).length === 0 && sendableContent(content).at(-1)?.type === 'text';
}

/** Asks for the answer again. */
export function repairMessage(problem: string): Message {
  return { role: 'user', content: repairText(shorten(problem, MAX_PROBLEM)) };
}
