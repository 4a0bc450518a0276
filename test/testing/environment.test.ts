import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from '@temporalio/worker';
import { describe, expect, onTestFinished, inject, test, vi } from 'vitest';
import { temporalIsListening } from '../../testing/temporal-connection.ts';
import type { TestEnvironment } from '../../testing/environment.ts';
import { startTestEnvironment } from '../../testing/environment.ts';
import { expectTurn } from '../../testing/expect-turn.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { startTemporalServer } from '../../testing/temporal-server.ts';
import { hang, withToolFaults } from '../../testing/tool-faults.ts';
import { agentWith, reader } from '../fixtures/tools.ts';
import { until } from '../fixtures/until.ts';

const agent = agentWith([reader('look', () => 'seen')]);
const script = conversation('go', [callTools({ look: {} }), say('Done.')]);
const temporal = { address: inject('temporalAddress') };

describe('a test environment', () => {
  test('starts a Temporal server that ends with it', async () => {
    const plait = await startTestEnvironment({
      agents: [agent],
      script,
      temporal: { address: process.env['NO_SUCH_VARIABLE'], namespace: 'acme' },
    });
    expectTurn(await plait.agents.execute(agent, 'go')).ended('end_turn');
    const { address, namespace } = plait.temporal;
    expect(namespace).toBe('acme');
    expect(address).not.toBe(temporal.address);

    await plait.close();
    await plait.close();

    expect(await temporalIsListening(address)).toBe(false);
  });

  test('uses a given server and namespace, and leaves them running', async () => {
    await using server = await startTemporalServer({ namespace: 'acme' });
    for (const text of ['first', 'second']) {
      await using plait = await startTestEnvironment({ agents: [agent], script, temporal: server });
      const turn = await plait.agents.start(agent, 'go', { turnId: text });
      expectTurn(await turn.result()).ended('end_turn');
      expect(plait.temporal).toEqual({ address: server.address, namespace: 'acme' });
    }
    expect(await temporalIsListening(server.address)).toBe(true);
  });

  test('rejects prompts that are longer than contextWindow', async () => {
    await using plait = await startTestEnvironment({
      agents: [agent],
      script,
      temporal,
      contextWindow: 1_000,
    });
    const long = plait.agents.execute(agent, 'go '.repeat(2_000));
    await expect(long).rejects.toThrow(/prompt is too long: \d+ tokens > 1000 maximum/);
    expectTurn(await plait.agents.execute(agent, 'go')).ended('end_turn');
  });

  test('bundles the workflows once for all environments of a process', async () => {
    const create = vi.spyOn(Worker, 'create');
    onTestFinished(() => create.mockRestore());
    for (let i = 0; i < 2; i++) {
      await using _ = await startTestEnvironment({ agents: [agent], script, temporal });
    }
    const [first, second] = create.mock.calls.map(([{ workflowBundle }]) => workflowBundle);
    expect(first).toBeDefined();
    expect(second).toBe(first);
  });

  test('runs workflows of your own beside the turns', async () => {
    const workflowsPath = new URL('../fixtures/own-workflows.ts', import.meta.url).pathname;
    await using plait = await startTestEnvironment({
      agents: [agent],
      script,
      temporal,
      workflowsPath,
      activities: { greet: (name: string) => Promise.resolve(`Hello ${name}`) },
    });
    const { client } = plait.agents;
    const greeting = client.workflow.execute('greeting', {
      workflowId: `greeting-${plait.taskQueue}`,
      taskQueue: plait.taskQueue,
      args: ['Ada'],
    });
    expect(await greeting).toBe('Hello Ada');
    expectTurn(await plait.agents.execute(agent, 'go')).called('look');
  });

  test('closes at once, even while a tool runs', async () => {
    const stuck = withToolFaults(agent, { look: hang() });
    const plait = await startTestEnvironment({ agents: [stuck], script, temporal });
    await startCalling(plait);

    const since = performance.now();
    await plait.close();

    // A worker in production waits 10 s for its tools.
    expect(performance.now() - since).toBeLessThan(10_000);
  });

  test('reports a tool that ignores its signal, and still stops its server', async () => {
    const release = new AbortController();
    const deaf = withToolFaults(agent, {
      look: () => sleep(60_000, undefined, { signal: release.signal }),
    });
    const plait = await startTestEnvironment({ agents: [deaf], script });
    await startCalling(plait);

    await expect(plait.close()).rejects.toThrow(/still run: look/);

    expect(await temporalIsListening(plait.temporal.address)).toBe(false);
    release.abort();
  });
});

async function startCalling({ agents }: TestEnvironment): Promise<void> {
  const turn = await agents.start(agent, 'go');
  await until(async () => (await turn.describe()).pendingCalls[0]?.state === 'running');
}
