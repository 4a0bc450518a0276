import { setTimeout as sleep } from 'node:timers/promises';
import { NativeConnection, Worker } from '@temporalio/worker';
import { expect, inject, test } from 'vitest';
import { createActivities } from '../../activities/index.ts';
import { AgentClient, TurnFailedError } from '../../client/index.ts';
import { directoryStorage } from '../../storage/index.ts';
import { fault } from '../../testing/faults.ts';
import { callTools, say } from '../../testing/replies.ts';
import { startPlait } from '../fixtures/plait.ts';
import { inThisThread } from '../fixtures/sandbox.ts';
import { agentWith, reader, writer } from '../fixtures/tools.ts';
import { until } from '../fixtures/until.ts';

// Everything here once left a run stuck, terminated, or with an open call.

test('a last reply that fits into no result ends the turn validly', async () => {
  const agent = agentWith([]);
  await using plait = await startPlait({ agents: [agent], script: () => say('y'.repeat(380_000)) });

  const result = await plait.agents.execute(agent, 'x'.repeat(1_460_000));

  expect(result).toMatchObject({ stopReason: 'turn_too_large', rounds: 0 });
  expect(result.messages).toHaveLength(1);
});

test('a batch with results too large for history loses the middle of each, but no result', async () => {
  const agent = agentWith([reader('read', () => 'x'.repeat(1_900_000))]);
  const calls = callTools(Array.from({ length: 30 }, (_, i) => ['read', { i }] as const));
  await using plait = await startPlait({
    agents: [agent],
    script: ({ round }) => (round === 0 ? calls : say('Too much.')),
  });

  const result = await plait.agents.execute(agent, 'read');

  expect(result).toMatchObject({ stopReason: 'end_turn', text: 'Too much.' });
  expect(result.calls.every(({ outcome }) => outcome === 'succeeded')).toBe(true);
  expect(JSON.stringify(result.messages[2])).toContain('are left out here');
});

test('an error page of megabytes fails the turn with its beginning', async () => {
  const agent = agentWith([]);
  const page = `<html>${'proxy '.repeat(200_000)}</html>`;
  await using plait = await startPlait({ agents: [agent], script: () => fault.badRequest(page) });
  const turn = await plait.agents.start(agent, 'go');

  const error = (await turn.result().catch((thrown: unknown) => thrown)) as TurnFailedError;

  expect(error).toBeInstanceOf(TurnFailedError);
  expect(error.message).toContain('<html>proxy');
  expect(error.message.length).toBeLessThan(5_000);
});

test("a call that an operator completes by hand is answered with the operator's value", async () => {
  const begun: string[] = [];
  const agent = agentWith([
    writer('wait', async (_input, { signal }) => {
      begun.push('wait');
      await sleep(60_000, undefined, { signal }).catch(() => undefined);
    }),
  ]);
  await using plait = await startPlait({
    agents: [agent],
    script: ({ round }) => (round === 0 ? callTools([['wait', {}, 'toolu_hand']]) : say('Thanks.')),
  });
  const turn = await plait.agents.start(agent, 'go');
  await until(() => begun.length);

  const activity = { workflowId: turn.turnId, activityId: 'toolu_hand' };
  await plait.agents.client.activity.complete(activity, { refunded: true });
  const result = await turn.result();

  expect(result).toMatchObject({ stopReason: 'end_turn', calls: [{ outcome: 'succeeded' }] });
  expect(JSON.stringify(result.messages[2])).toContain('refunded');
});

test("a tool's data that only looks like a content block reaches the model as JSON", async () => {
  const slack = [{ type: 'text', text: 'Hello', bold: true }];
  const image = [{ type: 'image', source: { type: 'file', path: 'x.png' } }];
  const agent = agentWith([reader('slack', () => slack), reader('image', () => image)]);
  await using plait = await startPlait({
    agents: [agent],
    script: ({ round }) => (round === 0 ? callTools({ slack: {}, image: {} }) : say('Read.')),
  });

  const result = await plait.agents.execute(agent, 'go');

  expect(result.messages[2]).toMatchObject({
    content: [{ content: JSON.stringify(slack) }, { content: JSON.stringify(image) }],
  });
});

test('a storage that only half of a worker has fails a turn when it begins', async () => {
  const agent = agentWith([]);
  await using plait = await startPlait({ agents: [], script: () => say('Never.') });
  const connection = await NativeConnection.connect({ address: inject('temporalAddress') });
  const taskQueue = `half-${plait.taskQueue}`;
  const worker = await Worker.create({
    connection,
    taskQueue,
    ...inThisThread,
    activities: createActivities({
      agents: [agent],
      storage: directoryStorage('.plait/never-used'),
      anthropic: { baseURL: plait.model.url, apiKey: 'test' },
    }),
  });
  const agents = new AgentClient({ client: plait.agents.client, taskQueue });

  await worker.runUntil(async () => {
    const turn = await agents.start(agent, 'go');
    await expect(turn.result()).rejects.toThrow('withStorage(undefined, storage)');
  });
  await connection.close();
});
