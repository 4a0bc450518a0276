import { setTimeout as sleep } from 'node:timers/promises';
import { turnRuns } from '../client/follow/history.ts';
import { sizesByRound } from './history.ts';
import type { Model } from './model.ts';
import { linearHeader, linearLine, linearTitle } from './report.ts';
import type { LinearResult } from './results.ts';
import { LONG_SCENARIOS } from './scenarios.ts';
import type { Scenario } from './scenarios.ts';
import { rightAnswer } from './work.ts';
import { Workers } from './workers.ts';

/** How many workers run the turn, and after how many rounds a new one replaces the oldest. */
interface Setup {
  readonly title: string;
  readonly workers: number;
  readonly replacedEvery?: number;
}

const SETUPS: readonly Setup[] = [
  { title: 'one worker', workers: 1 },
  { title: 'a new worker every 20 rounds', workers: 1, replacedEvery: 20 },
  { title: 'three workers', workers: 3 },
];

/** Measures long turns, whose history must grow by the same amount with each round. */
export async function measureLinear(
  table: 'linear' | 'thousand',
  model: Model,
  address: string,
  show: (lines: readonly string[]) => void,
): Promise<LinearResult[]> {
  const results: LinearResult[] = [];
  show(['', linearHeader()]);
  const scenarios = LONG_SCENARIOS.filter(
    ({ rounds }) => (rounds === 1_000) === (table === 'thousand'),
  );
  for (const setup of table === 'thousand' ? SETUPS.slice(0, 1) : SETUPS) {
    show(['', linearTitle(setup.title)]);
    for (const scenario of scenarios) {
      const result = await measureTurn(setup, scenario, model, address);
      results.push(result);
      show([linearLine(result)]);
    }
  }
  return results;
}

async function measureTurn(
  setup: Setup,
  scenario: Scenario,
  model: Model,
  address: string,
): Promise<LinearResult> {
  await model.restart();
  const workers = await Workers.start(model, address, setup.workers);
  const { client } = workers.agents;
  try {
    const begin = performance.now();
    const turn = await workers.agents.start('bench', scenario.name);
    const over = new AbortController();
    const replacing = replace(workers, model, setup.replacedEvery, over.signal);
    const { text } = await turn.result();
    const ms = performance.now() - begin;
    over.abort();
    await replacing;
    const runs = await turnRuns(client.workflow, turn.turnId);
    const described = await Promise.all(
      runs.map((run) => client.workflow.getHandle(turn.turnId, run).describe()),
    );
    // Up to the last request only: whether the result after it is in the history or in the storage depends on
    // its size.
    const untilAsked = (await sizesByRound(client, turn.turnId)).at(-1) ?? 0;
    return {
      setup: setup.title,
      rounds: scenario.rounds,
      resultBytes: scenario.bytes,
      ms,
      runs: runs.length,
      events: sum(described.map(({ historyLength }) => historyLength)),
      bytes: sum(described.slice(0, -1).map(({ historySize = 0 }) => historySize)) + untilAsked,
      ...(text !== rightAnswer(scenario) && { wrongAnswer: text }),
    };
  } finally {
    await workers.close();
  }
}

async function replace(
  workers: Workers,
  model: Model,
  every: number | undefined,
  over: AbortSignal,
): Promise<void> {
  if (every === undefined) return;
  for (let next = every; !over.aborted; await sleep(5)) {
    if (model.calls < next) continue;
    await workers.replace();
    next += every;
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
