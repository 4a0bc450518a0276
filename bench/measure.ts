import { setTimeout as sleep } from 'node:timers/promises';
import { defined } from '../core/json.ts';
import type { ActionCounter } from './action-counter.ts';
import { actionsBetween, totalOf } from './action-counter.ts';
import type { Contender } from './contender.ts';
import type { History } from './history.ts';
import { sizesByRound } from './history.ts';
import type { Model } from './model.ts';
import type { Run } from './run-once.ts';
import { runOnce } from './run-once.ts';
import type { Scenario } from './scenarios.ts';
import type { Summary } from './statistics.ts';
import { summarize } from './statistics.ts';

/** The result of one contender for one scenario. */
export interface Measurement {
  readonly contender: string;
  /** Milliseconds of a run, over the runs that ended, if any did. */
  readonly time?: Summary;
  /** Of the first turn of the last run. */
  readonly history?: History;
  /** Of one turn, on average, if the contender has a server. */
  readonly actions?: number;
  /** The size of that history at each model request, for scenarios of several rounds. */
  readonly sizes?: readonly number[];
  readonly terminated?: NonNullable<Run['terminated']>;
  readonly wrongAnswer?: string;
}

/** All contenders of a scenario. */
export interface ScenarioResult {
  readonly scenario: Scenario;
  readonly measurements: readonly Measurement[];
}

export interface Setting {
  readonly contenders: readonly Contender[];
  readonly model: Model;
  readonly counter: ActionCounter;
  /** @default each scenario's own */
  readonly repetitions?: number;
}

/** Time for the server and the garbage collector to finish with one run before the next. */
const BREATHER_MS = 200;

/**
 * Runs a scenario with one contender after the other, again and again, so that noise affects all alike.
 * Every other time the order is reversed, so that no contender always follows the same one.
 */
export async function measure(scenario: Scenario, setting: Setting): Promise<Measurement[]> {
  const runs = new Map(setting.contenders.map((contender) => [contender, [] as Run[]]));
  const repetitions = setting.repetitions ?? scenario.repetitions;
  for (let i = scenario.warmUp ? 0 : 1; i <= repetitions; i += 1) {
    const { contenders, model } = setting;
    for (const contender of i % 2 === 0 ? contenders.toReversed() : contenders) {
      if (contender.isSteady?.(scenario) === true && i !== 1) continue;
      const label = `${scenario.name}-${i}-${contender.name}`;
      const run = await runOnce(contender, scenario, { model, label });
      if (i > 0) runs.get(contender)?.push(run);
      await sleep(BREATHER_MS);
    }
  }
  const measurements: Measurement[] = [];
  for (const [contender, list] of runs) {
    const actions = await countActions(contender, scenario, setting);
    measurements.push(await measurementOf(contender, scenario, list, actions));
  }
  return measurements;
}

/** The Actions of one turn, in a run of its own, whose time does not count. */
async function countActions(
  contender: Contender,
  scenario: Scenario,
  { model, counter }: Setting,
): Promise<number | undefined> {
  if (contender.temporal === undefined) return undefined;
  const label = `${scenario.name}-counted-${contender.name}`;
  const before = await counter.read();
  await runOnce(contender, scenario, { model, label });
  return totalOf(actionsBetween(before, await counter.read())) / scenario.turns;
}

async function measurementOf(
  { name, temporal }: Contender,
  scenario: Scenario,
  runs: readonly Run[],
  actions: number | undefined,
): Promise<Measurement> {
  const ended = runs.filter(({ terminated }) => terminated === undefined);
  const last = runs.at(-1);
  const terminated = runs.find((run) => run.terminated !== undefined)?.terminated;
  const wrong = runs.find(({ wrongAnswer }) => wrongAnswer !== undefined)?.wrongAnswer;
  const hasRounds = scenario.rounds > 1 && temporal !== undefined && last !== undefined;
  return {
    contender: name,
    ...defined({
      time: ended.length === 0 ? undefined : summarize(ended.map(({ ms }) => ms)),
      history: last?.history,
      actions,
      sizes: hasRounds ? await sizesByRound(temporal, last.firstTurn) : undefined,
      terminated,
      wrongAnswer: wrong,
    }),
  };
}
