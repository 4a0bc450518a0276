import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, inject, it } from 'vitest';
import { withDefaults } from '../../client/connection-options.ts';
import { AgentClient } from '../../client/agent-client.ts';
import type { TurnResult } from '../../core/turn/result.ts';
import { customerLookup } from '../../examples/customer-lookup/agent.ts';
import { customerScript, FULL_PICTURE } from '../../examples/customer-lookup/script.ts';
import type { TestEnvironment } from '../../testing/environment.ts';
import { startTemporalServer } from '../../testing/temporal-server.ts';
import { withToolFaults } from '../../testing/tool-faults.ts';
import { Door } from '../fixtures/door.ts';
import { startPlait as startEnvironment } from '../fixtures/plait.ts';
import { stopWorker } from '../fixtures/waiting-turns.ts';
import type { Ended, PlaitProcess } from './plait-process.ts';
import { startPlait } from './plait-process.ts';

let environment: TestEnvironment;

beforeAll(async () => {
  environment = await startEnvironment({ agents: [customerLookup], script: customerScript });
});

afterAll(() => environment.close());

function startOn({ taskQueue }: TestEnvironment, ...args: string[]): PlaitProcess {
  const env = { TEMPORAL_ADDRESS: inject('temporalAddress') };
  return startPlait(['run', '--task-queue', taskQueue, ...args], { env });
}

/** The tool for tickets waits at the door: the turn must not end before a process has shown that it runs. */
function startWaiting(door: Door): Promise<TestEnvironment> {
  const agent = withToolFaults(customerLookup, {
    async get_tickets({ ctx, run: look }) {
      await door.pass(ctx.signal);
      return await look();
    },
  });
  return startEnvironment({ agents: [agent], script: customerScript });
}

function run(...args: string[]): Promise<Ended> {
  return startOn(environment, ...args).ended;
}

describe.concurrent('plait run', () => {
  it('prints the answer to stdout, and a line for every change to stderr', async ({ expect }) => {
    const { code, stdout, stderr } = await run('customer-lookup', FULL_PICTURE);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Ada Martin .*\n$/);
    expect(stderr).toMatch(
      /round 1 {2}get_orders\(customer_id: 1234\) {2}succeeded after [\d.]+ m?s/,
    );
    expect(stderr).not.toContain('\u001B');
  });

  it('prints only the result with --json', async ({ expect }) => {
    const { code, stdout } = await run('customer-lookup', FULL_PICTURE, '--json');
    expect(code).toBe(0);
    const result = JSON.parse(stdout) as TurnResult;
    expect(result.stopReason).toBe('end_turn');
    expect(result.calls).toHaveLength(3);
  });

  it('starts nothing if no worker polls the task queue', async ({ expect }) => {
    const { code, stderr } = await run(
      'customer-lookup',
      FULL_PICTURE,
      '-q',
      'empty',
      '--turn-id',
      'x',
    );
    expect(code).toBe(3);
    expect(stderr).toContain('No worker polls task queue empty');
    await expect(environment.agents.getTurn('x').describe()).rejects.toThrow('no turn x');
  });

  it('stops waiting when the time is up, and can be called again', async ({ expect }) => {
    const door = new Door();
    await using waiting = await startWaiting(door);
    const args = ['customer-lookup', FULL_PICTURE, '--turn-id', 'patience'];
    const { code, stderr } = await startOn(waiting, ...args, '--timeout', '300ms').ended;
    expect(code).toBe(7);
    expect(stderr).toContain('The turn goes on. To wait for it again');
    door.open();
    expect((await startOn(waiting, ...args).ended).code).toBe(0);
  });

  it('cancels the turn with Ctrl-C and waits for its result', async ({ expect }) => {
    await using waiting = await startWaiting(new Door());
    const process = startOn(waiting, 'customer-lookup', FULL_PICTURE, '--json');
    await process.says('get_tickets(customer_id: 1234)  running');
    process.interrupt();
    const { code, stdout } = await process.ended;
    expect((JSON.parse(stdout) as TurnResult).stopReason).toBe('cancelled');
    expect(code).toBe(5);
  });

  it('says why a turn failed', async ({ expect }) => {
    const { code, stdout, stderr } = await run('customer-lookup', 'Something unscripted.');
    expect(code).toBe(6);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/\nplait: The Messages API answered 400 .*\n$/);
  });
});

describe('plait run without its worker', () => {
  it('says so after some seconds, and ends with Ctrl-C', async ({ expect }) => {
    await using gone = await startWaiting(new Door());
    const process = startOn(gone, 'customer-lookup', FULL_PICTURE);
    await process.says('get_tickets(customer_id: 1234)  running');
    await stopWorker(gone);
    await process.says('waits for a worker');
    process.interrupt();
    const { code, stderr } = await process.ended;
    expect(stderr).toContain('No worker answers. The turn is cancelled as soon as one is there.');
    expect(stderr).toContain('--turn-id');
    expect(code).toBe(130);
  });

  it('says that nothing is cancelled if the server is gone', async ({ expect }) => {
    await using server = await startTemporalServer({ ui: false });
    const connection = await Connection.connect(withDefaults({ address: server.address }));
    const agents = new AgentClient({ client: new Client({ connection }), taskQueue: 'nobody' });
    await agents.start('customer-lookup', FULL_PICTURE, { turnId: 'waiting' });
    await connection.close();
    const env = { TEMPORAL_ADDRESS: server.address };
    const process = startPlait(['run', '--turn-id', 'waiting'], { env });
    await process.says('turn waiting');
    await server.kill();
    process.interrupt();
    const { code, stderr } = await process.ended;
    expect(stderr).toContain(
      'The Temporal server does not answer, so the turn is not cancelled. The turn goes on.',
    );
    expect(code).toBe(130);
  });
});
