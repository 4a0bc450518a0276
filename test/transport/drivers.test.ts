import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FrameJoiner, framesOf } from '../../transport/frames.ts';
import {
  InvalidTransportError,
  openTransport,
  postgresTransport,
  redisTransport,
  TransportUnavailableError,
} from '../../transport/index.ts';
import type { PlaitStreamTransport, StreamTransport } from '../../transport/index.ts';
import { optionalPackage } from '../../storage/optional-package.ts';
import { unusableTransport } from '../../transport/check-transport.ts';
import type { TurnStreamEvent } from '../../client/index.ts';
import { AgentClient } from '../../client/index.ts';
import { paced, reply, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { MemoryTransport } from '../fixtures/memory-transport.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith } from '../fixtures/tools.ts';
import { until } from '../fixtures/until.ts';
import { startEmbeddedPostgres } from '../fixtures/postgres-server.ts';
import type { RedisServer } from '../fixtures/redis-server.ts';
import { startRedis } from '../fixtures/redis-server.ts';

interface Kind {
  url: () => string;
  /** Takes the server away for a while. */
  away: (between: () => Promise<void>) => Promise<void>;
}

let redis: RedisServer;
let postgres: Awaited<ReturnType<typeof startEmbeddedPostgres>>;
beforeAll(async () => {
  [redis, postgres] = await Promise.all([startRedis(), startEmbeddedPostgres()]);
});
afterAll(() => Promise.all([redis.stop(), postgres.stop()]));

const kinds: Record<string, Kind> = {
  Redis: { url: () => redis.url, away: (between) => redis.restart(between) },
  PostgreSQL: {
    url: () => postgres.url,
    async away(between) {
      postgres.goAway(true);
      await between();
      postgres.goAway(false);
    },
  },
};

// Servers of the environment. Of PostgreSQL the tests can close all connections of a transport.
const given = {
  Redis: process.env['PLAIT_TEST_REDIS'],
  PostgreSQL: process.env['PLAIT_TEST_POSTGRES'],
};
for (const [name, url] of Object.entries(given)) {
  if (url === undefined) continue;
  kinds[`${name} of the environment`] = {
    url: () => url,
    async away() {
      if (name === 'PostgreSQL') await endConnections(url);
    },
  };
}

const channel = () => `plait:default:turn ${randomUUID()}`;

describe.each(Object.entries(kinds))('a transport by %s', (name, { url, away }) => {
  const [kind] = name.split(' ');
  let transport: PlaitStreamTransport;
  beforeAll(() => {
    transport = openTransport(url());
  });
  afterAll(() => transport.close());
  test('brings each message to all subscribers of its channel, in order, and to nobody else', async () => {
    const [ours, other] = [channel(), channel()];
    const seen: string[][] = [[], [], []];
    const elsewhere = openTransport(url());
    const leave = [
      await transport.subscribe(ours, (message) => seen[0]?.push(message)),
      await elsewhere.subscribe(ours, (message) => seen[1]?.push(message)),
      await transport.subscribe(other, (message) => seen[2]?.push(message)),
    ];
    const sent = Array.from({ length: 50 }, (_, i) => `message ${i}`);
    for (const message of sent) await transport.publish(ours, message);
    await transport.publish(other, 'end');

    await expect.poll(() => seen.map(({ length }) => length)).toEqual([50, 50, 1]);
    expect(seen).toEqual([sent, sent, ['end']]);
    for (const each of leave) await each();
    await elsewhere.close();
  });

  test('brings long messages and any character whole', async () => {
    const ours = channel();
    const seen: string[] = [];
    const leave = await transport.subscribe(ours, (message) => seen.push(message));
    const sent = ['', 'naïve 🙂\n\\"', 'x'.repeat(40_000), '🙂'.repeat(9_000), 'é'.repeat(9_001)];
    for (const message of sent) await transport.publish(ours, message);
    await expect.poll(() => seen.length).toBe(sent.length);
    expect(seen).toEqual(sent);
    await leave();
  });

  test('brings nothing to a subscriber that has left', async () => {
    const ours = channel();
    const seen: string[] = [];
    const onMessage = (message: string) => seen.push(message);
    const leave = await transport.subscribe(ours, onMessage);
    const stay = await transport.subscribe(ours, (message) => onMessage(`stays: ${message}`));
    await leave();
    await transport.publish(ours, 'hello');
    await expect.poll(() => seen).toEqual(['stays: hello']);
    await stay();
  });

  test('works again after its server was away, without being asked', async () => {
    const ours = channel();
    const seen: string[] = [];
    const leave = await transport.subscribe(ours, (message) => seen.push(message));
    await away(async () => {
      const unavailable = {
        name: 'TransportUnavailableError',
        message: `${kind} (${transport.location}) failed`,
      };
      await expect(transport.publish(ours, 'lost')).rejects.toMatchObject(unavailable);
      await expect(transport.prepare()).rejects.toMatchObject(unavailable);
      await expect(transport.subscribe(channel(), () => 0)).rejects.toMatchObject(unavailable);
    });
    await expect
      .poll(async () => {
        await transport.publish(ours, 'here again').catch(() => undefined);
        return seen;
      })
      .toContain('here again');
    expect(seen).not.toContain('lost');
    await leave();
  });
});

test('each of them streams a turn, block by block', async () => {
  const agent = agentWith([]);
  const blocks = ['There are ', 'three ', 'open orders.'];
  const drivers = Object.values(kinds).map(({ url }) => openTransport(url()));
  const received = drivers.map(() => 0);
  let subscribed = 0;
  const watched = drivers.map((driver, i): StreamTransport => ({
    publish: driver.publish,
    async subscribe(channel, onMessage) {
      const leave = await driver.subscribe(channel, (message) => {
        received[i] = (received[i] ?? 0) + 1;
        onMessage(message);
      });
      subscribed += 1;
      return leave;
    },
  }));
  // No block comes before each transport has brought the one before it.
  const pace = {
    afterBlock: (index: number) => until(() => received.every((count) => count > index)),
  };
  const slow = paced(pace, reply(...blocks.map((text) => say(text))));
  await using plait = await startPlait({
    agents: [agent],
    script: conversation(/./, [
      async () => {
        await until(() => subscribed === drivers.length);
        return slow;
      },
    ]),
    streamTransport: {
      publish: async (channel, message) => {
        await Promise.all(drivers.map((each) => each.publish(channel, message)));
      },
      subscribe: () => Promise.reject(new Error('not used')),
    },
  });
  const { client } = plait.agents;
  const turn = await plait.agents.start(agent, 'go', { stream: true });
  const streams = watched.map(async (streamTransport) => {
    const agents = new AgentClient({ client, streamTransport });
    const events: TurnStreamEvent[] = [];
    for await (const event of agents.getTurn(turn.turnId).stream()) events.push(event);
    return events;
  });
  for (const events of await Promise.all(streams)) {
    const pieces = events.flatMap((event) => (event.type === 'textDelta' ? [event.text] : []));
    expect(pieces.join('')).toBe(blocks.join(''));
  }
  expect(received.filter((count) => count >= blocks.length)).toHaveLength(drivers.length);
  await Promise.all(drivers.map((each) => each.close()));
});

test('a worker warns that its transport is away, and throws for problems that do not pass', async () => {
  const away = openTransport('redis://ana:secret@127.0.0.1:1');
  const warning = await unusableTransport(away);
  expect(warning).toMatch(
    /^The stream transport redis:\/\/ana@127\.0\.0\.1:1 cannot be used: .*ECONNREFUSED.*turns run as usual/,
  );
  await away.close();
  expect(await unusableTransport(undefined)).toBeUndefined();
  expect(await unusableTransport(new MemoryTransport())).toBeUndefined();
  const invalid = { prepare: () => Promise.reject(new InvalidTransportError('npm install it')) };
  const transport = Object.assign(new MemoryTransport(), invalid);
  await expect(unusableTransport(transport)).rejects.toThrow('npm install it');
});

async function endConnections(url: string): Promise<void> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'plait streams'",
  );
  await client.end();
}

