import { NativeConnection, Runtime } from '@temporalio/worker';
import { expect, inject, onTestFinished, test, vi } from 'vitest';
import { WORKFLOWS } from '../../worker/bundler-options.ts';
import { createWorker } from '../../worker/index.ts';
import type { CreateWorkerOptions } from '../../worker/index.ts';
import { inThisThread } from '../fixtures/sandbox.ts';
import { agentWith } from '../fixtures/tools.ts';

async function workerWith(options: Partial<CreateWorkerOptions>) {
  const connection = await NativeConnection.connect({ address: inject('temporalAddress') });
  const worker = await createWorker({
    agents: [agentWith([])],
    anthropic: { apiKey: 'test' },
    connection,
    namespace: 'default',
    taskQueue: 'options',
    ...(options.workflowsPath === undefined ? inThisThread : {}),
    ...options,
  });
  onTestFinished(async () => {
    await worker.runUntil(Promise.resolve());
    await connection.close();
  });
  return worker;
}

test('a tuner replaces the default number of calls at once', async () => {
  const tuner = { tunerOptions: { targetMemoryUsage: 0.8, targetCpuUsage: 0.9 } };
  expect((await workerWith({ tuner })).getState()).toBe('INITIALIZED');
});

test('the workflows are loaded once, not for every turn, and bundled with one line of report', async () => {
  const info = vi.spyOn(Runtime.instance().logger, 'info');
  onTestFinished(() => info.mockRestore());
  const hooked: unknown[] = [];
  const { options } = await workerWith({
    workflowsPath: WORKFLOWS,
    bundlerOptions: {
      preloadModules: ['@temporalio/common'],
      webpackConfigHook: (config) => (hooked.push(config), config),
    },
  });
  expect(options.bundlerOptions?.preloadModules).toEqual(['@temporalio/common', WORKFLOWS]);
  expect(hooked).toHaveLength(1);
  const reports = info.mock.calls.map(([message]) => message);
  expect(reports.filter((message) => message.includes('webpack'))).toEqual([
    expect.stringMatching(/^webpack [\d.]+ compiled successfully in \d+ ms$/),
  ]);
});

test('a worker without a credential warns, and one with a client does not', async () => {
  const warn = vi.spyOn(Runtime.instance().logger, 'warn');
  onTestFinished(() => warn.mockRestore());
  vi.stubEnv('ANTHROPIC_API_KEY', '');
  onTestFinished(() => void vi.unstubAllEnvs());
  await workerWith({});
  expect(warn).not.toHaveBeenCalled();
  await workerWith({ taskQueue: 'credential', anthropic: {} });
  expect(warn.mock.calls).toEqual([[expect.stringContaining('ANTHROPIC_API_KEY is not set')]]);
});

test('a longer grace period also moves the forced end', async () => {
  const { options } = await workerWith({ shutdownGraceTime: '60s' });
  expect([options.shutdownGraceTimeMs, options.shutdownForceTimeMs]).toEqual([60_000, 70_000]);
});

test('a broken profile does not matter to a worker with a given connection', async () => {
  vi.stubEnv('TEMPORAL_PROFILE', 'nope');
  onTestFinished(() => void vi.unstubAllEnvs());
  expect((await workerWith({})).getState()).toBe('INITIALIZED');
});
