import { defined } from '../../core/json.ts';
import { sumUSD } from '../../core/turn/prices.ts';
import type { Usage } from '../../core/turn/usage.ts';
import { addUsage, NO_USAGE } from '../../core/turn/usage.ts';
import type { Verdict } from './judge.ts';

/** One run of a case. */
export type EvalRun = PassedRun | FailedRun | ErrorRun | SkippedRun;

/** What every run has that was started. */
interface StartedRun {
  /** The workflow id of its turn. */
  turnId: string;
  /** The tools that it called: a list for each reply with calls. */
  trajectory: string[][];
  /** What the agent answered in the end. */
  text: string;
  /** How long the turn took, in milliseconds; without the judge. */
  wallTime: number;
  /** Tokens, those of the judge included. */
  usage: Usage;
  /** What `usage` costs in USD, where there are `prices`. */
  costUSD?: number;
  /** What the judge said, where it was asked. */
  verdict?: Verdict;
}

/** Everything that the case expects holds, and the judge agrees where it was asked. */
export interface PassedRun extends StartedRun {
  type: 'passed';
}

/** The turn did something else than the case expects, or the judge did not let it pass. */
export interface FailedRun extends StartedRun {
  type: 'failed';
  /** What was expected, and what happened. */
  problem: string;
}

/** The turn or the judge failed, so that there is nothing to judge. */
export interface ErrorRun extends StartedRun {
  type: 'error';
  problem: string;
}

/** Not started, because `maxCostUSD` was spent. */
export interface SkippedRun {
  type: 'skipped';
  problem: string;
}

/** What runs add up to. */
interface EvalSum {
  /** Of the turns, those of the judge included. */
  usage: Usage;
  /** In USD; absent where no turn had `prices`. */
  costUSD?: number;
}

/** All runs of one case. */
export interface CaseReport extends EvalSum {
  name: string;
  /** Whether the part of its runs that passed is at least `passRate`, and none was skipped. */
  passed: boolean;
  passedRuns: number;
  /** The part of the runs that must pass. */
  passRate: number;
  /** The median over the runs that were started, in milliseconds; 0 where none was. */
  wallTime: number;
  runs: EvalRun[];
}

/** Who answered in place of the model: Claude, or the script of the eval. */
export type EvalModel = 'claude' | 'script';

/** What `runEval` returns: plain data. */
export interface EvalReport extends EvalSum {
  name: string;
  agent: string;
  model: EvalModel;
  /** Whether every case passed. */
  passed: boolean;
  passedCases: number;
  cases: CaseReport[];
  /** A text for each case that did not pass, with each run that did not. Empty where the eval passed. */
  failures: string[];
  /** How long all of it took, in milliseconds. */
  wallTime: number;
}

export function caseReport(name: string, passRate: number, runs: readonly EvalRun[]): CaseReport {
  const started = runs.filter((run) => run.type !== 'skipped');
  const passedRuns = runs.filter(({ type }) => type === 'passed').length;
  return {
    name,
    // The pass rate of whole runs: 0.8 of 5 is 4, despite rounding errors.
    passed: started.length === runs.length && passedRuns >= neededRuns(passRate, runs.length),
    passedRuns,
    passRate,
    wallTime: median(started.map(({ wallTime }) => wallTime)),
    ...sumOf(started),
    runs: [...runs],
  };
}

/** How many of these runs must pass. */
export function neededRuns(passRate: number, runs: number): number {
  // 0.7 * 10 is 7.000000000000001.
  return Math.ceil(passRate * runs - 1e-9);
}

export function evalReport(
  about: Pick<EvalReport, 'name' | 'agent' | 'model' | 'wallTime'>,
  cases: readonly CaseReport[],
): EvalReport {
  const passedCases = cases.filter(({ passed }) => passed).length;
  return {
    ...about,
    passed: passedCases === cases.length,
    passedCases,
    ...sumOf(cases),
    cases: [...cases],
    failures: cases.filter(({ passed }) => !passed).map(failureText),
  };
}

function sumOf(parts: readonly { usage: Usage; costUSD?: number }[]): EvalSum {
  const usage = parts.reduce((sum, part) => addUsage(sum, part.usage), NO_USAGE);
  const costUSD = sumUSD(...parts.map((part) => part.costUSD));
  return { usage, ...defined({ costUSD }) };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const lower = sorted[Math.ceil(middle) - 1] ?? 0;
  const upper = sorted[Math.floor(middle)] ?? 0;
  return Math.round((lower + upper) / 2);
}

/** Which runs of a case did not pass, and why. A problem that several runs share appears once. */
export function failureText({ name, passedRuns, passRate, runs }: CaseReport): string {
  const needed = neededRuns(passRate, runs.length);
  const head = `${name}: ${passedRuns} of ${counted(runs.length, 'run')} passed, and ${needed} must`;
  const byProblem = new Map<string, number[]>();
  for (const [i, run] of runs.entries()) {
    if (run.type === 'passed') continue;
    const problem = problemText(run);
    byProblem.set(problem, [...(byProblem.get(problem) ?? []), i + 1]);
  }
  const problems = [...byProblem].map(
    ([problem, numbers]) =>
      `${numbers.length === 1 ? 'run' : 'runs'} ${numbers.join(', ')}: ${problem}`,
  );
  return [head, ...problems.map(indented)].join('\n');
}

function problemText({ type, problem }: FailedRun | ErrorRun | SkippedRun): string {
  switch (type) {
    case 'failed':
      return problem;
    case 'error':
      return `error: ${problem}`;
    case 'skipped':
      return `not started: ${problem}`;
  }
}

function indented(text: string): string {
  return text
    .split('\n')
    .map((line) => (line === '' ? '' : `  ${line}`))
    .join('\n');
}

/** `1 run`, `2 runs` */
export function counted(count: number, name: string): string {
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}
