// Does by hand what docker-compose.yml and the Dockerfile describe, with the same programs and the
// same settings, read from those files, and then runs turns on it: with a worker that is killed in
// the middle and a server that is started anew in the middle.
//
//   npm run deploy:try
//
// Needs Debian's packages docker-compose and postgresql, Go, wget, git, and as root the users
// postgres and nobody. The first run builds the Temporal server, which takes minutes; a run
// thereafter takes about two.

import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, chown, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
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
import { LOCAL_HOST, whyNotFree } from '../testing/free-ports.ts';
import { startMessagesServer } from '../testing/messages-server.ts';
import type { MessagesServer } from '../testing/messages-server.ts';
import { buildImage } from './by-hand/image.ts';
import type { Program, StartOptions, User } from './by-hand/process.ts';
import { end, endAll, plainUser, run, start, until } from './by-hand/process.ts';
import { installPrograms, uiConfigDirectory } from './by-hand/programs.ts';
import { execForm, lastInstruction, readComposeFile, ROOT } from './compose-file.ts';
import type { ComposeService } from './compose-file.ts';

/** With characters that have a meaning in YAML and in addresses. */
const PASSWORD = "p@ss:w/ord#1%?&'+";

const compose = readComposeFile({ POSTGRES_PASSWORD: PASSWORD, ANTHROPIC_API_KEY: 'scripted' });

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

function service(name: string): ComposeService {
  const found = compose.services[name];
  assert.ok(found, `docker-compose.yml has no service ${name}`);
  return found;
}

/** The environment of a service, with what is different outside of a network of containers. */
function environmentOf(name: string, here: Record<string, string>): Record<string, string> {
  const given = Object.entries(service(name).environment ?? {});
  const set = given.flatMap(([key, value]) => (value === null ? [] : [[key, value]]));
  return { ...(Object.fromEntries(set) as Record<string, string>), ...here };
}

function imageOf(name: string): string {
  return service(name).image ?? '';
}

/** Everything that runs, and where. */
interface Place {
  work: string;
  /** For all but PostgreSQL. */
  user: User | undefined;
  ports: Ports;
  path: string;
}

type Ports = Record<
  | 'postgresql'
  | 'temporal'
  | 'temporalHttp'
  | 'ui'
  | 'matching'
  | 'history'
  | 'worker'
  | Membership,
  number
>;
type Membership = 'frontendMembers' | 'matchingMembers' | 'historyMembers' | 'workerMembers';

/**
 * Free ports in a row. Temporal keeps them in its database, in a column that ends at 32767, and so
 * below the ports that the system gives out by itself.
 */
async function choosePorts(): Promise<Ports> {
  const names = [
    ...(['postgresql', 'temporal', 'temporalHttp', 'ui', 'matching', 'history', 'worker'] as const),
    ...(['frontendMembers', 'matchingMembers', 'historyMembers', 'workerMembers'] as const),
  ];
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 12_000);
    const ports = names.map((name, i) => [name, first + i] as const);
    const problems = await Promise.all(ports.map(([, port]) => whyNotFree(port)));
    if (problems.every((problem) => problem === undefined)) {
      return Object.fromEntries(ports) as Ports;
    }
  }
}

/** Waits until the health check of a service succeeds, as it stands in docker-compose.yml. */
async function untilHealthy(program: Program, name: string, place: Place): Promise<void> {
  const [kind, ...test] = service(name).healthcheck?.test ?? [];
  assert.equal(kind, 'CMD');
  const { postgresql, temporalHttp, ui } = place.ports;
  const here = test.map((part) =>
    part.replace(':7243/', `:${temporalHttp}/`).replace(':8080/', `:${ui}/`),
  );
  const env = { PATH: place.path, PGPORT: String(postgresql) };
  await until(program, `${name} is healthy`, () => succeeds(here, { env }));
}

async function succeeds(command: readonly string[], options: StartOptions): Promise<boolean> {
  return (await start('health check', command, options).ended) === 0;
}

async function startPostgres({ work, ports }: Place): Promise<Program> {
  const user = plainUser('postgres');
  const home = join(work, 'postgresql');
  const data = join(home, 'data');
  await mkdir(home, { mode: 0o700 });
  await writeFile(join(home, 'password'), PASSWORD);
  if (user !== undefined) {
    for (const path of [home, join(home, 'password')]) await chown(path, user.uid, user.gid);
  }
  const { POSTGRES_USER: name = '' } = environmentOf('postgresql', {});
  const passwordFile = `--pwfile=${join(home, 'password')}`;
  const init = ['-D', data, '-U', name, passwordFile, '--auth=scram-sha-256', '--encoding=UTF8'];
  await run('initdb', [join(postgresBin(), 'initdb'), ...init], { user });
  const listen = ['-h', LOCAL_HOST, '-p', String(ports.postgresql), '-k', home];
  return start('postgres', [join(postgresBin(), 'postgres'), '-D', data, ...listen], { user });
}

