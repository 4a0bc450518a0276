import { defined } from '../json.ts';
import type { LogLine } from '../turn/log-lines.ts';
import { lineOf } from '../turn/log-lines.ts';
import { inputTokens } from '../turn/usage.ts';
import type { TurnOutcome } from './memory.ts';
import type { SendReceipt, SessionState } from './protocol.ts';

// What a worker's log says of a session: one line for each event, as of a turn.

/** What has happened. */
export type SessionEvent =
  | { type: 'session began' }
  /** A message was accepted that was not sent before. */
  | { type: 'message received'; receipt: SendReceipt; waiting: number }
  /** A turn of the session is over, and its conversation taken in. */
  | { type: 'turn recorded'; turnId: string; outcome: TurnOutcome; milliseconds: number }
  /** The turn whose call it was does not want its answer any more. */
  | { type: 'turn withdrawn'; turnId: string; isRunning: boolean }
  | { type: 'session closed'; interrupt: boolean }
  | { type: 'session ended'; state: SessionState };

/** The line for an event. Pure. */
export function sessionLogLine(event: SessionEvent): LogLine {
  const line = lineOf(event);
  switch (event.type) {
    case 'session began':
      return line({});
    case 'message received': {
      const { receipt, waiting } = event;
      return line({ ...defined({ ...receipt }), waiting });
    }
    case 'turn recorded': {
      const { turnId, outcome, milliseconds } = event;
      const stopReason = outcome.type === 'ended' ? outcome.result.stopReason : outcome.type;
      // A turn that is lost writes no line of its own.
      const level = outcome.type === 'lost' ? 'warn' : 'debug';
      return line({ turnId, stopReason, milliseconds }, level);
    }
    case 'turn withdrawn':
      return line({ turnId: event.turnId, isRunning: event.isRunning });
    case 'session closed':
      return line({ interrupt: event.interrupt });
    case 'session ended': {
      const { turns, usage, spent } = event.state;
      return line({
        turns,
        inputTokens: inputTokens(usage),
        outputTokens: usage.output_tokens,
        ...defined({ costUSD: spent.costUSD }),
      });
    }
  }
}
