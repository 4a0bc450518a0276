import { afterEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import {
  prepareCalls as prepareCallsOf,
  summarize,
} from '../../../activities/tools/prepare-calls.ts';
import type { AgentToolOptions } from '../../../agents/agent-tool.ts';
import { agentTool } from '../../../agents/agent-tool.ts';
import type { AgentDefinition, AgentOptions } from '../../../agents/define-agent.ts';
import { defineAgent } from '../../../agents/define-agent.ts';
import type { ToolOptions } from '../../../agents/define-tool.ts';
import { defineTool } from '../../../agents/define-tool.ts';
import type { InputSchema } from '../../../agents/input-schema.ts';
import { defined } from '../../../core/json.ts';
import { SPECIAL_NAMES } from '../../agents/tools.ts';
import { call } from '../../core/arbitraries.ts';
import type { ToolUse } from '../../../core/conversation/messages.ts';

const prepareCalls = (agent: AgentDefinition, calls: ToolUse[]) =>
  prepareCallsOf(agent, calls, { turnId: 'turn' });

const tool = (name: string) =>
  defineTool({
    name,
    description: `Does ${name}.`,
    inputSchema: z.object({ customer_id: z.number(), note: z.string().optional() }),
    run: () => name,
  });

const agentWith = (...names: string[]) =>
  defineAgent({ name: 'support', model: 'claude-opus-5-5', tools: names.map(tool) });

describe('the summary that people see of a call', () => {
  const inputSchema = z.object({ to: z.string(), text: z.string().default('') });
  const seen = async (
    summary: ToolOptions<typeof inputSchema, unknown>['summary'],
    extras: Partial<AgentOptions<unknown>> = {},
  ) => {
    const mail = defineTool({
      name: 'mail',
      description: 'Sends a mail.',
      inputSchema,
      ...defined({ summary }),
      run: () => 'sent',
    });
    const agent = defineAgent({
      name: 'support',
      model: 'claude-opus-5-5',
      tools: [mail],
      ...extras,
    });
    const warn = vi.fn();
    const calls = [call('toolu_1', 'mail', { to: 'ada' })];
    const [prepared] = await prepareCallsOf(agent, calls, { turnId: 'turn', log: { warn } });
    return { prepared, warned: warn.mock.calls.length };
  };

  test.for<[what: string, Parameters<typeof seen>, summary: string, warned: number]>([
    ['the arguments', [undefined], 'to: ada', 0],
    ['what the tool makes of its input', [({ to, text }) => `to ${to} "${text}"`], 'to ada ""', 0],
    ['that in one short line', [() => `a\nb ${'x'.repeat(200)}`], `a b ${'x'.repeat(115)}…`, 0],
    ['nothing', [false], '', 0],
    [
      'nothing, where the function throws',
      [
        () => {
          throw new Error('no');
        },
      ],
      '',
      1,
    ],
    [
      'nothing, where it takes too long',
      [
        () => {
          for (;;);
        },
      ],
      '',
      1,
    ],
    ['nothing, where it returns no text', [(() => 7) as never], '', 1],
    ['nothing, where the agent shows nothing', [() => 'all', { summaries: false }], '', 0],
  ])('is %s', async ([, args, summary, warned]) => {
    expect(await seen(...args)).toEqual({ prepared: { type: 'ready', summary }, warned });
  });
});

describe('the calls of a reply', () => {
  test('are ready if their input fits, with a short summary', async () => {
    const calls = [
      call('toolu_1', 'get_orders', { customer_id: 1234 }),
      call('toolu_2', 'get_tickets', { customer_id: 7, note: 'urgent' }),
    ];

    expect(await prepareCalls(agentWith('get_orders', 'get_tickets'), calls)).toEqual([
      { type: 'ready', summary: 'customer_id: 1234' },
      { type: 'ready', summary: 'customer_id: 7, note: urgent' },
    ]);
  });

  test('are judged invalid one by one', async () => {
    const calls = [
      call('toolu_1', 'get_orders', {}),
      call('toolu_2', 'get_orders', { customer_id: 7 }),
      call('toolu_3', 'get_order', { customer_id: 7 }),
    ];

    const prepared = await prepareCalls(agentWith('get_orders', 'get_tickets'), calls);

    expect(prepared).toEqual([
      {
        type: 'invalid',
        message:
          'The input does not match the schema of get_orders, so the tool did not run:\n✖ Invalid input: expected number, received undefined\n  → at customer_id',
      },
      { type: 'ready', summary: 'customer_id: 7' },
      {
        type: 'invalid',
        message: 'There is no tool named get_order. Available tools: get_orders, get_tickets.',
      },
    ]);
  });

  test('are invalid if the agent has no tools', async () => {
    expect(await prepareCalls(agentWith(), [call('toolu_1', 'get_orders')])).toEqual([
      { type: 'invalid', message: 'There is no tool named get_orders. Available tools: none.' },
    ]);
  });

  test('are invalid if their names are members of every object', async () => {
    const calls = SPECIAL_NAMES.map((name, i) => call(`toolu_${i}`, name, { customer_id: 7 }));

    for (const prepared of await prepareCalls(agentWith('get_orders'), calls)) {
      expect(prepared.type).toBe('invalid');
    }
    for (const prepared of await prepareCalls(agentWith(...SPECIAL_NAMES), calls)) {
      expect(prepared.type).toBe('ready');
    }
  });

  test('are invalid, but not lost, if the schema itself throws', async () => {
    const strict = defineTool({
      name: 'parse',
      description: 'Parses JSON.',
      inputSchema: z.object({ json: z.string().transform((text): unknown => JSON.parse(text)) }),
      run: () => 'done',
    });
    const agent = defineAgent({ name: 'support', model: 'claude-opus-5-5', tools: [strict] });

    const [prepared] = await prepareCalls(agent, [call('toolu_1', 'parse', { json: '{' })]);

    expect(prepared).toMatchObject({
      type: 'invalid',
      message: expect.stringContaining('in JSON at position 1') as string,
    });
  });

  test('are checked independently of each other', async () => {
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 10);
    const slow = defineTool({
      name: 'search',
      description: 'Searches.',
      inputSchema: z.object({ text: z.string().regex(/^(\w+\s?)*$/) }),
      run: () => 'done',
    });
    const agent = defineAgent({
      name: 'support',
      model: 'claude-opus-5-5',
      tools: [slow, tool('get_orders')],
    });
    const bad = { text: `${'a'.repeat(33)}!` };

    const prepared = await prepareCalls(agent, [
      call('toolu_1', 'search', bad),
      call('toolu_2', 'get_orders', { customer_id: 7 }),
      call('toolu_3', 'search', { text: 'a b' }),
      call('toolu_4', 'search', bad),
    ]);
    clearInterval(timer);

    const message =
      'The input could not be checked against the schema of search within 100 ms, so the tool did not run. Send a shorter or simpler one.';
    expect(prepared).toEqual([
      { type: 'invalid', message },
      { type: 'ready', summary: 'customer_id: 7' },
      { type: 'ready', summary: 'text: a b' },
      { type: 'invalid', message },
    ]);
    expect(ticks).toBeGreaterThanOrEqual(3);
  });

  test('are ready if their input is nested as deeply as JSON can be', async () => {
    const any = defineTool({
      name: 'any',
      description: 'Takes anything.',
      inputSchema: z.object({ a: z.any() }),
      run: () => 'done',
    });
    const agent = defineAgent({ name: 'support', model: 'claude-opus-5-5', tools: [any] });
    const a: unknown = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`);

    expect(await prepareCalls(agent, [call('toolu_1', 'any', { a })])).toEqual([
      { type: 'ready', summary: 'a: …' },
    ]);
  });

  test('may be an empty list', async () => {
    expect(await prepareCalls(agentWith('get_orders'), [])).toEqual([]);
  });
});

describe('the summary of a call', () => {
  test.for([
    [
      'texts as they are, other values as JSON',
      { a: 'b', n: 1, t: true, z: null, l: [1, 'x'], o: { k: 1 } },
      'a: b, n: 1, t: true, z: null, l: [1,"x"], o: {"k":1}',
    ],
    [
      'one line',
      { sql: 'select *\n  from orders\n\twhere id = 1' },
      'sql: select * from orders where id = 1',
    ],
    ['nothing of an empty input', {}, ''],
    ['nothing of an input that is no object', 'Hello', ''],
    ['forty characters of a value', { text: 'x'.repeat(41) }, `text: ${'x'.repeat(39)}…`],
    ['no half emoji', { text: `${'x'.repeat(38)}🧵 and more` }, `text: ${'x'.repeat(38)}\ufffd…`],
  ] as const)('has %s', ([, input, summary]) => {
    expect(summarize(input)).toBe(summary);
  });

  test('has 120 characters at most', () => {
    const input = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`key_${i}`, 'value']));

    expect(summarize(input)).toHaveLength(120);
    expect(summarize(input).startsWith('key_0: value, key_1: value, ')).toBe(true);
  });
});

const LETTERS = `${'a'.repeat(33)}!`;
const backtrack = (text: string) => /^(\w+\s?)*$/.test(text);

/** A call of a tool with these options, prepared, and what was logged. */
async function prepareWith(
  options: Partial<ToolOptions<typeof TEXT, { user: string }>>,
  { contextSchema }: Pick<AgentOptions<{ user: string }>, 'contextSchema'> = {},
) {
  const pay = defineTool({
    name: 'pay',
    description: 'Pays.',
    inputSchema: TEXT,
    run: () => 'done',
    ...options,
  });
  const agent = defineAgent({
    name: 'support',
    model: 'claude-opus-5-5',
    tools: [pay],
    ...defined({ contextSchema }),
  });
  const log = { warn: vi.fn<(message: string, fields?: object) => void>() };
  const calls = [call('toolu_1', 'pay', { text: LETTERS })];
  const [prepared] = await prepareCallsOf(agent, calls, {
    turnId: 'turn',
    context: { user: LETTERS },
    log,
  });
  return { prepared, logged: log.warn.mock.calls };
}

const TEXT = z.object({ text: z.string() });
const READY = { type: 'ready', summary: `text: ${LETTERS}` };

describe('the session of a call', () => {
  const clerk = defineAgent({ name: 'clerk', model: 'claude-opus-5-5' });
  type Session = NonNullable<AgentToolOptions<InputSchema, unknown>['session']>;
  const prepareSession = async (session: Session) => {
    const tools = [agentTool(clerk, { description: 'Remembers.', session })];
    const agent = defineAgent({ name: 'lead', model: 'claude-opus-5-5', tools });
    const [prepared] = await prepareCallsOf(
      agent,
      [call('toolu_1', 'clerk', { prompt: 'Note it.' })],
      { turnId: 'turn', user: 'ana', context: { tenant: 7 }, redact: (text) => text.toUpperCase() },
    );
    return prepared;
  };

  test('depends on the input, the context and the user, and orders the calls of one session', async () => {
    const prepared = await prepareSession((input, { context, user, turnId, agent }) =>
      [JSON.stringify({ input, context }), user, turnId, agent].join('|'),
    );

    const session = '{"input":{"prompt":"Note it."},"context":{"tenant":7}}|ana|turn|lead';
    expect(prepared).toEqual({
      type: 'ready',
      summary: 'prompt: Note it.',
      session,
      access: { inOrder: [JSON.stringify({ session })] },
    });
  });

  test.for<[what: string, session: Session, problem: string]>([
    [
      'fails',
      () => {
        throw new Error('no customer');
      },
      'NO CUSTOMER',
    ],
    ['is empty', () => '', 'ITS ID MUST BE A TEXT THAT IS NOT EMPTY'],
    [
      'is too long',
      () => Promise.resolve('x'.repeat(201)),
      'ITS ID MUST HAVE AT MOST 200 CHARACTERS; IT HAS 201',
    ],
    ['is no text', (() => undefined) as never, 'ITS ID MUST BE A TEXT THAT IS NOT EMPTY'],
  ])('that %s is reported, and the call does not run', async ([, session, problem]) => {
    expect(await prepareSession(session)).toEqual({
      type: 'invalid',
      message: `clerk did not run, because the session of this call could not be named: ${problem}.`,
    });
  });
});

describe('the functions of a tool', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test('that decide about access too late make the call run alone', async () => {
    const { prepared } = await prepareWith({
      access: ({ text }) => ({ writes: { is: backtrack(text) } }),
    });

    expect(prepared).toEqual({ ...READY, access: 'exclusive' });
  });

  test.for([
    ['does not return', 'not done within 100 ms', ({ text }: { text: string }) => backtrack(text)],
    [
      'throws',
      'no rates',
      () => {
        throw new Error('no rates');
      },
    ],
    ['rejects', 'no rates', () => Promise.reject(new Error('no rates'))],
  ] as const)('make a person decide if approval %s', async ([, problem, approval]) => {
    const { prepared, logged } = await prepareWith({ approval });

    expect(prepared).toEqual({ ...READY, approval: true });
    expect(logged).toEqual([
      ['The approval function of pay failed, so a person is asked', { problem }],
    ]);
  });

  test('make a person decide if approval never answers', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const asked = prepareWith({ approval: () => new Promise<boolean>(() => undefined) });
    while (vi.getTimerCount() === 0) await new Promise(setImmediate);
    await vi.advanceTimersByTimeAsync(10_000);

    const { prepared, logged } = await asked;

    expect(prepared).toEqual({ ...READY, approval: true });
    expect(logged[0]?.[1]).toEqual({ problem: 'not done within 10000 ms' });
  });

  test('make a person decide if the context cannot be checked in time', async () => {
    const { prepared, logged } = await prepareWith(
      { approval: () => false },
      { contextSchema: z.object({ user: z.string().refine(backtrack) }) },
    );

    expect(prepared).toEqual({ ...READY, approval: true });
    expect(logged[0]?.[1]).toEqual({
      problem:
        'context of agent support could not be checked against its contextSchema within 100 ms; give a smaller or simpler one',
    });
  });
});
