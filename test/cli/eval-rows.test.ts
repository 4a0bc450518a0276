import { expect, test } from 'vitest';
import { evalRows, evalTitle, failureLines } from '../../cli/eval/rows.ts';
import { PLAIN } from '../../cli/style.ts';
import { tableLines } from '../../cli/table.ts';
import { NO_USAGE } from '../../core/turn/usage.ts';
import type { EvalRun } from '../../testing/evals/report.ts';
import { caseReport, evalReport } from '../../testing/evals/report.ts';

const usage = { ...NO_USAGE, input_tokens: 1_200, output_tokens: 80 };
const started = { turnId: 't', trajectory: [], text: '', wallTime: 1_160, usage };
const passed: EvalRun = { type: 'passed', ...started, costUSD: 0.02 };
const failed: EvalRun = { type: 'failed', problem: 'expected\u001B[2J this\n  that', ...started };
const about = { name: 'refunds', agent: 'support', model: 'script', wallTime: 2_400 } as const;
const report = evalReport(about, [
  caseReport('refunds the order', 1, [passed, passed]),
  caseReport('refunds nothing', 1, [failed, passed]),
]);

test('the table has a row for each case, and a total', () => {
  const [headings, rows] = evalRows(report);
  expect(tableLines(headings, rows, { columns: undefined, style: PLAIN })).toEqual([
    '   CASE               PASSED        TIME    TOKENS             COST',
    '✔  refunds the order  2 of 2 runs   1.16 s  2,400 in, 160 out  $0.0400',
    '✖  refunds nothing    1 of 2 runs   1.16 s  2,400 in, 160 out  $0.0200',
    '   total              1 of 2 cases  2.40 s  4,800 in, 320 out  $0.0600',
  ]);
});

test('the title names the agent, and who answers in place of the model', () => {
  expect(evalTitle(report)).toBe('refunds (agent support), scripted model, 2 runs of each case');
  const live = { ...report, name: 'support', model: 'claude' } as const;
  expect(evalTitle(live)).toBe('support, asks Claude, 2 runs of each case');
});

test('failures follow, and nothing in them moves the cursor', () => {
  expect(failureLines(report, PLAIN)).toEqual([
    '',
    '✖ refunds nothing: 1 of 2 runs passed, and 2 must',
    '    run 1: expected\\u{1B}[2J this',
    '      that',
  ]);
});
