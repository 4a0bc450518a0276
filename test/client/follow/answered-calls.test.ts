import { expect, test } from 'vitest';
import type { TurnStreamEvent } from '../../../client/index.ts';
import { until } from '../../fixtures/until.ts';
import { begin, stopWorker } from '../../fixtures/waiting-turns.ts';
import { aborted } from '../../../testing/aborted.ts';
import { reader, writer } from '../../fixtures/tools.ts';

test('a stream says the same as the record about each call without a result: denied by whom and why, expired, skipped, failed or late', async () => {
  const tokens: string[] = [];
  const write = { approval: 'always', access: { writes: 'key' } } as const;
  const { plait, turn } = await begin(
    [
      writer('pay', () => 'paid', write),
      writer('order', () => 'ordered', { approval: 'always', approvalTimeout: '1ms' }),
      reader('late', (_input, { later }) => later({ timeout: '1ms' })),
      reader('parcel', (_input, { later }) => {
        const pending = later();
        tokens.push(pending.token);
        return pending;
      }),
    ],
    [
      ['pay', { key: 'a' }, 'toolu_pay'],
      ['pay', { key: 'a', again: true }, 'toolu_again'],
      ['order', {}, 'toolu_order'],
      ['late', {}, 'toolu_late'],
      ['parcel', {}, 'toolu_parcel'],
    ],
  );
  await using _ = plait;
  const events: TurnStreamEvent[] = [];
  const streaming = (async () => {
    for await (const event of turn.stream()) events.push(event);
  })();
  await until(
    () => turn.describe(),
    ({ waitingCalls }) => waitingCalls.some(({ id }) => id === 'toolu_pay') && tokens.length === 1,
  );
  await turn.approve('toolu_again', { by: 'ben@acme' });
  await turn.deny('toolu_pay', { by: 'ana@acme', reason: 'too much' });
  await plait.agents.failToolCall(tokens[0] ?? '', 'lost in the mail');
  const { calls } = await turn.result();
  await streaming;

  const finished = events.filter((event) => event.type === 'callFinished');
  const about = (id: string) => finished.filter(({ callId }) => callId === id);
  expect(finished).toHaveLength(calls.length);
  for (const { id, outcome, message } of calls) {
    expect(about(id)).toMatchObject([{ outcome, message }]);
  }
  expect(calls.map(({ outcome }) => outcome)).toEqual([
    'denied',
    'skipped',
    'denied',
    'timedOut',
    'failed',
  ]);
  expect(about('toolu_pay')).toMatchObject([
    {
      message: 'A person denied this call, so it did not run: too much',
      approval: { decision: 'denied', by: 'ana@acme', reason: 'too much' },
    },
  ]);
  expect(about('toolu_again')).toMatchObject([
    { approval: { decision: 'approved', by: 'ben@acme' } },
  ]);
});

test('a stream says why the batch policy stopped a call', async () => {
  const { plait, turn } = await begin(
    [
      reader('hang', (_input, { signal }) => aborted(signal)),
      writer('fail', () => {
        throw new Error('no rates');
      }),
      writer('pay', () => 'paid', { approval: 'always' }),
    ],
    [
      ['hang', {}, 'toolu_hang'],
      ['fail', {}, 'toolu_fail'],
      ['pay', {}, 'toolu_pay'],
    ],
    { agent: { onToolFailure: 'cancelSiblings' } },
  );
  await using _ = plait;
  const finished: TurnStreamEvent[] = [];
  for await (const event of turn.stream()) if (event.type === 'callFinished') finished.push(event);
  const { calls } = await turn.result();

  expect(calls.map(({ outcome }) => outcome)).toEqual(['cancelled', 'failed', 'skipped']);
  expect(finished).toHaveLength(3);
  for (const { id, outcome, message } of calls) {
    expect(finished).toContainEqual(expect.objectContaining({ callId: id, outcome, message }));
  }
});

test('a description lists the calls that wait for a person, even while no worker runs', async () => {
  const { plait, turn } = await begin(
    [writer('pay', () => 'paid', { approval: 'always' })],
    [['pay', { cents: 5 }, 'toolu_pay']],
  );
  await until(
    () => turn.describe(),
    ({ waitingCalls }) => waitingCalls.length > 0,
  );
  await stopWorker(plait);
  const { pendingCalls, waitingCalls } = await turn.describe();

  expect(pendingCalls).toEqual([]);
  expect(waitingCalls).toEqual([
    {
      id: 'toolu_pay',
      name: 'pay',
      summary: 'cents: 5',
      round: 1,
      message: 'waits for approval',
      since: expect.any(Date) as Date,
    },
  ]);
  await turn.workflow.terminate();
  expect((await turn.describe()).waitingCalls).toEqual([]);
  await plait.close();
});
