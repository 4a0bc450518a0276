import { totalOf } from './action-counter.ts';
import { roundLines } from './rounds.ts';
import type { LinearResult, Measurement, ScenarioResult, SessionMoment } from './results.ts';
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
      : [`${history.events}`, kilobytes(history.bytes), count(totalOf(actions ?? {}))];
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

/** Smaller differences are noise: two runs of the same contender differ by this much. */
const NOISE = 0.02;

function stateOf(ratio: number): string {
  if (Math.abs(ratio - 1) < NOISE) return 'even';
  return ratio > 1 ? 'ahead' : 'BEHIND';
}

export function linearHeader(): string {
  return row('History of one turn', ['time', 'history a round', 'runs', '', 'events', 'history']);
}

export function linearTitle(setup: string): string {
  return `${setup} (once)`;
}

export function linearLine(result: LinearResult): string {
  const { rounds, resultBytes, ms, bytes, runs, events } = result;
  const size = resultBytes === 8_192 ? '' : ', small';
  return row(`  ${whole(rounds)} rounds${size}`, [
    `${whole(ms)} ms`,
    kilobytes(bytes / rounds),
    `${runs}`,
    '',
    `${events}`,
    kilobytes(bytes),
  ]);
}

/** The whole table, with a block for each setup. */
export function linearLines(results: readonly LinearResult[]): string[] {
  const setups = [...new Set(results.map(({ setup }) => setup))];
  return [
    linearHeader(),
    ...setups.flatMap((setup) => [
      '',
      linearTitle(setup),
      ...results.filter((result) => result.setup === setup).map(linearLine),
    ]),
  ];
}

export function sessionHeader(turns: number): string[] {
  return [
    `A session of ${whole(turns)} small turns`,
    row('', ['to open', 'messages', 'ratio', '', 'events', 'history']),
  ];
}

export function sessionLine(moment: SessionMoment, first: SessionMoment): string {
  const { when, openMs, events, bytes, messages } = moment;
  return row(when, [
    `${openMs.toFixed(1)} ms`,
    whole(messages),
    (openMs / first.openMs).toFixed(2),
    '',
    `${events}`,
    kilobytes(bytes),
  ]);
}

/** The whole table. A turn has two messages. */
export function sessionLines(moments: readonly SessionMoment[]): string[] {
  const turns = (moments.at(-1)?.messages ?? 0) / 2;
  return [
    ...sessionHeader(turns),
    ...moments.map((moment) => sessionLine(moment, moments[0] ?? moment)),
  ];
}

/** Why the benchmark fails. Slow times are never a reason. */
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
