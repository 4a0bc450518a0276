import { describe, expect, test } from 'vitest';
import { nextStep } from '../../core/turn-state.ts';
import { replyWith } from './arbitraries.ts';

const stop = (reason: string, details?: unknown) => ({
  type: 'stop',
  reason,
  ...(details === undefined ? {} : { details }),
});

describe('after a reply', () => {
  const outOfRounds = stop('max_rounds', 'The limit of 3 rounds is reached.');
  test.for([
    ['tool_use: its tools run', { stopReason: 'tool_use' }, 1, { type: 'run tools' }],
    ['tool_use in the last round: the turn stops', { stopReason: 'tool_use' }, 3, outOfRounds],
    [
      'pause_turn: the model is asked again',
      { stopReason: 'pause_turn' },
      2,
      { type: 'ask again' },
    ],
    ['pause_turn in the last round: the turn stops', { stopReason: 'pause_turn' }, 3, outOfRounds],
    [
      'compaction: the model is asked again',
      { stopReason: 'compaction' },
      2,
      { type: 'ask again' },
    ],
    ['compaction in the last round: the turn stops', { stopReason: 'compaction' }, 3, outOfRounds],
    ['end_turn: the turn stops', { stopReason: 'end_turn' }, 1, stop('end_turn')],
    [
      'end_turn in the last round: it is the reason',
      { stopReason: 'end_turn' },
      3,
      stop('end_turn'),
    ],
    ['max_tokens: the turn stops', { stopReason: 'max_tokens' }, 1, stop('max_tokens')],
    [
      'model_context_window_exceeded: the turn stops',
      { stopReason: 'model_context_window_exceeded' },
      1,
      stop('model_context_window_exceeded'),
    ],
    [
      'stop_sequence: the turn stops and names it',
      { stopReason: 'stop_sequence', stopSequence: 'END' },
      1,
      stop('stop_sequence', 'END'),
    ],
    [
      'refusal: the turn stops and says why',
      { stopReason: 'refusal', stopDetails: { category: 'cyber' } },
      1,
      stop('refusal', { category: 'cyber' }),
    ],
    [
      'a reason of the future: the turn stops and names it',
      { stopReason: 'tired' },
      1,
      stop('unknown', 'tired'),
    ],
  ] as const)('that stopped with %s', ([, parts, rounds, expected]) => {
    expect(nextStep(replyWith(parts), rounds, 3)).toEqual(expected);
  });
});
