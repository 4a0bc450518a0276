import { describe, expect, test } from 'vitest';
import type { ApprovalRecord } from '../../../core/calls/outcome.ts';
import type { CallRecord } from '../../../core/calls/record.ts';
import type { OpenCall } from '../../../core/turn/current-details.ts';
import {
  endText,
  failureText,
  MOST_SHOWN,
  usedText,
  waitingFor,
  waitingForCalls,
} from '../../../core/turn/current-details.ts';
import type { NextStep } from '../../../core/turn/decide.ts';
import { beginTurn } from '../../../core/turn/state.ts';
import { call } from '../arbitraries.ts';
import { pinned } from './decide-fixture.ts';

const agent = pinned('storage');
const calls = [call('toolu_1', 'get_orders'), call('toolu_2', 'get_tickets')];
const stop = { type: 'stop', reason: 'max_rounds' } as const;
const NOON = Date.parse('2026-11-29T12:00:00.700Z');

test.for<[next: NextStep, details: string | undefined]>([
  [
    { type: 'ask model' },
    '**Round 3: waiting for the model**, since 2026-11-29 12:00:00 UTC. Pending Activities shows why an attempt failed and when the next one starts.',
  ],
  [
    { type: 'run tools', agent, calls, prepared: [] },
    '**Round 2: preparing 2 calls**, since 2026-11-29 12:00:00 UTC.',
  ],
  [
    { type: 'last word', stop },
    "**Round 3: waiting for the model's last word**, since 2026-11-29 12:00:00 UTC: max\\_rounds.",
  ],
  [
    { type: 'await background', agent, running: 0, before: stop },
    '**Round 2: waiting for 1 call in the background**, since 2026-11-29 12:00:00 UTC.\n\n- scout',
  ],
  [{ type: 'continue as new', agent, next: { type: 'ask model' } }, undefined],
  [stop, undefined],
])('before the step %j the details say: %s', ([next, details]) => {
  const background = [{ callId: 'toolu_1', tool: 'scout', since: NOON }];
  expect(waitingFor({ ...beginTurn([]), rounds: 2, background }, next, NOON)).toBe(details);
});

const open = (tool: string, doing: OpenCall['doing'], summary = ''): OpenCall => ({
  tool,
  doing,
  summary,
});

describe('while calls are open', () => {
  test('the details say what each waits for, and begin with calls that wait for a person', () => {
    const text = waitingForCalls({
      round: 2,
      all: 10,
      open: 8,
      since: NOON,
      calls: [
        open('look', 'running', 'id: 7'),
        open('write', 'held'),
        open('pay', 'asked', 'to: [x](http://evil)'),
        open('scan', 'queued'),
        open('import', 'awaitingCompletion'),
        { ...open('render', 'running'), taskQueue: 'gpu_1', lostWorkers: 2 },
        { ...open('parse', 'running'), lostWorkers: 1 },
        { ...open('ask', 'running'), agent: 'scout' },
      ],
    });
    expect(text.split('\n')).toEqual([
      '**Round 2: waiting for a person and calls**, since 2026-11-29 12:00:00 UTC. 2 of 10 calls ended.',
      '',
      String.raw`- **pay** (to: \[x\]\(http\://evil\)) waits for a person`,
      '- **look** (id: 7) runs, or waits for a worker',
      '- **write** waits for an earlier call',
      '- **scan** waits until fewer calls run',
      '- **import** waits to be completed from outside',
      String.raw`- **render** runs, or waits for a worker of task queue gpu\_1. It has lost its worker 2 times, and may be the cause`,
      '- **parse** runs, or waits for a worker. It has lost its worker once, and may be the cause',
      '- **ask** runs a turn of agent scout',
      '',
      'A call that Pending Activities shows as Scheduled has no worker yet.',
    ]);
  });

  test.for<[asked: number, running: number, head: string]>([
    [1, 0, 'a person'],
    [0, 1, '1 call'],
    [0, 3, '3 calls'],
  ])('%d of them wait for a person, %d run: %s', ([asked, running, head]) => {
    const both = [
      ...Array.from({ length: asked }, () => open('pay', 'asked')),
      ...Array.from({ length: running }, () => open('look', 'running')),
    ];
    const count = both.length;
    const text = waitingForCalls({ round: 1, all: count, open: count, calls: both, since: NOON });
    expect(text).toContain(`**Round 1: waiting for ${head}**`);
  });

  test('no more are shown than anybody reads', () => {
    const shown = Array.from({ length: MOST_SHOWN }, () => open('look', 'running'));
    const text = waitingForCalls({ round: 1, all: 500, open: 400, calls: shown, since: NOON });
    expect(text).toMatch(/\n- and 390 more\n/);
  });
});

const record = (name: string, approval?: Omit<ApprovalRecord, 'at'>): CallRecord => ({
  id: name,
  name,
  input: {},
  outcome: 'succeeded',
  round: 1,
  attempts: 1,
  start: '',
  end: '',
  ...(approval && { approval: { ...approval, at: '2026-11-29T11:00:00.000Z' } }),
});

describe('at its end a turn says', () => {
  const ended = {
    ...beginTurn([]),
    rounds: 1,
    costUSD: 0.5,
    calls: [
      record('look'),
      record('pay', { decision: 'approved', by: 'ana', reason: '<b>checked</b>' }),
      record('ship', { decision: 'denied', by: 'bob' }),
      record('post', { decision: 'expired' }),
    ],
  };
  const times = { begunAt: NOON - 60_000, time: NOON };

  test('why, and who decided what', () => {
    const reason = { ...stop, details: 'The limit of 3 rounds is reached.' };
    expect(endText(ended, reason, { ...times, summaries: true }).split('\n\n')).toEqual([
      '**Ended with max\\_rounds**, 2026-11-29 12:00:00 UTC: The limit of 3 rounds is reached.',
      'Began 2026-11-29 11:59:00 UTC.',
      [
        String.raw`- **pay**: approved by ana, 2026-11-29 11:00:00 UTC: \<b\>checked\</b\>`,
        '- **ship**: denied by bob, 2026-11-29 11:00:00 UTC',
        '- **post**: nobody decided in time, 2026-11-29 11:00:00 UTC',
      ].join('\n'),
    ]);
  });

  test('nothing of what people wrote, if nobody may see it', () => {
    const reason = { ...stop, details: 'secret' };
    const text = endText(ended, reason, { ...times, summaries: false });
    expect(text).toContain('- **pay**: approved, 2026-11-29 11:00:00 UTC\n');
    expect(text).not.toMatch(/ana|bob|checked|secret/);
  });

  test('no list if nobody was asked, and not all of a long one', () => {
    const one = { ...times, summaries: true };
    expect(endText(beginTurn([]), stop, one)).not.toContain('- ');
    const many = Array.from({ length: 12 }, (_, i) => record(`p${i}`, { decision: 'expired' }));
    expect(endText({ ...ended, calls: many }, stop, one)).toMatch(/\n- and 2 more decisions$/);
  });

  test('why it failed, and what was used', () => {
    expect(failureText('no key_1', NOON)).toBe(
      String.raw`**Failed**, 2026-11-29 12:00:00 UTC: no key\_1`,
    );
    expect(usedText(ended)).toBe('Used: 1 round, 4 answered calls, 0 tokens in, 0 out, $0.5000.');
  });
});
