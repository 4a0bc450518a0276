import { MockActivityEnvironment } from '@temporalio/testing';
import { ApplicationFailure } from '@temporalio/common';
import type { LogEntry } from '@temporalio/worker';
import { DefaultLogger } from '@temporalio/worker';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createActivities } from '../../../activities/create-activities.ts';
import { createSecrets } from '../../../activities/model/secrets.ts';
import { redactAll, stackText } from '../../../activities/tools/redact.ts';
import { ANNOUNCE_APPROVAL, CALL_MODEL, PREPARE_CALL } from '../../../core/names.ts';
import type { Agent, Tool } from '../../../index.ts';
import { defineTool } from '../../../index.ts';
import { agentWith, reader } from '../../fixtures/tools.ts';

const KEY = 'planted-key-0123456789abcdef';

/** Runs a tool as a worker does that has this key. */
async function runTool(tool: Tool) {
  const agent = agentWith([tool]);
  return await run(agent, tool.name, {}, { agent: agent.name, round: 1, occurrence: 0 });
}

async function run(agent: Agent, activity: string, ...args: unknown[]) {
  const logged: LogEntry[] = [];
  const details: unknown[] = [];
  const logger = new DefaultLogger('TRACE', (entry) => logged.push(entry));
  const activities = createActivities({
    agents: [agent],
    anthropic: { apiKey: KEY },
  });
  const work = Reflect.get(activities, activity) as (...given: unknown[]) => Promise<unknown>;
  const environment = new MockActivityEnvironment(
    {
      activityType: activity,
      activityId: 'toolu_1',
      workflowType: 'agentTurn',
      workflowExecution: { workflowId: 'turn-1', runId: 'r' },
      attempt: 2,
    },
    { logger },
  );
  environment.on('heartbeat', (detail: unknown) => details.push(detail));
  const ended = await environment.run(work, ...args).catch((error: unknown) => error);
  const shown = ended instanceof ApplicationFailure ? ended.toString() : JSON.stringify(ended);
  const log = JSON.stringify(logged.map(({ message, meta }) => [message, meta]));
  return { ended, shown, log, details: JSON.stringify(details) };
}

test("a worker's key appears in nothing that a tool returns, throws, logs or records", async () => {
  const image = { type: 'image', source: { type: 'url', url: `https://example.com/${KEY}` } };
  for (const value of [KEY, { env: { KEY } }, [{ type: 'text', text: KEY }], ['a', image]]) {
    const { shown } = await runTool(reader('print_env', () => value));
    expect(shown).toContain('***');
    expect(shown).not.toContain(KEY);
  }
  const { shown, log, details } = await runTool(
    reader('fails', (_input, ctx) => {
      ctx.log.info(`with ${KEY}`, { KEY, error: new Error(KEY) });
      ctx.heartbeat({ page: 1, KEY });
      throw Object.assign(new Error(`401 for ${KEY}`, { cause: { header: KEY } }), { name: KEY });
    }),
  );
  for (const text of [shown, log, details]) {
    expect(text).toContain('***');
    expect(text).not.toContain(KEY);
  }
  expect(details).toContain('"page":1');
});

const fails = (): never => {
  throw new Error(`401 for ${KEY}`);
};

