import { describe, expect, test } from 'vitest';
import type { ResultReading } from '../../../core/calls/background.ts';
import { mayGoOn, readingOutcome, resultQuestion } from '../../../core/calls/background.ts';
import { call } from '../arbitraries.ts';

describe('when its batch is out of time, a call', () => {
  test('goes on if no later call can conflict with it', () => {
    expect(mayGoOn(call('toolu_1'), undefined)).toBe(true);
  });

  test('does not go on if it touches what others touch', () => {
    expect(mayGoOn(call('toolu_1'), { reads: ['{"path":"/a"}'] })).toBe(false);
    expect(mayGoOn(call('toolu_1'), 'exclusive')).toBe(false);
  });

  test('does not go on if code waits for it', () => {
    const byCode = { type: 'code_execution_20260120', tool_id: 'srvtoolu_1' } as const;
    expect(mayGoOn({ ...call('toolu_1'), caller: byCode }, undefined)).toBe(false);
  });
});

test.for([
  [{ id: 'toolu_1' }, { id: 'toolu_1', wait: true }],
  [
    { id: 'toolu_1', wait: false },
    { id: 'toolu_1', wait: false },
  ],
  [
    { id: 7, wait: 'no' },
    { id: '', wait: true },
  ],
  ['toolu_1', { id: '', wait: true }],
] as const)('get_agent_result with %j asks for %j', ([input, question]) => {
  expect(resultQuestion(input)).toEqual(question);
});

test.for<[reading: ResultReading, outcome: string, text: string]>([
  [{ type: 'ended', outcome: { type: 'succeeded', content: 'Sand.' } }, 'succeeded', 'Sand.'],
  [{ type: 'ended', outcome: { type: 'failed', message: 'No.' } }, 'failed', 'No.'],
  [
    { type: 'running', tool: 'scout', since: 1_000 },
    'succeeded',
    'The call of scout still runs. It began 60 s ago.',
  ],
  [{ type: 'given' }, 'succeeded', 'You already have the result of this call.'],
  [
    { type: 'unknown', running: ['toolu_2', 'toolu_3'] },
    'failed',
    'No call with the id "toolu_1" is in the background; these run: toolu_2, toolu_3.',
  ],
  [
    { type: 'unknown', running: [] },
    'failed',
    'No call with the id "toolu_1" is in the background; none runs.',
  ],
])('if it finds %j, the call has %s: %s', ([reading, type, text]) => {
  const outcome = readingOutcome('toolu_1', reading, 61_000);
  expect(outcome.type).toBe(type);
  expect(outcome.type === 'succeeded' ? outcome.content : outcome.message).toBe(text);
});
