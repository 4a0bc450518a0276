import { setTimeout as sleep } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineAgent, defineTool, ToolError } from '../../index.ts';
import type { TurnResult } from '../../index.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import type { Tool } from '../../index.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, reader, writer } from '../fixtures/tools.ts';

const fine = reader('fine', () => 'fine');

/** One turn whose only reply calls every one of these tools, and then `fine`. */
async function callEach(tools: readonly Tool[], input: unknown = {}): Promise<TurnResult> {
  const agent = agentWith([...tools, fine]);
  const calls = [...tools, fine].map(({ name }) => [name, input] as const);
  await using plait = await startPlait({
    agents: [agent],
    script: conversation('go', [callTools(calls), say('I go on.')]),
  });
  const result = await plait.agents.execute(agent, 'go');
  expect(result).toMatchObject({ stopReason: 'end_turn', text: 'I go on.' });
  expect(result.calls.at(-1)).toMatchObject({ name: 'fine', outcome: 'succeeded' });
  return result;
}

/** The tool_result blocks that the model read. */
function resultsOf({ messages }: TurnResult) {
  const content = messages[2]?.content ?? [];
  return typeof content === 'string' ? [] : content.filter((block) => block.type === 'tool_result');
}

test('a tool that fails for good leaves its siblings alone, and the model reads the root cause', async () => {
  const broken = reader('broken', () => {
    throw new Error('query failed', { cause: new Error('connection refused to orders-db') });
  });

  const result = await callEach([broken]);

  const message = 'query failed: connection refused to orders-db (after 3 attempts)';
  expect(result.calls[0]).toMatchObject({ outcome: 'failed', attempts: 3, message });
  expect(resultsOf(result)).toEqual([
    { type: 'tool_result', tool_use_id: result.calls[0]?.id, content: message, is_error: true },
    { type: 'tool_result', tool_use_id: result.calls[1]?.id, content: 'fine' },
  ]);
});

test('a tool that fails twice and then works is retried without the model noticing', async () => {
  let attempts = 0;
  const flaky = reader('flaky', (_input, ctx) => {
    attempts += 1;
    if (attempts < 3) throw new Error('not yet');
    return `attempt ${ctx.attempt}`;
  });

  const result = await callEach([flaky]);

  expect(result.calls[0]).toMatchObject({ outcome: 'succeeded', attempts: 3 });
  expect(resultsOf(result)[0]).toMatchObject({ content: 'attempt 3' });
});

test('a tool that hangs ends by its timeout, and its signal tells it', async () => {
  const aborted: string[] = [];
  const hang = (name: string) => async (_input: unknown, ctx: { signal: AbortSignal }) => {
    ctx.signal.addEventListener('abort', () => aborted.push(name));
    await sleep(60_000, undefined, { signal: ctx.signal });
  };
  const activity = { startToCloseTimeout: 300, retry: { maximumAttempts: 2, initialInterval: 10 } };

  const result = await callEach([
    reader('hangs', hang('hangs'), { activity }),
    writer('hangs_writing', hang('hangs_writing'), { activity }),
  ]);

  expect(result.calls[0]).toMatchObject({
    outcome: 'timedOut',
    attempts: 2,
    message:
      'Timed out: the call did not end within 300 ms (startToCloseTimeout). (after 2 attempts)',
  });
  expect(result.calls[1]).toMatchObject({
    outcome: 'timedOut',
    attempts: 1,
    message:
      'Timed out: the call did not end within 300 ms (startToCloseTimeout). It may or may not have taken effect; check before calling it again.',
  });
  expect(aborted.toSorted()).toEqual(['hangs', 'hangs', 'hangs_writing']);
});

test('a tool that ignores its signal is abandoned when it is out of time', async () => {
  const deaf = reader('deaf', () => sleep(3_000), {
    activity: { startToCloseTimeout: 300, retry: { maximumAttempts: 1 } },
  });

  const result = await callEach([deaf]);

  expect(result.calls[0]).toMatchObject({ outcome: 'timedOut', attempts: 1 });
});

test('a call of an unknown tool is answered with the existing ones', async () => {
  const agent = agentWith([fine]);
  await using plait = await startPlait({
    agents: [agent],
    script: conversation('go', [
      callTools({ get_weather: { city: 'Oslo' }, fine: {} }),
      say('Sorry.'),
    ]),
  });

  const result = await plait.agents.execute(agent, 'go');

  expect(result.calls).toMatchObject([
    {
      name: 'get_weather',
      outcome: 'failed',
      attempts: 0,
      message: 'There is no tool named get_weather. Available tools: fine.',
    },
    { name: 'fine', outcome: 'succeeded' },
  ]);
});

