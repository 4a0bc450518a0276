import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import proto from '@temporalio/proto';
import { defineAgent } from 'plait';
import { callTools, conversation, expectTurn, say, startTestEnvironment } from 'plait/testing';
import type { TestEnvironment } from 'plait/testing';
import { afterAll, beforeAll, beforeEach, expect, inject, test, vi } from 'vitest';
import { testGuide } from '../fixtures/guide.ts';
import { startPlait } from '../fixtures/plait.ts';
import { until, untilRecorded } from '../fixtures/until.ts';
import { createCrmWorker } from './crm-worker.ts';
import { decideAll } from './decide.ts';
import { office } from './office.ts';
import { delivered } from './print.ts';
import { findShelf } from './shelf.ts';
import { acceptsSigned, proofOf } from './signed-decisions.ts';
import { payAllOrStop } from './start-strict.ts';

const { PENDING_ACTIVITY_STATE_PAUSED } = proto.temporal.api.enums.v1.PendingActivityState;

const guide = testGuide('docs/tools.md', 11);

/** The bank, the CRM and the printer. */
const payments = new Map<string, unknown>();
const printing: { token: string }[] = [];
let bankRefuses = false;
let crmRequests: string[] = [];

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const end = (status: number, body: unknown, headers = {}) =>
    response.writeHead(status, headers).end(JSON.stringify(body));
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
  if (pathname === '/payments') {
    if (bankRefuses) {
      end(402, 'no money');
      return;
    }
    const key = String(request.headers['idempotency-key']);
    if (!payments.has(key)) payments.set(key, await json(request));
    end(200, { payment: [...payments.keys()].indexOf(key) + 1 });
  } else if (pathname === '/jobs') {
    printing.push((await json(request)) as { token: string });
    end(202, {});
  } else {
    crmRequests.push(searchParams.get('name') ?? '');
    if (crmRequests.length === 1) end(429, {}, { 'retry-after': '1' });
    else if (searchParams.get('name') === 'Nemo') end(404, {});
    else end(200, ['Ada Lovelace']);
  }
}

const server = createServer((request, response) => void answer(request, response));
const notes = mkdtempSync(join(tmpdir(), 'plait-notes-'));

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const name of ['BANK_URL', 'CRM_URL', 'PRINTER_URL']) vi.stubEnv(name, url);
  vi.stubEnv('NOTES', notes);
  vi.stubEnv('PAGE_MS', '100');
  vi.spyOn(console, 'log').mockImplementation(() => undefined);
});

