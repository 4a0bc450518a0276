import { expect, test } from 'vitest';
import { waitingForCalls } from '../../../core/turn/current-details.ts';

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
