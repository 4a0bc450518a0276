import type { CountedWork, Measurement, Results, ScenarioResult } from './results.ts';
import { summarize } from './statistics.ts';

/** A figure of a run beside the same one of the kept run. More is worse, for all of them. */
export interface Comparison {
  /** What is compared, for people. */
  readonly title: string;
  readonly kept: number;
  readonly now: number;
  /** By how much they may differ without saying anything. */
  readonly margin: number;
  readonly verdict: 'loss' | 'gain' | 'level';
}

/** With whom Plait is compared: their times depend on the machine as its own do. */
const RIVALS = { atOnce: ['straightforward loop'], paced: ['in process', 'SDK runner, eager'] };

/** Compares the ratios and Actions that both runs have. */
export function compareResults(kept: Results, now: Results): Comparison[] {
  const ratios = now.scenarios.flatMap((result) => {
    const before = kept.scenarios.find(({ scenario }) => scenario.name === result.scenario.name);
    return before === undefined ? [] : compareScenarios(before, result);
  });
  const works = now.actions.flatMap((work) => {
    const before = kept.actions.find(({ title }) => title === work.title);
    return before === undefined ? [] : compareActions(work.title, before.actions, work.actions);
  });
  return [...ratios, ...works];
}

function compareScenarios(kept: ScenarioResult, now: ScenarioResult): Comparison[] {
  const { name, paced } = now.scenario;
  const rivals = paced === true ? RIVALS.paced : RIVALS.atOnce;
  const ratios = rivals.flatMap((rival) => {
    const [before, after] = [kept, now].map((result) => ratioOf(result, rival));
    if (before === undefined || after === undefined) return [];
    const margin = before.ratio * marginOf(before, after);
    const title = `${name}: time of Plait to that of ${rival}`;
    return [compared(title, before.ratio, after.ratio, margin)];
  });
  const [before, after] = [kept, now].map((result) => measurementOf(result, 'Plait')?.actions);
  const actions =
    before === undefined || after === undefined ? [] : compareActions(name, before, after);
  return [...ratios, ...actions];
}

/** How much one time is of another, and how well that is known. */
export interface Ratio {
  readonly ratio: number;
  /** The standard error of the ratio, relative to it. */
  readonly error: number;
  readonly count: number;
}

function ratioOf(result: ScenarioResult, rival: string): Ratio | undefined {
  const [ours, theirs] = [measurementOf(result, 'Plait'), measurementOf(result, rival)];
  return ours === undefined || theirs === undefined
    ? undefined
    : pairedRatio(ours.times, theirs.times);
}

/** The pairs of one repetition ran after one another, so what slows the machine down slows both. */
export function pairedRatio(ours: readonly number[], theirs: readonly number[]): Ratio | undefined {
  // With a run that did not end, or with only one, there is nothing to compare.
  if (ours.length !== theirs.length || ours.length < 2) return undefined;
  const ratios = ours.map((time, i) => time / (theirs[i] ?? Number.NaN));
  const ratio = summarize(ratios).median;
  const deviation = summarize(ratios.map((each) => Math.abs(each - ratio))).median;
  // Of normal noise: the standard deviation from the median deviation, then the error of a median.
  const error = (1.25 * 1.48 * deviation) / Math.sqrt(ratios.length) / ratio;
  return { ratio, error, count: ratios.length };
}

/** Two runs of one version on a machine that does nothing else differ by that much. */
const FLOOR = 0.05;
/** A few pairs may agree by chance, so their spread says little. */
const FEW = { pairs: 5, floor: 0.1 };
/** A difference of so many standard errors is not chance. */
const ERRORS = 3;

/** By how much two ratios may differ, relative to the first. */
export function marginOf(kept: Ratio, now: Ratio): number {
  const floor = Math.min(kept.count, now.count) < FEW.pairs ? FEW.floor : FLOOR;
  return Math.max(floor, ERRORS * Math.hypot(kept.error, now.error));
}

/** A busy machine makes a call last longer, which is a heartbeat more. All other Actions are exact. */
function actionMargin(kind: string, kept: number): number {
  return /heartbeat/i.test(kind) ? 1 + kept / 4 : 0.05;
}

function compareActions(
  title: string,
  kept: CountedWork['actions'],
  now: CountedWork['actions'],
): Comparison[] {
  const kinds = new Set([...Object.keys(kept), ...Object.keys(now)]);
  return [...kinds].map((kind) => {
    const before = kept[kind] ?? 0;
    return compared(
      `${title}: Actions, ${kind}`,
      before,
      now[kind] ?? 0,
      actionMargin(kind, before),
    );
  });
}

function compared(title: string, kept: number, now: number, margin: number): Comparison {
  const by = now - kept;
  return {
    title,
    kept,
    now,
    margin,
    verdict: by > margin ? 'loss' : by < -margin ? 'gain' : 'level',
  };
}

function measurementOf({ measurements }: ScenarioResult, name: string): Measurement | undefined {
  return measurements.find(({ contender }) => contender === name);
}

/** For people: losses first. */
export function comparisonLines(comparisons: readonly Comparison[]): string[] {
  const lines = (verdict: Comparison['verdict'], heading: string) => {
    const chosen = comparisons.filter((each) => each.verdict === verdict);
    return chosen.length === 0 ? [] : ['', heading, ...chosen.map(comparisonLine)];
  };
  return [
    ...lines('loss', 'Lost: more than in the kept results, by more than noise'),
    ...lines('gain', 'Gained: keep the results of a whole run (npm run bench:docs)'),
    ...lines('level', 'As before'),
  ];
}

function comparisonLine({ title, kept, now, margin }: Comparison): string {
  const [before, after, most] = [kept, now, kept + margin].map((value) => value.toFixed(2));
  return `  ${title}: ${after}, kept ${before}, at most ${most}`;
}
