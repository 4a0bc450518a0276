import type { PinnedAgent } from '../agent-spec.ts';
import type { ApprovalRecord, OutcomeType, SettledCall } from '../calls/outcome.ts';
import type { CallRecord } from '../calls/record.ts';
import type { ToolUse } from '../conversation/messages.ts';
import type { RefusalAnswer, ReplyAnswer } from '../conversation/model-call.ts';
import type { ModelReply } from '../conversation/reply.ts';
import { defined } from '../json.ts';
import { costOf } from './prices.ts';
import type { TurnState } from './state.ts';
import { pricesOf } from './state.ts';
import type { StopReason } from './stop-reason.ts';

// What happens in a turn, for monitoring: `log-lines.ts` turns it into log lines, `measurements.ts` into
// metrics.

/** What has happened. Times are in milliseconds. */
export type TurnEvent =
  | { type: 'turn began' }
  | {
      type: 'model replied';
      round: number;
      reply: ModelReply;
      /** Since the model was asked. */
      milliseconds: number;
      costUSD?: number;
    }
  | { type: 'approval requested'; round: number; call: ToolUse }
  | {
      type: 'approval decided';
      round: number;
      call: ToolUse;
      approval: ApprovalRecord;
      /** Since a person was asked. */
      milliseconds: number;
    }
  | { type: 'call ended'; round: number; call: Pick<ToolUse, 'id' | 'name'>; settled: EndedCall }
  | { type: 'turn ended'; state: TurnState; reason: StopReason; milliseconds: number }
  | { type: 'turn failed'; state: TurnState; failure: string; milliseconds: number };

/** The part of a record that is needed for a call without an activity. */
type EndedCall = Pick<SettledCall, 'attempts' | 'start' | 'end'> & {
  outcome: { type: OutcomeType };
};

/**
 * A whole reply has come, even if it declines and a fallback is asked next.
 *
 * @param before the turn when the model was asked
 */
export function modelReplied(
  before: TurnState,
  answer: ReplyAnswer | RefusalAnswer,
  agent: PinnedAgent,
  milliseconds: number,
): TurnEvent {
  const reply = answer.type === 'reply' ? answer.reply : answer.refused;
  const prices = pricesOf(agent, before, answer);
  const costUSD = prices && costOf(reply.usage, prices);
  const round = before.rounds + 1;
  return { type: 'model replied', round, reply, milliseconds, ...defined({ costUSD }) };
}

/**
 * The ends of calls that were answered without a batch, because a limit was reached or the turn has ended.
 *
 * @param records of calls that have just been answered
 * @param reported the ids of calls whose batch reported their end
 */
export function endsWithoutBatch(
  records: readonly CallRecord[],
  reported: ReadonlySet<string>,
): TurnEvent[] {
  return records.flatMap((call) => {
    // A call in the background ends later.
    if (call.late === true || reported.has(call.id)) return [];
    const { round, outcome, attempts, start, end } = call;
    const times = { start: Date.parse(start), end: Date.parse(end) };
    const settled = { outcome: { type: outcome }, attempts, ...times };
    return [{ type: 'call ended', round, call, settled }];
  });
}
