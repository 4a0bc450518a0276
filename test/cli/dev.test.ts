import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, inject, it } from 'vitest';
import { customerScript, FULL_PICTURE } from '../../examples/customer-lookup/script.ts';
import { AgentClient } from '../../client/agent-client.ts';
import { Client, Connection } from '@temporalio/client';
import { temporalIsListening } from '../../testing/temporal-connection.ts';
import { freePorts } from '../../testing/free-ports.ts';
import type { MessagesServer } from '../../testing/messages-server.ts';
import { startMessagesServer } from '../../testing/messages-server.ts';
import { EXAMPLE, startPlait } from './plait-process.ts';

let cwd: string;
let model: MessagesServer;

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'plait-dev-'));
  model = await startMessagesServer({ script: customerScript });
});

afterAll(async () => {
  await model.close();
  await rm(cwd, { recursive: true });
});

describe.concurrent('plait dev', () => {
  it('starts a server when there is none, says so, and stops it again', async ({ expect }) => {
    const [port, uiPort] = await freePorts(2);
    const ports = ['--port', String(port), '--ui-port', String(uiPort)];
    const dev = startPlait(['dev', EXAMPLE, ...ports], { cwd });
    await dev.says('Ready.');
    expect(await temporalIsListening(`127.0.0.1:${port}`)).toBe(true);
    dev.interrupt();
    const { code, stdout, stderr } = await dev.ended;
    expect(code).toBe(0);
    expect(stdout).toContain(`127.0.0.1:${port}, namespace default (in memory`);
    expect(stdout).toContain(`http://127.0.0.1:${uiPort}`);
    expect(stdout).toContain('customer-lookup with get_customer, get_orders, get_tickets');
    expect(stdout).toMatch(/Draining.*\nDrained\.\n$/s);
    expect(stderr).toMatch(/^\S+ WARN {2}ANTHROPIC_API_KEY is not set.*\n$/);
    expect(await temporalIsListening(`127.0.0.1:${port}`)).toBe(false);
  });

  it('waits for running calls before it ends', async ({ expect }) => {
    const address = inject('temporalAddress');
    const dev = startPlait(['dev', EXAMPLE, '--task-queue', 'draining'], {
      cwd,
      env: {
        TEMPORAL_ADDRESS: address,
        ANTHROPIC_BASE_URL: model.url,
        ANTHROPIC_API_KEY: 'test',
      },
    });
    await dev.says('Ready.');
    const connection = await Connection.connect({ address });
    const client = new Client({ connection });
    const turn = await new AgentClient({ client, taskQueue: 'draining' }).start(
      'customer-lookup',
      FULL_PICTURE,
    );
    for await (const { rounds } of turn.watch()) {
      if (rounds[0]?.calls.some(({ state }) => state === 'running') === true) break;
    }
    dev.interrupt();
    const { code, stdout, stderr } = await dev.ended;
    expect(stdout).toMatch(/Draining: \d running calls? ha(s|ve) 10 s to finish/);
    expect(stderr).toBe('');
    expect(code).toBe(0);

    const { events } = await turn.workflow.fetchHistory();
    const ended = (events ?? []).filter((event) => event.activityTaskCompletedEventAttributes);
    // The model's reply and all three calls.
    expect(ended).toHaveLength(4);
    await turn.workflow.terminate();
    await connection.close();
  });
});
