import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ComposeService } from '../../deploy/compose-file.ts';
import {
  execForm,
  findCompose,
  lastInstruction,
  readComposeFile,
  readDockerfile,
  ROOT,
} from '../../deploy/compose-file.ts';
import { openStorage } from '../../storage/index.ts';

const SECRETS = {
  POSTGRES_PASSWORD: 'the password',
  PLAIT_STORAGE_PASSWORD: 'the password of the workers',
  ANTHROPIC_API_KEY: 'the key',
};
const SECRET_NAME = /PASS|PWD|KEY|SECRET|TOKEN|CREDENTIAL/;

const reason = findCompose() === undefined ? ' (skipped: docker-compose is not installed)' : '';

describe.skipIf(reason !== '')(`docker-compose.yml${reason}`, () => {
  let services: Record<string, ComposeService>;
  let entries: [string, ComposeService][];

  beforeAll(() => {
    // `docker compose` leaves out services of other profiles; Debian's docker-compose does not.
    const profiles = { COMPOSE_PROFILES: 'scripted,observability' };
    ({ services } = readComposeFile({ ...SECRETS, ...profiles }));
    entries = Object.entries(services);
  });

  test('is accepted by docker-compose when the secrets are set', () => {
    expect(Object.keys(services).toSorted()).toEqual([
      'grafana',
      'postgresql',
      'prometheus',
      'scripted-model',
      'storage-role',
      'temporal',
      'temporal-namespace',
      'temporal-schema',
      'temporal-ui',
      'worker',
    ]);
  });

  test('has a scripted model, for those without a key, in a profile of its own', () => {
    const inProfile = entries.filter(([, { profiles = [] }]) => profiles.includes('scripted'));
    expect(inProfile.map(([name]) => name)).toEqual(['scripted-model']);
    const example = readFileSync(join(ROOT, '.env.example'), 'utf8');
    const [, url = ''] = /^#ANTHROPIC_BASE_URL=(http.+)$/m.exec(example) ?? [];
    const { hostname, port } = new URL(url);
    expect(services).toHaveProperty(hostname);
    expect(
      readFileSync(join(ROOT, 'examples/customer-lookup/scripted-model.ts'), 'utf8'),
    ).toContain(`port: ${port},`);
  });

  test('has Prometheus and Grafana in a profile of their own, for the metrics that workers serve', () => {
    const inProfile = entries.filter(([, { profiles = [] }]) => profiles.includes('observability'));
    expect(inProfile.map(([name]) => name).toSorted()).toEqual(['grafana', 'prometheus']);
    const scraped = readFileSync(join(ROOT, 'deploy/observability/prometheus.yml'), 'utf8');
    const [, port] = /port: (\d+)/.exec(scraped) ?? [];
    expect(services['worker']?.environment?.['PLAIT_METRICS']).toBe(`0.0.0.0:${port}`);
    const source = readFileSync(join(ROOT, 'deploy/observability/grafana/datasources.yml'), 'utf8');
    const { hostname } = new URL(/url: (\S+)/.exec(source)?.[1] ?? '');
    expect(services).toHaveProperty(hostname);
  });

  test('limits the memory of the worker, above the heap that it may have', () => {
    const { mem_limit: limit, environment = {} } = services['worker'] ?? {};
    const [, heap] = /--max-old-space-size=(\d+)/.exec(environment['NODE_OPTIONS'] ?? '') ?? [];
    const bytes = limit === '2g' ? 2 * 1024 ** 3 : Number(limit);
    expect(bytes).toBe(2 * 1024 ** 3);
    expect(Number(heap) * 1024 ** 2).toBeLessThan(bytes);
    expect(Number(heap)).toBeGreaterThan(0);
  });

  test.each(Object.keys(SECRETS))('is rejected without %s, with a hint', (missing) => {
    const others = Object.fromEntries(Object.entries(SECRETS).filter(([name]) => name !== missing));
    expect(() => readComposeFile(others)).toThrow(/is missing, see \.env\.example/);
  });

  test('holds no secret: every one comes from the environment', () => {
    const settings = entries.flatMap(([service, { environment = {} }]) =>
      Object.entries(environment).map(([name, value]) => ({ service, name, value })),
    );
    const secrets = settings.filter(({ name, value }) => SECRET_NAME.test(name) && value !== null);
    expect(secrets.map(({ service }) => service)).toEqual(
      expect.arrayContaining(['postgresql', 'temporal-schema', 'temporal', 'worker']),
    );
    expect(Object.values(SECRETS)).toEqual(
      expect.arrayContaining(secrets.map(({ value }) => value)),
    );
  });

  test('keeps long conversations in PostgreSQL, in a separate database that a script creates', () => {
    const { PLAIT_STORAGE = '', PGPASSWORD } = services['worker']?.environment ?? {};
    expect(openStorage(PLAIT_STORAGE ?? '').name).toBe('plait-postgres');
    const { hostname, username, pathname, password } = new URL(PLAIT_STORAGE ?? '');
    expect(services).toHaveProperty(hostname);
    expect(password).toBe('');
    expect(PGPASSWORD).toBe(SECRETS.PLAIT_STORAGE_PASSWORD);
    const script = readFileSync(join(ROOT, 'deploy/storage-role.sh'), 'utf8');
    expect(script).toContain(`CREATE DATABASE ${pathname.slice(1)}`);
    expect(script).toContain(`CREATE ROLE ${username}`);
  });

  test("gives the worker, which runs tools, nothing of Temporal's own database", () => {
    const { environment = {} } = services['worker'] ?? {};
    const superuser = services['postgresql']?.environment?.['POSTGRES_USER'] ?? '';
    const settings = Object.values(environment).filter((value) => value !== null);
    expect(superuser).not.toBe('');
    for (const value of settings) {
      expect(value).not.toBe(SECRETS.POSTGRES_PASSWORD);
      expect(value).not.toMatch(new RegExp(`//${superuser}[:@]`));
    }
    const withSuperuser = entries.filter(([, { environment: own = {} }]) =>
      Object.values(own).includes(SECRETS.POSTGRES_PASSWORD),
    );
    expect(withSuperuser.map(([name]) => name).toSorted()).toEqual([
      'postgresql',
      'storage-role',
      'temporal',
      'temporal-schema',
    ]);
  });

  test('pins a version of every image', () => {
    for (const [name, { image }] of entries) {
      expect(image, name).toMatch(/:[^:/]+$/);
      expect(image, name).not.toMatch(/:latest$/);
    }
  });

  test('uses the same version of Temporal for the server and for its tools', () => {
    const names = ['temporal', 'temporal-schema', 'temporal-namespace'];
    const versions = names.map((name) => services[name]?.image?.split(':').at(-1));
    expect(new Set(versions).size).toBe(1);
  });

  test('restarts long-running services, and checks their health', () => {
    const running = entries.filter(([, { restart }]) => restart === 'unless-stopped');
    expect(running.map(([name]) => name).toSorted()).toEqual([
      'grafana',
      'postgresql',
      'prometheus',
      'scripted-model',
      'temporal',
      'temporal-ui',
      'worker',
    ]);
    for (const [name, { healthcheck, build }] of running) {
      const test =
        build === undefined ? healthcheck?.test : execForm(lastInstruction('HEALTHCHECK'));
      expect(test, name).not.toHaveLength(0);
    }
  });

  test('publishes ports on this machine only', () => {
    const ports = entries.flatMap(([, { ports = [] }]) => ports);
    expect(ports).toHaveLength(4);
    for (const port of ports) expect(JSON.stringify(port)).toContain('127.0.0.1');
  });

  test('mounts files that exist', () => {
    const text = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8');
    const mounted = [...text.matchAll(/^ +- \.\/(.+?):/gm)].map(([, path = '']) => path);
    expect(mounted).not.toHaveLength(0);
    for (const path of mounted) expect(existsSync(join(ROOT, path)), path).toBe(true);
  });
});

