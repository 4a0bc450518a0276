import { expect, it } from 'vitest';
import { turnChanges } from '../../cli/turn-log.ts';
import { call, open, turnWith } from './turn-fixture.ts';

it('the log of a turn has one line for every change', () => {
  const running = open('get_orders', { state: 'running' });
  const first = turnChanges(turnWith([running], false), new Map());
  expect(first.lines).toEqual([
    'round 1  model  succeeded after 400 ms',
    'round 1  get_orders(customer_id: 1234)  running',
  ]);
  expect(turnChanges(turnWith([running], false), first.logged).lines).toEqual([]);

  const retrying = { ...running, state: 'retrying', attempt: 2, message: 'refused' } as const;
  const second = turnChanges(turnWith([retrying], false), first.logged);
  expect(second.lines).toEqual([
    'round 1  get_orders(customer_id: 1234)  retrying, attempt 2: refused',
  ]);

  const failed = call('get_orders', { state: 'failed', attempt: 3, message: 'refused\nfor good' });
  expect(turnChanges(turnWith([failed]), second.logged).lines).toEqual([
    'round 1  get_orders(customer_id: 1234)  failed after 500 ms: refused for good',
    'round 2  model  succeeded after 400 ms',
  ]);
});

it('a call that never began has no time', () => {
  const skipped = call('pay', { state: 'skipped', attempt: 0, message: 'Not executed.' });
  expect(turnChanges(turnWith([skipped], false), new Map()).lines[1]).toBe(
    'round 1  pay(customer_id: 1234)  skipped: Not executed.',
  );
});

it('what a sub-agent does comes after the start of its call, and before its end', () => {
  const turn = turnWith([call('get_orders')], false);
  const subAgent = { turnId: 'turn-1.toolu_scout', agent: 'scout', turn };
  const asking = call('scout', { summary: 'prompt: look', subAgent });
  const { lines } = turnChanges(turnWith([asking], false), new Map());
  expect(lines).toEqual([
    'round 1  model  succeeded after 400 ms',
    'round 1  scout(prompt: look)  > round 1  model  succeeded after 400 ms',
    'round 1  scout(prompt: look)  > round 1  get_orders(customer_id: 1234)  succeeded after 500 ms',
    'round 1  scout(prompt: look)  succeeded after 500 ms',
  ]);
});
