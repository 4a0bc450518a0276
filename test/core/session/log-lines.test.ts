import { expect, test } from 'vitest';
import type { SessionEvent } from '../../../core/session/log-lines.ts';
import { sessionLogLine } from '../../../core/session/log-lines.ts';
import type { TurnOutcome } from '../../../core/session/memory.ts';
import type { SessionState } from '../../../core/session/protocol.ts';
import { NOTHING_SPENT } from '../../../core/turn/budget.ts';
import { NO_USAGE } from '../../../core/turn/usage.ts';

const state: SessionState = {
  agent: 'desk',
  status: 'closed',
  waitingTurns: [],
  turns: 2,
  messages: 4,
  usage: { ...NO_USAGE, input_tokens: 10, output_tokens: 3 },
  spent: NOTHING_SPENT,
};
const ended = { type: 'ended', result: { stopReason: 'end_turn', text: 'secret' } } as TurnOutcome;
const turn = { type: 'turn recorded', turnId: 's.turn-1', milliseconds: 9 } as const;
const recorded = { event: 'plait.turn.recorded', turnId: 's.turn-1', milliseconds: 9 };

test.for<[event: SessionEvent, fields: Record<string, unknown>, level?: string]>([
  [{ type: 'session began' }, { event: 'plait.session.began' }],
  [
    { type: 'message received', receipt: { turnId: 's.turn-1' }, waiting: 1 },
    { event: 'plait.message.received', turnId: 's.turn-1', waiting: 1 },
  ],
  [
    { type: 'message received', receipt: { turnId: 's.turn-2', joins: 's.turn-1' }, waiting: 0 },
    { event: 'plait.message.received', turnId: 's.turn-2', joins: 's.turn-1', waiting: 0 },
  ],
  [
    { ...turn, outcome: ended },
    { ...recorded, stopReason: 'end_turn' },
  ],
  [
    { ...turn, outcome: { type: 'lost', message: 'secret' } },
    { ...recorded, stopReason: 'lost' },
    'warn',
  ],
  [
    { type: 'turn withdrawn', turnId: 's.turn-1', isRunning: true },
    { event: 'plait.turn.withdrawn', turnId: 's.turn-1', isRunning: true },
  ],
  [
    { type: 'session closed', interrupt: true },
    { event: 'plait.session.closed', interrupt: true },
  ],
  [
    { type: 'session ended', state },
    { event: 'plait.session.ended', turns: 2, inputTokens: 10, outputTokens: 3 },
  ],
  [
    { type: 'session ended', state: { ...state, spent: { ...NOTHING_SPENT, costUSD: 0.5 } } },
    { event: 'plait.session.ended', turns: 2, inputTokens: 10, outputTokens: 3, costUSD: 0.5 },
  ],
])(
  'the line for %j says what happened, and nothing that anybody has written',
  ([event, fields, level]) => {
    const line = sessionLogLine(event);
    expect(line.level).toBe(level ?? 'debug');
    expect(line.fields).toEqual(fields);
    expect(line.message.toLowerCase()).toBe(event.type);
    expect(JSON.stringify(line)).not.toContain('secret');
  },
);
