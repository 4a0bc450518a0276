import type { Measurement, ScenarioResult } from './measure.ts';
import { roundLines } from './rounds.ts';
import type { Scenario } from './scenarios.ts';
import { count, kilobytes, perSecond, row, whole } from './text.ts';

export function headerLine(): string {
  return row('', ['median', 'min to max', 'ratio', 'turns/s', 'events', 'history', 'Actions']);
}

/** The results of a scenario, a line for each contender. */
export function scenarioLines({ scenario, measurements }: ScenarioResult): string[] {
  const times = Math.max(...measurements.map(({ time }) => time?.count ?? 0));
  const limit = measurements[0]?.time?.median;
  return [
    '',
    `${scenario.title} (${times === 1 ? 'once' : `${times} times`})`,
    ...measurements.map((measurement) => measurementLine(scenario, measurement, limit)),
  ];
}

function measurementLine(
  { turns }: Scenario,
  { contender, time, history, actions, terminated }: Measurement,
  limit: number | undefined,
): string {
  const size =
    history === undefined
      ? []
      : [`${history.events}`, kilobytes(history.bytes), count(actions ?? 0)];
  if (time === undefined) {
    const end = terminated === undefined ? '' : `ended in round ${terminated.modelCalls}`;
    return row(`  ${contender}`, ['', end, '', '', ...size]);
  }
  return row(`  ${contender}`, [
    `${whole(time.median)} ms`,
    time.count === 1 ? 'once' : `${whole(time.min)} to ${whole(time.max)}`,
    limit === undefined ? '' : (time.median / limit).toFixed(2),
    turns === 1 ? '' : perSecond(turns, time.median).toFixed(1),
    ...size,
  ]);
}

/** What needs the results of all scenarios. */
export function closingLines(results: readonly ScenarioResult[]): string[] {
  const verdicts = results.flatMap(verdictLine);
  return [
    ...roundLines(results.map(({ measurements }) => measurements)),
    '',
    'Plait and the straightforward loop',
    ...verdicts,
  ];
}

/** The factor by which Plait is ahead of the straightforward loop. */
function verdictLine({ scenario, measurements }: ScenarioResult): string[] {
  const [limit, plait, loop] = ['in process', 'Plait', 'straightforward loop'].map((name) =>
    measurements.find(({ contender }) => contender === name),
  );
  if (plait?.time === undefined || loop === undefined) return [];
  const name = `  ${scenario.name.padEnd(11)}`;
  if (loop.time === undefined) {
    return [
      `${name}Plait ends in ${whole(plait.time.median)} ms; the loop does not end:`,
      `${''.padEnd(13)}round ${loop.terminated?.modelCalls}, "${loop.terminated?.reason}"`,
    ];
  }
  const [fast, slow] = [plait.time.median, loop.time.median];
  const state = stateOf(slow / fast);
  const figures =
    scenario.turns === 1
      ? `${whole(fast)} against ${whole(slow)} ms`
      : `${perSecond(scenario.turns, fast).toFixed(1)} against ${perSecond(scenario.turns, slow).toFixed(1)} turns/s`;
  const least = limit?.time?.median ?? 0;
  const above = `${whole(fast - least)} against ${whole(slow - least)} ms above in process`;
  return [`${name}${state} ${(slow / fast).toFixed(2)} times: ${figures}; ${above}`];
}

/** Smaller differences are noise: two runs of the same contender differ by as much. */
const NOISE = 0.02;

function stateOf(ratio: number): string {
  if (Math.abs(ratio - 1) < NOISE) return 'even';
  return ratio > 1 ? 'ahead' : 'BEHIND';
}

/** Why the benchmark fails. Times are never a reason. */
export function findProblems(results: readonly ScenarioResult[]): string[] {
  return results.flatMap(({ scenario, measurements }) =>
    measurements.flatMap(({ contender, wrongAnswer, terminated }) => {
      const where = `${scenario.name}, ${contender}`;
      if (wrongAnswer !== undefined) return [`${where}: wrong answer: ${wrongAnswer}`];
      // The server is expected to terminate the other loop.
      if (terminated === undefined || contender !== 'Plait') return [];
      return [`${where}: terminated: ${terminated.reason}`];
    }),
  );
}
