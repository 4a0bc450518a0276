import { randomUUID } from 'node:crypto';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { ScheduleClient } from '@temporalio/client';
import { describe, expect, inject, test } from 'vitest';
import { z } from 'zod';
import { withDefaults } from '../../client/connection-options.ts';
import {
  AgentClient,
  InvalidTurnError,
  TemporalUnavailableError,
  TurnFailedError,
  TurnIdInUseError,
  TurnNotFoundError,
} from '../../client/index.ts';
import type { ToolContext, TurnResult } from '../../index.ts';
import { defineAgent, defineTool } from '../../index.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { findTemporalBinary } from '../../testing/temporal-binary.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, anything, reader } from '../fixtures/tools.ts';

const execute = promisify(execFile);
const agent = agentWith([reader('look', () => 'seen')]);
const script = conversation(/./, [callTools({ look: {} }), say('Done.')]);
const start = () => startPlait({ agents: [agent], script });

describe('a turn id names one turn', () => {
  test('starting it again starts nothing and returns its handle, while it runs or after it has ended', async () => {
    await using plait = await start();
    const turnId = `ticket-${randomUUID()}`;

    const first = await plait.agents.start(agent, 'go', {
      turnId,
      context: { tenant: 'a', user: 'b' },
    });
    const second = await plait.agents.start('tester', 'go', {
      turnId,
      context: { user: 'b', tenant: 'a' },
    });
    const results = [await first.result(), await second.result()];
    const third = await plait.agents.start(agent, 'go', {
      turnId,
      context: { tenant: 'a', user: 'b' },
    });

    expect(results[1]).toEqual(results[0]);
    expect(await third.result()).toEqual(results[0]);
    expect(plait.model.requests).toHaveLength(2);
  });

  test('another agent, input or context with the same id is an error', async () => {
    await using plait = await start();
    const turnId = `ticket-${randomUUID()}`;
    const turn = await plait.agents.start(agent, 'go', { turnId });
    await turn.result();

    await expect(plait.agents.start(agent, 'something else', { turnId })).rejects.toThrow(
      TurnIdInUseError,
    );
    await expect(plait.agents.start('other', 'go', { turnId })).rejects.toThrow(TurnIdInUseError);
    await expect(plait.agents.start(agent, 'go', { turnId, context: 1 })).rejects.toThrow(
      TurnIdInUseError,
    );
  });

  test('twenty starts at once make one turn', async () => {
    await using plait = await start();
    const turnId = `ticket-${randomUUID()}`;

    const turns = await Promise.all(
      Array.from({ length: 20 }, () => plait.agents.start(agent, 'go', { turnId })),
    );
    const results = await Promise.all(turns.map((turn) => turn.result()));

    expect(new Set(results.map((result) => JSON.stringify(result))).size).toBe(1);
    expect(plait.model.requests).toHaveLength(2);
  });
});

describe('a plain Temporal client works as well', () => {
  test('it starts the workflow agentTurn and gets the same result', async () => {
    await using plait = await start();
    const { client } = plait.agents;
    const workflowId = `plain-${randomUUID()}`;

    const handle = await client.workflow.start('agentTurn', {
      workflowId,
      taskQueue: plait.taskQueue,
      args: [{ agent: 'tester', input: 'go' }],
    });
    const result = (await handle.result()) as TurnResult;

    expect(result).toMatchObject({ stopReason: 'end_turn', text: 'Done.', rounds: 2 });
    // Plait's client finds it, and knows that it is the same turn.
    expect(await plait.agents.getTurn(workflowId).result()).toEqual(result);
    const again = await plait.agents.start('tester', 'go', { turnId: workflowId });
    expect(await again.result()).toEqual(result);
    await expect(plait.agents.start('tester', 'no', { turnId: workflowId })).rejects.toThrow(
      TurnIdInUseError,
    );
  });

  test('the temporal command line starts it', async () => {
    await using plait = await start();
    const workflowId = `cli-${randomUUID()}`;
    const { path } = await findTemporalBinary();
    const input = JSON.stringify({ agent: 'tester', input: 'go' });
    const flags = {
      type: 'agentTurn',
      'task-queue': plait.taskQueue,
      'workflow-id': workflowId,
      input,
      address: inject('temporalAddress'),
    };

    await execute(path, [
      'workflow',
      'start',
      ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]),
    ]);

    expect(await plait.agents.getTurn(workflowId).result()).toMatchObject({ text: 'Done.' });
  });

  test('a Schedule starts turns', async () => {
    await using plait = await start();
    const schedules = new ScheduleClient({ connection: plait.agents.client.connection });
    const id = `schedule-${randomUUID()}`;
    const handle = await schedules.create({
      scheduleId: id,
      spec: {},
      action: {
        type: 'startWorkflow',
        workflowType: 'agentTurn',
        workflowId: id,
        taskQueue: plait.taskQueue,
        args: [{ agent: 'tester', input: 'go' }],
      },
    });
    await handle.trigger();
    let ran: string | undefined;
    while (ran === undefined) {
      const [action] = (await handle.describe()).info.recentActions;
      ran = action?.action.workflow.workflowId;
    }
    expect(await plait.agents.getTurn(ran).result()).toMatchObject({ text: 'Done.' });
    await handle.delete();
  });

  test('wrong arguments fail the turn and say why', async () => {
    await using plait = await start();
    const { client } = plait.agents;
    const attempt = async (...args: unknown[]) => {
      const workflowId = `wrong-${randomUUID()}`;
      await client.workflow.start('agentTurn', { workflowId, taskQueue: plait.taskQueue, args });
      return await plait.agents.getTurn(workflowId).result().catch(String);
    };

    expect(await attempt()).toContain(
      'agentTurn takes one argument: { agent, input, context?, … }',
    );
    expect(await attempt({ input: 'go' })).toContain('agent must be the name of an agent');
    expect(await attempt({ agent: 'tester', input: 7 })).toContain(
      'input must be a text, content blocks, or messages',
    );
    expect(await attempt({ agent: 'tester', input: 'go', model: 'x' })).toContain(
      'unknown field model; a turn takes agent, input, context',
    );
  });
});