/** Debian keeps the programs of each version in a directory of its own. */
function postgresBin(): string {
  const versions = '/usr/lib/postgresql';
  const newest = existsSync(versions) ? readdirSync(versions).toSorted().at(-1) : undefined;
  if (newest === undefined) throw new Error('PostgreSQL is missing (apt install postgresql).');
  return join(versions, newest, 'bin');
}

/** Runs the script of a service that ends, and a second time, since every `up` does so. */
async function runTwice(script: string, env: Record<string, string>, place: Place): Promise<void> {
  const options = { env: { ...env, PATH: place.path }, user: place.user, cwd: place.work };
  for (const _ of [1, 2]) await run(script, ['/bin/sh', join(place.work, script)], options);
}

async function startTemporal(place: Place): Promise<Program> {
  const { ports, work, user, path } = place;
  const env = environmentOf('temporal', {
    POSTGRES_SEEDS: LOCAL_HOST,
    DB_PORT: String(ports.postgresql),
    BIND_ON_IP: LOCAL_HOST,
    FRONTEND_GRPC_PORT: String(ports.temporal),
    FRONTEND_HTTP_PORT: String(ports.temporalHttp),
    FRONTEND_MEMBERSHIP_PORT: String(ports.frontendMembers),
    MATCHING_GRPC_PORT: String(ports.matching),
    MATCHING_MEMBERSHIP_PORT: String(ports.matchingMembers),
    HISTORY_GRPC_PORT: String(ports.history),
    HISTORY_MEMBERSHIP_PORT: String(ports.historyMembers),
    WORKER_GRPC_PORT: String(ports.worker),
    WORKER_MEMBERSHIP_PORT: String(ports.workerMembers),
    DYNAMIC_CONFIG_FILE_PATH: join(work, 'dynamicconfig', 'postgresql.yaml'),
  });
  // The last line of the image's entry point.
  const command = ['temporal-server', 'start'];
  const server = start('temporal', command, { env: { ...env, PATH: path }, user, cwd: work });
  await untilHealthy(server, 'temporal', place);
  return server;
}

async function startUi(place: Place): Promise<void> {
  const { ports, work, user, path } = place;
  const env = environmentOf('temporal-ui', {
    TEMPORAL_ADDRESS: addressOf(place),
    TEMPORAL_UI_PORT: String(ports.ui),
  });
  await cp(await uiConfigDirectory(imageOf('temporal-ui')), join(work, 'ui', 'config'), {
    recursive: true,
  });
  // The last line of the image's entry point.
  const command = ['ui-server', '--env', 'docker', 'start'];
  const options = { env: { ...env, PATH: path }, user, cwd: join(work, 'ui') };
  await untilHealthy(start('temporal-ui', command, options), 'temporal-ui', place);
}

/** The storage of docker-compose.yml, where it is here. */
function storageUrl({ ports }: Place): string {
  const { PLAIT_STORAGE = '' } = environmentOf('worker', {});
  return PLAIT_STORAGE.replace('@postgresql:5432/', `@${LOCAL_HOST}:${ports.postgresql}/`);
}

function addressOf({ ports }: Place): string {
  return `${LOCAL_HOST}:${ports.temporal}`;
}

/** Starts processes in what would be the worker's container. */
class Container {
  readonly #options: StartOptions;

  constructor(app: string, model: MessagesServer, place: Place) {
    const env = environmentOf('worker', {
      TEMPORAL_ADDRESS: addressOf(place),
      ANTHROPIC_BASE_URL: model.url,
      NODE_ENV: 'production',
      PLAIT_STORAGE: storageUrl(place),
    });
    this.#options = { env, cwd: app, user: place.user };
  }

  async startWorker(): Promise<Program> {
    const command = service('worker').command ?? [];
    const worker = this.#plait('worker', command);
    await until(worker, 'it polls', () => worker.stdout().includes('Ready.'));
    return worker;
  }

  isHealthy(): Promise<boolean> {
    return succeeds(execForm(lastInstruction('HEALTHCHECK')), this.#options);
  }

  /** As `docker-compose exec worker node dist/cli/main.js run …` does. */
  startTurn(text: string, turnId: string): Program {
    const options = ['--json', '--turn-id', turnId, '--timeout', '90s'];
    return this.#plait('plait run', ['run', 'customer-lookup', text, ...options]);
  }

  async runTurn(text: string, turnId: string): Promise<TurnResult> {
    return await resultOf(this.startTurn(text, turnId));
  }

  #plait(name: string, args: readonly string[]): Program {
    return start(name, [...execForm(lastInstruction('ENTRYPOINT')), ...args], this.#options);
  }
}

async function resultOf(turn: Program): Promise<TurnResult> {
  const exit = await turn.ended;
  assert.equal(exit, 0, `plait run ended with ${exit}:\n${turn.output.slice(-30).join('\n')}`);
  return JSON.parse(turn.stdout()) as TurnResult;
}

/** The model's first reply is on its way: 250 ms until it begins, and then three tools run. */
async function untilToolsRun(turn: Program, model: MessagesServer, before: number): Promise<void> {
  await until(turn, 'it asks the model', () => model.requests.length > before, 20_000);
  const running = () => turn.output.some((line) => /get_tickets.*running/.test(line));
  await until(turn, 'its tools run', running, 20_000);
}

/** A turn in the middle of which something happens to the worker or to the server. */
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
  assert.equal(model.requests.length - before, 2, 'each of the two replies was asked for once');
  return result;
}

