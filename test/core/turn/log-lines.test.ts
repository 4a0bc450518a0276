import { expect, test } from 'vitest';
import type { SettledCall } from '../../../core/calls/outcome.ts';
import type { TurnEvent } from '../../../core/turn/events.ts';
import { logLine } from '../../../core/turn/log-lines.ts';
import { beginTurn } from '../../../core/turn/state.ts';
import { call, replyWith } from '../arbitraries.ts';

const pay = call('toolu_1', 'pay', { to: 'secret' });
const settled: SettledCall = {
  outcome: { type: 'succeeded', content: 'secret' },
  attempts: 2,
  start: 1_000,
  end: 1_250,
};
const unknown: SettledCall = { ...settled, outcome: { type: 'unknown', message: 'secret' } };
const usage = {
  input_tokens: 10,
  output_tokens: 3,
  cache_creation_input_tokens: 20,
  cache_read_input_tokens: 70,
};
const reply = replyWith({
  model: 'claude-opus-5-5',
  content: [{ type: 'text', text: 'secret', citations: null }],
  stopReason: 'tool_use',
  usage,
  requestId: 'req_1',
});
const approval = {
  decision: 'denied',
  by: 'secret',
  reason: 'secret',
  at: '2026-11-29T12:00:00.000Z',
} as const;
const begun = beginTurn([{ role: 'user', content: 'secret' }]);
const state = { ...begun, rounds: 2, usage, text: 'secret' };
const about = { round: 1, callId: 'toolu_1', tool: 'pay' };
const spent = { rounds: 2, calls: 0, inputTokens: 100, outputTokens: 3 };

test.for<[event: TurnEvent, message: string, fields: Record<string, unknown>, level?: string]>([
  [{ type: 'turn began' }, 'Turn began', { event: 'plait.turn.began' }],
  [
    { type: 'model replied', round: 1, reply, milliseconds: 9 },
    'Model replied',
    {
      event: 'plait.model.replied',
      round: 1,
      model: 'claude-opus-5-5',
      stopReason: 'tool_use',
      inputTokens: 100,
      cacheReadTokens: 70,
      outputTokens: 3,
      requestId: 'req_1',
    },
  ],
  [
    { type: 'approval requested', round: 1, call: pay },
    'Approval requested',
    { event: 'plait.approval.requested', ...about },
  ],
  [
    { type: 'approval decided', round: 1, call: pay, approval, milliseconds: 9 },
    'Approval decided',
    { event: 'plait.approval.decided', ...about, decision: 'denied' },
  ],
  [
    { type: 'call ended', round: 1, call: pay, settled },
    'Call ended',
    { event: 'plait.call.ended', ...about, outcome: 'succeeded', attempts: 2, milliseconds: 250 },
  ],
  [
    { type: 'call ended', round: 1, call: pay, settled: unknown },
    'Call ended',
    { event: 'plait.call.ended', ...about, outcome: 'unknown', attempts: 2, milliseconds: 250 },
    'warn',
  ],
  [
    { type: 'turn ended', state: { ...state, costUSD: 0.5 }, reason: 'end_turn', milliseconds: 9 },
    'Turn ended',
    {
      event: 'plait.turn.ended',
      stopReason: 'end_turn',
      ...spent,
      costUSD: 0.5,
      milliseconds: 9,
    },
  ],
  [
    { type: 'turn failed', state, failure: 'plait.ModelCallFailed', milliseconds: 9 },
    'Turn failed',
    { event: 'plait.turn.failed', failure: 'plait.ModelCallFailed', ...spent, milliseconds: 9 },
  ],
])(
  'the line for %j says what happened, and nothing that anybody has written',
  ([event, message, fields, level = 'debug']) => {
    const line = logLine(event);
    expect(line).toEqual({ level, message, fields });
    expect(JSON.stringify(line)).not.toContain('secret');
  },
);

test('a reply without a request id has none in its line', () => {
  const anonymous = { ...reply, requestId: null };
  const line = logLine({ type: 'model replied', round: 1, reply: anonymous, milliseconds: 9 });
  expect(line.fields).not.toHaveProperty('requestId');
});
