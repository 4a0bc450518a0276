import { setTimeout as sleep } from 'node:timers/promises';
import { defined } from '../core/json.ts';
import type { ActionCounter } from './action-counter.ts';
import { actionsBetween } from './action-counter.ts';
import type { Contender } from './contender.ts';
import { sizesByRound } from './history.ts';
import type { Model } from './model.ts';
import type { Measurement } from './results.ts';
import type { Run } from './run-once.ts';
import { runOnce } from './run-once.ts';
import type { Scenario } from './scenarios.ts';
import { summarize } from './statistics.ts';

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
  const contenders = setting.contenders.filter((each) => each.takesPart?.(scenario) ?? true);
  const runs = new Map(contenders.map((contender) => [contender, [] as Run[]]));
  const repetitions = setting.repetitions ?? scenario.repetitions;
  for (let i = scenario.warmUp ? 0 : 1; i <= repetitions; i += 1) {
    const { model } = setting;
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
): Promise<Record<string, number> | undefined> {
  if (contender.temporal === undefined) return undefined;
  const label = `${scenario.name}-counted-${contender.name}`;
  const before = await counter.read();
  await runOnce(contender, scenario, { model, label });
  const counted = actionsBetween(before, await counter.read());
  return Object.fromEntries([...counted].map(([kind, count]) => [kind, count / scenario.turns]));
}

async function measurementOf(
  { name, temporal }: Contender,
  scenario: Scenario,
  runs: readonly Run[],
  actions: Record<string, number> | undefined,
): Promise<Measurement> {
  const ended = runs.filter(({ terminated }) => terminated === undefined);
  const last = runs.at(-1);
  const terminated = runs.find((run) => run.terminated !== undefined)?.terminated;
  const wrong = runs.find(({ wrongAnswer }) => wrongAnswer !== undefined)?.wrongAnswer;
  const hasRounds = scenario.rounds > 1 && temporal !== undefined && last !== undefined;
  const times = ended.map(({ ms }) => ms);
  return {
    contender: name,
    times,
    ...defined({
      time: ended.length === 0 ? undefined : summarize(times),
      history: last?.history,
      actions,
      sizes: hasRounds ? await sizesByRound(temporal, last.firstTurn) : undefined,
      terminated,
      wrongAnswer: wrong,
    }),
  };
}
