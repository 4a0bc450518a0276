import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, inject, it } from 'vitest';
import { withDefaults } from '../../client/connection-options.ts';
import { AgentClient } from '../../client/agent-client.ts';
import { Client, Connection } from '@temporalio/client';
import { temporalIsListening } from '../../testing/temporal-connection.ts';
import { freePorts } from '../../testing/free-ports.ts';
import { startMessagesServer } from '../../testing/messages-server.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { EXAMPLE, plait, startPlait } from './plait-process.ts';

let cwd: string;

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'plait-dev-'));
});

afterAll(() => rm(cwd, { recursive: true }));

/** A module whose agent has these tools. Each call waits until there is a file of this name. */
const agentWith = (file: string, ...tools: string[]) => `
import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { defineAgent, defineTool } from '${join(inject('compiled'), 'index.js')}';
const toolNamed = (name) =>
  defineTool({
    name,
    description: 'Waits.',
    inputSchema: { type: 'object', properties: {} },
    run: async () => {
      while (!existsSync('${file}')) await setTimeout(20);
      return 'done';
    },
  });
export const agent = defineAgent({
  name: 'patient',
  model: 'claude-opus-5-5',
  tools: ${JSON.stringify(tools)}.map(toolNamed),
});`;

/** A cache of its own, not that of the person who runs the tests. */
const storage = () => ({ PLAIT_STORAGE: join(cwd, 'storage') });

describe.concurrent('plait dev', () => {
  it('starts a server when there is none, says so, and stops it again', async ({ expect }) => {
    const [port, uiPort] = await freePorts(2);
    const ports = ['--port', String(port), '--ui-port', String(uiPort)];
    const dev = startPlait(['dev', EXAMPLE, ...ports], { cwd, env: storage() });
    await dev.says('Ready.');
    await expect.poll(() => temporalIsListening(`127.0.0.1:${port}`)).toBe(true);
    dev.interrupt();
    const { code, stdout, stderr } = await dev.ended;
    expect(code).toBe(0);
    expect(stdout).toContain(`127.0.0.1:${port}, namespace default (in memory`);
    expect(stdout).toContain(`http://127.0.0.1:${uiPort}`);
    expect(stdout).toContain('customer-lookup with get_customer, get_orders, get_tickets');
    expect(stdout).toMatch(/Draining.*\nDrained\.\n$/s);
    expect(stderr).toMatch(
      /^\S+ WARN {2}ANTHROPIC_API_KEY is not set.*plait dev <module> --model scripted\n$/,
    );
    expect(await temporalIsListening(`127.0.0.1:${port}`)).toBe(false);
  });

  it('reloads the agents when a file changes, keeps the old ones if that fails, and the running turn goes on', async ({
    expect,
  }) => {
    const module = join(cwd, 'agent.mjs');
    await writeFile(module, agentWith('go', 'before'));
    const dev = startPlait(['dev', module, '--model', 'scripted', '--task-queue', 'changing'], {
      cwd,
      env: { ...storage(), TEMPORAL_ADDRESS: inject('temporalAddress') },
    });
    await dev.says('Ready.');
    const connection = await Connection.connect(
      withDefaults({ address: inject('temporalAddress') }),
    );
    const agents = new AgentClient({
      client: new Client({ connection }),
      taskQueue: 'changing',
      // The new worker may still be about to poll.
      onWarning: () => undefined,
    });
    const turn = await agents.start('patient', 'Wait.');
    for await (const { rounds } of turn.watch()) {
      if (rounds[0]?.calls[0]?.state === 'running') break;
    }
    await writeFile(module, 'export const broken = ;');
    await dev.says('The worker goes on with what it had.');
    await writeFile(module, agentWith('go', 'before', 'after'));
    await dev.says('Draining: 1 running call has 10 s to finish');
    await writeFile(join(cwd, 'go'), '');
    await dev.says('patient with before, after');
    // The call ended in the old process, and the turn in the new one, with the tools that it began with.
    const { calls, text } = await turn.result();
    expect(calls).toMatchObject([{ name: 'before', outcome: 'succeeded', attempts: 1 }]);
    expect(text).toContain('done');
    const next = await agents.execute('patient', 'Wait again.');
    expect(next.calls.map(({ name }) => name)).toEqual(['before', 'after']);
    dev.interrupt();
    expect(await dev.ended).toMatchObject({ code: 0 });
    await connection.close();
  });

  it('chats without an API key: plait chat --dev --model scripted', async ({ expect }) => {
    const args = ['chat', '--dev', EXAMPLE, '--model', 'scripted', '--task-queue', 'chatting'];
    const env = { ...storage(), TEMPORAL_ADDRESS: inject('temporalAddress') };
    const { code, stdout, stderr } = await plait(args, { cwd, env, input: 'Hello.\n' });
    expect(stderr).toContain('The model is scripted: it calls each tool once');
    expect(stderr).not.toContain('ANTHROPIC_API_KEY');
    expect(stderr).toContain('3 calls');
    expect(stdout).toContain('I am a scripted model.');
    expect(code).toBe(0);
  });

  it('waits for running calls before it ends', async ({ expect }) => {
    const address = inject('temporalAddress');
    const script = conversation('Wait.', [
      callTools({ one: {}, two: {}, three: {} }),
      say('I waited.'),
    ]);
    await using model = await startMessagesServer({ script });
    const module = join(cwd, 'draining.mjs');
    await writeFile(module, agentWith('finish', 'one', 'two', 'three'));
    const dev = startPlait(['dev', module, '--task-queue', 'draining'], {
      cwd,
      env: {
        ...storage(),
        TEMPORAL_ADDRESS: address,
        ANTHROPIC_BASE_URL: model.url,
        ANTHROPIC_API_KEY: 'test',
      },
    });
    await dev.says('Ready.');
    const connection = await Connection.connect(withDefaults({ address }));
    const client = new Client({ connection });
    const agents = new AgentClient({ client, taskQueue: 'draining', onWarning: () => undefined });
    const turn = await agents.start('patient', 'Wait.');
    for await (const { rounds } of turn.watch()) {
      const running = rounds[0]?.calls.filter(({ state }) => state === 'running');
      if (running?.length === 3) break;
    }
    dev.interrupt();
    await dev.says('Draining: 3 running calls have 10 s to finish');
    await writeFile(join(cwd, 'finish'), '');
    const { code, stderr } = await dev.ended;
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