async function main(work: string): Promise<void> {
  const bin = join(work, 'bin');
  const place: Place = {
    work,
    user: plainUser('nobody'),
    ports: await choosePorts(),
    path: [bin, postgresBin(), process.env['PATH'] ?? ''].join(':'),
  };
  for (const path of ['setup-schema.sh', 'create-namespace.sh', 'dynamicconfig']) {
    await cp(join(ROOT, 'deploy', path), join(work, path), { recursive: true });
  }

  await step('the programs of the images are there', () =>
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
    await untilHealthy(await startPostgres(place), 'postgresql', place);
  });
  await step('temporal-sql-tool has made both schemas, and a second time changed nothing', () =>
    runTwice(
      'setup-schema.sh',
      environmentOf('temporal-schema', {
        SQL_HOST: LOCAL_HOST,
        SQL_PORT: String(place.ports.postgresql),
      }),
      place,
    ),
  );
  let server = await step(`${imageOf('temporal')} is healthy`, () => startTemporal(place));
  await step('the namespace exists', () =>
    runTwice(
      'create-namespace.sh',
      environmentOf('temporal-namespace', { TEMPORAL_ADDRESS: addressOf(place) }),
      place,
    ),
  );
  await step(`${imageOf('temporal-ui')} is healthy and sees the server`, async () => {
    await startUi(place);
    const url = `http://${LOCAL_HOST}:${place.ports.ui}/api/v1/namespaces/default`;
    const response = await fetch(url);
    assert.equal(response.status, 200, `${url}: ${await response.clone().text()}`);
    assert.match(await response.text(), /NAMESPACE_STATE_REGISTERED/);
  });

  const app = await step('npm ci, the build and npm ci --omit=dev, as in the Dockerfile', () =>
    buildImage(work, join(work, 'npm-cache')),
  );
  await using model = await startMessagesServer({ script: customerScript, apiKey: 'scripted' });
  const container = new Container(app, model, place);

  const node = (await run('node', ['node', '--version'])).trim();
  let worker = await step(`the worker is healthy on Node ${node}, and was not before`, async () => {
    assert.equal(await container.isHealthy(), false);
    const started = await container.startWorker();
    await until(started, 'it is healthy', () => container.isHealthy());
    return started;
  });
  await step('a turn: three calls at once', async () => {
    checkFullPicture(await container.runTurn(FULL_PICTURE, 'full-picture'));
  });
  await step('a turn: one call fails for good', async () => {
    checkBrokenOrders(await container.runTurn(BROKEN_ORDERS, 'broken-orders'));
  });
  await step('a turn that is too long for history goes to the storage', async () => {
    const long = `${FULL_PICTURE} ${'Take your time. '.repeat(5_000)}`;
    checkFullPicture(await container.runTurn(long, 'long'));
    const { PGPASSWORD = '' } = environmentOf('worker', {});
    const count = ['psql', storageUrl(place), '-Atc', 'SELECT count(*) FROM plait_objects'];
    const objects = await run('psql', count, { env: { PATH: place.path, PGPASSWORD } });
    // One is the probe of the worker's start.
    assert.ok(Number(objects) > 1, 'nothing was written to the storage');
  });
  await step('a turn whose worker is killed with SIGKILL while its tools run', async () => {
    const { calls } = await turnWith('killed-worker', container, model, async () => {
      assert.equal(await end(worker, 'SIGKILL'), 'SIGKILL');
      worker = await container.startWorker();
    });
    assert.ok(
      calls.some(({ attempts }) => attempts > 1),
      'some call must have run again',
    );
  });
  await step('a turn whose server is started anew while its tools run', async () => {
    await turnWith('restarted-server', container, model, async (turn) => {
      await end(server, 'SIGTERM');
      assert.equal(turn.stdout(), '', 'the turn must not have ended before the server');
      await sleep(2_000);
      server = await startTemporal(place);
    });
  });
  await step('earlier turns are still there', async () => {
    const before = model.requests.length;
    for (const turnId of ['full-picture', 'killed-worker']) {
      checkAnswered(await container.runTurn(FULL_PICTURE, turnId));
    }
    assert.equal(model.requests.length, before, 'nothing is asked again');
    assert.ok(await container.isHealthy());
  });
  await step('SIGTERM ends the worker, with exit code 0', async () => {
    assert.equal(await end(worker, 'SIGTERM'), 0);
  });
}

const work = await mkdtemp(join(tmpdir(), 'plait-deploy-'));
// Its programs run as other users.
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
