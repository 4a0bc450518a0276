// Does by hand what docker-compose.yml and the Dockerfile describe: it reads their programs and settings
// from those files, and runs turns on them. One turn has its worker killed, another its server restarted.
//
//   npm run deploy:try
//
// Needs Debian's packages docker-compose and postgresql, Go, wget and git. As root it also needs the users
// postgres and nobody. The first run builds the Temporal server, which takes minutes. Later runs take about
// two minutes.

import assert from 'node:assert/strict';
import { chmod, cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  checkAnswered,
  checkBrokenOrders,
  checkFullPicture,
} from '../examples/customer-lookup/checks.ts';
import { BROKEN_ORDERS, customerScript, FULL_PICTURE } from '../examples/customer-lookup/script.ts';
import type { TurnResult } from '../index.ts';
import { LOCAL_HOST } from '../testing/free-ports.ts';
import { startMessagesServer } from '../testing/messages-server.ts';
import type { MessagesServer } from '../testing/messages-server.ts';
import { Container, resultOf } from './by-hand/container.ts';
import { buildImage } from './by-hand/image.ts';
import type { Program } from './by-hand/process.ts';
import { end, endAll, plainUser, run, until } from './by-hand/process.ts';
import { installPrograms } from './by-hand/programs.ts';
import type { Machine } from './by-hand/services.ts';
import {
  addressOf,
  choosePorts,
  environmentOf,
  imageOf,
  postgresBin,
  runTwice,
  startPostgres,
  startTemporal,
  startUi,
  databaseUrl,
  storageUrl,
  succeeds,
  untilHealthy,
} from './by-hand/services.ts';
import { ROOT } from './compose-file.ts';

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function step<Result>(what: string, doIt: () => Promise<Result>): Promise<Result> {
  const began = performance.now();
  const result = await doIt();
  const seconds = (performance.now() - began) / 1000;
  say(`${seconds.toFixed(1).padStart(7)} s  ${what}`);
  return result;
}

/** Waits for the first reply, which begins after 250 ms, and then until its three tools run. */
async function untilToolsRun(turn: Program, model: MessagesServer, before: number): Promise<void> {
  await until(turn, 'it asks the model', () => model.requests.length > before, 20_000);
  const running = () => turn.output.some((line) => /get_tickets.*running/.test(line));
  await until(turn, 'its tools run', running, 20_000);
}

/** Runs a turn, with an accident to the worker or the server while its tools run. */
async function turnWith(
  what: string,
  container: Container,
  model: MessagesServer,
  accident: (turn: Program) => Promise<void>,
): Promise<TurnResult> {
  const before = model.requests.length;
  const turn = container.startTurn(FULL_PICTURE, what);
  await untilToolsRun(turn, model, before);
  await accident(turn);
  const result = await resultOf(turn);
  checkAnswered(result);
  assert.deepEqual(
    result.calls.map(({ name, outcome }) => [name, outcome]),
    ['get_customer', 'get_orders', 'get_tickets'].map((name) => [name, 'succeeded']),
  );
  assert.match(result.text, /Ada Martin.*A-1093.*Invoice/s);
  assert.equal(model.requests.length - before, 2, 'two replies need two model requests');
  return result;
}

/** Tries what the workers' role may do, and what it must not. */
async function checkRole(machine: Machine): Promise<void> {
  const { PGPASSWORD = '' } = environmentOf('worker', {});
  const env = { PATH: machine.path, PGPASSWORD };
  const tried = (database: string, statement: string) =>
    succeeds(['psql', databaseUrl(machine, database), '-Atc', statement], { env });
  assert.ok(await tried('plait', 'CREATE TABLE tried (); DROP TABLE tried'));
  for (const database of ['temporal', 'temporal_visibility', 'postgres', 'template1']) {
    assert.equal(await tried(database, 'SELECT 1'), false, `the role must not reach ${database}`);
  }
  for (const statement of [
    'CREATE ROLE other',
    'CREATE DATABASE other',
    'SET ROLE temporal',
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT pg_read_file('/etc/passwd')",
    'SELECT rolpassword FROM pg_authid',
    'ALTER ROLE plait SUPERUSER',
    'DROP DATABASE plait',
  ]) {
    assert.equal(await tried('plait', statement), false, `the role must not: ${statement}`);
  }
}

