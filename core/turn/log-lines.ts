import type { ToolUse } from '../conversation/messages.ts';
import { defined } from '../json.ts';
import type { TurnEvent } from './events.ts';
import type { TurnState } from './state.ts';
import { inputTokens } from './usage.ts';

// What a worker's log says of a turn: one line for each event, with searchable fields. It contains nothing
// that people, the model or tools have written. Level DEBUG, because the SDK's default logger would print a
// dozen rows for each line.

export interface LogLine {
  level: 'debug' | 'warn';
  /** For people. */
  message: string;
  /** For machines. `event` is a stable name. */
  fields: Record<string, string | number | boolean>;
}

/** Makes the lines for an event, whose name and message are its type. */
export function lineOf({
  type,
}: {
  type: string;
}): (fields: LogLine['fields'], level?: LogLine['level']) => LogLine {
  return (fields, level = 'debug') => ({
    level,
    message: `${type.charAt(0).toUpperCase()}${type.slice(1)}`,
    fields: { event: `plait.${type.replace(' ', '.')}`, ...fields },
  });
}

/** The line for an event. Pure. */
export function logLine(event: TurnEvent): LogLine {
  const line = lineOf(event);
  switch (event.type) {
    case 'turn began':
      return line({});
    case 'model replied': {
      const { round, reply } = event;
      const { model, stopReason, usage, requestId } = reply;
      return line({
        round,
        model,
        stopReason,
        inputTokens: inputTokens(usage),
        cacheReadTokens: usage.cache_read_input_tokens,
        outputTokens: usage.output_tokens,
        ...defined({ requestId: requestId ?? undefined }),
      });
    }
    case 'approval requested':
      return line(callFields(event));
    case 'approval decided':
      return line({ ...callFields(event), decision: event.approval.decision });
    case 'call ended': {
      const { outcome, attempts, start, end } = event.settled;
      const fields = { outcome: outcome.type, attempts, milliseconds: end - start };
      const level = outcome.type === 'unknown' ? 'warn' : 'debug';
      return line({ ...callFields(event), ...fields }, level);
    }
    case 'turn ended': {
      const { state, reason, milliseconds } = event;
      return line({ stopReason: reason, ...spentFields(state), milliseconds });
    }
    case 'turn failed': {
      const { state, failure, milliseconds } = event;
      // The SDK logs a warning with the error itself.
      return line({ failure, ...spentFields(state), milliseconds });
    }
  }
}

function callFields({
  round,
  call,
}: {
  round: number;
  call: Pick<ToolUse, 'id' | 'name'>;
}): LogLine['fields'] {
  return { round, callId: call.id, tool: call.name };
}

function spentFields({ rounds, calls, usage, costUSD }: TurnState): LogLine['fields'] {
  return {
    rounds,
    calls: calls.length,
    inputTokens: inputTokens(usage),
    outputTokens: usage.output_tokens,
    ...defined({ costUSD }),
  };
}
