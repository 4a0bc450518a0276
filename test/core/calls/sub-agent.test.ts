import { describe, expect, test } from 'vitest';
import type { SubAgentEnding } from '../../../core/calls/sub-agent.ts';
import {
  pathTo,
  subAgentInput,
  subAgentMessageKey,
  subAgentOutcome,
  subAgentTurnId,
  subAgentWords,
  waitingSessions,
} from '../../../core/calls/sub-agent.ts';
import {
  CANCELLED,
  CANCELLED_WHILE_RUNNING,
  MAY_HAVE_HAPPENED,
} from '../../../core/calls/texts.ts';
import type { SubAgentTurnResult } from '../../../core/turn/result.ts';
import { timingOf } from '../../../core/turn/timing.ts';
import { NO_USAGE } from '../../../core/turn/usage.ts';

const bytes = (text: string) => new TextEncoder().encode(text).length;

describe('the id of the turn of a sub-agent', () => {
  test('depends only on the calling turn and the call', () => {
    expect(subAgentTurnId('turn-1', 'toolu_01')).toBe('turn-1.toolu_01');
  });

  test('is no longer than the servers with the lowest limit accept', () => {
    const turnId = 'a'.repeat(250);
    const id = subAgentTurnId(turnId, 'toolu_01');

    expect(bytes(id)).toBeLessThanOrEqual(255);
    expect(id).not.toBe(subAgentTurnId(turnId, 'toolu_02'));
    expect(id).toBe(subAgentTurnId(turnId, 'toolu_01'));
  });

  test("is no longer than a calling turn's id that is longer still, and holds no half of an emoji", () => {
    const turnId = '🙂'.repeat(100);
    const id = subAgentTurnId(turnId, 'toolu_01');

    expect(bytes(id)).toBeLessThanOrEqual(403);
    expect(id.isWellFormed()).toBe(true);
  });

  test("differs even if only the cut end of the calling turn's id differs", () => {
    const [a, b] = ['x', 'y'].map((end) => subAgentTurnId('a'.repeat(254) + end, 'toolu_01'));
    expect(a).not.toBe(b);
  });
});

test('the key of a message to a session depends only on the calling turn and the call, and has at most 200 characters', () => {
  expect(subAgentMessageKey('turn-1', 'toolu_01')).toBe('turn-1.toolu_01');
  const [a, b] = ['toolu_01', 'toolu_02'].map((id) => subAgentMessageKey('a'.repeat(250), id));
  expect(bytes(a ?? '')).toBe(200);
  expect(a).not.toBe(b);
  expect(a).toBe(subAgentMessageKey('a'.repeat(250), 'toolu_01'));
});

test.for<[memo: Record<string, unknown> | undefined, sessionId: string | undefined, all: string[]]>(
  [
    [undefined, undefined, []],
    [{}, 'desk', ['desk']],
    [{ sessions: ['desk'] }, undefined, ['desk']],
    [{ sessions: ['desk'] }, 'memory', ['desk', 'memory']],
    [{ sessions: 'desk' }, undefined, []],
    [{ sessions: ['desk', 7] }, 'memory', ['memory']],
  ],
)('for a turn with the memo %j in session %s, the sessions %j wait', ([memo, sessionId, all]) => {
  expect(waitingSessions(memo, sessionId)).toEqual(all);
});

test('the path to a sub-agent begins with the agent that was started', () => {
  expect(pathTo(undefined, 'lead', 'scout')).toEqual(['lead', 'scout']);
  expect(pathTo({ path: ['lead', 'guide'] }, 'guide', 'scout')).toEqual(['lead', 'guide', 'scout']);
  expect(pathTo({ path: 7 }, 'lead', 'scout')).toEqual(['lead', 'scout']);
});

describe('the input of a sub-agent', () => {
  test('is the field that holds its message', () => {
    expect(subAgentInput({ field: 'prompt' }, { prompt: 'Look.' })).toBe('Look.');
  });

  test('is otherwise the whole input as JSON', () => {
    expect(subAgentInput({}, { b: 2, a: [1] })).toBe('{"a":[1],"b":2}');
    expect(subAgentInput({ field: 'prompt' }, { prompt: 1 })).toBe('{"prompt":1}');
    expect(subAgentInput({ field: 'prompt' }, 'Look.')).toBe('"Look."');
  });
});

const result = (parts: Partial<SubAgentTurnResult>): SubAgentEnding => ({
  type: 'ended',
  result: {
    agent: 'scout',
    stopReason: 'end_turn',
    text: 'Found it.',
    rounds: 1,
    toolCalls: 0,
    usage: NO_USAGE,
    timing: timingOf(undefined, 0),
    ...parts,
  },
});

