import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client, Connection } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { withDefaults } from '../../client/connection-options.ts';
import { registerSearchAttributes } from '../../client/register-search-attributes.ts';
import { freePorts } from '../../testing/free-ports.ts';
import { temporalIsListening } from '../../testing/temporal-connection.ts';
import { findTemporalBinary } from '../../testing/temporal-binary.ts';
import { startTemporalServer } from '../../testing/temporal-server.ts';
import type { TemporalServer, TemporalServerOptions } from '../../testing/temporal-server.ts';
import { until } from '../fixtures/until.ts';

let root: string;
const started: TemporalServer[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'plait-server-'));
  // On a new machine this downloads the CLI.
  await findTemporalBinary();
}, 400_000);

afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(started.splice(0).map((server) => server.kill()));
});

afterAll(() => rm(root, { recursive: true, force: true }));

async function start(options: TemporalServerOptions = {}): Promise<TemporalServer> {
  const server = await startTemporalServer(options);
  started.push(server);
  return server;
}

async function withClient<T>(server: TemporalServer, use: (client: Client) => Promise<T>) {
  const connection = await Connection.connect(withDefaults({ address: server.address }));
  try {
    return await use(new Client({ connection, namespace: server.namespace }));
  } finally {
    await connection.close();
  }
}

/** How many milliseconds pass until a workflow with a start delay of 20 ms has its first task. */
function timeOfShortTimer(server: TemporalServer): Promise<number> {
  return withClient(server, async ({ workflow, connection }) => {
    const since = performance.now();
    await workflow.start('agentTurn', { taskQueue: 'poll', workflowId: 'w', startDelay: 20 });
    const { namespace } = server;
    const taskQueue = { name: 'poll' };
    await connection.withDeadline(Date.now() + 30_000, () =>
      connection.workflowService.pollWorkflowTaskQueue({ namespace, taskQueue }),
    );
    return performance.now() - since;
  });
}

function portOf(server: TemporalServer): number {
  return Number(server.address.split(':')[1]);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function occupiedPort(): Promise<{ port: number; release: () => void }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, release: () => server.close() };
}

