import { randomUUID } from 'node:crypto';
import { expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { defineAgent } from '../../index.ts';
import { callTools, say } from '../../testing/replies.ts';
import type { Script } from '../../testing/script.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, reader } from '../fixtures/tools.ts';

const newId = () => `session-${randomUUID()}`;
const look = reader('look', () => 'seen');

/** Looks twice, then answers. */
const looksTwice: Script = ({ round }) =>
  round === 0
    ? callTools([
        ['look', { i: 1 }],
        ['look', { i: 2 }],
      ])
    : say('I looked twice.');

test('the turns of a session share its budget', async () => {
  const agent = agentWith([look], { prices: { input: 4, output: 20 }, onLimit: 'lastWord' });
  await using plait = await startPlait({ agents: [agent], script: looksTwice });
  const session = plait.agents.openSession(agent, newId(), {
    limits: { toolCalls: 3, rounds: 4, costUSD: 5, wallTime: '1 hour' },
  });
  const ask = async () => await (await session.send('Look.')).result();

  const first = await ask();
  const second = await ask();
  const third = await ask();

  expect(first).toMatchObject({ stopReason: 'end_turn', rounds: 2 });
  // The last call that was left has run, and the last word came on top of nothing: 2 + 2 rounds.
  expect(second).toMatchObject({
    stopReason: 'max_tool_calls',
    stopDetails: 'The limit of 1 tool call is reached: the last reply asked for 2 with 1 left.',
    text: 'I looked twice.',
  });
  expect(second.calls.map(({ outcome }) => outcome)).toEqual(['succeeded', 'skipped']);
  expect(third).toMatchObject({ stopReason: 'max_rounds', rounds: 0, calls: [] });
  expect(plait.model.requests).toHaveLength(4);
  const { spent } = await session.describe();
  expect(spent).toMatchObject({ rounds: 4, toolCalls: 3 });
  expect(spent.costUSD).toBeCloseTo((first.costUSD ?? 0) + (second.costUSD ?? 0), 9);
  expect(spent.wallTime).toBeGreaterThan(0);
  expect(spent.wallTime).toBeLessThan(60_000);
});

test('what a session has spent is carried into its next run', async () => {
  const agent = agentWith([look], { historyEvents: 20 });
  await using plait = await startPlait({ agents: [agent], script: looksTwice });
  const session = plait.agents.openSession(agent, newId(), { limits: { toolCalls: 9 } });

  const reasons: string[] = [];
  for (let turn = 1; turn <= 6; turn += 1) {
    reasons.push((await (await session.send('Look.')).result()).stopReason);
  }

  expect(reasons).toEqual([
    ...Array.from({ length: 4 }, () => 'end_turn'),
    'max_tool_calls',
    'max_tool_calls',
  ]);
  expect((await session.describe()).spent.toolCalls).toBe(9);
  const { raw } = await session.workflow.describe();
  const { firstRunId, execution } = raw.workflowExecutionInfo ?? {};
  expect(firstRunId).toMatch(/./);
  expect(execution?.runId).not.toBe(firstRunId);
});

test('a session whose limits need prices is invalid', async () => {
  const agent = agentWith([look]);
  await using plait = await startPlait({ agents: [agent], script: looksTwice });

  expect(() => plait.agents.openSession(agent, newId(), { limits: { costUSD: 1 } })).toThrow(
    'needs prices',
  );
  await expect(plait.agents.startSession(agent.name, { limits: { rounds: -1 } })).rejects.toThrow(
    'limits.rounds must be a number of at least 0',
  );
});

test('the answers of a session have the type of its agent', async () => {
  const output = z.object({ on: z.iso.date().transform((day) => new Date(day)) });
  const dated = defineAgent({ name: 'dated', model: 'claude-opus-5-5', output });
  await using plait = await startPlait({
    agents: [dated],
    script: ({ userText }) => say(userText.includes('wrong') ? '{}' : '{"on":"2026-11-22"}'),
  });

  const session = plait.agents.openSession(dated, newId());
  const result = await (await session.send('When?')).result();

  expectTypeOf(result.output).toEqualTypeOf<{ on: Date } | undefined>();
  expect(result.output?.on).toEqual(new Date('2026-11-22'));
  const again = await (await plait.agents.getSession(session.sessionId).send('When?')).result();
  expect(again.output).toEqual({ on: '2026-11-22' });
});
