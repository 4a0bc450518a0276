// What turns cost in Actions, as a Temporal server counts them: `npm run bench:actions`. It needs no key.
// docs/temporal-cloud.md shows a run of it.
import { setTimeout as sleep } from 'node:timers/promises';
import { defineAgent, defineTool } from 'plait';
import {
  callTools,
  conversation,
  paced,
  say,
  script as scripts,
  startTestEnvironment,
} from 'plait/testing';
import type { TestEnvironment } from 'plait/testing';
import { z } from 'zod';
import { freePorts, LOCAL_HOST } from '../testing/free-ports.ts';
import { startTemporalServer } from '../testing/temporal-server.ts';

const takes = (milliseconds: number) => ({
  description: 'Waits.',
  inputSchema: z.object({}),
  run: async () => {
    await sleep(milliseconds);
    return 'done';
  },
});
const readOnly = { annotations: { readOnlyHint: true } };

const agent = defineAgent({
  name: 'priced',
  model: 'claude-opus-5-5',
  tools: [
    defineTool({ name: 'read_a', ...takes(500), ...readOnly }),
    defineTool({ name: 'read_b', ...takes(500), ...readOnly }),
    defineTool({ name: 'read_c', ...takes(500), ...readOnly }),
    defineTool({ name: 'write_a', ...takes(500) }),
    defineTool({ name: 'write_b', ...takes(500) }),
    defineTool({ name: 'write_c', ...takes(500) }),
    defineTool({ name: 'long', ...takes(10_000), ...readOnly }),
    defineTool({ name: 'approved', ...takes(10), ...readOnly, approval: 'always' }),
  ],
});

/** Some three seconds of text. */
const slowly = paced({ betweenEventsMs: 100 }, say('word '.repeat(100)));

const script = scripts(
  conversation('hello', [say('Hello.')]),
  conversation('slow', [slowly]),
  conversation(/^call /, [
    ({ userText }) => {
      const names = userText.split(' ').slice(1);
      return callTools(Object.fromEntries(names.map((name) => [name, {}])));
    },
    say('Done.'),
  ]),
);

type Work = (environment: TestEnvironment) => Promise<unknown>;

const turn =
  (text: string): Work =>
  ({ agents }) =>
    agents.execute(agent, text);

const WORK: Readonly<Record<string, Work>> = {
  'an answer without calls': turn('hello'),
  '3 calls of 0.5 s, read-only': turn('call read_a read_b read_c'),
  '3 calls of 0.5 s, not repeatable': turn('call write_a write_b write_c'),
  '1 call of 10 s': turn('call long'),
  'a reply of 3 s': turn('slow'),
  'a reply of 3 s, followed with stream: true': async ({ agents }) => {
    const started = await agents.start(agent, 'slow', { stream: true });
    for await (const _ of started.stream()) continue;
  },
  '1 call that a person approves': async ({ agents }) => {
    const started = await agents.start(agent, 'call approved');
    const { callId } = await firstWaitingCall(agents);
    await started.approve(callId, { by: 'ada' });
    await started.result();
  },
  'a session: its first message': async ({ agents }) => {
    await (await agents.openSession(agent, 'priced').send('hello')).result();
  },
  'a session: a second message': async ({ agents }) => {
    await (await agents.openSession(agent, 'priced').send('hello')).result();
  },
};

/** The first call that waits for a person; the server's lists know it a moment later. */
async function firstWaitingCall(agents: TestEnvironment['agents']) {
  for (;;) {
    for await (const call of agents.approvals()) return call;
    await sleep(100);
  }
}

/** What the server has counted when it has counted everything: it shows its counts a moment later. */
async function settled(port: number): Promise<Map<string, number>> {
  let counted = await actions(port);
  for (;;) {
    await sleep(3_000);
    const now = await actions(port);
    if (sumOf(now.values()) === sumOf(counted.values())) return now;
    counted = now;
  }
}

const sumOf = (counts: Iterable<number>) => [...counts].reduce((sum, count) => sum + count, 0);

/** What the server shows as counted, by kind. */
async function actions(port: number): Promise<Map<string, number>> {
  const response = await fetch(`http://${LOCAL_HOST}:${port}/metrics`);
  const counted = new Map<string, number>();
  for (const line of (await response.text()).split('\n')) {
    const [, kind = '', count] = /^action\{.*action_type="([^"]+)".*\} (\d+)/.exec(line) ?? [];
    if (count !== undefined) counted.set(kind, (counted.get(kind) ?? 0) + Number(count));
  }
  return counted;
}

const [metricsPort = 0] = await freePorts(1);
await using server = await startTemporalServer({ metricsPort });
await using environment = await startTestEnvironment({ agents: [agent], script, temporal: server });
let before = await settled(metricsPort);
for (const [what, work] of Object.entries(WORK)) {
  const begun = performance.now();
  await work(environment);
  const seconds = ((performance.now() - begun) / 1_000).toFixed(1);
  const now = await settled(metricsPort);
  const spent = [...now]
    .map(([kind, count]) => [kind, count - (before.get(kind) ?? 0)] as const)
    .filter(([, count]) => count > 0);
  const sum = sumOf(spent.map(([, count]) => count));
  const kinds = spent.map(([kind, count]) => `${count} ${kind}`).join(', ');
  process.stdout.write(
    `${what.padEnd(44)}${String(sum).padStart(4)}  ${seconds.padStart(5)} s  ${kinds}\n`,
  );
  before = now;
}
