import { describe, expect, test } from 'vitest';
import { jsonBytes } from '../../../core/json.ts';
import type { Message } from '../../../core/conversation/messages.ts';
import type { SettledCall, ToolOutcome } from '../../../core/calls/outcome.ts';
import { INLINE_BYTES } from '../../../core/conversation/transcript.ts';
import type { TurnState } from '../../../core/turn/state.ts';
import {
  addSteering,
  answerLostCalls,
  beginTurn,
  commitSteering,
  commitCost,
  commitFallback,
  commitOutput,
  commitRepair,
  commitRefusal,
  commitReply,
  commitResults,
  inlineBytes,
  lastOutcomes,
  withoutUnread,
} from '../../../core/turn/state.ts';
import { spentOf } from '../../../core/turn/budget.ts';
import type { Room } from '../../../core/turn/payload-room.ts';
import { hasOutgrown } from '../../../core/turn/payload-room.ts';
import { turnProgress, turnResult } from '../../../core/turn/result.ts';
import { timingOf } from '../../../core/turn/timing.ts';
import { addUsage, NO_USAGE } from '../../../core/turn/usage.ts';
import { call, replyWith } from '../arbitraries.ts';

const HELLO: Message[] = [{ role: 'user', content: 'Hello' }];
const PAYLOAD: Room = { type: 'payload' };
const STORAGE: Room = { type: 'storage' };
const calls = [call('toolu_1', 'get_orders', { customer_id: 7 }), call('toolu_2', 'pay')];
const asking = replyWith({ content: calls, stopReason: 'tool_use' });

function settled(outcome: ToolOutcome, attempts = 1): SettledCall {
  return { outcome, attempts, start: Date.UTC(2026, 10, 22), end: Date.UTC(2026, 10, 22, 0, 0, 1) };
}
const succeeded = (content: string) => settled({ type: 'succeeded', content });

describe('a reply that is committed', () => {
  test('is at the end of the conversation, block for block', () => {
    const content = [
      { type: 'thinking' as const, thinking: '', signature: 'sig' },
      { type: 'redacted_thinking' as const, data: 'secret' },
      { type: 'text' as const, text: 'I look.', citations: null },
      call('toolu_1'),
    ];

    const { transcript } = commitReply(beginTurn(HELLO), replyWith({ content }));

    expect(transcript.tail).toEqual([...HELLO, { role: 'assistant', content }]);
  });

  test('counts as a round and leaves its text and its usage', () => {
    const first = commitReply(beginTurn(HELLO), replyWith());
    const second = commitReply(first, replyWith({ content: [], stopReason: 'end_turn' }));

    expect(first).toMatchObject({ rounds: 1, text: 'Hello' });
    expect(second).toMatchObject({
      rounds: 2,
      text: '',
      usage: { input_tokens: 20, output_tokens: 10 },
    });
  });

  test('comes after the segments into which its activity sealed the tail', () => {
    const segments = [{ claim: { key: 'k' }, digest: 'd', messages: 1, bytes: 9 }];

    const { transcript } = commitReply(beginTurn(HELLO), replyWith(), { segments });

    expect(transcript.segments).toBe(segments);
    expect(transcript.tail).toEqual([{ role: 'assistant', content: replyWith().content }]);
    expect(transcript.tailBytes).toBe(jsonBytes(transcript.tail[0]));
  });

  test('leaves nothing but its usage if the model refused', () => {
    const refused = replyWith({
      content: [...replyWith().content, ...calls],
      stopReason: 'refusal',
    });

    const state = commitReply(commitReply(beginTurn(HELLO), replyWith()), refused);

    expect(state.transcript.tail).toHaveLength(2);
    expect(state).toMatchObject({ rounds: 2, text: '', usage: { input_tokens: 20 } });
  });

  test('leaves no message if it has no content', () => {
    const state = commitReply(beginTurn(HELLO), replyWith({ content: [] }));

    expect(state.transcript.tail).toEqual(HELLO);
  });

  test('keeps the segments even if it is discarded', () => {
    const segments = [{ claim: {}, digest: 'd', messages: 1, bytes: 9 }];

    const state = commitReply(beginTurn(HELLO), replyWith({ stopReason: 'refusal' }), { segments });

    expect(state.transcript).toMatchObject({ segments, tail: [], tailBytes: 0 });
  });
});