describe('what the calling model reads of a sub-agent', () => {
  test.for([
    ['that has ended', result({}), 'succeeded', 'Found it.'],
    [
      'that came to a stop sequence',
      result({ stopReason: 'stop_sequence' }),
      'succeeded',
      'Found it.',
    ],
    [
      'that said nothing',
      result({ text: ' ' }),
      'succeeded',
      'The agent has ended its turn without a text.',
    ],
    ['that wrote half an emoji', result({ text: 'Ah \ud83d' }), 'succeeded', 'Ah \ufffd'],
    [
      'that declined',
      result({
        stopReason: 'refusal',
        text: '',
        stopDetails: { category: 'cyber', explanation: 'Not this' },
      }),
      'failed',
      'Agent scout declined to answer: Not this.',
    ],
    [
      'that declined without an explanation',
      result({
        stopReason: 'refusal',
        text: '',
        stopDetails: { category: 'cyber', explanation: null },
      }),
      'failed',
      'Agent scout declined to answer: cyber.',
    ],
    [
      'that declined without a word',
      result({ stopReason: 'refusal', text: '', stopDetails: { category: null } }),
      'failed',
      'Agent scout declined to answer: refusal.',
    ],
    [
      'that is out of budget, with what it has',
      result({ stopReason: 'max_rounds', stopDetails: 'The limit of 3 rounds is reached.' }),
      'succeeded',
      '[Agent scout stopped before it had finished: The limit of 3 rounds is reached. What it has so far:]\n\nFound it.',
    ],
    [
      'that is out of budget, with nothing',
      result({ stopReason: 'max_cost', text: '', stopDetails: 'The limit of $1 is reached.' }),
      'failed',
      'Agent scout stopped before it had a text: The limit of $1 is reached.',
    ],
    [
      'that was cut off',
      result({ stopReason: 'max_tokens' }),
      'succeeded',
      '[Agent scout stopped before it had finished: max_tokens. What it has so far:]\n\nFound it.',
    ],
    [
      'whose answer does not match its schema',
      result({ stopReason: 'invalid_output', stopDetails: 'title is missing' }),
      'failed',
      'Agent scout failed: title is missing.',
    ],
    [
      'whose call failed',
      result({ stopReason: 'tool_failure', stopDetails: { name: 'pay', message: 'refused' } }),
      'failed',
      'Agent scout failed: pay: refused.',
    ],
    [
      'that failed',
      { type: 'failed', message: 'invalid x-api-key' },
      'failed',
      'Agent scout failed: invalid x-api-key.',
    ],
    ['that never began', { type: 'never began' }, 'cancelled', CANCELLED],
    [
      'whose session is closed',
      { type: 'rejected', sessionId: 'memory', message: 'it is closed.' },
      'failed',
      'Agent scout did not run: its session memory did not take the message: it is closed.',
    ],
    [
      'whose session does not answer',
      { type: 'unanswered', sessionId: 'memory', message: 'timed out' },
      'unknown',
      `The session memory of agent scout did not answer: timed out. ${MAY_HAVE_HAPPENED}`,
    ],
  ] as const)('%s', ([, ending, type, text]) => {
    const outcome = subAgentOutcome('scout', ending, false);

    expect(outcome.type).toBe(type);
    expect(outcome.type === 'succeeded' ? outcome.content : outcome.message).toBe(text);
  });

  test('includes a warning if it was cancelled, unless all its tools are safe to repeat', () => {
    const cancelled = result({ stopReason: 'cancelled' });

    expect(subAgentOutcome('scout', cancelled, true)).toEqual({
      type: 'cancelled',
      message: CANCELLED,
    });
    expect(subAgentOutcome('scout', cancelled, false)).toEqual({
      type: 'cancelled',
      message: CANCELLED_WHILE_RUNNING,
    });
  });

  test('includes the same warning if its session does not answer', () => {
    const ending = { type: 'unanswered', sessionId: 'memory', message: 'timed out' } as const;
    expect(subAgentOutcome('scout', ending, true)).toEqual({
      type: 'failed',
      message: 'The session memory of agent scout did not answer: timed out.',
    });
  });

  test('includes the same warning if it was terminated', () => {
    const lost: SubAgentEnding = { type: 'lost', message: 'terminated by an operator' };
    const text = 'The turn of agent scout was ended from outside: terminated by an operator.';

    expect(subAgentOutcome('scout', lost, true)).toEqual({ type: 'failed', message: text });
    expect(subAgentOutcome('scout', lost, false)).toEqual({
      type: 'unknown',
      message: `${text} ${MAY_HAVE_HAPPENED}`,
    });
  });
});

test.for<[field: string | undefined, summary: string, words: string | undefined]>([
  ['prompt', 'prompt: look at 7', 'look at 7'],
  ['prompt', 'customer 7', 'customer 7'],
  [undefined, 'city: Bonn', 'city: Bonn'],
  ['prompt', '', undefined],
])(
  'for a sub-agent with the field %s and the arguments %j, people see %s',
  ([field, summary, words]) => {
    expect(subAgentWords(field === undefined ? {} : { field }, summary)).toBe(words);
  },
);
