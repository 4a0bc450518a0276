import { describe, expect, test } from 'vitest';
import { nextStep } from '../../../core/turn/state.ts';
import { replyWith } from '../arbitraries.ts';

const stop = (reason: string, details?: unknown) => ({
  type: 'stop',
  reason,
  ...(details === undefined ? {} : { details }),
});

describe('after a reply', () => {
  test.for([
    ['tool_use: its tools run', { stopReason: 'tool_use' }, { type: 'run tools' }],
    ['pause_turn: the model is asked again', { stopReason: 'pause_turn' }, { type: 'ask again' }],
    ['compaction: the model is asked again', { stopReason: 'compaction' }, { type: 'ask again' }],
    ['end_turn: the turn stops', { stopReason: 'end_turn' }, stop('end_turn')],
    ['max_tokens: the turn stops', { stopReason: 'max_tokens' }, stop('max_tokens')],
    [
      'model_context_window_exceeded: the turn stops',
      { stopReason: 'model_context_window_exceeded' },
      stop('model_context_window_exceeded'),
    ],
    [
      'stop_sequence: the turn stops and names it',
      { stopReason: 'stop_sequence', stopSequence: 'END' },
      stop('stop_sequence', 'END'),
    ],
    [
      'refusal: the turn stops and says why',
      { stopReason: 'refusal', stopDetails: { category: 'cyber' } },
      stop('refusal', { category: 'cyber' }),
    ],
    [
      'a reason of the future: the turn stops and names it',
      { stopReason: 'tired' },
      stop('unknown', 'tired'),
    ],
  ] as const)('that stopped with %s', ([, parts, expected]) => {
    expect(nextStep(replyWith(parts))).toEqual(expected);
  });
});
