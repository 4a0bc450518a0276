import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { TurnHandle, TurnSnapshot } from '../../client/index.ts';
import { readEvent } from '../../client/follow/events.ts';
import { turnRuns } from '../../client/follow/history.ts';
import { turnSnapshot } from '../../client/follow/build-snapshot.ts';
import type { Agent, Tool, TurnResult } from '../../index.ts';
import { directoryStorage } from '../../storage/index.ts';
import { expectTurn, replayHistories, recordHistory } from '../../testing/index.ts';
import type { TestEnvironment } from '../../testing/environment.ts';
import { callTools, pauseTurn, say } from '../../testing/replies.ts';
import type { Script } from '../../testing/script.ts';
import { answerText } from '../../testing/observed-turn.ts';
import { until } from '../fixtures/until.ts';
import { rejection } from '../fixtures/waiting-turns.ts';
import { startPlait } from '../fixtures/plait.ts';
import { inThisThread } from '../fixtures/sandbox.ts';
import { agentWith, reader, writer } from '../fixtures/tools.ts';

const ROUNDS = 12;
const newStorage = () => directoryStorage(mkdtempSync(join(tmpdir(), 'plait-storage-')));

/** Rounds of three calls, the second of which fails now and then, and then an answer. */
const manyRounds =
  (rounds: number): Script =>
  ({ round }) =>
    round === rounds
      ? say(`Done after ${round} rounds.`)
      : callTools([
          ['look', { round }, `toolu_${round}_a`],
          ['break', { round }, `toolu_${round}_b`],
          ['look', { round, again: true }, `toolu_${round}_c`],
        ]);

interface Seen {
  keys: string[];
}

function tools(seen: Seen, bytes: number): Tool[] {
  return [
    reader('look', ({ round }, { idempotencyKey }) => {
      seen.keys.push(idempotencyKey);
      return `${String(round)}: ${'x'.repeat(bytes)}`;
    }),
    writer('break', ({ round }, { idempotencyKey }) => {
      seen.keys.push(idempotencyKey);
      if (Number(round) % 3 === 0) throw new Error(`refused in round ${String(round)}`);
      return 'written';
    }),
  ];
}

/** All of a result that does not depend on the clock. */
function timeless(result: TurnResult) {
  const calls = result.calls.map((call) => ({ ...call, start: '', end: '', critical: undefined }));
  return { ...result, calls, timing: undefined };
}

async function snapshotsOf(turn: TurnHandle): Promise<TurnSnapshot[]> {
  const snapshots: TurnSnapshot[] = [];
  for await (const snapshot of turn.watch()) snapshots.push(snapshot);
  return snapshots;
}

const runsOf = (plait: TestEnvironment, turn: TurnHandle) =>
  turnRuns(plait.agents.client.workflow, turn.turnId);

describe.each([
  ['with a storage', newStorage, 1_500],
  ['without a storage', () => undefined, 400],
])('a turn that goes on in many runs, %s,', (_name, storageOf, bytes) => {
  test('ends like one that does not, and every run of it can be replayed', async () => {
    const run = async (historyEvents: number) => {
      const seen: Seen = { keys: [] };
      const storage = storageOf();
      await using plait = await startPlait({
        agents: [agentWith(tools(seen, bytes), { historyEvents, rounds: 100 })],
        script: manyRounds(ROUNDS),
        ...(storage === undefined ? {} : { storage }),
      });
      const turn = await plait.agents.start('tester', 'Begin');
      const result = await turn.result();
      const runs = await runsOf(plait, turn);
      const directory = mkdtempSync(join(tmpdir(), 'plait-histories-'));
      const files = await recordHistory(turn, join(directory, 'turn.json'));
      expect(files).toHaveLength(runs.length);
      const { dataConverter } = plait.agents.client.options;
      await replayHistories(files, {
        ...inThisThread,
        ...(dataConverter === undefined ? {} : { dataConverter }),
      });
      const [only, ...more] = await snapshotsOf(turn);
      expect(more).toEqual([]);
      const { startTime } = await turn.describe();
      return { result, runs: runs.length, keys: seen.keys.toSorted(), only, startTime };
    };
    const whole = await run(50_000);
    const many = await run(40);

    expect(whole.runs).toBe(1);
    expect(many.runs).toBeGreaterThan(ROUNDS / 3);
    expect(timeless(many.result)).toEqual(timeless(whole.result));
    expect(many.result).toMatchObject({ rounds: ROUNDS + 1, stopReason: 'end_turn' });
    expectTurn(many.result).answeredEveryCall();
    expect(new Set(many.keys).size).toBe(3 * ROUNDS);
    expect(many.only?.rounds.map(({ calls }) => calls.map(({ id, state }) => [id, state]))).toEqual(
      whole.only?.rounds.map(({ calls }) => calls.map(({ id, state }) => [id, state])),
    );
    expect(many.only).toMatchObject({ status: 'completed', stopReason: 'end_turn' });
    expect(many.only?.start).toBe(many.startTime.getTime());
  });
});

