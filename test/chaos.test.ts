import { expect, test } from 'vitest';
import type { TurnResult } from '../index.ts';
import { expectTurn } from '../testing/expect-turn.ts';
import { chaosScript, plannedCalls, plannedFaults, textOf } from './fixtures/chaos-plan.ts';
import type { ChaosStage } from './fixtures/chaos-stage.ts';
import { chaosStage } from './fixtures/chaos-stage.ts';
import type { Journal } from './fixtures/journal.ts';

// The experiment: turns come in waves, and while each wave runs a worker is killed and replaced. In
// the middle the Temporal server is killed as well, and all the time the model server flaps.
const PLAN = { turns: 36, rounds: 3, callMs: 900, faultyOneOf: 3 };
const WAVES = 4;
const WORKERS = 2;
const SERVER_DIES_IN_WAVE = 2;

test('killed workers, a killed server and a flapping model cost time and nothing else', async () => {
  const struck = { overloaded: 0, serverError: 0, reset: 0 };
  await using stage = await chaosStage(chaosScript(PLAN, (kind) => (struck[kind] += 1)));
  const { journal, model, seen } = stage;

  const { turns, runningAtKills } = await storm(stage);

  // It was a storm.
  expect(seen).toEqual({ workersKilled: WAVES, workersLost: 0, serverRestarts: 1 });
  expect(Math.min(...runningAtKills)).toBeGreaterThan(0);
  expect(struck).toEqual(plannedFaults(PLAN));
  expect(requestsBy(model.requests, 500)).toHaveLength(struck.serverError);
  expect(requestsBy(model.requests, 529)).toHaveLength(struck.overloaded);

  // No conversation was rejected.
  expect(requestsBy(model.requests, 400)).toEqual([]);

  for (const [number, result] of turns.entries()) {
    expectTurn(result).ended('end_turn').outcome('look', 'succeeded').answeredEveryCall();
    expect(result.rounds).toBe(PLAN.rounds + 1);
    const planned = Array.from({ length: PLAN.rounds }, (_, i) => plannedCalls(number, i, PLAN));
    expect(result.calls.map(({ name, input }) => [name, input])).toEqual(planned.flat());
  }
  checkBegins(turns, journal);
});

async function storm(stage: ChaosStage) {
  await Promise.all(Array.from({ length: WORKERS }, () => stage.start()));
  const running = new Set<number>();
  const runningAtKills: number[] = [];
  const results: Promise<TurnResult>[] = [];
  const startTurn = (number: number): void => {
    running.add(number);
    const result = stage.agents.execute('tester', textOf(number));
    results.push(result);
    const end = () => running.delete(number);
    result.then(end, end);
  };
  for (let wave = 0; wave < WAVES; wave++) {
    const size = PLAN.turns / WAVES;
    // A call that is under way at three losses of its worker is not tried again: each turn sees two at most.
    await Promise.all(results);
    const begun = stage.journal.lines('begin').length;
    for (let i = 0; i < size; i++) startTurn(wave * size + i);
    // In the midst of their calls.
    await stage.journal.waitFor('begin', begun + 2 * size);
    if (wave + 1 === SERVER_DIES_IN_WAVE) await stage.restartTemporal();
    runningAtKills.push(running.size);
    await stage.killOldest();
    await stage.start();
  }
  return { turns: await Promise.all(results), runningAtKills };
}

function requestsBy<Request extends { status: number | undefined }>(
  requests: readonly Request[],
  status: number,
): Request[] {
  return requests.filter((request) => request.status === status);
}

/** What the tools wrote down, against what the model read. */
function checkBegins(turns: readonly TurnResult[], journal: Journal): void {
  const begun = journal.lines('begin ').map((line) => {
    const [, , key = '', , id = ''] = line.split(' ');
    return { key, id };
  });
  for (const { name, input, outcome } of turns.flatMap(({ calls }) => calls)) {
    const { id } = input as { id: string };
    const begins = begun.filter((begin) => begin.id === id).length;
    const call = `${name} ${id} ${outcome}`;
    if (outcome === 'succeeded') expect(begins, call).toBeGreaterThanOrEqual(1);
    if (name === 'look') continue;
    expect(['succeeded', 'unknown', 'failed'], call).toContain(outcome);
    // A call of which the model reads that it failed had not begun: its tool itself never fails.
    expect(begins, call).toBeLessThanOrEqual(outcome === 'failed' ? 0 : 1);
  }
  // Every attempt of a call has the same idempotency key, and no two calls have the same.
  const keys = new Set(begun.map(({ key }) => key));
  expect(new Set(begun.map(({ id }) => id)).size).toBe(keys.size);
  expect(new Set(begun.map(({ key, id }) => `${key} ${id}`)).size).toBe(keys.size);
  // Some calls had to begin again, or the kills hit nothing.
  expect(begun.length).toBeGreaterThan(keys.size);
}