describe('.env.example', () => {
  test('names every variable of docker-compose.yml, and sets no secret', () => {
    const compose = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8');
    const example = readFileSync(join(ROOT, '.env.example'), 'utf8');
    const filledIn = [...compose.matchAll(/\$\{([A-Z_]+)/g)].map(([, name]) => name);
    const passedOn = [...compose.matchAll(/^ {6}([A-Z_]+):$/gm)].map(([, name]) => name);
    const named = [...example.matchAll(/^#?([A-Z_]+)=/gm)].map(([, name]) => name);
    expect(new Set(named)).toEqual(new Set([...filledIn, ...passedOn, 'COMPOSE_PROFILES']));
    for (const name of Object.keys(SECRETS)) expect(example).toMatch(new RegExp(`^${name}=$`, 'm'));
  });
});

describe('the Dockerfile', () => {
  test('ends with a plain user', () => {
    const lastStage = readDockerfile().map(({ name }) => name);
    expect(lastStage.lastIndexOf('USER')).toBeGreaterThan(lastStage.lastIndexOf('FROM'));
    expect(lastInstruction('USER')).toBe('node');
  });

  test('builds on a release of Debian, which has the C library that the SDK needs', () => {
    const images = readDockerfile().filter(({ name }) => name === 'FROM');
    expect(images.length).toBeGreaterThan(1);
    for (const { value } of images) expect(value).toMatch(/^node:\d+-bookworm-slim( AS |$)/);
  });

  test('starts the worker without a shell, so that it gets SIGTERM', () => {
    const command = [
      ...execForm(lastInstruction('ENTRYPOINT')),
      ...execForm(lastInstruction('CMD')),
    ];
    expect(command.slice(0, 3)).toEqual(['node', 'dist/cli/main.js', 'worker']);
  });

  test('checks the health of the worker', () => {
    expect(execForm(lastInstruction('HEALTHCHECK'))).toEqual(['node', 'deploy/worker-health.js']);
  });

  test('keeps the file with the secrets out of the build', () => {
    expect(readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n')).toContain('.env');
  });
});
