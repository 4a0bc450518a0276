import { expect, test } from 'vitest';
import type { CallSnapshot, TurnSnapshot } from '../../client/index.ts';
import { doingText, goesOnText, waitsForPeople } from '../../mcp/serve/turn-text.ts';

const call = (name: string, about: Partial<CallSnapshot> = {}): CallSnapshot => ({
  id: name,
  name,
  summary: '',
  attempt: 1,
  state: 'running',
  ...about,
});

const turn = (
  calls: CallSnapshot[] | undefined,
  model: TurnSnapshot['rounds'][0]['model'] = { state: 'succeeded', attempt: 1 },
): TurnSnapshot => ({
  turnId: 't',
  agent: 'a',
  status: 'running',
  rounds: calls === undefined ? [] : [{ round: 2, model, calls }],
});

const person = { state: 'waiting', message: 'waits for approval' } as const;
const asksAPerson = turn([call('pay', person)]);
const outside = call('ship', { state: 'waiting', message: 'waits to be completed' });

test.each<[string, TurnSnapshot, string, boolean]>([
  ['that has not begun', turn(undefined), 'no worker has taken it yet', false],
  ['that asks the model', turn([], { state: 'running', attempt: 1 }), 'the model is asked', false],
  [
    'whose model is overloaded',
    turn([], { state: 'retrying', attempt: 2, message: '529' }),
    'the model is asked (retrying: 529)',
    false,
  ],
  [
    'with a call that runs',
    turn([call('look', { state: 'succeeded' }), call('pay', person), call('walk')]),
    '1 of 3 calls have ended; open: pay (waits for approval), walk (running)',
    false,
  ],
  ['between two rounds', turn([call('look', { state: 'failed' })]), 'all calls have ended', false],
  ['that waits for a person', asksAPerson, 'open: pay (waits for approval)', true],
  ['that waits for a service', turn([outside]), 'open: ship (waits to be completed)', false],
  [
    'whose sub-agent waits for a person',
    turn([call('ask', { subAgent: { turnId: 't.1', agent: 'b', turn: asksAPerson } })]),
    'open: ask (running)',
    true,
  ],
])('the caller reads what a turn %s is doing', (_, snapshot, doing, forPeople) => {
  expect(doingText(snapshot)).toContain(doing);
  expect(waitsForPeople(snapshot)).toBe(forPeople);
  const next = goesOnText('t', snapshot);
  expect(next).toContain(doing);
  expect(next.includes('waits for a person:')).toBe(forPeople);
  expect(next).toContain('turn_result');
});

test('the caller reads that nothing is known of a turn yet', () => {
  expect(goesOnText('t', undefined)).toContain('it has just begun');
});
