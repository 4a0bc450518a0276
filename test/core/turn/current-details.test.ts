import { expect, test } from 'vitest';
import { waitingFor, waitingForCalls } from '../../../core/turn/current-details.ts';
import type { NextStep } from '../../../core/turn/decide.ts';
import { beginTurn } from '../../../core/turn/state.ts';
import { call } from '../arbitraries.ts';
import { pinned } from './decide-fixture.ts';

const agent = pinned('storage');
const calls = [call('toolu_1', 'get_orders'), call('toolu_2', 'get_tickets')];
const stop = { type: 'stop', reason: 'max_rounds' } as const;

test.for<[next: NextStep, details: string | undefined]>([
  [{ type: 'ask model' }, 'Round 3: waiting for the model'],
  [
    { type: 'run tools', agent, calls, prepared: [] },
    'Round 2: waiting for get_orders, get_tickets',
  ],
  [{ type: 'last word', stop }, "Round 3: waiting for the model's last word"],
  [{ type: 'continue as new', agent, next: { type: 'ask model' } }, undefined],
  [stop, undefined],
])('before the step %j the details say: %s', ([next, details]) => {
  expect(waitingFor({ ...beginTurn([]), rounds: 2 }, next)).toBe(details);
});

test.for<[undecided: string[], open: number, what: string]>([
  [['pay'], 1, 'a person to decide about pay'],
  [['pay', 'ship'], 3, 'a person to decide about pay, ship and 1 running or held call'],
  [[], 2, '2 running or held calls'],
  [[], 0, 'nothing'],
])(
  'while %j of %d open calls wait for a person, a turn waits for %s',
  ([undecided, open, what]) => {
    expect(waitingForCalls(3, undecided, open)).toBe(`Round 3: waiting for ${what}`);
  },
);