/** A turn with a little to do in each of some rounds, whose agent continues after each. */
async function start(
  agent: Agent,
  script: Script,
  extras: Partial<Parameters<typeof startPlait>[0]> = {},
) {
  const plait = await startPlait({ agents: [agent], script, ...extras });
  return { plait, turn: await plait.agents.start(agent, 'Begin') };
}

/** One call of each of the tools, in each of so many rounds. */
const everyRound =
  (rounds: number, ...names: string[]): Script =>
  ({ round }) =>
    round === rounds
      ? say('Done.')
      : callTools(names.map((name) => [name, { round }, `toolu_${round}_${name}`] as const));

const limits = { historyEvents: 20, rounds: 200 };
const note = reader('note', ({ round }) => `noted ${String(round)}`);

describe('in a turn that goes on in many runs', () => {
  test('a person is asked in each run, and a decision may be sent again in a later one', async () => {
    const refund = writer('refund', ({ round }) => `paid ${String(round)}`, { approval: 'always' });
    const agent = agentWith([refund, note], limits);
    const { plait, turn } = await start(agent, everyRound(6, 'refund', 'note'));
    await using _ = plait;
    const decide = async (round: number): Promise<unknown> => {
      const callId = `toolu_${round}_refund`;
      return round % 2 === 0
        ? await turn.approve(callId, { by: 'ana', input: { round: round * 10 } })
        : await turn.deny(callId, { by: 'bob', reason: 'no' });
    };
    for (let round = 0; round < 6; round += 1) {
      await until(
        () => turn.approvals(),
        (waiting) => waiting.some(({ callId }) => callId === `toolu_${round}_refund`),
      );
      // The turn cannot end meanwhile: this round's call still waits.
      if (round >= 2) await decide(round - 2);
      await decide(round);
    }
    const result = await turn.result();

    expect(String(await rejection(turn.approve('toolu_4_refund', { by: 'eve' })))).toMatch(
      /has ended/,
    );
    expectTurn(result).answeredEveryCall();
    expect(result.calls.filter(({ name }) => name === 'refund').map((c) => c.outcome)).toEqual(
      Array.from({ length: 3 }, () => ['succeeded', 'denied']).flat(),
    );
    expect((await runsOf(plait, turn)).length).toBeGreaterThan(3);
  });

  test('a decision that is made as soon as the call can be seen is accepted', async () => {
    const refund = writer('refund', () => 'paid', { approval: 'always' });
    const agent = agentWith([refund, note], limits);
    const { plait, turn } = await start(agent, everyRound(4, 'refund', 'note'));
    await using _ = plait;
    const decided = new Set<string>();
    const deciding: Promise<void>[] = [];
    for await (const { rounds } of turn.watch()) {
      const calls = rounds.flatMap((round) => round.calls);
      for (const { id, state } of calls) {
        if (state !== 'waiting' || decided.has(id)) continue;
        decided.add(id);
        deciding.push(turn.approve(id, { by: 'ana' }));
      }
    }
    await Promise.all(deciding);

    expect((await turn.result()).calls.map(({ outcome }) => outcome)).toEqual(
      Array.from({ length: 8 }, () => 'succeeded'),
    );
    expect((await runsOf(plait, turn)).length).toBeGreaterThan(1);
  });

  test('calls are completed from outside, early, late, and a second time', async () => {
    const tokens: string[] = [];
    const agents: { complete?: (token: string, value: string) => Promise<void> } = {};
    const parcel = writer('parcel', async ({ round }, { later }) => {
      const handedOver = later();
      tokens.push(handedOver.token);
      // Before the tool has returned.
      if (Number(round) % 2 === 0)
        await agents.complete?.(handedOver.token, `early ${String(round)}`);
      return handedOver;
    });
    const agent = agentWith([parcel, note], limits);
    await using plait = await startPlait({
      agents: [agent],
      script: everyRound(6, 'parcel', 'note'),
    });
    agents.complete = (token, value) => plait.agents.completeToolCall(token, value);
    const turn = await plait.agents.start(agent, 'Begin');
    for (let round = 0; round < 6; round += 1) {
      const token = await until(
        () => tokens[round],
        (found) => found !== undefined,
      );
      if (round % 2 === 1) await plait.agents.completeToolCall(token ?? '', `late ${round}`);
      if (round === 3 || round === 4) {
        const [before, text] = [round - 2, round % 2 === 1 ? 'late' : 'early'];
        await plait.agents.completeToolCall(tokens[before] ?? '', `${text} ${before}`);
        const other = plait.agents.completeToolCall(tokens[before] ?? '', 'other');
        expect(String(await rejection(other))).toMatch(/waits to be completed|no longer waits/);
      }
    }
    const result = await turn.result();

    for (let round = 0; round < 6; round += 1) {
      const text = round % 2 === 0 ? `early ${round}` : `late ${round}`;
      expect(answerText(result.messages, `toolu_${round}_parcel`)).toBe(text);
    }
    expect((await runsOf(plait, turn)).length).toBeGreaterThan(3);
  });

  test('the omitted part of a result can be read in a later run', async () => {
    const long = reader(
      'long',
      () => Array.from({ length: 9_000 }, (_, i) => `line ${i}`).join('\n'),
      {
        maxResultBytes: 2_000,
      },
    );
    const agent = agentWith([long, note], limits);
    const { plait, turn } = await start(
      agent,
      ({ round }) => {
        if (round === 0) return callTools([['long', {}, 'toolu_long']]);
        if (round === 8) return say('Done.');
        const rest = { id: 'toolu_long', offset: 40_000, limit: 100 };
        return callTools([
          ['note', { round }, `toolu_${round}`],
          ...(round === 7 ? [['read_result', rest, 'toolu_rest'] as const] : []),
        ]);
      },
      { storage: newStorage() },
    );
    await using _ = plait;
    const result = await turn.result();

    expect(answerText(result.messages, 'toolu_rest')).toMatch(/line 4\d\d\d/);
    expect((await runsOf(plait, turn)).length).toBeGreaterThan(2);
  });

  test('a tool failure ends the turn, and a batch deadline its calls', async () => {
    const broken = reader('broken', ({ round }) => {
      if (round === 5) throw new Error('out of paper');
      return 'printed';
    });
    const slow = reader('slow', ({ round }, { signal }) =>
      Number(round) === 3 ? sleep(60_000, 'late', { signal }) : 'quick',
    );
    const agent = agentWith([broken, slow, note], {
      ...limits,
      onToolFailure: 'failTurn',
      batchTimeout: 2_500,
    });
    const script = everyRound(9, 'broken', 'note');
    const { plait, turn } = await start(agent, script);
    await using _ = plait;

    expect(await turn.result()).toMatchObject({
      stopReason: 'tool_failure',
      stopDetails: { id: 'toolu_5_broken' },
      rounds: 6,
    });
    const agentOfSlow = agentWith([slow, note], { ...limits, batchTimeout: 2_500 });
    await using second = await startPlait({
      agents: [agentOfSlow],
      script: everyRound(6, 'slow', 'note'),
    });
    const timed = await second.agents.start(agentOfSlow, 'Begin');
    const result = await timed.result();
    expect(result).toMatchObject({ stopReason: 'end_turn', rounds: 7 });
    expectTurn(result).answeredEveryCall();
    expect(result.calls.filter(({ outcome }) => outcome !== 'succeeded')).toMatchObject([
      { id: 'toolu_3_slow', outcome: 'timedOut' },
    ]);
    expect((await runsOf(second, timed)).length).toBeGreaterThan(2);
  });

  test('a paused reply goes on, and one that repeats an old id is requested again', async () => {
    const serverTools = [{ type: 'web_search_20260318', name: 'web_search' }] as const;
    const agent = agentWith([note], { ...limits, serverTools });
    const { plait, turn } = await start(agent, ({ round, arrival }) => {
      if (round === 12) return say('Done.');
      if (round % 4 === 3) return pauseTurn(`query ${round}`);
      const id = round === 10 && arrival === 1 ? 'toolu_0' : `toolu_${round}`;
      return callTools([['note', { round }, id]]);
    });
    await using _ = plait;
    const result = await turn.result();

    expect(result).toMatchObject({ stopReason: 'end_turn', rounds: 13 });
    expect(new Set(result.calls.map(({ id }) => id)).size).toBe(result.calls.length);
    expect((await runsOf(plait, turn)).length).toBeGreaterThan(2);
  });

  test('it can be cancelled at any time, and every call is answered', async () => {
    const agent = agentWith([note, reader('look', () => sleep(5, 'seen'))], limits);
    const reached = new Map<string, number>();
    await using plait = await startPlait({
      agents: [agent],
      script: (request) => {
        reached.set(request.userText, request.round);
        return everyRound(150, 'note', 'look')(request);
      },
    });
    const turns = await Promise.all(
      Array.from({ length: 12 }, async (_, i) => {
        const text = `Begin ${i}`;
        const turn = await plait.agents.start(agent, text);
        await until(() => (reached.get(text) ?? 0) > i);
        await turn.cancel();
        const result = await turn.result();
        expect(result.stopReason).toBe('cancelled');
        expectTurn(result).answeredEveryCall();
        return (await runsOf(plait, turn)).length;
      }),
    );
    expect(Math.max(...turns)).toBeGreaterThan(2);
  });

  test('watching shows every round, even for latecomers, and when earlier runs are gone', async () => {
    const refund = writer('refund', () => 'paid', { approval: 'always' });
    const agent = agentWith([note, refund], limits);
    const { plait, turn } = await start(agent, (request) =>
      everyRound(8, ...(request.round === 7 ? ['note', 'refund'] : ['note']))(request),
    );
    await using _ = plait;
    const live: TurnSnapshot[] = [];
    let late: TurnSnapshot | undefined;
    for await (const snapshot of turn.watch()) {
      live.push(snapshot);
      const open = snapshot.rounds[7]?.calls.find(({ name }) => name === 'refund');
      if (open?.state !== 'waiting' || late !== undefined) continue;
      for await (late of turn.watch()) break;
      await until(
        () => turn.approvals(),
        (waiting) => waiting.length === 1,
      );
      await turn.approve(open.id, { by: 'ana' });
    }
    expect(late?.rounds.map(({ model }) => model.state)).toEqual(
      Array.from({ length: 8 }, () => 'succeeded'),
    );
    const rounds = live.map((one) => one.rounds.length);
    expect(rounds).toEqual(rounds.toSorted((a, b) => a - b));
    expect(new Set(live.map(({ status }) => status))).toEqual(new Set(['running', 'completed']));
    const result = await turn.result();
    const ids = result.calls.map(({ id }) => id);
    const last = live.at(-1);
    expect(last).toMatchObject({ status: 'completed', stopReason: 'end_turn' });
    expect(last?.rounds.flatMap(({ calls }) => calls.map(({ id }) => id))).toEqual(ids);

    const alone = await snapshotOfLastRun(plait, turn);
    expect(alone.rounds).toHaveLength(9);
    expect(alone.rounds.flatMap(({ calls }) => calls.map(({ id }) => id))).toEqual(ids);
    expect(alone.rounds.every(({ model }) => model.state === 'succeeded')).toBe(true);
  });

  test('the time of the turn does not start over', async () => {
    const work = reader('work', ({ round }, { signal }) =>
      Number(round) < 6 ? 'quick' : sleep(60_000, 'late', { signal }),
    );
    const agent = agentWith([work], { historyEvents: 20, limits: { rounds: 900, wallTime: '8s' } });
    const { plait, turn } = await start(agent, everyRound(800, 'work'));
    await using _ = plait;

    const result = await turn.result();
    expect(result.stopReason).toBe('max_wall_time');
    expectTurn(result).answeredEveryCall();
    expect((await runsOf(plait, turn)).length).toBeGreaterThan(3);
  });

  test('a large input is carried once, and without a storage only if it fits', async () => {
    const agent = agentWith([note], limits);
    const input = `Begin ${'x'.repeat(1_300_000)}`;
    await using plait = await startPlait({ agents: [agent], script: everyRound(5, 'note') });
    const turn = await plait.agents.start(agent, input);

    expect(await turn.result()).toMatchObject({ stopReason: 'end_turn', rounds: 6 });
    expect((await runsOf(plait, turn)).length).toBeGreaterThan(1);
    expect((await plait.agents.start(agent, input, { turnId: turn.turnId })).turnId).toBe(
      turn.turnId,
    );
  });
});

