import type { ScenarioResult } from './measure.ts';
import { perSecond, whole } from './text.ts';

/** By what factor Plait is ahead of the straightforward loop. */
export function verdictLine({ scenario, measurements }: ScenarioResult): string[] {
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

/** Differences below this are noise, also between two runs of the same contender. */
const NOISE = 0.02;

function stateOf(ratio: number): string {
  if (Math.abs(ratio - 1) < NOISE) return 'even';
  return ratio > 1 ? 'ahead' : 'BEHIND';
}