test.each([
  ['redis://127.0.0.1:1', /^Redis \(redis:\/\/127\.0\.0\.1:1\) failed/],
  ['postgres://ana:secret@127.0.0.1:1/db', /^PostgreSQL \(postgres:\/\/ana@127\.0\.0\.1:1\/db\)/],
])('%s cannot be reached, and says so without the password', async (setting, message) => {
  const transport = openTransport(setting);
  for (const used of [
    () => transport.prepare(),
    () => transport.publish('channel', 'message'),
    () => transport.subscribe('channel', () => undefined),
  ]) {
    await expect(used()).rejects.toThrow(TransportUnavailableError);
    await expect(used()).rejects.toThrow(message);
  }
  await transport.close();
});

test.each([
  ['redis://ana:secret@cache:6380/2', 'redis://ana@cache:6380/2'],
  ['rediss://cache', 'rediss://cache'],
  ['postgres://ana:secret@db/plait', 'postgres://ana@db/plait'],
  ['postgresql://db', 'postgresql://db'],
])('%s is a transport, and its location has no password', (setting, location) => {
  expect(openTransport(setting).location).toBe(location);
});

test.each([
  ['', /names no known kind\. Give redis:\/\//],
  ['localhost:6379', /names no known kind/],
  ['nats://secret@bus', /names no known kind/],
  ['redis://:se#cret@cache', /URL of Redis cannot be read.*escape/],
  ['redis://cache/turns', /URL of Redis cannot be read/],
  ['postgres://ana:se#cret@db', /connection string of PostgreSQL is not a URL.*escape/],
])('%j is invalid, and the error does not repeat the password', (setting, message) => {
  const open = () => openTransport(setting);
  expect(open).toThrow(InvalidTransportError);
  expect(open).toThrow(message);
  expect(open).not.toThrow(/secret|cret@/);
});

test('a transport whose package is missing says how to install it', async () => {
  const name: string = 'no-such-package';
  const need = { what: 'The stream transport', Invalid: InvalidTransportError };
  const loading = optionalPackage(name, () => import(name), need);
  await expect(loading).rejects.toThrow(InvalidTransportError);
  await expect(loading).rejects.toThrow(
    'The stream transport needs the package no-such-package, which is not installed: npm install no-such-package',
  );
  expect(() => redisTransport(1 as never)).toThrow('the options must be an object; got 1');
  expect(() => postgresTransport(1 as never)).toThrow('the options must be an object; got 1');
});

test('frames are small enough for a notification, and a message that has lost one is dropped', () => {
  for (const message of [
    '',
    'x',
    'x'.repeat(50_000),
    '🙂'.repeat(20_000),
    `a${'🙂'.repeat(9_000)}`,
  ]) {
    const frames = framesOf(message, randomUUID());
    const joiner = new FrameJoiner();
    expect(Math.max(...frames.map((frame) => Buffer.byteLength(frame)))).toBeLessThan(8_000);
    expect(frames.every((frame) => frame.isWellFormed())).toBe(true);
    expect(frames.map((frame) => joiner.add(frame)).at(-1)).toBe(message);
    const [lost, ...others] = framesOf(`${message}${'y'.repeat(20_000)}`, randomUUID());
    expect(others.map((frame) => joiner.add(frame))).toEqual(others.map(() => undefined));
    expect(joiner.add(lost ?? '')).toBeUndefined();
    expect(framesOf('whole', 'id').map((frame) => joiner.add(frame))).toEqual(['whole']);
  }
  expect(new FrameJoiner().add('not a frame')).toBeUndefined();
});