test('input that does not match the schema never reaches the tool, and the model reads what is wrong', async () => {
  let runs = 0;
  const strict = defineTool({
    name: 'strict',
    description: 'Takes a whole number.',
    inputSchema: z.object({ customer_id: z.number().int() }),
    run: () => (runs += 1),
  });
  const byJsonSchema = defineTool({
    name: 'by_json_schema',
    description: 'Takes a whole number.',
    inputSchema: {
      type: 'object',
      properties: { customer_id: { type: 'integer' } },
      required: ['customer_id'],
    },
    run: () => (runs += 1),
  });

  const result = await callEach([strict, byJsonSchema], { customer_id: '12' });

  expect(runs).toBe(0);
  expect(result.calls[0]).toMatchObject({ outcome: 'failed', attempts: 0 });
  expect(result.calls[0]?.message).toContain('expected number, received string');
  expect(result.calls[1]?.message).toContain('input/customer_id must be integer');
});

test('anything that is thrown or returned becomes a clear result', async () => {
  const circular: { self?: unknown } = {};
  circular.self = circular;
  const tools = [
    writer('throws_text', () => {
      // oxlint-disable-next-line no-throw-literal -- people do
      throw 'plain text';
    }),
    writer('throws_object', () => {
      // oxlint-disable-next-line no-throw-literal -- people do
      throw { code: 'E_LIMIT' };
    }),
    writer('throws_bigint', () => {
      // oxlint-disable-next-line no-throw-literal -- people do
      throw 12n;
    }),
    writer('throws_in_another_realm', () => runInNewContext("throw new RangeError('no stock')")),
    writer('returns_an_error', () => new TypeError('not an order')),
    writer('returns_a_map', () => ({ customers: new Map([['a', 1]]) })),
    writer('returns_a_response', () => ({ page: new Response('a') })),
    writer('returns_nothing', () => undefined),
    writer('returns_bigint', () => ({ id: 12n })),
    writer('returns_circular', () => circular),
    writer('returns_too_much', () => 'x'.repeat(2_100_000)),
    writer('returns_half_an_emoji', () => '😀'.slice(0, 1)),
    writer('returns_blocks', () => [{ type: 'text', text: 'a block' }]),
  ];

  const result = await callEach(tools);

  expect(resultsOf(result).map(({ content }) => content)).toEqual([
    'plain text',
    '{"code":"E_LIMIT"}',
    '12',
    'no stock',
    'not an order',
    '{"customers":{"a":1}}',
    'The tool ran, but its result cannot be turned into JSON: result.page is a Response, which JSON cannot hold: return plain data',
    'The tool finished and returned nothing.',
    '{"id":"12"}',
    expect.stringContaining(
      'The tool ran, but its result cannot be turned into JSON: result.self holds itself',
    ),
    expect.stringMatching(/bytes are left out here\. The result is above the limit of this tool/),
    '\uFFFD',
    [{ type: 'text', text: 'a block' }],
    'fine',
  ]);
  expect(result.calls.map(({ outcome }) => outcome)).toEqual([
    'failed',
    'failed',
    'failed',
    'failed',
    'failed',
    'succeeded',
    'failed',
    'succeeded',
    'succeeded',
    'failed',
    'succeeded',
    'succeeded',
    'succeeded',
    'succeeded',
  ]);
});

test('a ToolError says whether and when to try again', async () => {
  let calls = 0;
  const final = reader('final', () => {
    calls += 1;
    throw new ToolError('no such customer', { retryable: false });
  });
  const times: number[] = [];
  const later = reader('later', () => {
    times.push(Date.now());
    if (times.length === 1) throw new ToolError('busy', { nextRetryDelay: '700ms' });
    return 'done';
  });

  const result = await callEach([final, later]);

  expect(calls).toBe(1);
  expect(result.calls[0]).toMatchObject({
    outcome: 'failed',
    attempts: 1,
    message: 'no such customer',
  });
  expect(result.calls[1]).toMatchObject({ outcome: 'succeeded', attempts: 2 });
  expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(690);
});

test('two agents on one worker may have different tools of the same name, with every kind of legal name', async () => {
  const names = ['constructor', '__proto__', 'default', 'toString', 'then'];
  const agents = ['first', 'second'].map((agentName) =>
    defineAgent({
      name: agentName,
      model: 'claude-opus-5-5',
      tools: names.map((name) => reader(name, () => `${name} of ${agentName}`)),
    }),
  );
  await using plait = await startPlait({
    agents,
    script: conversation('go', [callTools(names.map((name) => [name, {}] as const)), say('Done.')]),
  });

  for (const agent of agents) {
    const result = await plait.agents.execute(agent, 'go');
    expect(resultsOf(result).map(({ content }) => content)).toEqual(
      names.map((name) => `${name} of ${agent.name}`),
    );
  }
});