/** A round with one call whose result is large. */
const callForMuch = (state: TurnState, i: number) =>
  commitResults(
    PAYLOAD,
    commitReply(state, replyWith({ content: [call(`toolu_${i}`)], stopReason: 'tool_use' })),
    [call(`toolu_${i}`)],
    [succeeded('x'.repeat(600_000))],
  );

describe('results that are committed', () => {
  const outcomes = [
    succeeded('2 orders'),
    settled({ type: 'unknown', message: 'The worker was lost.' }, 2),
  ];

  test('answer the calls in one message and are recorded', () => {
    const state = commitResults(PAYLOAD, commitReply(beginTurn(HELLO), asking), calls, outcomes);

    expect(state.transcript.tail.at(-1)).toEqual({
      role: 'user',
      content: [
        { type: 'tool_result', tool_use_id: 'toolu_1', content: '2 orders' },
        {
          type: 'tool_result',
          tool_use_id: 'toolu_2',
          content: 'The worker was lost.',
          is_error: true,
        },
      ],
    });
    const times = { start: '2026-11-22T00:00:00.000Z', end: '2026-11-22T00:00:01.000Z' };
    expect(state.calls).toEqual([
      {
        id: 'toolu_1',
        name: 'get_orders',
        input: { customer_id: 7 },
        outcome: 'succeeded',
        round: 1,
        attempts: 1,
        ...times,
      },
      {
        id: 'toolu_2',
        name: 'pay',
        input: {},
        outcome: 'unknown',
        message: 'The worker was lost.',
        round: 1,
        attempts: 2,
        ...times,
      },
    ]);
    expect(state.callBytes).toBe(jsonBytes(state.calls));
    expect(lastOutcomes(state)).toEqual({ toolu_2: 'unknown' });
    expect(lastOutcomes(commitReply(state, replyWith()))).toBeUndefined();
  });

  test('change nothing if nothing was called', () => {
    const state = commitReply(beginTurn(HELLO), replyWith());

    expect(commitResults(PAYLOAD, state, [], [])).toBe(state);
  });

  test('are given up if earlier ones fill the room, and otherwise not', () => {
    const state = [1, 2, 3].reduce(callForMuch, beginTurn(HELLO));

    expect(state.calls.map(({ outcome }) => outcome)).toEqual(['succeeded', 'succeeded', 'failed']);
    // Each round adds a list of its own, so a few brackets and commas may differ.
    expect(Math.abs(state.callBytes - jsonBytes(state.calls))).toBeLessThan(10);
  });

  test('are never committed for some of the calls', () => {
    const state = commitReply(beginTurn(HELLO), asking);

    expect(() => commitResults(STORAGE, state, calls, [succeeded('done')])).toThrow();
  });

  test('are kept, whatever their size, if there is a storage', () => {
    const large = [succeeded('x'.repeat(INLINE_BYTES)), succeeded('y'.repeat(INLINE_BYTES))];

    const state = commitResults(STORAGE, commitReply(beginTurn(HELLO), asking), calls, large);

    expect(state.calls.map(({ outcome }) => outcome)).toEqual(['succeeded', 'succeeded']);
    expect(hasOutgrown(STORAGE, inlineBytes(state))).toBe(false);
  });

  test('give up the largest ones if they do not fit without a storage', () => {
    const large = [succeeded('x'.repeat(600_000)), succeeded('y'.repeat(1_000_000))];

    const state = commitResults(PAYLOAD, commitReply(beginTurn(HELLO), asking), calls, large);

    expect(state.calls.map(({ outcome }) => outcome)).toEqual(['succeeded', 'failed']);
    expect(state.calls[1]?.message).toContain('does not fit into this conversation');
    expect(hasOutgrown(PAYLOAD, inlineBytes(state))).toBe(false);
  });
});

test("a person's decision about a call is in its record", () => {
  const approval = { decision: 'approved', by: 'kim', at: '2026-11-22T00:00:00.000Z' } as const;
  const decided = [succeeded('2 orders'), { ...succeeded('paid'), approval }];

  const state = commitResults(PAYLOAD, commitReply(beginTurn(HELLO), asking), calls, decided);

  expect(state.calls[0]).not.toHaveProperty('approval');
  expect(state.calls[1]).toMatchObject({ approval });
});