async function main(work: string): Promise<void> {
  const bin = join(work, 'bin');
  const machine: Machine = {
    work,
    user: plainUser('nobody'),
    ports: await choosePorts(),
    path: [bin, postgresBin(), process.env['PATH'] ?? ''].join(':'),
  };
  const scripts = ['setup-schema.sh', 'storage-role.sh', 'create-namespace.sh'];
  for (const path of [...scripts, 'dynamicconfig']) {
    await cp(join(ROOT, 'deploy', path), join(work, path), { recursive: true });
  }

  await step('the programs of the images are installed', () =>
    installPrograms(
      bin,
      {
        server: imageOf('temporal'),
        adminTools: imageOf('temporal-schema'),
        ui: imageOf('temporal-ui'),
      },
      (sentence) => say(`           ${sentence}`),
    ),
  );
  const postgres = await run('postgres', [join(postgresBin(), 'postgres'), '--version']);
  await step(`${postgres.trim()} is healthy`, async () => {
    await untilHealthy(await startPostgres(machine), 'postgresql', machine);
  });
  await step('temporal-sql-tool creates both schemas, and changes nothing the second time', () =>
    runTwice(
      'setup-schema.sh',
      environmentOf('temporal-schema', {
        SQL_HOST: LOCAL_HOST,
        SQL_PORT: String(machine.ports.postgresql),
      }),
      machine,
    ),
  );
  await step('the role of the workers reaches their database, and no other', async () => {
    const here = { PGHOST: LOCAL_HOST, PGPORT: String(machine.ports.postgresql) };
    await runTwice('storage-role.sh', environmentOf('storage-role', here), machine);
    await checkRole(machine);
  });
  let server = await step(`${imageOf('temporal')} is healthy`, () => startTemporal(machine));
  await step('the namespace exists', () =>
    runTwice(
      'create-namespace.sh',
      environmentOf('temporal-namespace', { TEMPORAL_ADDRESS: addressOf(machine) }),
      machine,
    ),
  );
  await step(`${imageOf('temporal-ui')} is healthy and sees the server`, async () => {
    await startUi(machine);
    const url = `http://${LOCAL_HOST}:${machine.ports.ui}/api/v1/namespaces/default`;
    const response = await fetch(url);
    assert.equal(response.status, 200, `${url}: ${await response.clone().text()}`);
    assert.match(await response.text(), /NAMESPACE_STATE_REGISTERED/);
  });

  const app = await step('npm ci, the build and npm ci --omit=dev, as in the Dockerfile', () =>
    buildImage(work, join(work, 'npm-cache')),
  );
  await using model = await startMessagesServer({ script: customerScript, apiKey: 'scripted' });
  const container = new Container(app, model, machine);

  const node = (await run('node', ['node', '--version'])).trim();
  let worker = await step(
    `the worker is healthy on Node ${node}, but not before it runs`,
    async () => {
      assert.equal(await container.isHealthy(), false);
      const started = await container.startWorker();
      await until(started, 'it is healthy', () => container.isHealthy());
      return started;
    },
  );
  await step('a turn: three calls at once', async () => {
    checkFullPicture(await container.runTurn(FULL_PICTURE, 'full-picture'));
  });
  await step('a turn: one call fails for good', async () => {
    checkBrokenOrders(await container.runTurn(BROKEN_ORDERS, 'broken-orders'));
  });
  await step('a turn: its text is too long for history and goes to the storage', async () => {
    const long = `${FULL_PICTURE} ${'Take your time. '.repeat(5_000)}`;
    checkFullPicture(await container.runTurn(long, 'long'));
    const { PGPASSWORD = '' } = environmentOf('worker', {});
    const count = ['psql', storageUrl(machine), '-Atc', 'SELECT count(*) FROM plait_objects'];
    const objects = await run('psql', count, { env: { PATH: machine.path, PGPASSWORD } });
    // One object more: that of the worker's check.
    assert.ok(Number(objects) > 1, 'the storage must hold the text of the turn');
  });
  await step('a turn: its worker is killed with SIGKILL while its tools run', async () => {
    const { calls } = await turnWith('killed-worker', container, model, async () => {
      assert.equal(await end(worker, 'SIGKILL'), 'SIGKILL');
      worker = await container.startWorker();
    });
    assert.ok(
      calls.some(({ attempts }) => attempts > 1),
      'at least one call must have run again',
    );
  });
  await step('a turn: the Temporal server is restarted while its tools run', async () => {
    await turnWith('restarted-server', container, model, async (turn) => {
      await end(server, 'SIGTERM');
      assert.equal(turn.stdout(), '', 'the turn must still run when the server ends');
      await sleep(2_000);
      server = await startTemporal(machine);
    });
  });
  await step('the results of earlier turns can be read', async () => {
    const before = model.requests.length;
    for (const turnId of ['full-picture', 'killed-worker']) {
      checkAnswered(await container.runTurn(FULL_PICTURE, turnId));
    }
    assert.equal(model.requests.length, before, 'reading a result must not ask the model');
    assert.ok(await container.isHealthy());
  });
  await step('SIGTERM ends the worker, with exit code 0', async () => {
    assert.equal(await end(worker, 'SIGTERM'), 0);
  });
}

const work = await mkdtemp(join(tmpdir(), 'plait-deploy-'));
// Other users run its programs.
await chmod(work, 0o755);
async function cleanUp(): Promise<void> {
  await endAll();
  await rm(work, { recursive: true, force: true });
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void cleanUp().finally(() => process.exit(130)));
}
try {
  await step('everything', () => main(work));
  say('passed');
} finally {
  await cleanUp();
}
