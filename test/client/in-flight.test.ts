import { Client, Connection, WorkflowUpdateFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { withDefaults } from '../../client/connection-options.ts';
import { AgentClient, SendRejectedError, WorkerUnavailableError } from '../../client/index.ts';
import { inTurn, whileBusy } from '../../client/in-flight.ts';
import { SEND_UPDATE } from '../../core/session/protocol.ts';
import { defineAgent, defineTool } from '../../index.ts';
import type { TestEnvironment } from '../../testing/environment.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation, script } from '../../testing/script.ts';
import { waitingCalls } from '../fixtures/approvals-agent.ts';
import { startPlait } from '../fixtures/plait.ts';
import { insist } from '../fixtures/until.ts';
import { stopWorker } from '../fixtures/waiting-turns.ts';

// The server has ten Updates of one workflow in flight. `PLAIT_MANY` makes these tests larger.
const MANY = Number(process.env['PLAIT_MANY'] ?? 60);
const by = 'ana';
const tokens: string[] = [];

const refund = defineTool({
  name: 'refund',
  description: 'Pays an order back.',
  inputSchema: { type: 'object' },
  approval: 'always',
  run: () => 'refunded',
});
const send = defineTool({
  name: 'send',
  description: 'Sends a parcel.',
  inputSchema: { type: 'object' },
  run: (_input, { later }) => {
    const handedOver = later();
    tokens.push(handedOver.token);
    return handedOver;
  },
});
const clerk = defineAgent({ name: 'clerk', model: 'claude-opus-5-5', tools: [refund, send] });

const many = (tool: string) =>
  callTools(Array.from({ length: MANY }, (_, i) => [tool, { order: i }] as const));

describe('many requests about one workflow at once', () => {
  let plait: TestEnvironment;
  let other: AgentClient;
  let connection: Connection;

  beforeAll(async () => {
    plait = await startPlait({
      agents: [clerk],
      script: script(
        conversation('refunds', [many('refund'), say('Done.')]),
        conversation('parcels', [many('send'), say('Done.')]),
        conversation(/./, [say('Yes.')]),
      ),
    });
    // As in another process: what this one has in flight, the first does not know.
    connection = await Connection.connect(withDefaults({ address: inject('temporalAddress') }));
    const { taskQueue } = plait;
    other = new AgentClient({ client: new Client({ connection }), taskQueue });
  });

  afterAll(async () => {
    await connection.close();
    await plait.close();
  });

  test('all decisions are accepted, from two processes', async () => {
    const turn = await plait.agents.start(clerk, 'refunds');
    const calls = await waitingCalls(turn, MANY);
    const clients = [plait.agents, other];
    await Promise.all(
      calls.map(({ callId }, i) =>
        insist(() => (clients[i % 2] ?? other).getTurn(turn.turnId).approve(callId, { by })),
      ),
    );
    const result = await turn.result();
    expect(result.calls.filter(({ outcome }) => outcome === 'succeeded')).toHaveLength(MANY);
  });

  test('all completions are accepted', async () => {
    const turn = await plait.agents.start(clerk, 'parcels');
    await expect.poll(() => tokens.length).toBe(MANY);
    await Promise.all(tokens.map((token) => plait.agents.completeToolCall(token, 'there')));
    const result = await turn.result();
    expect(result.calls.filter(({ outcome }) => outcome === 'succeeded')).toHaveLength(MANY);
  });

  // The SDK repeats each Update in the answer of its task, and the server ends a workflow at 4 MB.
  test('large messages do not end a session, even from a client without limits', async () => {
    const session = plait.agents.openSession(clerk, `large-${plait.taskQueue}`);
    const large = 'x'.repeat(1_200_000);
    // With the SDK's own retries.
    const ofSdk = await Connection.connect({ address: inject('temporalAddress') });
    const plain = new Client({ connection: ofSdk }).workflow.getHandle(session.sessionId);
    await session.send('first');
    const sent = await Promise.allSettled([
      ...Array.from({ length: 4 }, (_, i) =>
        insist(() => session.send(`${large} ${i}`, { idempotencyKey: `ours-${i}` })),
      ),
      ...Array.from({ length: 4 }, (_, i) =>
        plain.executeUpdate(SEND_UPDATE, {
          args: [{ input: `${large} plain ${i}`, idempotencyKey: `plain-${i}` }],
        }),
      ),
    ]);
    const errors = sent.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : []));
    const expected = [SendRejectedError, WorkflowUpdateFailedError];
    expect(errors.filter((error) => !expected.some((type) => error instanceof type))).toEqual([]);
    expect(String(errors[0])).toMatch('does not fit beside the conversation');
    const last = await insist(() =>
      session.send('still there?', { idempotencyKey: 'still-there' }),
    );
    expect((await last.result()).text).toBe('Yes.');
    await session.close({ interrupt: true });
    await ofSdk.close();
  });

  test('messages to a session are accepted, or rejected because too many wait', async () => {
    const session = plait.agents.openSession(clerk, `in-flight-${plait.taskQueue}`);
    const sent = await Promise.allSettled(
      Array.from({ length: MANY }, (_, i) =>
        insist(() => session.send(`message ${i}`, { idempotencyKey: `message-${i}` })),
      ),
    );
    const errors = sent.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : []));
    expect(errors.filter((error) => !(error instanceof SendRejectedError))).toEqual([]);
    // The session holds 100 messages that wait.
    expect(sent.length - errors.length).toBeGreaterThanOrEqual(Math.min(MANY, 100));
    await session.close({ interrupt: true });
  });
});

