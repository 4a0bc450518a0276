import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { withDefaults } from '../../client/connection-options.ts';
import {
  AgentClient,
  TemporalUnavailableError,
  WorkerUnavailableError,
} from '../../client/index.ts';
import { say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { cashier, cashierScript, waitingCalls } from '../fixtures/approvals-agent.ts';
import { startPlait } from '../fixtures/plait.ts';

/** Its connections stay open: the SDK tries again on a closed one, and throws where nobody catches. */
const NOWHERE = '127.0.0.1:1';

describe('a caller that waits', () => {
  let connection: Connection;
  let client: Client;

  beforeAll(async () => {
    connection = await Connection.connect(withDefaults({ address: inject('temporalAddress') }));
    client = new Client({ connection });
  });

  afterAll(async () => connection.close());

  test.concurrent('is warned once if nobody serves the task queue', async ({ expect }) => {
    const warnings: string[] = [];
    const onWarning = (message: string) => warnings.push(message);
    const agents = new AgentClient({ client, taskQueue: 'nobody-1', onWarning });
    const turns = await Promise.all([agents.start('a', 'go'), agents.start('a', 'go')]);
    const results = turns.map((turn) => turn.result().catch(() => undefined));
    await vi.waitFor(() => expect(warnings).toHaveLength(1), { timeout: 20_000 });
    expect(warnings[0]).toMatch(
      /^Turn a-\S+ waits for a worker: none has taken its next step for \d+ s\. Check that one runs on task queue nobody-1\./,
    );
    await Promise.all(turns.map((turn) => turn.workflow.terminate()));
    await Promise.all(results);
    expect(warnings).toHaveLength(1);
  });

  test.concurrent('gets an error after its workerTimeout', async ({ expect }) => {
    const agents = new AgentClient({ client, taskQueue: 'nobody-2', workerTimeout: '2s' });
    const error = await agents.execute('a', 'go', { turnId: 'nobody-2' }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(WorkerUnavailableError);
    expect((error as Error).message).toContain('nobody-2');
    const turn = agents.getTurn('nobody-2');
    expect((await turn.describe()).status).toBe('RUNNING');
    await turn.workflow.terminate();
  });

  test.concurrent('is warned if the server is gone', async ({ expect }) => {
    const warnings: string[] = [];
    const gone = Connection.lazy({ address: NOWHERE });
    const agents = new AgentClient({
      client: new Client({ connection: gone }),
      onWarning: (message) => warnings.push(message),
      workerTimeout: '8s',
    });
    const error = await agents.execute('a', 'go').catch((e: unknown) => e);
    expect(error).toBeInstanceOf(TemporalUnavailableError);
    expect(warnings).toEqual([
      'The start of a turn waits: the Temporal server does not answer. Nothing is lost; it goes on when the server is back.',
    ]);
  });

  test.concurrent('is not warned while a person is asked', async ({ expect }) => {
    await using plait = await startPlait({ agents: [cashier()], script: cashierScript });
    const { taskQueue } = plait;
    const warnings: string[] = [];
    const onWarning = (message: string) => warnings.push(message);
    const agents = new AgentClient({ client, taskQueue, onWarning, workerTimeout: '4s' });
    const turn = await agents.start('cashier', 'one');
    const result = turn.result();
    const [call] = await waitingCalls(turn, 1);
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    await turn.approve(call?.callId ?? '', { by: 'ana' });
    expect((await result).stopReason).toBe('end_turn');
    expect(warnings).toEqual([]);
  });
});

test('without onWarning the process warns', async () => {
  const emitted = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  try {
    const gone = Connection.lazy({ address: NOWHERE });
    const agents = new AgentClient({ client: new Client({ connection: gone }) });
    void agents.start('a', 'go').catch(() => undefined);
    await vi.waitFor(() => expect(emitted).toHaveBeenCalled(), { timeout: 20_000 });
    expect(emitted.mock.calls[0]?.[1]).toBe('PlaitWarning');
  } finally {
    emitted.mockRestore();
  }
});

test('a result that comes ends the checks', async () => {
  await using plait = await startPlait({
    agents: [cashier()],
    script: conversation(/./, [say('Yes.')]),
  });
  expect((await plait.agents.execute('cashier', 'go')).text).toBe('Yes.');
});