describe("a worker's key appears in nothing that an agent's own functions throw", () => {
  const call = { type: 'tool_use', id: 'toolu_1', name: 'look', input: { id: 1 } };
  const prepare = { agent: 'tester', call, missing: {} };
  const ask = { agent: 'tester', begun: { at: 0 }, segments: [], tail: [], tailBytes: 0 };
  const schema = z.object({ id: z.number().transform(fails) });
  const look = defineTool({ name: 'look', description: 'd', inputSchema: schema, run: () => 1 });

  test.each<[what: string, agent: Agent, activity: string, args: unknown[]]>([
    ['onApproval', agentWith([], { onApproval: fails }), ANNOUNCE_APPROVAL, ['tester', call]],
    ['an input', agentWith([look]), PREPARE_CALL, [prepare]],
    [
      'a context',
      agentWith([], { contextSchema: z.object({}).transform(fails) as never }),
      CALL_MODEL,
      [{ ...ask, context: {} }],
    ],
  ])('%s', async (_, agent, activity, args) => {
    const { shown, log } = await run(agent, activity, ...args);

    expect(shown).toContain('401 for ***');
    expect(shown + log).not.toContain(KEY);
  });

  test('an approval function, whose error only the log has', async () => {
    const refund = reader('look', () => 1, { approval: fails });
    const { ended, log } = await run(agentWith([refund]), PREPARE_CALL, prepare);

    expect(ended).toMatchObject({ type: 'ready', approval: true });
    expect(log).toContain('401 for ***');
    expect(log).not.toContain(KEY);
  });

  test('onApproval, whose stack only the log has', async () => {
    const agent = agentWith([], { onApproval: fails });
    const { ended, log } = await run(agent, ANNOUNCE_APPROVAL, 'tester', call);

    expect(ended).toMatchObject({ message: 'onApproval failed: 401 for ***' });
    expect((ended as Error).stack).not.toContain('secrets-and-stacks');
    expect(log).toContain('secrets-and-stacks.test');
  });
});

/** Runs a tool that records these details. */
async function beat(details: unknown) {
  const beats = reader('beats', (_input, ctx) => {
    ctx.heartbeat(details);
    return 'went on';
  });
  return await runTool(beats);
}

test('heartbeat details are plain data, and otherwise the tool reads what they are', async () => {
  const { details } = await beat(new Map([['page', new Set([3])]]));
  expect(JSON.parse(details)).toEqual([{ attempt: 2, begun: true, details: { page: [3] } }]);

  const { ended } = await beat({ next: () => 4 });
  expect(ended).toMatchObject({ message: 'heartbeat details.next is a function' });
});

test('other credentials in a result stay, since they may be what was asked for', async () => {
  const { shown } = await runTool(reader('look', () => 'git clone https://ada@example.com/x'));

  expect(shown).toContain('https://ada@example.com/x');
});

test("the stack of a tool's error is only in the worker's log", async () => {
  const { ended, log } = await runTool(
    reader('fails', () => {
      throw new Error('no order', { cause: new RangeError('shelf 7') });
    }),
  );

  expect(ended).toMatchObject({ message: 'no order: shelf 7', type: 'Error' });
  expect(JSON.stringify(ended)).not.toContain('secrets-and-stacks');
  // What Temporal records beside it.
  expect((ended as Error).cause).toBeUndefined();
  expect((ended as Error).stack).not.toContain('Object.run');
  expect(log).toContain('secrets-and-stacks.test');
  expect(log).toMatch(/Caused by: RangeError: shelf 7/);
  for (const field of [
    '"tool":"fails"',
    '"turnId":"turn-1"',
    '"callId":"toolu_1"',
    '"attempt":2',
  ]) {
    expect(log).toContain(field);
  }
});

test('a stack that cannot be read, or has no end, is shortened', () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const endless = new Error('again', { cause: 7n });
  Object.defineProperty(endless, 'cause', { get: () => endless });
  const throwing = Object.defineProperty(new Error('x'), 'stack', {
    get: () => {
      throw new Error('no');
    },
  });
  for (const error of [proxy, endless, throwing, 7n, undefined, new Map()]) {
    expect(stackText(error, (text) => text).length).toBeLessThan(50_000);
  }
});

test('a large result is searched in pieces, and a secret at a border is still found', async () => {
  const secrets = createSecrets();
  secrets.add(KEY);
  const rows = Array.from({ length: 120_000 }, (_, i) => (i % 10 === 0 ? KEY : `row ${i}`));
  const text = JSON.stringify(rows);
  let turns = 0;
  let others = setImmediate(function next() {
    turns += 1;
    others = setImmediate(next);
  });

  const clean = await redactAll(text, secrets.redactOwn);
  clearImmediate(others);

  expect(clean).toBe(text.replaceAll(KEY, '***'));
  // Others of the worker had their turn meanwhile.
  expect(turns).toBeGreaterThan(1);
});

// With the square of the text, this would outlast the test.
test('a megabyte that looks like the beginning of many tokens is searched to its end', () => {
  const text = 'eyJ-'.repeat(250_000);
  expect(createSecrets().redact(text)).toBe(text);
});