test('a turn of 100 rounds goes on for as long as it takes', async () => {
  const rounds = 100;
  const agent = agentWith([note, reader('look', () => 'seen')], {
    historyEvents: 500,
    rounds: rounds + 1,
  });
  const storage = newStorage();
  const script = everyRound(rounds, 'note', 'look');
  const { plait, turn } = await start(agent, script, { storage });
  await using _ = plait;
  const result = await turn.result();

  expect(result).toMatchObject({ stopReason: 'end_turn', rounds: rounds + 1 });
  expect(result.messages).toHaveLength(2 * rounds + 2);
  expectTurn(result).answeredEveryCall();
  expect((await runsOf(plait, turn)).length).toBeGreaterThan(2);
});

/** What is left to see when the server does not keep the earlier runs any more. */
async function snapshotOfLastRun(plait: TestEnvironment, turn: TurnHandle): Promise<TurnSnapshot> {
  const runs = await runsOf(plait, turn);
  expect(runs.length).toBeGreaterThan(2);
  const { client } = plait.agents;
  const { events } = await client.workflow.getHandle(turn.turnId, runs.at(-1)).fetchHistory();
  const read = await Promise.all(
    (events ?? []).map((event) => readEvent(event, client.options.loadedDataConverter)),
  );
  return turnSnapshot(
    turn.turnId,
    read.filter((event) => event !== undefined),
  );
}
