import { describe, expect, test } from 'vitest';
import type { CallRecord } from '../../../core/calls/record.ts';
import type { RefusalAnswer, ReplyAnswer } from '../../../core/conversation/model-call.ts';
import { endsWithoutBatch, modelReplied } from '../../../core/turn/events.ts';
import { beginTurn } from '../../../core/turn/state.ts';
import { replyWith } from '../arbitraries.ts';
import { pinned } from './decide-fixture.ts';

const usage = {
  input_tokens: 1_000_000,
  output_tokens: 0,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
};
const reply = replyWith({ usage });
const before = { ...beginTurn([{ role: 'user', content: 'Hello' }]), rounds: 2 };
const onFallback = { ...before, fallback: { model: 'small', because: 'overloaded' as const } };
const agent = pinned(
  'payload',
  {},
  {
    prices: { input: 4, output: 20 },
    fallbackPrices: [
      ['small', { input: 1, output: 5 }],
      ['tiny', { input: 0.5, output: 1 }],
    ],
  },
);

const answer: ReplyAnswer = { type: 'reply', reply, prepared: [] };
const byTiny: ReplyAnswer = { ...answer, fallback: { model: 'tiny', because: 'overloaded' } };
const refusal: RefusalAnswer = {
  type: 'refusal',
  refused: reply,
  by: 'claude-opus-5-5',
  fallback: { model: 'small', because: 'refusal' },
};

describe('a reply has the price of the model that gave it:', () => {
  test.each([
    ["the agent's own", before, answer, 4],
    ['the fallback that the turn has gone on to', onFallback, answer, 1],
    ['a fallback, since its own was overloaded', onFallback, byTiny, 0.5],
    ['the model that declined', onFallback, refusal, 4],
    ['a fallback that declined', onFallback, { ...refusal, by: 'small' }, 1],
  ])('%s', (_, turn, given, costUSD) => {
    expect(modelReplied(turn, given, agent, 250)).toEqual({
      type: 'model replied',
      round: 3,
      reply,
      milliseconds: 250,
      costUSD,
    });
  });

  test('and none if the agent has no prices', () => {
    expect(modelReplied(before, answer, pinned('payload'), 250)).not.toHaveProperty('costUSD');
  });
});

describe('calls that were answered without a batch', () => {
  const record: CallRecord = {
    id: 'toolu_1',
    name: 'pay',
    input: {},
    outcome: 'skipped',
    message: 'Not executed.',
    round: 2,
    attempts: 0,
    start: '2026-11-29T12:00:00.000Z',
    end: '2026-11-29T12:00:00.000Z',
  };

  test('have ended as their records say', () => {
    const at = Date.parse(record.start);
    expect(endsWithoutBatch([record], new Set())).toEqual([
      {
        type: 'call ended',
        round: 2,
        call: record,
        settled: { outcome: { type: 'skipped' }, attempts: 0, start: at, end: at },
      },
    ]);
  });

  test('are left out if their end was reported, or if they go on in the background', () => {
    const inBackground: CallRecord = { ...record, id: 'toolu_2', outcome: 'succeeded', late: true };
    expect(endsWithoutBatch([record, inBackground], new Set(['toolu_1']))).toEqual([]);
  });
});
