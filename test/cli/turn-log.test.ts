import { expect, it } from 'vitest';
import { turnNews } from '../../cli/turn-log.ts';
import { call, open, turnWith } from './turn-fixture.ts';

it('the log of a turn has a line for every change, and none twice', () => {
  const running = open('get_orders', { state: 'running' });
  const first = turnNews(turnWith([running], false), new Map());
  expect(first.lines).toEqual([
    'round 1  model  succeeded after 400 ms',
    'round 1  get_orders(customer_id: 1234)  running',
  ]);
  expect(turnNews(turnWith([running], false), first.told).lines).toEqual([]);

  const retrying = { ...running, state: 'retrying', attempt: 2, message: 'refused' } as const;
  const second = turnNews(turnWith([retrying], false), first.told);
  expect(second.lines).toEqual([
    'round 1  get_orders(customer_id: 1234)  retrying, attempt 2: refused',
  ]);

  const failed = call('get_orders', { state: 'failed', attempt: 3, message: 'refused\nfor good' });
  expect(turnNews(turnWith([failed]), second.told).lines).toEqual([
    'round 1  get_orders(customer_id: 1234)  failed after 500 ms: refused for good',
    'round 2  model  succeeded after 400 ms',
  ]);
});

it('a call that never began has no time', () => {
  const skipped = call('pay', { state: 'skipped', attempt: 0, message: 'Not executed.' });
  expect(turnNews(turnWith([skipped], false), new Map()).lines[1]).toBe(
    'round 1  pay(customer_id: 1234)  skipped: Not executed.',
  );
});