describe('a conversation without a storage', () => {
  test('has outgrown one payload when messages and records together are above the limit', () => {
    const state = beginTurn([{ role: 'user', content: 'x'.repeat(INLINE_BYTES - 1_000) }]);

    expect(hasOutgrown(PAYLOAD, inlineBytes(state))).toBe(false);
    expect(hasOutgrown(PAYLOAD, inlineBytes({ ...state, callBytes: 2_000 }))).toBe(true);
    expect(hasOutgrown(STORAGE, inlineBytes({ ...state, callBytes: 2_000 }))).toBe(false);
  });
});

describe('what a turn reports', () => {
  const state = commitReply(beginTurn(HELLO), replyWith());
  const messages = state.transcript.tail;
  const timing = timingOf(undefined, 250);
  const progress = { agent: 'support', text: 'Hello', messages, rounds: 1, timing, calls: [] };

  test('is its progress while it has not ended', () => {
    expect(turnProgress('support', state, messages, 250)).toEqual({
      ...progress,
      usage: addUsage(NO_USAGE, replyWith().usage),
    });
  });

  test('is its result with the stop reason and what belongs to it', () => {
    const stop = { type: 'stop', reason: 'stop_sequence', details: 'END' } as const;

    expect(turnResult('support', state, messages, stop, 250)).toEqual({
      ...progress,
      stopReason: 'stop_sequence',
      stopDetails: 'END',
      usage: addUsage(NO_USAGE, replyWith().usage),
    });
  });

  test.for([undefined, null])('has no details if they are %s', (details) => {
    const stop = { type: 'stop', reason: 'end_turn', details } as const;
    const result = turnResult('support', state, messages, stop, 250);

    expect(result).not.toHaveProperty('stopDetails');
  });
});

describe('a turn that fails', () => {
  test('answers its open calls as unknown', () => {
    const failed = answerLostCalls(commitReply(beginTurn(HELLO), asking), 0);

    expect(failed.calls.map(({ outcome }) => outcome)).toEqual(['unknown', 'unknown']);
    expect(failed.transcript.tail.at(-1)).toMatchObject({
      role: 'user',
      content: calls.map(({ id }) => ({ type: 'tool_result', tool_use_id: id, is_error: true })),
    });
  });

  test('does not change if no call is open', () => {
    const begun = beginTurn(HELLO);
    expect(answerLostCalls(begun, 0)).toEqual(begun);
    const answered = commitReply(begun, replyWith());
    expect(answerLostCalls(answered, 0)).toEqual(answered);
  });
});

const said = (role: 'system' | 'user', content: string) => ({ role, content }) as const;
const begun = () => beginTurn([{ role: 'user', content: 'go' }]);
const BE_QUICK = { turnId: 's.turn-2', input: 'be quick' };
const steered = (state: TurnState) =>
  commitSteering(addSteering(state, BE_QUICK), 'after results', 'system');

describe('a refusal after which another model is asked', () => {
  const refused = replyWith({ stopReason: 'refusal' });
  const state = commitRefusal(beginTurn(HELLO), refused);

  test('is not a round, and leaves nothing but its cost', () => {
    expect(state).toEqual({ ...beginTurn(HELLO), usage: addUsage(NO_USAGE, refused.usage) });
  });

  test('leaves the turn with the other model', () => {
    const fallback = { model: 'b', because: 'refusal' } as const;
    expect(commitFallback(state, undefined)).toBe(state);
    expect(turnProgress('support', commitFallback(state, fallback), HELLO, 0)).toMatchObject({
      fallback,
      rounds: 0,
    });
  });
});

describe('messages that people send while the turn runs', () => {
  const empty = replyWith({ content: [] });

  test('are left out of what the turn hands on if no reply has followed them', () => {
    const state = steered(commitReply(begun(), replyWith()));
    expect(state).toMatchObject({ joined: ['s.turn-2'], unread: 1 });
    const left = withoutUnread(state);
    expect(left).toMatchObject({ joined: [], unread: 0 });
    expect(left.transcript.tail).toHaveLength(2);
    expect(left.transcript).toEqual(commitReply(begun(), replyWith()).transcript);
    const read = commitReply(state, replyWith());
    expect(withoutUnread(read)).toBe(read);
  });

  test('are the user’s if the model has nothing to say to them', () => {
    const state = commitReply(steered(begun()), empty);
    expect(state.transcript.tail).toEqual([
      said('user', 'go'),
      said('user', 'While you were working, the user has sent this message:\n\nbe quick'),
    ]);
    expect(state.unread).toBe(0);
    const { tailBytes } = steered(begun()).transcript;
    expect(state.transcript.tailBytes).toBe(tailBytes - 'system'.length + 'user'.length);
  });
});

