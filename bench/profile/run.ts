// Where a worker's CPU goes: `npm run bench:profile`. It runs 200 turns at once, several times, and writes a flame
// graph of the worker's main thread and one of its workflow threads. docs/decisions explains what they show.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { AgentClient } from 'plait/client';
import { directoryStorage, withStorage } from 'plait/storage';
import { defined } from '../../core/json.ts';
import { startTemporalServer } from '../../testing/temporal-server.ts';
import { agent } from '../agent.ts';
import { Model } from '../model.ts';
import { flameGraph, mergeProfiles, topFunctions } from './flame-graph.ts';
import type { CpuProfile } from './flame-graph.ts';

/** At once: `npm run bench:profile -- 20` for a slower machine. */
const TURNS = Number(process.argv[2] ?? 200);
const TIMES = 3;
const TOP = 15;

const directory = await mkdtemp(join(tmpdir(), 'plait-profile-'));
await using server = await startTemporalServer({});
const model = new Model();
await model.restart();

// A separate process, so that the profile holds neither the client nor the model.
const worker = spawn(
  process.execPath,
  [
    '--cpu-prof',
    `--cpu-prof-dir=${directory}`,
    '--import=tsx',
    fileURLToPath(new URL('worker.ts', import.meta.url)),
  ],
  {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: {
      ...process.env,
      BENCH_ADDRESS: server.address,
      BENCH_MODEL: model.client.baseURL,
      BENCH_STORAGE: directory,
    },
  },
);
await once(worker, 'message');

const connection = await Connection.connect({ address: server.address });
const dataConverter = withStorage(undefined, directoryStorage(directory));
const client = new Client({ connection, ...defined({ dataConverter }) });
const agents = new AgentClient({ client, taskQueue: 'profile' });
const run = () =>
  Promise.all(Array.from({ length: TURNS }, () => agents.execute(agent, 'turns-200')));
await run();
// Warm up: loading and the first turns say little about the others.
const from = Number(process.hrtime.bigint() / 1_000n);
const begin = performance.now();
for (let i = 0; i < TIMES; i += 1) await run();
const seconds = (performance.now() - begin) / 1_000;
process.stdout.write(`${((TURNS * TIMES) / seconds).toFixed(1)} turns a second, profiled\n`);

const ended = once(worker, 'exit');
worker.disconnect();
await ended;
await connection.close();
await model.close();
const threads: CpuProfile[] = [];
for (const name of (await readdir(directory)).filter((file) => file.endsWith('.cpuprofile'))) {
  threads.push(JSON.parse(await readFile(join(directory, name), 'utf8')) as CpuProfile);
}
await rm(directory, { recursive: true });
const isWorkflowThread = ({ nodes }: CpuProfile) =>
  nodes.some(({ callFrame }) => callFrame.url.endsWith('workflow-worker-thread.js'));
for (const [name, title, chosen] of [
  ['worker', 'The main thread of a worker', threads.filter((each) => !isWorkflowThread(each))],
  ['workflows', 'The workflow threads of a worker', threads.filter(isWorkflowThread)],
] as const) {
  const root = mergeProfiles(chosen, from);
  await writeFile(
    new URL(`${name}.svg`, import.meta.url),
    flameGraph(`${title}, ${TURNS} turns at once`, root),
  );
  const turns = TURNS * TIMES;
  process.stdout.write(`\n${title}: ${(root.total / 1_000 / turns).toFixed(2)} ms a turn\n`);
  for (const { name: called, share } of topFunctions(root, TOP)) {
    process.stdout.write(`  ${(share * 100).toFixed(1).padStart(5)} %  ${called}\n`);
  }
}
