import { describe, expect, test } from 'vitest';
import { NO_USAGE } from '../../../core/turn/usage.ts';
import type { EvalRun } from '../../../testing/evals/report.ts';
import { caseReport, evalReport, neededRuns } from '../../../testing/evals/report.ts';

const started = {
  turnId: 't',
  trajectory: [],
  text: '',
  usage: { ...NO_USAGE, output_tokens: 10 },
};
const passed = (wallTime = 100, costUSD = 0.25): EvalRun => ({
  type: 'passed',
  ...started,
  wallTime,
  costUSD,
});
const failed = (problem: string): EvalRun => ({
  type: 'failed',
  problem,
  ...started,
  wallTime: 300,
});
const error: EvalRun = { type: 'error', problem: 'no route', ...started, wallTime: 0 };
const skipped: EvalRun = { type: 'skipped', problem: 'the $1 of maxCostUSD are spent' };

describe('a case', () => {
  test.each([
    ['passes where all runs do', 1, [passed(), passed()], true],
    ['fails where one does not and all must', 1, [passed(), failed('x')], false],
    ['passes with as many as must', 0.5, [passed(), failed('x')], true],
    ['fails with fewer', 0.51, [passed(), failed('x')], false],
    ['counts an error as a run that did not pass', 0.5, [passed(), error, error], false],
    ['does not pass where a run was skipped', 0.5, [passed(), skipped], false],
  ] as const)('%s', (_title, passRate, runs, expected) => {
    expect(caseReport('c', passRate, runs).passed).toBe(expected);
  });

  test.each([
    [1, 5, 5],
    [0.8, 5, 4],
    [0.7, 10, 7],
    [0.1, 3, 1],
    [2 / 3, 3, 2],
    [0.001, 1, 1],
  ])('that must pass %d of the time needs, of %d runs, %d', (passRate, runs, needed) => {
    expect(neededRuns(passRate, runs)).toBe(needed);
  });

  test('adds up what its runs used, and has the median of their times', () => {
    const { usage, costUSD, wallTime } = caseReport('c', 1, [
      passed(100, 0.5),
      passed(900),
      failed('x'),
      skipped,
    ]);
    expect({ output: usage.output_tokens, costUSD, wallTime }).toEqual({
      output: 30,
      costUSD: 0.75,
      wallTime: 300,
    });
    expect(caseReport('c', 1, [passed(100), passed(201)]).wallTime).toBe(151);
    expect(caseReport('c', 1, [skipped])).toMatchObject({ wallTime: 0, usage: NO_USAGE });
  });
});

describe('an eval', () => {
  const about = { name: 'e', agent: 'support', model: 'script', wallTime: 5 } as const;

  test('passes if every case does', () => {
    const report = evalReport(about, [
      caseReport('a', 1, [passed()]),
      caseReport('b', 1, [passed()]),
    ]);
    expect(report).toMatchObject({ passed: true, passedCases: 2, costUSD: 0.5, failures: [] });
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  test('says for each case that did not pass which runs failed, and each problem once', () => {
    const runs = [failed('expected a\n\nCalls:\n  b'), passed(), failed('other'), error, skipped];
    const report = evalReport(about, [
      caseReport('good', 1, [passed()]),
      caseReport('bad', 0.8, [...runs, failed('other')]),
    ]);
    expect(report).toMatchObject({ passed: false, passedCases: 1 });
    expect(report.failures).toEqual([
      `bad: 1 of 6 runs passed, and 5 must
  run 1: expected a

  Calls:
    b
  runs 3, 6: other
  run 4: error: no route
  run 5: not started: the $1 of maxCostUSD are spent`,
    ]);
  });
});