describe('an answer', () => {
  const answer = replyWith({ content: [{ type: 'text', text: '{"stars":3}', citations: null }] });
  const replied = commitReply(beginTurn(HELLO), answer);

  test('that matches its schema is kept until the next reply', () => {
    const kept = commitOutput(replied, { type: 'valid' });

    expect(turnProgress('support', kept, HELLO, 0).output).toEqual({ stars: 3 });
    expect(commitOutput(kept, undefined)).not.toHaveProperty('output');
    expect(commitOutput(kept, { type: 'invalid', problem: 'no' })).not.toHaveProperty('output');
  });

  test('is asked for again in a user message', () => {
    const asked = commitRepair(commitRepair(replied, 'first'), 'stars: missing');

    expect(asked.repairs).toBe(2);
    expect(asked.transcript.tail.at(-1)).toMatchObject({
      role: 'user',
      content: expect.stringContaining('stars: missing') as string,
    });
  });

  test('is asked for again after the question, if the reply has no word that can go back', () => {
    const thought = { type: 'thinking' as const, thinking: '', signature: 's' };
    for (const content of [[], [thought]]) {
      const silent = commitReply(beginTurn(HELLO), replyWith({ content }));
      const { tail, tailBytes } = commitRepair(silent, 'It is empty.').transcript;
      expect(tail.map(({ role }) => role)).toEqual(['user', 'user']);
      expect(tailBytes).toBe(tail.reduce((sum, message) => sum + jsonBytes(message), 0));
    }
  });

  test('has a price if the agent has prices', () => {
    const priced = commitCost(replied, answer, { input: 4, output: 20 });

    expect(turnProgress('support', priced, HELLO, 0).costUSD).toBe(0.00014);
    expect(commitCost(replied, answer, undefined).costUSD).toBeUndefined();
    const again = commitCost(priced, answer, { input: 8, output: 40 });
    expect(again.costUSD).toBe(0.00042);
  });

  test('counts for the model that gave it', () => {
    const { usage, model } = answer;
    const other = { ...answer, model: 'claude-fable-5-1' };
    const once = commitCost(replied, answer, { input: 4, output: 20 });
    const { models } = commitCost(commitCost(once, other, undefined), answer, undefined);

    expect(models).toEqual([
      { model, replies: 2, usage: addUsage(usage, usage), costUSD: 0.00014 },
      { model: 'claude-fable-5-1', replies: 1, usage },
    ]);
    expect(turnProgress('support', once, HELLO, 0).models).toHaveLength(1);
  });
});

test('what sub-agents have used up is spent by the turn', () => {
  const turn = {
    turnId: 'turn-1.toolu_1',
    agent: 'scout',
    stopReason: 'end_turn',
    rounds: 2,
    toolCalls: 3,
    usage: { ...NO_USAGE, input_tokens: 100, output_tokens: 7 },
  } as const;
  const before = commitReply(beginTurn(HELLO), asking);
  const first = { ...succeeded('seen'), subAgent: turn };
  const without = commitResults(STORAGE, before, calls, [first, succeeded('paid')]);
  const priced = commitResults(STORAGE, { ...before, costUSD: 0.1 }, calls, [
    { ...first, subAgent: { ...turn, costUSD: 0.2 } },
    { ...succeeded('paid'), subAgent: { ...turn, costUSD: 0.3 } },
  ]);
  const model = { model: 'small', replies: 2, usage: turn.usage, costUSD: 0.1 };
  const byModel = commitResults(STORAGE, { ...before, models: [] }, calls, [
    { ...first, subAgent: { ...turn, models: [model] } },
    { ...succeeded('paid'), subAgent: { ...turn, models: [model, { ...model, model: 'large' }] } },
  ]);

  expect(without.usage).toEqual(addUsage(before.usage, turn.usage));
  expect(without.costUSD).toBeUndefined();
  expect(without.calls[0]?.subAgent).toEqual(turn);
  expect(spentOf(without, 0)).toMatchObject({ toolCalls: 5, rounds: 1 });
  expect(priced.costUSD).toBe(0.6);
  const twice = { ...model, replies: 4, usage: addUsage(turn.usage, turn.usage), costUSD: 0.2 };
  expect(byModel.models).toEqual([twice, { ...model, model: 'large' }]);
});
