import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TurnHandle } from '../../../client/turn-handle.ts';
import type { TurnSnapshot } from '../../../client/follow/snapshot.ts';
import { defineAgent } from '../../../index.ts';
import type { TestEnvironment } from '../../../testing/environment.ts';
import { callTools, say } from '../../../testing/replies.ts';
import { Door } from '../../fixtures/door.ts';
import { startPlait } from '../../fixtures/plait.ts';
import { reader } from '../../fixtures/tools.ts';

let env: TestEnvironment;

/** `slow` ends when somebody has seen that it runs. */
const wasSeen = new Door();

const tools = [
  reader('quick', () => 'done'),
  reader('slow', async (_input, { signal }) => {
    await wasSeen.pass(signal);
    return 'done';
  }),
  reader(
    'flaky',
    (_input, { attempt }) => {
      if (attempt < 3) throw new Error('refused');
      return 'done';
    },
    // Long enough to be seen.
    { activity: { retry: { initialInterval: '1s', backoffCoefficient: 1 } } },
  ),
  reader('large', () => 'x'.repeat(1_400_000)),
  reader('endless', (_input, { signal }) => sleep(600_000, 'done', { signal })),
];

beforeAll(async () => {
  const watched = defineAgent({
    name: 'watched',
    model: 'claude-opus-5-5',
    tools,
    // So that a call lasts long enough after the reply.
    startCallsEarly: false,
  });
  env = await startPlait({
    agents: [watched],
    script: ({ userText, round }) =>
      round === 0
        ? callTools(Object.fromEntries(userText.split(' ').map((name) => [name, { id: 1 }])))
        : say('That is all.'),
  });
});

afterAll(() => env.close());

async function watch(
  turn: TurnHandle,
  onSnapshot: (snapshot: TurnSnapshot) => void = () => undefined,
): Promise<TurnSnapshot[]> {
  const snapshots: TurnSnapshot[] = [];
  for await (const snapshot of turn.watch()) {
    snapshots.push(snapshot);
    onSnapshot(snapshot);
  }
  return snapshots;
}

function statesOf(snapshots: readonly TurnSnapshot[], name: string): string[] {
  const all = snapshots.flatMap(({ rounds }) =>
    rounds.flatMap(({ calls }) => calls.filter((call) => call.name === name)),
  );
  return [...new Set(all.map(({ state }) => state))];
}

describe('watch', () => {
  it('shows calls that run, are retried and end, and then ends itself', async () => {
    const turn = await env.agents.start('watched', 'quick slow flaky');
    const snapshots = await watch(turn, (snapshot) => {
      if (statesOf([snapshot], 'slow').includes('running')) wasSeen.open();
    });
    expect(statesOf(snapshots, 'quick')).toContain('succeeded');
    expect(statesOf(snapshots, 'slow')).toEqual(expect.arrayContaining(['running', 'succeeded']));
    expect(statesOf(snapshots, 'flaky')).toEqual(expect.arrayContaining(['retrying', 'succeeded']));
    const last = snapshots.at(-1);
    expect(last).toMatchObject({ agent: 'watched', status: 'completed', stopReason: 'end_turn' });
    expect(
      last?.rounds.map(({ calls }) => calls.map(({ name, attempt }) => [name, attempt])),
    ).toEqual([
      [
        ['quick', 1],
        ['slow', 1],
        ['flaky', 3],
      ],
      [],
    ]);
    expect(last?.rounds[0]?.calls[0]?.summary).toBe('id: 1');
  });

  it('says about every call what the result says', async () => {
    const turn = await env.agents.start('watched', 'quick flaky');
    const { calls } = await turn.result();
    const [only, ...more] = await watch(turn);
    expect(more).toEqual([]);
    const seen = only?.rounds.flatMap((round) => round.calls) ?? [];
    expect(seen.map(({ id, state, start, end }) => ({ id, state, start, end }))).toEqual(
      calls.map(({ id, outcome, start, end }) => ({
        id,
        state: outcome,
        start: Date.parse(start),
        end: Date.parse(end),
      })),
    );
  });

  it('ends with a turn that was terminated, and leaves no call open', async () => {
    const turn = await env.agents.start('watched', 'endless');
    let last: TurnSnapshot | undefined;
    for await (last of turn.watch()) {
      if (last.rounds[0]?.calls[0]?.state === 'running') await turn.workflow.terminate('enough');
    }
    expect(last).toMatchObject({ status: 'terminated', message: 'enough' });
    expect(last?.rounds[0]?.calls[0]?.state).toBe('unknown');
  });

  it('shows a cancelled call as cancelled', async () => {
    const turn = await env.agents.start('watched', 'endless');
    let last: TurnSnapshot | undefined;
    for await (last of turn.watch()) {
      if (last.rounds[0]?.calls[0]?.state === 'running') await turn.cancel();
    }
    expect(last).toMatchObject({ status: 'completed', stopReason: 'cancelled' });
    expect(last?.rounds[0]?.calls[0]?.state).toBe('cancelled');
  });

  it('can be left at any time, also by a signal, and the turn goes on', async () => {
    const turn = await env.agents.start('watched', 'endless');
    for await (const { rounds } of turn.watch()) if (rounds.length > 0) break;
    const leave = new AbortController();
    const seen = [];
    for await (const { status } of turn.watch({ signal: leave.signal })) {
      seen.push(status);
      // While it waits for the next.
      setTimeout(() => leave.abort(), 100);
    }
    expect(new Set(seen)).toEqual(new Set(['running']));
    expect((await turn.describe()).status).toBe('RUNNING');
    await turn.cancel();
    expect((await turn.result()).stopReason).toBe('cancelled');
  });

  it('says that there is no such turn', async () => {
    await expect(watch(env.agents.getTurn('nobody'))).rejects.toThrow('There is no turn nobody');
  });
});

it('reads a history whose events together are larger than a message', async () => {
  const agent = defineAgent({ name: 'large', model: 'claude-opus-5-5', tools });
  await using large = await startPlait({
    agents: [agent],
    script: ({ round }) => {
      const calls = [1, 2, 3, 4].map((id) => ['large', { id }] as const);
      return round === 0 ? callTools(calls) : say('That is all.');
    },
  });
  const turn = await large.agents.start(agent, 'large');
  await turn.result();

  const snapshots = await watch(turn);

  expect(snapshots.at(-1)?.rounds[0]?.calls.map(({ id }) => id)).toHaveLength(4);
});