test('without a worker, all decisions fail together, and not one after the other', async () => {
  await using plait = await startPlait({
    agents: [clerk],
    script: conversation('refunds', [many('refund'), say('Done.')]),
  });
  const turn = await plait.agents.start(clerk, 'refunds');
  const calls = await waitingCalls(turn, MANY);
  await stopWorker(plait);

  const decided = await Promise.allSettled(calls.map(({ callId }) => turn.approve(callId, { by })));

  const errors = decided.map((one) => (one.status === 'rejected' ? (one.reason as Error) : one));
  expect(errors.filter((error) => !(error instanceof WorkerUnavailableError))).toEqual([]);
  expect((errors[0] as Error).message).toMatch(
    /^No worker answered for turn .* Check that one runs on task queue /,
  );
});

test('one client has at most five Updates of a workflow in flight, and 1.8 MB of them', async () => {
  const client = {
    connection: {},
    options: { namespace: 'n', loadedDataConverter: {} },
  } as unknown as Client;
  const begun: number[] = [];
  const end: (() => void)[] = [];
  const requests = [800_000, 900_000, 700_000, 1, 1, 1, 1, 2_500_000].map((bytes, index) =>
    inTurn(client, 'w', 'x'.repeat(bytes), async () => {
      begun.push(index);
      await new Promise<void>((resolve) => (end[index] = resolve));
    }),
  );
  const ended = async (index: number) => {
    end[index]?.();
    await requests[index];
  };
  await expect.poll(() => begun).toEqual([0, 1]);
  await ended(0);
  await expect.poll(() => begun).toEqual([0, 1, 2, 3, 4, 5]);
  await ended(5);
  await expect.poll(() => begun).toEqual([0, 1, 2, 3, 4, 5, 6]);
  // What is larger than that runs alone.
  for (const index of [1, 2, 3, 4]) await ended(index);
  expect(begun).not.toContain(7);
  await ended(6);
  await expect.poll(() => begun).toContain(7);
  await ended(7);
});

function failedTask(): WorkerUnavailableError {
  const details =
    'Unable to perform workflow execution update due to unexpected workflow task failure.';
  const cause = Object.assign(new Error(), { code: 9, details });
  return new WorkerUnavailableError(['t'], 'No worker answered.', { cause });
}

test.each([true, false])(
  'a request whose workflow task failed is sent again only if a worker answers: %s',
  async (answers) => {
    let sent = 0;
    const request = () => {
      sent += 1;
      return sent < 3 ? Promise.reject(failedTask()) : Promise.resolve('taken');
    };
    const taken = whileBusy('t', request, () => Promise.resolve(answers));
    expect(await taken.catch((error: unknown) => String(error))).toMatch(
      answers ? /^taken$/ : /No worker answered/,
    );
    expect(sent).toBe(answers ? 3 : 1);
  },
);
