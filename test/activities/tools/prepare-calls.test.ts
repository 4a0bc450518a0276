import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { prepareCalls, summarize } from '../../../activities/tools/prepare-calls.ts';
import { defineAgent } from '../../../agents/define-agent.ts';
import { defineTool } from '../../../agents/define-tool.ts';
import { SPECIAL_NAMES } from '../../agents/tools.ts';
import { call } from '../../core/arbitraries.ts';

const tool = (name: string) =>
  defineTool({
    name,
    description: `Does ${name}.`,
    inputSchema: z.object({ customer_id: z.number(), note: z.string().optional() }),
    run: () => name,
  });

const agentWith = (...names: string[]) =>
  defineAgent({ name: 'support', model: 'claude-opus-5-5', tools: names.map(tool) });

describe('the calls of a reply', () => {
  test('are ready where their input fits, with a short summary', async () => {
    const calls = [
      call('toolu_1', 'get_orders', { customer_id: 1234 }),
      call('toolu_2', 'get_tickets', { customer_id: 7, note: 'urgent' }),
    ];

    expect(await prepareCalls(agentWith('get_orders', 'get_tickets'), calls)).toEqual([
      { type: 'ready', summary: 'customer_id: 1234' },
      { type: 'ready', summary: 'customer_id: 7, note: urgent' },
    ]);
  });

  test('are invalid one by one', async () => {
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

  test('are invalid where the agent has no tools', async () => {
    expect(await prepareCalls(agentWith(), [call('toolu_1', 'get_orders')])).toEqual([
      { type: 'invalid', message: 'There is no tool named get_orders. Available tools: none.' },
    ]);
  });

  test('are invalid where their names are members of every object', async () => {
    const calls = SPECIAL_NAMES.map((name, i) => call(`toolu_${i}`, name, { customer_id: 7 }));

    for (const prepared of await prepareCalls(agentWith('get_orders'), calls)) {
      expect(prepared.type).toBe('invalid');
    }
    for (const prepared of await prepareCalls(agentWith(...SPECIAL_NAMES), calls)) {
      expect(prepared.type).toBe('ready');
    }
  });

  test('are invalid, and not lost, where the schema itself throws', async () => {
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

  test('may be none', async () => {
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
