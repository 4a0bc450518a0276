import { expect, test } from 'vitest';
import { continuedTurn } from '../../../core/turn/beginning.ts';
import { addSteering, beginTurn } from '../../../core/turn/state.ts';
import { pinned } from './decide-fixture.ts';

const about = { agent: pinned('storage'), ofSession: true, begunAt: 7 };
const message = { turnId: 'chat.turn-2', input: 'Be quick.' };
const begun = beginTurn([{ role: 'user', content: 'go' }]);

test('a turn that continues as new is read as it is', () => {
  const turn = { ...about, state: addSteering(begun, message), seen: ['a'] };
  expect(continuedTurn(turn)).toEqual(turn);
});

test('steering messages, seen Updates and invalid calls are read under the names that they had', () => {
  const { steering: _, ...state } = begun;
  const invalid = { message: 'There is no tool named pay.' };
  const recorded = {
    ...about,
    state,
    notes: [message],
    taken: ['a'],
    prepared: [{ type: 'refused' as const, ...invalid }],
  };
  expect(continuedTurn(recorded)).toEqual({
    ...about,
    state: addSteering(begun, message),
    seen: ['a'],
    prepared: [{ type: 'invalid', ...invalid }],
  });
});
