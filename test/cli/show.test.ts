import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { again } from '../../cli/again.ts';
import type { TurnFacts } from '../../cli/show/facts.ts';
import { factsOf } from '../../cli/show/facts.ts';
import { pageOf } from '../../cli/show/page.ts';
import { TemporalUnavailableError } from '../../client/errors.ts';
import type { Row } from '../../client/follow/waterfall.ts';
import { allRows } from '../../client/follow/waterfall.ts';
import type { TurnHandle } from '../../client/index.ts';
import type { TestEnvironment } from '../../testing/environment.ts';
import { startPlait } from '../fixtures/plait.ts';
import type { ShownTurn } from '../fixtures/shown-turns.ts';
import { beginShownTurns, shownAgent, shownScript } from '../fixtures/shown-turns.ts';
import { plait, startPlait as startCommand } from './plait-process.ts';

const QUEUE = 'shown-turns';
const env = { TEMPORAL_ADDRESS: inject('temporalAddress') };
let environment: TestEnvironment;
let turns: Record<ShownTurn, TurnHandle>;

beforeAll(async () => {
  environment = await startPlait({
    agents: [shownAgent(5)],
    script: shownScript(5),
    taskQueue: QUEUE,
    // That of `render` has no worker.
    taskQueues: [QUEUE],
  });
  turns = await beginShownTurns(environment, 'shown-');
});

afterAll(() => environment.close());

function look(name: ShownTurn): Promise<TurnFacts> {
  return factsOf(environment.agents.client, turns[name].turnId);
}

function rowOf({ turn }: TurnFacts, name: string): Row | undefined {
  return allRows(turn.rows).find((row) => row.name === name);
}

function typesOf(row: Row | undefined): string[] {
  return row?.bars.map(({ type, failed }) => (failed === true ? 'failed' : type)) ?? [];
}

describe('a turn that has ended', () => {
  it('shows the figures of its result, and they add up', async () => {
    const [{ timing, calls }, facts] = await Promise.all([turns.success.result(), look('success')]);
    expect(facts.turn.timing).toEqual(timing);
    const { model, tools, people, temporal } = timing.shares;
    expect(model + tools + people + temporal).toBe(timing.wallTime);
    expect(timing.oneAfterAnother).toBeGreaterThanOrEqual(timing.wallTime);
    const critical = calls.filter((call) => call.critical === true);
    expect(critical.map(({ round }) => round)).toEqual([1, 2, 2]);
    expect(critical.slice(1).map(({ name }) => name)).toEqual(['add_note', 'send_mail']);
    expect(facts.usage?.output_tokens).toBeGreaterThan(0);
    expect(facts.costUSD).toBeGreaterThan(0);
  });

  it('shows first tokens, early starts, conflicts, attempts and approvals', async () => {
    const success = await look('success');
    expect(typesOf(success.turn.rows[0])).toContain('reply');
    expect(typesOf(rowOf(success, 'get_customer'))[0]).toBe('early');
    expect(typesOf(rowOf(success, 'send_mail'))[0]).toBe('conflict');
    const flaky = rowOf(await look('retry'), 'flaky');
    expect(flaky?.attempts).toBe(3);
    expect(flaky?.lastFailure).toContain('ECONNREFUSED');
    // Two of its own, and those that a busy machine lost with its answer, which are told apart.
    const failed = typesOf(flaky).filter((type) => type === 'failed');
    if (flaky?.lostWorkers === undefined) expect(failed).toHaveLength(2);
    else expect(failed.length).toBeGreaterThan(2);
    const denied = await look('denied');
    expect(typesOf(rowOf(denied, 'refund'))).toEqual(['approval']);
    expect(denied.turn.timing.shares.people).toBeGreaterThan(0);
  });
});

describe('a turn that is stuck', () => {
  it.each<[name: ShownTurn, says: RegExp]>([
    ['stuck-no-worker', /No worker polls the task queue nobody-is-here\./],
    [
      'stuck-approval',
      /refund\(customer: 1234\) has waited for a person to decide.*It is denied in 6 d.*plait approve shown-stuck-approval toolu_\w+/s,
    ],
    ['stuck-tool', /always_down.* has failed once\. Attempt 2 of at most 20.*ENOTFOUND crm/s],
    ['stuck-model', /The model request of round 1 has failed once\. Attempt 2 of at most 18.*429/s],
    ['stuck-queue', /No worker polls the task queue gpu\. render\(customer: 1234\)/],
    ['running', /import_orders\(customer: 1234\) has run for/],
  ])('shows on its page what is wrong: %s', async (name, says) => {
    expect(pageOf(await look(name), '1.0.0')).toMatch(says);
  });
});

describe('the command line', () => {
  it('shows a turn as text, JSON and a page, and follows turns and sessions to their ends', async () => {
    const id = turns.retry.turnId;
    const session = await environment.agents.startSession('support', { sessionId: 'shown-desk' });
    const turn = await session.send('success: what about customer 1234?');
    const watching = startCommand(['watch', 'shown-desk'], { env });
    const [text, json, page, watched] = await Promise.all([
      plait(['show', id], { env }),
      plait(['show', id, '--json'], { env }),
      plait(['show', id, '--html'], { env }),
      plait(['watch', id], { env }),
    ]);
    expect(text.stdout).toMatch(/✔ flaky .*╳/);
    expect(JSON.parse(json.stdout)).toMatchObject({ turn: { turnId: id, status: 'completed' } });
    expect(page.stdout).toMatch(/^<!doctype html>/);
    expect(watched.stdout).toMatch(/round 1 {2}flaky.*succeeded.*\ncompleted: end_turn after/s);

    await turn.result();
    await watching.says('completed: end_turn');
    const shown = await plait(['show', 'shown-desk'], { env });
    expect(shown.stdout).toContain(`turn ${turn.turnId}`);
    const next = await session.send('retry: what about customer 1234?');
    await watching.says(`turn ${next.turnId}`);
    await session.close();
    const { code, stdout } = await watching.ended;
    expect(stdout).toMatch(
      /completed: end_turn.*completed: end_turn.*Session shown-desk has ended\./s,
    );
    expect(code).toBe(0);
  });
});

async function* broken() {
  yield 1;
  throw new Error('defect');
}

it('following begins again after the server was away', async () => {
  const said: string[] = [];
  let opened = 0;
  async function* open() {
    opened += 1;
    yield opened;
    if (opened < 3) throw new TemporalUnavailableError('The server does not answer.');
  }
  const items: number[] = [];
  const { signal } = new AbortController();
  for await (const item of again(open, signal, (text) => said.push(text), 1)) items.push(item);
  expect(items).toEqual([1, 2, 3]);
  expect(said.filter((text) => text !== '')).toEqual([
    'The server does not answer. Trying again until it answers.',
    'The server does not answer. Trying again until it answers.',
  ]);
  await expect(async () => {
    for await (const _ of again(broken, signal));
  }).rejects.toThrow('defect');
});
