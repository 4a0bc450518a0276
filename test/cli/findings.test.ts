import { describe, expect, it } from 'vitest';
import type { TurnFacts } from '../../cli/show/facts.ts';
import { findingsOf } from '../../cli/show/findings.ts';
import type { OpenActivity } from '../../client/follow/waterfall.ts';
import { facts, model, row, bar } from './show-fixture.ts';

const open: OpenActivity = {
  taskQueue: 'gpu',
  maximumAttempts: 5,
  startToCloseTimeout: 120_000,
};
const queued = [bar('queue', 30_000, 60_000)];
const failing = [bar('attempt', 1_000, 2_000, { failed: true }), bar('backoff', 2_000, 60_000)];

function whats(given: TurnFacts): string[] {
  return findingsOf(given).map(({ type, what }) => `${type}: ${what}`);
}

describe('the findings about a turn that is stuck', () => {
  const cases: [stuck: string, given: TurnFacts, what: string, does: RegExp][] = [
    [
      'no worker polls its task queue',
      facts(
        [],
        { workflowTask: { scheduledAt: 0, attempt: 1, isStarted: false } },
        { queues: [{ name: 'plait', kind: 'workflows', workers: 0, backlog: 1 }] },
      ),
      'problem: No worker polls the task queue plait. The turn has waited for one for 1 min.',
      /plait worker <module> --task-queues plait/,
    ],
    [
      'its workflow task fails',
      facts([], {
        workflowTask: { scheduledAt: 5_000, attempt: 3, isStarted: true },
        blocked: { since: 0, message: 'no codec' },
      }),
      'problem: Workers cannot take the next step of the turn: it has failed 2 times in 1 min. Nothing is lost.',
      /no codec.*Fix what the failure names/s,
    ],
    [
      'its workers run another version',
      facts([], {
        workflowTask: { scheduledAt: 0, attempt: 2, isStarted: false },
        blocked: { since: 0, message: '[TMPRL1100] Nondeterminism error' },
      }),
      'problem: Workers cannot take the next step of the turn: it has failed once in 1 min. Nothing is lost.',
      /TMPRL1100.*Deploy the version that began it again/s,
    ],
    [
      'its workers lack the storage, and the last one has left',
      facts(
        [],
        {
          workflowTask: { scheduledAt: 0, attempt: 2, isStarted: false },
          blocked: { since: 0, message: '[TMPRL1105] no storage' },
        },
        { queues: [{ name: 'plait', kind: 'workflows', workers: 0, backlog: 1 }] },
      ),
      'problem: No worker polls the task queue plait. The turn has waited for one for 1 min.',
      /The last one failed: \[TMPRL1105\]/,
    ],
    [
      'no worker polls the queue of a tool',
      facts(
        [model([row('render', { state: 'scheduled', bars: queued, open })])],
        {},
        { queues: [{ name: 'gpu', kind: 'activities', workers: 0, backlog: 1 }] },
      ),
      'problem: No worker polls the task queue gpu. render(customer: 7) has waited for one for 30 s.',
      /plait worker <module> --task-queues gpu/,
    ],
    [
      'all workers are busy',
      facts(
        [model([row('render', { state: 'scheduled', bars: queued, open })])],
        {},
        { queues: [{ name: 'gpu', kind: 'activities', workers: 1, backlog: 40 }] },
      ),
      'problem: render(customer: 7) has waited for a worker of the task queue gpu for 30 s. 1 worker polls it, and about 40 tasks wait in it.',
      /Start more workers/,
    ],
    [
      'a call ends its workers',
      facts([
        model([
          row('parse', {
            state: 'running',
            lostWorkers: 2,
            attempts: 3,
            bars: [bar('attempt', 50_000, 60_000)],
            message: 'no heartbeat',
            open: { ...open, startToCloseTimeout: 0 },
          }),
        ]),
      ]),
      'problem: parse(customer: 7) has run for 10 s. It is attempt 3. It has lost its worker 2 times.',
      /no heartbeat.*exit code/s,
    ],
    [
      'a sub-agent waits',
      facts([
        model([
          row('scout', {
            state: 'running',
            open,
            turn: {
              ...facts([]).turn,
              turnId: 't.toolu_scout',
              agent: 'scout',
              workflowTask: { scheduledAt: 0, attempt: 3, isStarted: false },
              blocked: { since: 0, message: 'no codec' },
            },
          }),
        ]),
      ]),
      'problem: Workers cannot take the next step of the turn: it has failed 2 times in 1 min. Nothing is lost.',
      /In turn t\.toolu_scout of agent scout, for scout\(customer: 7\)\..*no codec/s,
    ],
    [
      'a person has to decide',
      facts(
        [model([row('refund', { state: 'waiting', bars: [bar('approval', 1_000, 60_000)] })])],
        {},
        {
          approvals: [
            {
              callId: 'toolu_refund',
              tool: 'refund',
              input: {},
              round: 1,
              requestedAt: new Date(1_000).toISOString(),
              expiresAt: new Date(3_660_000).toISOString(),
            },
          ],
        },
      ),
      'waits: refund(customer: 7) has waited for a person to decide for 59 s. It is denied in 1 h unless somebody decides.',
      /plait approve t toolu_refund\nplait deny t toolu_refund/,
    ],
    [
      'a tool is tried again',
      facts([
        model([
          row('get_orders', {
            state: 'retrying',
            attempts: 4,
            bars: failing,
            message: 'connect ECONNREFUSED',
            open: { ...open, nextAttemptAt: 68_000 },
          }),
        ]),
      ]),
      'problem: get_orders(customer: 7) has failed 3 times. Attempt 4 of at most 5 comes in 8.00 s.',
      /connect ECONNREFUSED.*Fix the cause/s,
    ],
    [
      'the model is tried again',
      facts([
        model([], {
          state: 'retrying',
          attempts: 2,
          bars: failing,
          message: 'The Messages API answered 529',
          open: { ...open, maximumAttempts: 0 },
        }),
      ]),
      'problem: The model request of round 1 has failed once. Attempt 2 comes as soon as a worker takes it.',
      /529.*usually passes/s,
    ],
    [
      'a call is to be completed from outside',
      facts([model([row('scan', { state: 'waiting', bars: [bar('outside', 1_000, 60_000)] })])]),
      'waits: scan(customer: 7) has waited to be completed from outside for 59 s.',
      /token of the call/,
    ],
    [
      'somebody has paused a call',
      facts([model([row('scan', { state: 'paused', bars: queued, open })])]),
      'problem: Somebody has paused scan(customer: 7).',
      /Unpause.*plait cancel t/s,
    ],
    [
      'a call runs',
      facts([
        model([
          row('scan', {
            state: 'running',
            attempts: 2,
            bars: [bar('attempt', 48_000, 60_000)],
            message: 'refused',
            open: { ...open, worker: '7@host' },
          }),
        ]),
      ]),
      'waits: scan(customer: 7) has run for 12 s on worker 7@host. It is attempt 2. An attempt may take 2 min.',
      /refused/,
    ],
    [
      'the model is asked',
      facts([
        model([], {
          state: 'running',
          bars: [bar('attempt', 48_000, 60_000)],
          open: { ...open, startToCloseTimeout: 0 },
        }),
      ]),
      'waits: The model has been asked for 12 s.',
      /^$/,
    ],
    [
      'a call does not stop',
      facts([model([row('scan', { state: 'cancelling', bars: queued, open })])]),
      'waits: scan(customer: 7) has been asked to stop, and has not stopped yet.',
      /^$/,
    ],
    [
      'earlier calls come first',
      facts([model([row('send', { state: 'scheduled', bars: [bar('conflict', 1, 2)] })])]),
      'waits: Not started yet: send(customer: 7).',
      /^$/,
    ],
    ['nothing is open', facts([model([])]), 'waits: The turn is between two steps.', /^$/],
  ];

  it.each(cases)('say what is wrong and what to do: %s', (_, given, what, does) => {
    const [first] = findingsOf(given);
    expect(`${first?.type}: ${first?.what}`).toBe(what);
    const { where = '', why = '', todo = '', commands = [] } = first ?? {};
    expect([where, why, todo, ...commands].join('\n').trim()).toMatch(does);
  });

  it('list the problems first, and name only some of many calls', () => {
    const running = { state: 'running' as const, open, bars: queued };
    const many = Array.from({ length: 8 }, (_, i) => row(`look_${i}`, running));
    const paused = row('scan', { state: 'paused', open, bars: queued });
    const found = whats(facts([model([...many, paused])]));
    expect(found).toHaveLength(7);
    expect(found[0]).toBe('problem: Somebody has paused scan(customer: 7).');
    expect(found.at(-1)).toBe('waits: 3 more.');
  });
});

