import { writeFileSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, inject, test } from 'vitest';
import { temporalIsListening } from '../../testing/find-temporal.ts';
import { startTestEnvironment } from '../../testing/environment.ts';
import { expectTurn } from '../../testing/expect-turn.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { startTemporalServer } from '../../testing/temporal-server.ts';
import { hang, withToolFaults } from '../../testing/tool-faults.ts';
import { agentWith, reader } from '../fixtures/tools.ts';

const agent = agentWith([reader('look', () => 'seen')]);
const script = conversation('go', [callTools({ look: {} }), say('Done.')]);
const temporal = { address: inject('temporalAddress') };

describe('a test environment', () => {
  test('brings a Temporal server of its own, which ends with it', async () => {
    const plait = await startTestEnvironment({ agents: [agent], script });
    expectTurn(await plait.agents.execute(agent, 'go')).ended('end_turn');
    const { address } = plait.temporal;
    expect(address).not.toBe(temporal.address);

    await plait.close();
    await plait.close();

    expect(await temporalIsListening(address)).toBe(false);
  });

  test('uses a server and a namespace that are there, and leaves them there', async () => {
    await using server = await startTemporalServer({ namespace: 'acme' });
    for (const text of ['first', 'second']) {
      await using plait = await startTestEnvironment({ agents: [agent], script, temporal: server });
      const turn = await plait.agents.start(agent, 'go', { turnId: text });
      expectTurn(await turn.result()).ended('end_turn');
      expect(plait.temporal).toEqual({ address: server.address, namespace: 'acme' });
    }
    expect(await temporalIsListening(server.address)).toBe(true);
  });

  test('bundles the workflows once for all environments of a process', async () => {
    const first = await startTestEnvironment({ agents: [agent], script, temporal });
    await first.close();
    const since = performance.now();
    const second = await startTestEnvironment({ agents: [agent], script, temporal });
    // Bundling takes longer than that, on this machine or a faster one.
    expect(performance.now() - since).toBeLessThan(1_500);
    await second.close();
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

  test('is closed at once, also while a tool runs', async () => {
    const stuck = withToolFaults(agent, { look: hang() });
    const plait = await startTestEnvironment({ agents: [stuck], script, temporal });
    const turn = await plait.agents.start(stuck, 'go');
    while ((await turn.describe()).pendingCalls[0]?.state !== 'running') await sleep(20);

    const since = performance.now();
    await plait.close();

    expect(performance.now() - since).toBeLessThan(4_000);
  });

  test('ends what it has begun when it cannot be started', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'plait-environment-'));
    const codePath = join(folder, 'no-bundle.js');
    writeFileSync(codePath, 'this is not a bundle');
    const workflowBundle = { codePath };
    await expect(
      startTestEnvironment({ agents: [agent], script, workflowBundle, taskQueue: '' }),
    ).rejects.toThrow();
  });
});
