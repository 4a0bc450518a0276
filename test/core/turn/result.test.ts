import { describe, expect, test } from 'vitest';
import type { PinnedAgent } from '../../../core/agent-spec.ts';
import { jsonBytes } from '../../../core/json.ts';
import type { Message } from '../../../core/conversation/messages.ts';
import {
  isSessionProgress,
  sessionTurnProgress,
  sessionTurnResult,
  subAgentTurnProgress,
  subAgentTurnResult,
  withoutConversation,
} from '../../../core/turn/result.ts';
import {
  addSteering,
  beginTurn,
  commitFallback,
  commitSteering,
  commitReply,
} from '../../../core/turn/state.ts';
import { replyWith } from '../arbitraries.ts';

const pinned = { name: 'tester' } as PinnedAgent;
const begun = beginTurn([{ role: 'user', content: 'go' }], {
  transcript: { segments: [], tail: [{ role: 'user', content: 'before' }], tailBytes: 1 },
  stored: [],
});
const answered = commitReply(begun, replyWith());

describe('a turn hands on to its session', () => {
  test('why it ended, and where its messages are', () => {
    const stop = { type: 'stop', reason: 'end_turn' } as const;
    const result = sessionTurnResult('tester', answered, pinned, stop, 250);
    expect(result.timing).toMatchObject({ wallTime: 250, shares: { temporal: 250 } });
    expect(result).toMatchObject({
      agent: 'tester',
      stopReason: 'end_turn',
      rounds: 1,
      end: { before: 1, agent: pinned, stored: [] },
    });
    expect(result.end.transcript.tail).toHaveLength(3);
    expect(result.end.transcript).not.toHaveProperty('sealedMessages');
    expect(isSessionProgress(result)).toBe(true);
  });

  test('the agent, unless the session has pinned it already', () => {
    expect(sessionTurnProgress('tester', answered, undefined, 0).end).not.toHaveProperty('agent');
  });

  test('a fallback permanently after a refusal, but after an overload only for itself', () => {
    const refused = commitFallback(answered, { model: 'b', because: 'refusal' });
    const handed = sessionTurnProgress('tester', refused, undefined, 0);
    expect(handed).toMatchObject({
      fallback: { model: 'b', because: 'refusal' },
      end: { fallback: { model: 'b', because: 'refusal' } },
    });
    const next = beginTurn([], handed.end);
    expect(next.fallback).toEqual({ model: 'b', because: 'refusal' });
    const overloaded = commitFallback(begun, { model: 'c', because: 'overloaded' });
    expect(sessionTurnProgress('tester', overloaded, undefined, 0).end).not.toHaveProperty(
      'fallback',
    );
  });

  test('the fallback of a refusal, even if that one was overloaded later', () => {
    const refused = commitFallback(answered, { model: 'b', because: 'refusal' });
    const overloaded = commitFallback(refused, { model: 'c', because: 'overloaded' });
    const again = commitFallback(overloaded, { model: 'd', because: 'overloaded' });
    expect(sessionTurnProgress('tester', again, undefined, 0)).toMatchObject({
      fallback: { model: 'd', because: 'overloaded' },
      end: { fallback: { model: 'b', because: 'refusal' } },
    });
    const refusedAgain = commitFallback(again, { model: 'e', because: 'refusal' });
    expect(sessionTurnProgress('tester', refusedAgain, undefined, 0).end.fallback).toEqual({
      model: 'e',
      because: 'refusal',
    });
  });

  test('the sandbox in which its code runs', () => {
    const container = { id: 'container_1', expires_at: '2026-11-22T12:00:00Z' };
    const next = beginTurn([], { ...begun, container });
    expect(sessionTurnProgress('tester', next, undefined, 0).end.container).toEqual(container);
    expect(sessionTurnProgress('tester', begun, undefined, 0).end).not.toHaveProperty('container');
  });

  test('a conversation in which a person may speak next', () => {
    const open: Message[] = [
      { role: 'user', content: 'go' },
      {
        role: 'assistant',
        content: [{ type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} }],
      },
    ];
    const { transcript } = sessionTurnProgress('tester', beginTurn(open), undefined, 0).end;
    expect(transcript).toMatchObject({ tail: open.slice(0, 1), tailBytes: jsonBytes(open[0]) });
  });

  test('without a message that the model has not read', () => {
    const noted = commitSteering(
      addSteering(answered, { turnId: 's.turn-2', input: 'be quick' }),
      'after results',
      'system',
    );
    const progress = sessionTurnProgress('tester', noted, undefined, 0);
    expect(progress.joined).toBeUndefined();
    expect(progress.end.transcript.tail).toHaveLength(3);
  });
});

test('a value of another shape is not the progress of a session', () => {
  for (const value of [undefined, 'end', {}, { end: 1 }, { end: {} }]) {
    expect(isSessionProgress(value)).toBe(false);
  }
});

const record = (input: unknown) => ({
  id: 'toolu_1',
  name: 'look',
  input,
  outcome: 'succeeded' as const,
  round: 1,
  attempts: 1,
  start: '',
  end: '',
});

describe('a turn hands on to the turn that has called it', () => {
  test('why it ended and what it has used, but not its messages', () => {
    const state = { ...answered, calls: [record({})] };
    const result = subAgentTurnResult('tester', state, { type: 'stop', reason: 'end_turn' }, 9);

    expect(result).toMatchObject({
      agent: 'tester',
      stopReason: 'end_turn',
      toolCalls: 1,
      rounds: 1,
    });
    expect(result.calls).toEqual([record({})]);
    expect(result).not.toHaveProperty('messages');
    expect(result).not.toHaveProperty('end');
  });

  test('the same if it is the turn of a session', () => {
    const state = { ...answered, calls: [record({})] };
    const stop = { type: 'stop', reason: 'end_turn' } as const;
    expect(withoutConversation(sessionTurnResult('tester', state, pinned, stop, 9))).toEqual(
      subAgentTurnResult('tester', state, stop, 9),
    );
    const long = { ...answered, calls: [record({ text: 'x'.repeat(40_000) })] };
    expect(withoutConversation(sessionTurnProgress('tester', long, pinned, 9))).toEqual(
      subAgentTurnProgress('tester', long, 9),
    );
  });

  test('the records of its calls only if they are few', () => {
    const state = { ...answered, calls: [record({ text: 'x'.repeat(40_000) })] };
    const progress = subAgentTurnProgress('tester', state, 9);

    expect(progress).toMatchObject({ toolCalls: 1 });
    expect(progress).not.toHaveProperty('calls');
  });
});
