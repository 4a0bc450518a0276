import { expect, test } from 'vitest';
import { continuedTurn } from '../../../core/turn/beginning.ts';
import { addSteering, beginTurn } from '../../../core/turn/state.ts';
import { pinned } from './decide-fixture.ts';

const about = { agent: pinned('storage'), ofSession: true, begunAt: 7 };
const message = { turnId: 'chat.turn-2', input: 'Be quick.' };
const begun = beginTurn([{ role: 'user', content: 'go' }]);

test('a turn that continues as new is handed on as it is', () => {
  const turn = { ...about, state: addSteering(begun, message), seen: ['a'] };
  expect(continuedTurn(turn)).toEqual(turn);
});

test('a history that has steering messages beside the state is read as one that has them in it', () => {
  const { steering: _, ...state } = begun;
  const recorded = { ...about, state, notes: [message], taken: ['a'] };
  expect(continuedTurn(recorded)).toEqual({
    ...about,
    state: addSteering(begun, message),
    seen: ['a'],
  });
});
