import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { chown, cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LOCAL_HOST, whyNotFree } from '../../testing/free-ports.ts';
import type { ComposeService } from '../compose-file.ts';
import { readComposeFile } from '../compose-file.ts';
import type { Program, StartOptions, User } from './process.ts';
import { plainUser, run, start, until } from './process.ts';
import { uiConfigDirectory } from './programs.ts';

// Starts the services of docker-compose.yml on this machine, with their environments and health checks.

/** Contains characters that have a meaning in YAML and in URLs. */
const PASSWORD = "p@ss:w/ord#1%?&'+";

const compose = readComposeFile({
  POSTGRES_PASSWORD: PASSWORD,
  PLAIT_STORAGE_PASSWORD: `${PASSWORD}"\\ of the workers`,
  ANTHROPIC_API_KEY: 'scripted',
});

export function service(name: string): ComposeService {
  const found = compose.services[name];
  assert.ok(found, `docker-compose.yml has no service ${name}`);
  return found;
}

/** The environment of a service. `here` replaces what differs without a network of containers. */
export function environmentOf(name: string, here: Record<string, string>): Record<string, string> {
  const given = Object.entries(service(name).environment ?? {});
  const set = given.flatMap(([key, value]) => (value === null ? [] : [[key, value]]));
  return { ...(Object.fromEntries(set) as Record<string, string>), ...here };
}

export function imageOf(name: string): string {
  return service(name).image ?? '';
}

/** Where and as whom the services run. */
export interface Machine {
  /** The directory for their files. */
  work: string;
  /** For all services except PostgreSQL. */
  user: User | undefined;
  ports: Ports;
  /** PATH. */
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
 * Free ports in a row. Temporal stores them in a database column whose largest value is 32767, so they
 * are below the ports that the system assigns.
 */
export async function choosePorts(): Promise<Ports> {
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

/** Waits until the health check of a service, from docker-compose.yml, succeeds. */
export async function untilHealthy(
  program: Program,
  name: string,
  machine: Machine,
): Promise<void> {
  const [kind, ...test] = service(name).healthcheck?.test ?? [];
  assert.equal(kind, 'CMD');
  const { postgresql, temporalHttp, ui } = machine.ports;
  const here = test.map((part) =>
    part.replace(':7243/', `:${temporalHttp}/`).replace(':8080/', `:${ui}/`),
  );
  const env = { PATH: machine.path, PGPORT: String(postgresql) };
  await until(program, `${name} is healthy`, () => succeeds(here, { env }));
}

export async function succeeds(
  command: readonly string[],
  options: StartOptions,
): Promise<boolean> {
  return (await start('health check', command, options).ended) === 0;
}

export async function startPostgres({ work, ports }: Machine): Promise<Program> {
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

/** Debian has a directory for the programs of each version. */
export function postgresBin(): string {
  const versions = '/usr/lib/postgresql';
  const newest = existsSync(versions) ? readdirSync(versions).toSorted().at(-1) : undefined;
  if (newest === undefined)
    throw new Error('PostgreSQL is not installed. Run: apt install postgresql');
  return join(versions, newest, 'bin');
}

/** Runs the script of a service twice, because every `up` runs it again. */
export async function runTwice(
  script: string,
  env: Record<string, string>,
  machine: Machine,
): Promise<void> {
  const options = { env: { ...env, PATH: machine.path }, user: machine.user, cwd: machine.work };
  for (const _ of [1, 2]) await run(script, ['/bin/sh', join(machine.work, script)], options);
}

export async function startTemporal(machine: Machine): Promise<Program> {
  const { ports, work, user, path } = machine;
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
  await untilHealthy(server, 'temporal', machine);
  return server;
}

export async function startUi(machine: Machine): Promise<void> {
  const { ports, work, user, path } = machine;
  const env = environmentOf('temporal-ui', {
    TEMPORAL_ADDRESS: addressOf(machine),
    TEMPORAL_UI_PORT: String(ports.ui),
  });
  await cp(await uiConfigDirectory(imageOf('temporal-ui')), join(work, 'ui', 'config'), {
    recursive: true,
  });
  // The last line of the image's entry point.
  const command = ['ui-server', '--env', 'docker', 'start'];
  const options = { env: { ...env, PATH: path }, user, cwd: join(work, 'ui') };
  await untilHealthy(start('temporal-ui', command, options), 'temporal-ui', machine);
}

/** The storage of docker-compose.yml, with the address on this machine. */
export function storageUrl({ ports }: Machine): string {
  const { PLAIT_STORAGE = '' } = environmentOf('worker', {});
  return PLAIT_STORAGE.replace('@postgresql:5432/', `@${LOCAL_HOST}:${ports.postgresql}/`);
}

/** Another database of the same server, for the same role. */
export function databaseUrl(machine: Machine, database: string): string {
  const url = new URL(storageUrl(machine));
  url.pathname = `/${database}`;
  return url.href;
}

export function addressOf({ ports }: Machine): string {
  return `${LOCAL_HOST}:${ports.temporal}`;
}
