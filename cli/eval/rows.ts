import { costText, tokensText } from '../../core/turn/usage-text.ts';
import type { CaseReport, EvalReport } from '../../testing/evals/report.ts';
import { counted } from '../../testing/evals/report.ts';
import type { Style } from '../style.ts';
import { durationText, oneLine, printable } from '../text.ts';

// An eval's report for people. Pure.

const MODELS: Record<EvalReport['model'], string> = {
  claude: 'asks Claude',
  script: 'scripted model',
};

/** `support, scripted model, 3 runs of each case` */
export function evalTitle({ name, agent, model, cases }: EvalReport): string {
  const about = name === agent ? name : `${name} (agent ${agent})`;
  const runs = cases[0]?.runs.length ?? 0;
  return oneLine(`${about}, ${MODELS[model]}, ${counted(runs, 'run')} of each case`);
}

/** The headings and the cells of the table: a row for each case, then the total. */
export function evalRows(report: EvalReport): [headings: string[], rows: string[][]] {
  const total = {
    name: 'total',
    passed: `${report.passedCases} of ${counted(report.cases.length, 'case')}`,
  };
  return [
    ['', 'CASE', 'PASSED', 'TIME', 'TOKENS', 'COST'],
    [
      ...report.cases.map((one) => [
        one.passed ? '✔' : '✖',
        one.name,
        passedRuns(one),
        durationText(one.wallTime),
        ...spentCells(one),
      ]),
      ['', total.name, total.passed, durationText(report.wallTime), ...spentCells(report)],
    ],
  ];
}

function passedRuns({ passedRuns: passed, runs }: CaseReport): string {
  return `${passed} of ${counted(runs.length, 'run')}`;
}

function spentCells({ usage, costUSD }: Pick<CaseReport, 'usage' | 'costUSD'>): string[] {
  return [tokensText(usage), costUSD === undefined ? '' : costText(costUSD)];
}

/** Each case that did not pass, with an empty line before it. */
export function failureLines({ failures }: EvalReport, style: Style): string[] {
  return failures.flatMap((text) => {
    const [head = '', ...lines] = printable(text).split('\n');
    return ['', style.red(`✖ ${head}`), ...lines.map((line) => (line === '' ? '' : `  ${line}`))];
  });
}
