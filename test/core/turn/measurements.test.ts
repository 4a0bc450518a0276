import { expect, test } from 'vitest';
import { AGENT_NOT_REGISTERED, MODEL_CALL_FAILED } from '../../../core/failures.ts';
import { METRICS } from '../../../core/metrics.ts';
import type { TurnEvent } from '../../../core/turn/events.ts';
import type { MeasuredTurn } from '../../../core/turn/measurements.ts';
import { measurementsOf } from '../../../core/turn/measurements.ts';
import { beginTurn } from '../../../core/turn/state.ts';
import { call, replyWith } from '../arbitraries.ts';
import { pinned } from './decide-fixture.ts';

const policy = {
  repeatable: true,
  startToCloseTimeout: 1_000,
  heartbeatTimeout: 1_000,
  retry: {
    maximumAttempts: 3,
    initialInterval: 1,
    maximumInterval: 1,
    backoffCoefficient: 1,
    nonRetryableErrorTypes: [],
  },
};
const turn: MeasuredTurn = {
  agent: 'support',
  pinned: pinned('payload', {}, { policies: [['pay', policy]] }),
};
const unpinned: MeasuredTurn = { agent: 'suport', pinned: undefined };

const model = 'claude-opus-5-5';
const usage = {
  input_tokens: 10,
  output_tokens: 3,
  cache_creation_input_tokens: 20,
  cache_read_input_tokens: 70,
};
const pay = call('toolu_1', 'pay', { to: 'secret' });
const twoCalls = [pay, call('toolu_2', 'invented')];
const asking = replyWith({ model, content: twoCalls, stopReason: 'tool_use', usage });
const approval = { decision: 'denied', by: 'secret', at: '2026-11-29T12:00:00.000Z' } as const;
const settled = { outcome: { type: 'failed' }, attempts: 3, start: 1_000, end: 3_500 } as const;
const state = { ...beginTurn([{ role: 'user', content: 'secret' }]), rounds: 4 };

/** As people write them: `plait_turn_rounds{agent="support"} 4`. */
type Line = string;

const tokens = (input: number, write: number, read: number, output: number): Line[] => [
  `plait_model_tokens{agent="support",model="claude-opus-5-5",type="input"} ${input}`,
  `plait_model_tokens{agent="support",model="claude-opus-5-5",type="cache_write"} ${write}`,
  `plait_model_tokens{agent="support",model="claude-opus-5-5",type="cache_read"} ${read}`,
  `plait_model_tokens{agent="support",model="claude-opus-5-5",type="output"} ${output}`,
];

test.for<[event: TurnEvent, lines: Line[], of?: MeasuredTurn]>([
  [{ type: 'turn began' }, []],
  [{ type: 'approval requested', round: 1, call: pay }, []],
  [
    { type: 'model replied', round: 1, reply: asking, milliseconds: 1_250, costUSD: 0.5 },
    [
      'plait_model_call_duration_seconds{agent="support",model="claude-opus-5-5",stop_reason="tool_use"} 1.25',
      ...tokens(10, 20, 70, 3),
      'plait_reply_cost_usd{agent="support",model="claude-opus-5-5"} 0.5',
      'plait_batch_calls{agent="support"} 2',
    ],
  ],
  // No prices, no calls, and a stop reason that a newer API has.
  [
    {
      type: 'model replied',
      round: 1,
      reply: replyWith({ model, stopReason: 'a_new_one' }),
      milliseconds: 0,
    },
    [
      'plait_model_call_duration_seconds{agent="support",model="claude-opus-5-5",stop_reason="unknown"} 0',
      ...tokens(10, 0, 0, 5),
    ],
  ],
  // Nothing of a refusal runs.
  [
    {
      type: 'model replied',
      round: 1,
      reply: { ...asking, stopReason: 'refusal' },
      milliseconds: 0,
    },
    [
      'plait_model_call_duration_seconds{agent="support",model="claude-opus-5-5",stop_reason="refusal"} 0',
      ...tokens(10, 20, 70, 3),
    ],
  ],
  [
    { type: 'approval decided', round: 1, call: pay, approval, milliseconds: 60_000 },
    ['plait_approval_wait_seconds{agent="support",decision="denied",tool="pay"} 60'],
  ],
  [
    { type: 'call ended', round: 1, call: pay, settled },
    [
      'plait_call_duration_seconds{agent="support",outcome="failed",tool="pay"} 2.5',
      'plait_call_attempts{agent="support",tool="pay"} 3',
    ],
  ],
  // A tool that the model has made up; and clocks that differ.
  [
    {
      type: 'call ended',
      round: 1,
      call: { id: 'toolu_2', name: 'invented' },
      settled: { ...settled, attempts: 0, end: 900 },
    },
    [
      'plait_call_duration_seconds{agent="support",outcome="failed",tool="unknown"} 0',
      'plait_call_attempts{agent="support",tool="unknown"} 0',
    ],
  ],
  [
    { type: 'turn ended', state, reason: 'end_turn', milliseconds: 9_000 },
    [
      'plait_turn_duration_seconds{agent="support",stop_reason="end_turn"} 9',
      'plait_turn_rounds{agent="support"} 4',
    ],
  ],
  [
    { type: 'turn failed', state, failure: MODEL_CALL_FAILED, milliseconds: 9_000 },
    [
      'plait_turn_duration_seconds{agent="support",stop_reason="failed"} 9',
      'plait_turn_rounds{agent="support"} 4',
    ],
  ],
  // The model could not be asked for the first time: the worker has the agent.
  [
    { type: 'turn failed', state, failure: MODEL_CALL_FAILED, milliseconds: 0 },
    [
      'plait_turn_duration_seconds{agent="suport",stop_reason="failed"} 0',
      'plait_turn_rounds{agent="suport"} 4',
    ],
    unpinned,
  ],
  [
    { type: 'turn ended', state, reason: 'max_wall_time', milliseconds: 0 },
    [
      'plait_turn_duration_seconds{agent="suport",stop_reason="max_wall_time"} 0',
      'plait_turn_rounds{agent="suport"} 4',
    ],
    unpinned,
  ],
  // No worker has it, or it may be so.
  [
    { type: 'turn failed', state, failure: AGENT_NOT_REGISTERED, milliseconds: 0 },
    [
      'plait_turn_duration_seconds{agent="unknown",stop_reason="failed"} 0',
      'plait_turn_rounds{agent="unknown"} 4',
    ],
    unpinned,
  ],
  [
    { type: 'turn ended', state, reason: 'cancelled', milliseconds: 0 },
    [
      'plait_turn_duration_seconds{agent="unknown",stop_reason="cancelled"} 0',
      'plait_turn_rounds{agent="unknown"} 4',
    ],
    unpinned,
  ],
])(
  'the metrics for %j are these, and hold nothing that anybody has written',
  ([event, lines, of = turn]) => {
    const measurements = measurementsOf(event, of);
    expect(
      measurements.map(({ metric, value, labels }) => {
        const sorted = Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1));
        const text = sorted.map(([name, label]) => `${name}="${label}"`).join(',');
        return `${metric}{${text}} ${value}`;
      }),
    ).toEqual(lines);
    for (const { metric, labels } of measurements) {
      expect(Object.keys(labels).toSorted()).toEqual([...METRICS[metric].labels].toSorted());
    }
    expect(JSON.stringify(measurements)).not.toMatch(/secret|toolu_/);
  },
);
