import type Anthropic from '@anthropic-ai/sdk';
import { expect, test } from 'vitest';
import { scriptedModel } from '../../testing/scripted-model.ts';
import { answered, ask, start } from './messages-server-fixture.ts';

const callsOf = ({ content }: Anthropic.Message) =>
  content.flatMap((block) => (block.type === 'tool_use' ? [[block.name, block.input]] : []));

test('the scripted model calls each tool once, all in one reply, and quotes the results', async () => {
  const { client } = await start(scriptedModel);
  const first = await client.messages.create(ask('Hello'));
  expect(callsOf(first)).toEqual([
    ['get_customer', { customer_id: 1 }],
    ['get_orders', { customer_id: 1 }],
    ['get_tickets', { customer_id: 1 }],
  ]);
  const last = await client.messages.create(answered(ask('Hello'), first));
  expect(last).toMatchObject({
    stop_reason: 'end_turn',
    content: [
      {
        text: `I am a scripted model. The tools returned:

- get_customer: result of get_customer
- get_orders: result of get_orders
- get_tickets: result of get_tickets`,
      },
    ],
  });
});

test('it calls one tool in each reply where the request allows no more', async () => {
  const { client } = await start(scriptedModel);
  const request = {
    ...ask('Hello'),
    tool_choice: { type: 'auto' as const, disable_parallel_tool_use: true },
  };
  const first = await client.messages.create(request);
  const second = await client.messages.create(answered(request, first));
  expect([first, second].map(callsOf)).toEqual([
    [['get_customer', { customer_id: 1 }]],
    [['get_orders', { customer_id: 1 }]],
  ]);
});

test('it answers without tools, and with a value of the output schema where there is one', async () => {
  const { client } = await start(scriptedModel);
  const { tools: _, ...plain } = ask('Hello');
  const { content } = await client.messages.create(plain);
  expect(content).toMatchObject([{ text: 'I am a scripted model. You said: Hello' }]);

  const schema = {
    type: 'object',
    properties: { open: { type: 'boolean' } },
    required: ['open'],
    additionalProperties: false,
  };
  const answer = await client.messages.create({
    ...plain,
    output_config: { format: { type: 'json_schema', schema } },
  });
  expect(answer.content).toMatchObject([{ text: '{"open":true}' }]);
});
