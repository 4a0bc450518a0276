import { expect, test } from 'vitest';
import { compareResults, comparisonLines, marginOf, pairedRatio } from '../../bench/check.ts';
import type { Measurement, Results } from '../../bench/results.ts';
import type { Scenario } from '../../bench/scenarios.ts';
import { summarize } from '../../bench/statistics.ts';

const scenario: Scenario = {
  name: 'article',
  title: 'A turn',
  rounds: 1,
  waits: [1],
  bytes: 1,
  turns: 1,
  repetitions: 5,
  warmUp: false,
};

const measured = (
  contender: string,
  times: readonly number[],
  actions?: Record<string, number>,
): Measurement => ({ contender, times, time: summarize(times), ...(actions && { actions }) });

function run(
  measurements: readonly Measurement[],
  actions: Record<string, number> = {},
  paced = false,
): Results {
  return {
    machine: { cores: 2, node: '20.0.0', server: '1.32.0', peers: {} },
    scenarios: [{ scenario: { ...scenario, paced }, measurements }],
    linear: [],
    session: [],
    actions: [{ title: 'a turn of one reply', total: 0, actions }],
  };
}

const times = (factor: number) => [100, 102, 98, 101, 99].map((ms) => ms * factor);
const loop = measured('straightforward loop', times(1));

test.each([
  ['as before', 1, 'level'],
  ['4 % more, which is noise', 1.04, 'level'],
  ['7 % more', 1.07, 'loss'],
  ['7 % less', 0.93, 'gain'],
])('a turn that takes %s of what the straightforward loop takes', (_, factor, verdict) => {
  const kept = run([loop, measured('Plait', times(1))]);
  const now = run([loop, measured('Plait', times(factor))]);
  expect(compareResults(kept, now)).toMatchObject([{ verdict }]);
});

test('a machine that is slower overall loses nothing', () => {
  const kept = run([loop, measured('Plait', times(1))]);
  const now = run([measured('straightforward loop', times(3)), measured('Plait', times(3))]);
  expect(compareResults(kept, now)).toMatchObject([{ kept: 1, now: 1, verdict: 'level' }]);
});

test('a machine that slows down during a run loses nothing, because neighbours are compared', () => {
  const slower = [100, 150, 200, 250, 300];
  const now = run([measured('straightforward loop', slower), measured('Plait', slower)]);
  const kept = run([loop, measured('Plait', times(1))]);
  expect(compareResults(kept, now)).toMatchObject([{ verdict: 'level' }]);
});

test('times that vary much get a wide margin', () => {
  const restless = [80, 140, 95, 160, 110];
  const kept = run([loop, measured('Plait', times(1))]);
  const now = run([loop, measured('Plait', restless)]);
  expect(compareResults(kept, now)).toMatchObject([{ verdict: 'level' }]);
});

test('with replies at the speed of a model, Plait is compared with the loops in process', () => {
  const others = [measured('in process', times(1)), measured('SDK runner, eager', times(1))];
  const kept = run([...others, measured('Plait', times(0.8))], {}, true);
  const now = run([...others, measured('Plait', times(0.9))], {}, true);
  expect(compareResults(kept, now).map(({ title, verdict }) => [title, verdict])).toEqual([
    ['article: time of Plait to that of in process', 'loss'],
    ['article: time of Plait to that of SDK runner, eager', 'loss'],
  ]);
});

test.each([
  ['one more', 'command_ScheduleActivityTask', 5, 6, 'loss'],
  ['one less', 'command_ScheduleActivityTask', 5, 4, 'gain'],
  ['a new kind', 'command_UpsertWorkflowSearchAttributes', 0, 1, 'loss'],
  ['one more heartbeat of few', 'grpc_RecordActivityTaskHeartbeat', 4, 5, 'level'],
  ['three more heartbeats of few', 'grpc_RecordActivityTaskHeartbeat', 4, 7, 'loss'],
  ['ten more heartbeats of many', 'grpc_RecordActivityTaskHeartbeat', 140, 150, 'level'],
])('Actions: %s', (_, kind, kept, now, verdict) => {
  expect(compareResults(run([], { [kind]: kept }), run([], { [kind]: now }))).toMatchObject([
    { kept, now, verdict },
  ]);
});

test("the Actions of a scenario are Plait's, by kind", () => {
  const kept = run([measured('Plait', [1], { start: 1, activity: 5 })]);
  const now = run([measured('Plait', [1], { start: 1, activity: 6 })]);
  expect(compareResults(kept, now)).toMatchObject([
    { title: 'article: Actions, start', verdict: 'level' },
    { title: 'article: Actions, activity', verdict: 'loss' },
  ]);
});

test('what only one of the runs has is not compared', () => {
  const kept = run([loop, measured('Plait', times(1))]);
  expect(compareResults(kept, run([loop]))).toEqual([]);
  expect(compareResults(run([]), kept)).toEqual([]);
  expect(compareResults({ ...kept, scenarios: [] }, kept)).toEqual([]);
});

test('a ratio needs pairs of runs that ended', () => {
  expect(pairedRatio([1, 2], [1])).toBeUndefined();
  expect(pairedRatio([1], [1])).toBeUndefined();
  expect(pairedRatio([2, 4, 9], [1, 2, 3])).toMatchObject({ ratio: 2, count: 3 });
});

test.each([
  ['many pairs that agree', { error: 0, count: 12 }, { error: 0, count: 12 }, 0.05],
  ['few pairs that agree', { error: 0, count: 3 }, { error: 0, count: 12 }, 0.1],
  ['pairs that vary', { error: 0.03, count: 12 }, { error: 0.04, count: 12 }, 0.15],
])('the margin of %s', (_, kept, now, margin) => {
  expect(marginOf({ ratio: 1, ...kept }, { ratio: 1, ...now })).toBeCloseTo(margin);
});

test('losses come first, with what was kept and what is allowed', () => {
  const kept = run([], { a: 5, b: 2, c: 1 });
  const now = run([], { a: 5, b: 1, c: 2 });
  expect(comparisonLines(compareResults(kept, now))).toEqual([
    '',
    'Lost: more than in the kept results, by more than noise',
    '  a turn of one reply: Actions, c: 2.00, kept 1.00, at most 1.05',
    '',
    'Gained: keep the results of a whole run (npm run bench:docs)',
    '  a turn of one reply: Actions, b: 1.00, kept 2.00, at most 2.05',
    '',
    'As before',
    '  a turn of one reply: Actions, a: 5.00, kept 5.00, at most 5.05',
  ]);
});
