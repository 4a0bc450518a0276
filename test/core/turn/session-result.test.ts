import { describe, expect, test } from 'vitest';
import type { PinnedAgent } from '../../../core/agent-spec.ts';
import { jsonBytes } from '../../../core/json.ts';
import type { Message } from '../../../core/conversation/messages.ts';
import type { Segment } from '../../../core/conversation/transcript.ts';
import { append, EMPTY_TRANSCRIPT, sealed } from '../../../core/conversation/transcript.ts';
import {
  isSessionProgress,
  sessionTurnProgress,
  sessionTurnResult,
} from '../../../core/turn/result.ts';
import { addSteering, beginTurn, commitSteering, commitReply } from '../../../core/turn/state.ts';
import { replyWith } from '../arbitraries.ts';

const says = (content: string): Message => ({ role: 'user', content });
const segment: Segment = { claim: { key: 'a' }, digest: 'd', messages: 2, bytes: 20 };
const pinned: PinnedAgent = {
  name: 'lookup',
  spec: { type: 'stored', digest: 'd', claim: {} },
  policies: [],
  limits: { rounds: 50, concurrency: 500 },
  batch: { onToolFailure: 'report' },
};

/** A conversation of which the turn finds three messages: two in a segment, one in the tail. */
const found = append(
  sealed(append(EMPTY_TRANSCRIPT, says('Hello'), says('again')), [segment]),
  says('third'),
);
const state = beginTurn([says('new')], {
  transcript: found,
  stored: [{ callId: 'toolu_1', digest: 'd', claim: {}, bytes: 7 }],
});

describe('what a session takes over from a turn', () => {
  test('are references to the conversation, and none of its sealed messages', () => {
    const { end } = sessionTurnProgress('lookup', state, undefined, 0);

    expect(end).toEqual({
      transcript: {
        segments: [segment],
        tail: [says('third'), says('new')],
        tailBytes: jsonBytes(says('third')) + jsonBytes(says('new')),
      },
      stored: state.stored,
      before: 3,
    });
  });

  test('includes the agent if the turn has pinned it', () => {
    expect(sessionTurnProgress('lookup', state, pinned, 0).end.agent).toBe(pinned);
    expect(sessionTurnProgress('lookup', state, undefined, 0).end).not.toHaveProperty('agent');
  });

  test('names the turns whose messages it has taken in', () => {
    const heard = addSteering(state, { turnId: 'turn-2', input: 'and quickly' });
    const joined = commitSteering(heard, 'after end_turn');
    const answered = commitReply(joined, replyWith());
    expect(sessionTurnProgress('lookup', answered, undefined, 0).joined).toEqual(['turn-2']);
    expect(commitSteering(state, 'after end_turn')).toBe(state);
  });

  test('is ready for the next message: what was open at the end of the turn is left out and not counted', () => {
    const open: Message = {
      role: 'assistant',
      content: [{ type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} }],
    };
    const paused = { ...state, transcript: append(state.transcript, open) };
    const { transcript } = sessionTurnProgress('lookup', paused, undefined, 0).end;

    expect(transcript.tail).toEqual([says('third'), says('new')]);
    expect(transcript.tailBytes).toBe(jsonBytes(says('third')) + jsonBytes(says('new')));
  });
});

test('the result of a turn of a session says why it ended, and holds no messages', () => {
  const details = 'The limit of 3 rounds is reached.';
  const stop = { type: 'stop', reason: 'max_rounds', details } as const;
  const result = sessionTurnResult('lookup', state, pinned, stop, 0);

  expect(result).toMatchObject({
    agent: 'lookup',
    stopReason: 'max_rounds',
    stopDetails: 'The limit of 3 rounds is reached.',
    rounds: 0,
    calls: [],
    end: { before: 3, agent: pinned },
  });
  expect(result).not.toHaveProperty('messages');
});

test('the progress of a failed turn is distinguished from other values', () => {
  expect(isSessionProgress(sessionTurnProgress('lookup', state, undefined, 0))).toBe(true);
  expect(
    [undefined, 'text', {}, { end: 3 }, { end: {} }, { messages: [] }].map(isSessionProgress),
  ).toEqual([false, false, false, false, false, false]);
});