test('input is a text, content blocks, or a conversation', async () => {
  await using plait = await start();
  const text = { type: 'text', text: 'go' } as const;

  for (const input of ['go', [text], [{ role: 'user' as const, content: [text] }]]) {
    expect((await plait.agents.execute(agent, input)).text).toBe('Done.');
  }
});

test('a wrong input is an error before anything is started', async () => {
  await using plait = await start();
  const turnId = `never-${randomUUID()}`;
  const dangling = [
    { role: 'user' as const, content: 'go' },
    {
      role: 'assistant' as const,
      content: [{ type: 'tool_use' as const, id: 'toolu_1', name: 'look', input: {} }],
    },
    { role: 'user' as const, content: 'hello?' },
  ];

  await expect(plait.agents.start(agent, ' ', { turnId })).rejects.toThrow(InvalidTurnError);
  await expect(plait.agents.start(agent, [], { turnId })).rejects.toThrow(InvalidTurnError);
  await expect(plait.agents.start(agent, dangling, { turnId })).rejects.toThrow(
    'messages[1] asks for toolu_1, and the next message has no tool_result for it',
  );
  await expect(plait.agents.getTurn(turnId).describe()).rejects.toThrow(TurnNotFoundError);
});

test('the context reaches the tools, checked and typed, and never the model', async () => {
  const seen: unknown[] = [];
  const tenantAgent = defineAgent({
    name: 'tenant',
    model: 'claude-opus-5-5',
    contextSchema: z.object({ tenantId: z.string(), limit: z.number().default(10) }),
    tools: [
      defineTool({
        name: 'look',
        description: 'Looks.',
        inputSchema: anything,
        run: (_input, { context }: ToolContext<{ tenantId: string; limit: number }>) => {
          seen.push(context);
          return context.limit;
        },
      }),
    ],
  });
  await using plait = await startPlait({ agents: [tenantAgent], script });

  await plait.agents.execute(tenantAgent, 'go', { context: { tenantId: 'acme-secret', limit: 3 } });
  const wrong = await plait.agents.start('tenant', 'go', { context: { tenant: 'acme' } });

  expect(seen).toEqual([{ tenantId: 'acme-secret', limit: 3 }]);
  expect(JSON.stringify(plait.model.requests.map(({ body }) => body))).not.toContain('acme-secret');
  await expect(wrong.result()).rejects.toThrow('context of agent tenant');
});

test('an unknown agent fails the turn, and the error names the existing ones', async () => {
  await using plait = await start();

  const turn = await plait.agents.start('nobody', 'go');
  const error: unknown = await turn.result().catch((thrown: unknown) => thrown);

  expect(error).toBeInstanceOf(TurnFailedError);
  expect((error as TurnFailedError).message).toMatch(/No agent is named "nobody".*known: tester/);
  expect((error as TurnFailedError).type).toBe('plait.AgentNotRegistered');
});

test('a turn that does not exist is an error that says so', async () => {
  await using plait = await start();
  const handle = plait.agents.getTurn(`nothing-${randomUUID()}`);

  await expect(handle.result()).rejects.toThrow(TurnNotFoundError);
  await expect(handle.describe()).rejects.toThrow(TurnNotFoundError);
  await expect(handle.cancel()).rejects.toThrow(TurnNotFoundError);
});

test('a terminated turn is a failed turn', async () => {
  await using plait = await startPlait({
    agents: [agentWith([reader('look', () => new Promise(() => undefined))])],
    script,
  });
  const turn = await plait.agents.start('tester', 'go');

  await turn.workflow.terminate('enough');

  await expect(turn.result()).rejects.toThrow(/was terminated: enough/);
});

test('a server that does not answer, or lacks the namespace, causes an error that says so', async () => {
  const nobody = new AgentClient({
    client: new Client({
      connection: Connection.lazy({
        address: '127.0.0.1:1',
        connectTimeout: 500,
        interceptors: [],
      }),
    }),
  });
  await expect(nobody.start('tester', 'go')).rejects.toThrow(TemporalUnavailableError);

  const connection = await Connection.connect(withDefaults({ address: inject('temporalAddress') }));
  const elsewhere = new AgentClient({
    client: new Client({ connection, namespace: 'no-such-namespace' }),
  });
  await expect(elsewhere.start('tester', 'go')).rejects.toThrow(
    /has no namespace no-such-namespace/,
  );
  await connection.close();
});
