import type { Measurement, ScenarioResult } from './measure.ts';
import { roundLines } from './rounds.ts';
import type { Scenario } from './scenarios.ts';
import { kilobytes, perSecond, row, whole } from './text.ts';
import { verdictLine } from './verdict.ts';

export function headerLine(): string {
  return row('', ['median', 'min to max', 'ratio', 'turns/s', 'events', 'history']);
}

/** What a scenario took, a line for each contender. */
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
  { contender, time, history, terminated }: Measurement,
  limit: number | undefined,
): string {
  const size = history === undefined ? [] : [`${history.events}`, kilobytes(history.bytes)];
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

/** What only all scenarios together can tell. */
export function closingLines(results: readonly ScenarioResult[]): string[] {
  const verdicts = results.flatMap(verdictLine);
  return [
    ...roundLines(results.map(({ measurements }) => measurements)),
    '',
    'Plait and the straightforward loop',
    ...verdicts,
  ];
}

/** Why the run counts as failed. How long anything took is never a reason. */
export function findProblems(results: readonly ScenarioResult[]): string[] {
  return results.flatMap(({ scenario, measurements }) =>
    measurements.flatMap(({ contender, wrongAnswer, terminated }) => {
      const where = `${scenario.name}, ${contender}`;
      if (wrongAnswer !== undefined) return [`${where}: wrong answer: ${wrongAnswer}`];
      // That the server ends the other loop is what the scenario shows.
      if (terminated === undefined || contender !== 'Plait') return [];
      return [`${where}: terminated: ${terminated.reason}`];
    }),
  );
}