describe('startTemporalServer', () => {
  it('starts a server that answers at once, with the given namespace, search attributes and metrics', async () => {
    const [metricsPort = 0] = await freePorts(1);
    const server = await start({
      namespace: 'weather',
      searchAttributes: { AgentName: 'Keyword', Rounds: 'Int' },
      ui: true,
      metricsPort,
    });
    expect(server.namespace).toBe('weather');
    expect(server.binary.version).toMatch(/^\d+\.\d+/);
    expect(server.recentOutput().join('\n')).not.toContain('Error:');
    await withClient(server, async (client) => {
      const handle = await client.workflow.start('agentTurn', {
        taskQueue: 'nobody',
        workflowId: 'first',
        searchAttributes: { AgentName: ['forecaster'], Rounds: [3] },
      });
      const { status, searchAttributes } = await handle.describe();
      expect(status.name).toBe('RUNNING');
      expect(searchAttributes['AgentName']).toEqual(['forecaster']);
    });
    const page = await fetch(String(server.uiUrl));
    expect(page.status).toBe(200);
    const started = 'action_type="grpc_StartWorkflowExecution"';
    await until(async () => {
      const metrics = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
      return (await metrics.text()).includes(started);
    });
  });

  it('runs any number of servers side by side, and stop() leaves no process', async () => {
    const servers = await Promise.all([start(), start()]);
    const [first, second] = servers;
    expect(first.address).not.toBe(second.address);
    expect(servers.map(({ uiUrl }) => uiUrl)).toEqual([undefined, undefined]);
    expect(servers.map(({ pid }) => isAlive(pid))).toEqual([true, true]);

    await first.stop();
    expect(servers.map(({ pid }) => isAlive(pid))).toEqual([false, true]);
    await first.stop();
    await second[Symbol.asyncDispose]();
    expect(isAlive(second.pid)).toBe(false);
  });

  it('keeps a workflow in its file when it is killed and started again on the same port', async () => {
    const db = join(root, 'new', 'directory', 'temporal.db');
    const first = await start({ db });
    await withClient(first, (client) =>
      client.workflow.start('agentTurn', { taskQueue: 'nobody', workflowId: 'survivor' }),
    );
    await first.kill();
    expect(isAlive(first.pid)).toBe(false);

    const second = await start({ db, port: portOf(first) });
    expect(second.address).toBe(first.address);
    const { type } = await withClient(second, (client) =>
      client.workflow.getHandle('survivor').describe(),
    );
    expect(type).toBe('agentTurn');
  });

  it('adds a search attribute to an existing file, and does not change its type', async () => {
    const db = join(root, 'attributes.db');
    await (await start({ db })).stop();
    const second = await start({ db, searchAttributes: { AgentName: 'Keyword' } });
    const { customAttributes } = await withClient(second, ({ connection }) =>
      connection.operatorService.listSearchAttributes({ namespace: 'default' }),
    );
    expect(Object.keys(customAttributes)).toContain('AgentName');
    await second.kill();
    await expect(start({ db, searchAttributes: { AgentName: 'Int' } })).rejects.toThrow(
      'The search attribute AgentName exists in namespace default with another type than Int',
    );
  });

  it('has Plait’s search attributes, and starts even when one has another type', async () => {
    const db = join(root, 'other-type.db');
    const namespace = 'default';
    const first = await start({ db });
    await withClient(first, async ({ connection }) => {
      const { operatorService } = connection;
      const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
      expect(Object.keys(customAttributes).toSorted()).toEqual([
        'PlaitAgent',
        'PlaitStopReason',
        'PlaitUser',
      ]);
      const searchAttributes = ['PlaitUser'];
      await operatorService.removeSearchAttributes({ namespace, searchAttributes });
      await registerSearchAttributes(connection, namespace, { PlaitUser: 'Int' });
    });
    await first.stop();
    const progress: string[] = [];
    await start({ db, onProgress: (sentence) => progress.push(sentence) });
    expect(progress).toEqual([
      'You cannot search turns by agent or user: The search attribute PlaitUser exists in namespace default with another type than Keyword, and Temporal cannot change it.',
    ]);
  });

  it('has timers below a second, unless its settings say otherwise', async () => {
    const slow = { dynamicConfig: { 'history.timerProcessorMaxTimeShift': '3s' } };
    const servers = await Promise.all([start(), start(slow)]);
    const [ours = 0, asOption = 0] = await Promise.all(servers.map(timeOfShortTimer));
    expect(asOption).toBeGreaterThan(1_500);
    expect(ours).toBeLessThan(asOption);
  });

  it.each(['port', 'uiPort'] as const)(
    'names the port and the option when %s is in use',
    async (option) => {
      const { port, release } = await occupiedPort();
      await expect(start({ [option]: port })).rejects.toThrow(
        new RegExp(
          `^Cannot start a Temporal server: port ${port} is in use by another process.* as \`${option}\`\\.$`,
        ),
      );
      release();
    },
  );

  it('reports what the server wrote when it ends before it is ready', async () => {
    await expect(start({ db: root })).rejects.toThrow(
      /^The Temporal server ended before it was ready\. Its last output:\n[^]*unable to open database file/,
    );
  });

  it.skipIf(process.platform === 'win32')(
    'tries other ports when another process takes one just before the start',
    async () => {
      const { path } = await findTemporalBinary();
      const mark = join(root, 'tried-once');
      await writeFile(
        join(root, 'temporal'),
        `#!/bin/sh
        if [ "$1" = server ] && [ ! -e '${mark}' ]; then
          : > '${mark}'
          echo "Error: can't set frontend port: bind: address already in use" >&2
          exit 1
        fi
        exec '${path}' "$@"`,
      );
      await chmod(join(root, 'temporal'), 0o755);
      vi.stubEnv('PATH', `${root}${delimiter}${process.env['PATH']}`);
      const progress: string[] = [];
      const server = await start({ onProgress: (message) => progress.push(message) });
      expect(server.binary).toMatchObject({ path: join(root, 'temporal'), source: 'PATH' });
      expect(progress).toEqual([
        'Another process took a port while the Temporal server started; trying others.',
      ]);
    },
  );

  it('ignores the settings of a client', async () => {
    vi.stubEnv('TEMPORAL_PROFILE', 'no-such-profile');
    vi.stubEnv('TEMPORAL_ADDRESS', 'localhost:1');
    vi.stubEnv('http_proxy', 'http://127.0.0.1:1');
    expect(await temporalIsListening((await start()).address)).toBe(true);
  });

  it.skipIf(process.platform === 'win32').each(['SIGKILL', 'SIGTERM', undefined] as const)(
    'does not outlive the process that started it (%s)',
    async (signal) => {
      const module = join(inject('compiled'), 'testing/temporal-server.js');
      const script = `
        const { startTemporalServer } = await import(${JSON.stringify(module)});
        const { address } = await startTemporalServer();
        console.log(address);
        ${signal === undefined ? '' : 'setInterval(() => undefined, 1000);'}`;
      const args = ['--input-type=module', '--eval', script];
      const parent = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const lines = createInterface({ input: parent.stdout });
      const [address] = (await once(lines, 'line')) as [string];
      if (signal !== undefined) {
        expect(await temporalIsListening(address)).toBe(true);
        parent.kill(signal);
      }
      await until(async () => !(await temporalIsListening(address)));
    },
  );
});

describe('temporalIsListening', () => {
  it('is false when nothing listens, when something else does, and when it is not an address', async () => {
    const { port, release } = await occupiedPort();
    expect(await temporalIsListening(`127.0.0.1:${port}`, 500)).toBe(false);
    release();
    expect(await temporalIsListening(`127.0.0.1:${port}`)).toBe(false);
    expect(await temporalIsListening('localhost')).toBe(false);
  });
});