describe('the findings about a turn that has ended', () => {
  it('say how it ended, which calls did not succeed, and why', () => {
    const calls = [
      row('a'),
      row('b', { state: 'failed', attempts: 3, message: 'refused' }),
      row('c', { state: 'timedOut' }),
      row('d', { state: 'unknown' }),
      row('e', { state: 'denied', approval: { decision: 'denied', by: 'ana', at: '' } }),
      row('f', { state: 'denied' }),
      row('g', { state: 'skipped' }),
    ];
    const ended = { status: 'completed', stopReason: 'end_turn' } as const;
    expect(whats(facts([model(calls)], ended))).toEqual([
      'done: The turn ended with end_turn after 1 min.',
      'problem: b(customer: 7) failed after 3 attempts.',
      'problem: c(customer: 7) timed out.',
      'problem: Nobody knows how d(customer: 7) ended.',
      'waits: e(customer: 7) was denied by ana.',
      'waits: f(customer: 7) was denied because nobody decided in time.',
      'waits: g(customer: 7) did not run.',
    ]);
    expect(findingsOf(facts([model(calls)], ended))[1]?.why).toBe('refused');
  });

  it.each([
    [
      { status: 'completed', stopReason: 'max_rounds', stopDetails: 'The limit is reached.' },
      'problem: The turn ended with max_rounds after 1 min.',
      'The limit is reached.',
    ],
    [
      { status: 'completed', stopReason: 'cancelled' },
      'waits: The turn ended with cancelled after 1 min.',
      undefined,
    ],
    [
      { status: 'failed', message: 'The Messages API answered 401' },
      'problem: The turn failed after 1 min.',
      'The Messages API answered 401',
    ],
    [
      { status: 'terminated', message: 'enough' },
      'problem: The turn was terminated after 1 min.',
      'enough',
    ],
  ] as const)('say why it ended in another way: %o', (turn, what, why) => {
    const [first] = findingsOf(facts([], turn));
    expect(`${first?.type}: ${first?.what}`).toBe(what);
    expect(first?.why).toBe(why);
  });
});