afterAll(() => {
  server.close();
  server.closeAllConnections();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

beforeEach(() => {
  payments.clear();
  printing.splice(0);
  bankRefuses = false;
  crmRequests = [];
});

function start(...calls: Parameters<typeof callTools>[0][]): Promise<TestEnvironment> {
  const replies = [...calls.map((batch) => callTools(batch)), say('Done.')];
  return startPlait({ agents: [office], script: conversation('go', replies) });
}

test('a large payment waits for a person, and a reset pays nothing twice', async () => {
  const calls = callTools([
    ['pay', { invoice: 'A', cents: 500 }],
    ['pay', { invoice: 'B', cents: 300_000 }],
    ['pay', { invoice: 'C', cents: 2_000_000 }],
  ]);
  // A server of its own: the program decides about all that waits there.
  await using env = await startTestEnvironment({
    agents: [office],
    script: conversation('go', [calls, say('Done.')]),
    workflowBundle: { codePath: inject('workflowBundle') },
  });
  const turn = await env.agents.start(office, 'go');
  const decide = async () => {
    await until(async () => (await turn.approvals()).length === 2);
    // The list of all turns is up to a second behind.
    await until(async () => {
      await decideAll(env.agents, 'ana');
      return (await turn.approvals()).length === 0;
    });
    return await turn.result();
  };

  expectTurn(await decide())
    .outcome(['pay', { invoice: 'A', cents: 500 }], 'succeeded')
    .outcome(['pay', { invoice: 'C', cents: 2_000_000 }], 'denied', /Ask the board/);
  const paid = [
    { invoice: 'A', cents: 500 },
    { invoice: 'B', cents: 100_000 },
  ];
  expect([...payments.values()]).toEqual(paid);
  expect(console.log).toHaveBeenCalledWith(
    expect.stringContaining(`plait approve ${turn.turnId}`),
    expect.anything(),
  );

  const { events } = await turn.workflow.fetchHistory();
  const first = events?.find((event) => event.workflowTaskCompletedEventAttributes);
  await env.agents.client.workflowService.resetWorkflowExecution({
    namespace: env.temporal.namespace,
    workflowExecution: { workflowId: turn.turnId },
    workflowTaskFinishEventId: first?.eventId ?? null,
    requestId: randomUUID(),
    reason: 'again',
  });
  expectTurn(await decide()).ended('end_turn');
  expect([...payments.values()]).toEqual(paid);
});

test('a note is read after it is written, but not if the writing failed', async () => {
  await using env = await start(
    [
      ['write_note', { file: 'a.md', text: 'hello' }],
      ['read_note', { file: 'a.md' }],
    ],
    [
      // Its name is taken by a folder.
      ['write_note', { file: 'b.md', text: 'x' }],
      ['read_note', { file: 'b.md' }],
      ['read_note', { file: 'a.md' }],
    ],
  );
  mkdirSync(join(notes, 'b.md'));

  const { calls, messages } = await env.agents.execute(office, 'go');

  expect(calls.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual([
    'write_note succeeded',
    'read_note succeeded',
    'write_note failed',
    'read_note skipped',
    'read_note succeeded',
  ]);
  expect(calls[3]?.message).toContain('failed before it, and both touch file "b.md"');
  expect(guide).toContain('Deal with that first; then call this again if it is still needed.');
  expect(JSON.stringify(messages)).toContain('hello');
});

test('a busy CRM is asked again when it says, and its no is final', async () => {
  const taskQueue = `turns-${randomUUID()}`;
  const replies = [
    callTools({ find_contacts: { name: 'Ada' } }),
    callTools({ find_contacts: { name: 'Nemo' } }),
    say('Done.'),
  ];
  const script = conversation('go', replies);
  await using env = await startPlait({
    agents: [office],
    script,
    taskQueue,
    taskQueues: [taskQueue],
  });
  const began = Date.now();
  vi.stubEnv('TEMPORAL_ADDRESS', env.temporal.address);
  const worker = await createCrmWorker();
  const result = await worker.runUntil(env.agents.execute(office, 'go'));
  expect(Date.now() - began).toBeGreaterThanOrEqual(1_000);
  expect(crmRequests).toEqual(['Ada', 'Ada', 'Nemo']);
  expectTurn(result)
    .attempts(['find_contacts', { name: 'Ada' }], 2)
    .outcome(['find_contacts', { name: 'Nemo' }], 'failed', 'Nobody is called Nemo.');
});

test('a long job resumes where its earlier attempt was', async () => {
  await using env = await start({ check_ledger: { year: 2025 } });
  const turn = await env.agents.start(office, 'go');
  const request = {
    namespace: env.temporal.namespace,
    execution: { workflowId: turn.turnId },
    type: 'check_ledger',
    identity: 'operator',
  };
  await untilRecorded(turn, /"done":[1-9]/);
  await env.agents.client.workflowService.pauseActivity(request);
  // It hears of it with its next heartbeat, and stops.
  await until(async () => {
    const { raw } = await turn.workflow.describe();
    return raw.pendingActivities?.[0]?.state === PENDING_ACTIVITY_STATE_PAUSED;
  });
  expect((await turn.describe()).pendingCalls[0]?.state).toBe('paused');
  await env.agents.client.workflowService.unpauseActivity(request);

  const { calls, messages } = await turn.result();

  expect(calls).toMatchObject([{ outcome: 'succeeded', attempts: 2 }]);
  expect(JSON.stringify(messages)).toMatch(/in order; [1-9]\d* of them were checked before/);
});

test('a shelf is found within the workflow task', async () => {
  const agent = defineAgent({ name: 'warehouse', model: 'claude-opus-5-5', tools: [findShelf] });
  await using env = await startPlait({
    agents: [agent],
    script: conversation('go', [callTools({ find_shelf: { article: 'A-17' } }), say('Done.')]),
  });
  const turn = await env.agents.start(agent, 'go');
  expectTurn(await turn.result()).outcome('find_shelf', 'succeeded', 'aisle 4');
  const { events } = await turn.workflow.fetchHistory();
  expect(events?.filter((event) => event.markerRecordedEventAttributes)).toHaveLength(1);
});

test('a report is printed without a worker, and its delivery is the result', async () => {
  await using env = await start({ print_report: { report: 'Q3' } });
  const turn = await env.agents.start(office, 'go');
  await until(() => printing.length === 1);
  await delivered(env.agents, printing[0]?.token ?? '', 12);
  const result = await turn.result();
  expectTurn(result).outcome('print_report', 'succeeded', /"pages":\s*12/);
});

test('a turn may be started with another policy', async () => {
  bankRefuses = true;
  await using env = await start([['pay', { invoice: 'A', cents: 500 }]]);
  const said = await payAllOrStop(env.agents, 'go');
  expect(said).toMatch(
    /^stopped after 3 messages: .*The bank rejected the payment: \\"no money\\"/,
  );
});

test('a signature counts for one decision only', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const accepts = acceptsSigned(publicKey);
  const decision = {
    turnId: 'turn-1',
    callId: 'toolu_1',
    decision: 'approved',
    by: 'ana',
    input: { cents: 5 },
  } as const;
  const proof = proofOf(decision, privateKey);

  expect(accepts({ ...decision, proof })).toBe(true);
  const others = [{ input: { cents: 6 } }, { by: 'eve' }, { decision: 'denied' as const }];
  for (const other of [...others, { callId: 'toolu_2' }, { proof: '' }, { proof: 'x' }]) {
    expect(accepts({ ...decision, proof, ...other })).toMatch(/not signed/);
  }
  expect(accepts(decision)).toMatch(/not signed/);
});
