import { repairText } from '../calls/texts.ts';
import type { Message } from '../conversation/messages.ts';
import { toolUses } from '../conversation/messages.ts';
import type { CheckedOutput, ModelReply } from '../conversation/reply.ts';
import { sendableContent } from '../conversation/sendable.ts';
import { shorten } from '../json.ts';
import type { Stop, StopReason } from './stop-reason.ts';

/** What a reply asks for, before budgets, room and people are considered. */
export type ReplyAsks =
  | { type: 'run tools' }
  | { type: 'ask again' }
  | { type: 'repair output'; problem: string }
  | Stop;

/** How often an answer has been asked for again, and how often that may happen. */
export interface Repairs {
  repairs: number;
  /** @default DEFAULT_REPAIRS */
  maxRepairs?: number | undefined;
}

const DEFAULT_REPAIRS = 2;

const MAX_PROBLEM = 2_000;

/**
 * What the reply asks for.
 *
 * @param checked whether the answer matches its schema, if there is one
 */
export function replyAsks(
  reply: ModelReply,
  checked: CheckedOutput | undefined,
  { repairs, maxRepairs = DEFAULT_REPAIRS }: Repairs,
): ReplyAsks {
  const asks = byStopReason(reply);
  if (asks.type !== 'stop' || checked?.type !== 'invalid') return asks;
  const ended = reply.stopReason === 'end_turn' || reply.stopReason === 'stop_sequence';
  if (mayAnswerAgain(reply, ended) && repairs < maxRepairs)
    return { type: 'repair output', problem: checked.problem };
  if (!ended) return asks;
  const problem = shorten(checked.problem, MAX_PROBLEM);
  const asked = repairs === 0 ? '' : `, asked ${repairs + 1} times`;
  return {
    type: 'stop',
    reason: 'invalid_output',
    details: `The reply does not match the output schema${asked}: ${problem}`,
  };
}

/**
 * Tools run only for a reply that stopped with `tool_use`: a reply that was cut off closes its last block
 * with a smaller input that looks valid.
 */
function byStopReason(reply: ModelReply): { type: 'run tools' } | { type: 'ask again' } | Stop {
  switch (reply.stopReason) {
    case 'tool_use':
      return { type: 'run tools' };
    case 'pause_turn':
    case 'compaction':
      // Server tools reached their own limit, or the API has compacted the conversation and said no more. If
      // the reply is sent back unchanged, the model continues.
      return { type: 'ask again' };
    case 'refusal':
      return { type: 'stop', reason: 'refusal', details: reply.stopDetails };
    case 'stop_sequence':
      return { type: 'stop', reason: 'stop_sequence', details: reply.stopSequence };
    case 'end_turn':
    case 'max_tokens':
    case 'model_context_window_exceeded':
      return { type: 'stop', reason: reply.stopReason as StopReason };
    default:
      return { type: 'stop', reason: 'unknown', details: reply.stopReason };
  }
}

/**
 * A model that ended without text, or with thinking alone, may still have an answer. A model that was cut off
 * while it thought would be cut off again.
 */
function mayAnswerAgain({ stopReason, content }: ModelReply, ended: boolean): boolean {
  if (toolUses(content).length > 0) return false;
  const endsWithText = sendableContent(content).at(-1)?.type === 'text';
  return ended || (stopReason === 'max_tokens' && endsWithText);
}

/** Asks for the answer again. */
export function repairMessage(problem: string): Message {
  return { role: 'user', content: repairText(shorten(problem, MAX_PROBLEM)) };
}
