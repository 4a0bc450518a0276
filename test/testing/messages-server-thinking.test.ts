import type Anthropic from '@anthropic-ai/sdk';
import type { MessageCreateParamsNonStreaming } from '@anthropic-ai/sdk/resources/messages';
import { describe, expect, test } from 'vitest';
import { callTools, reply, say, think, thinkRedacted } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { answered, ask, errorOf, start } from './messages-server-fixture.ts';

const QUESTION = 'What about customer 1234?';
const thoughtful = conversation(QUESTION, [
  reply(think('First the customer.'), callTools({ get_customer: { customer_id: 1234 } })),
  reply(thinkRedacted(), think('Then the orders.'), callTools({ get_orders: {} })),
  say('All is well.'),
]);

const BOUND =
  'Invalid `signature` in `thinking` block. The block is bound to a different conversation. Remove the ' +
  'block, or set `thinking.block_binding.prefix_mismatch_behavior` to "drop_block".';
const MODIFIED =
  '`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified. ' +
  'These blocks must remain as they were in the original response.';

type Request = MessageCreateParamsNonStreaming;

/** The conversation after two rounds of thinking and calls, ready for the third reply. */
async function afterTwoRounds(client: Anthropic, request = ask(QUESTION)): Promise<Request> {
  const first = answered(request, await client.messages.stream(request).finalMessage());
  return answered(first, await client.messages.create(first));
}

/** The request with one block changed; `undefined` from `change` removes the block. */
function changed(
  request: Request,
  at: readonly [message: number, block: number],
  change: (block: Anthropic.ContentBlockParam) => Anthropic.ContentBlockParam | undefined,
): Request {
  const messages = request.messages.map((message, index) => {
    if (index !== at[0] || typeof message.content === 'string') return message;
    const content = message.content.flatMap((block, place) =>
      place === at[1] ? (change(block) ?? []) : [block],
    );
    return { ...message, content } as Anthropic.MessageParam;
  });
  return { ...request, messages };
}

describe('thinking that comes back is accepted', () => {
  test('when nothing before it changed', async () => {
    const { client } = await start(thoughtful);
    const request = await afterTwoRounds(client);
    await expect(client.messages.create(request)).resolves.toMatchObject({
      content: [{ text: 'All is well.' }],
    });
  });

  test('by another server with the same script, since a server remembers nothing', async () => {
    const [{ client }, { client: other }] = [await start(thoughtful), await start(thoughtful)];
    const request = await afterTwoRounds(client);
    await expect(other.messages.create(request)).resolves.toBeDefined();
  });

  test('when only cache_control moved', async () => {
    const { client } = await start(thoughtful);
    const request = await afterTwoRounds(client, {
      ...ask(QUESTION),
      system: [{ type: 'text', text: 'You help.', cache_control: { type: 'ephemeral' } }],
    });
    await expect(
      client.messages.create({ ...request, system: 'You help.' }),
    ).resolves.toBeDefined();
  });

  test('when the first thinking was removed', async () => {
    const { client } = await start(thoughtful);
    const request = changed(await afterTwoRounds(client), [1, 0], () => undefined);
    await expect(client.messages.create(request)).resolves.toBeDefined();
  });

  test('when it was signed elsewhere', async () => {
    const { client } = await start(thoughtful);
    const request = changed(await afterTwoRounds(client), [1, 0], () => ({
      type: 'thinking',
      thinking: 'Hm.',
      signature: 'EuYBCkQYAiJA',
    }));
    const later = changed(request, [3, 0], () => undefined);
    await expect(
      client.messages.create(changed(later, [3, 0], () => undefined)),
    ).resolves.toBeDefined();
  });

  test('after a change, by a model that does not bind thinking to its prefix', async () => {
    const { client } = await start(thoughtful);
    const request = await afterTwoRounds(client);
    const edited = { ...request, system: 'You helped.', model: 'claude-opus-5' };
    await expect(client.messages.create(edited)).resolves.toBeDefined();
  });

  test('after a change, when the client asks to drop such blocks', async () => {
    const { client } = await start(thoughtful);
    const request = await afterTwoRounds(client);
    const edited = {
      ...request,
      system: 'You helped.',
      thinking: { type: 'adaptive', block_binding: { prefix_mismatch_behavior: 'drop_block' } },
    } as Request;
    await expect(client.messages.create(edited)).resolves.toBeDefined();
  });

  test('with the text left out, when the client asks for that', async () => {
    const { client } = await start(thoughtful);
    const omitted = { type: 'adaptive', display: 'omitted' } as const;
    const request = await afterTwoRounds(client, { ...ask(QUESTION), thinking: omitted });
    expect(request.messages[1]?.content[0]).toMatchObject({ type: 'thinking', thinking: '' });
    await expect(client.messages.create(request)).resolves.toBeDefined();
  });
});

describe('thinking that comes back is rejected', () => {
  const edits: readonly (readonly [string, (request: Request) => Request, string])[] = [
    [
      'after another system prompt',
      (request) => ({ ...request, system: 'You helped.' }),
      `messages.1.content.0: ${BOUND}`,
    ],
    [
      'after other tools',
      (request) => ({ ...request, tools: request.tools?.slice(1) ?? [] }),
      `messages.1.content.0: ${BOUND}`,
    ],
    [
      'after another question',
      (request) => changed(request, [0, 0], () => ({ type: 'text', text: 'Hm?' })),
      `messages.1.content.0: ${BOUND}`,
    ],
    [
      'after another tool result',
      (request) =>
        changed(
          request,
          [2, 0],
          (block) => ({ ...block, content: 'edited' }) as Anthropic.ContentBlockParam,
        ),
      `messages.3.content.0: ${BOUND}`,
    ],
    [
      'after another call',
      (request) =>
        changed(
          request,
          [1, 1],
          (block) => ({ ...block, input: {} }) as Anthropic.ContentBlockParam,
        ),
      `messages.3.content.0: ${BOUND}`,
    ],
    [
      'when a block between others is missing',
      (request) => changed(request, [3, 0], () => undefined),
      `messages.3.content.0: ${BOUND}`,
    ],
    [
      'when it changed, in the latest message',
      (request) =>
        changed(
          request,
          [3, 1],
          (block) => ({ ...block, thinking: 'Hm.' }) as Anthropic.ContentBlockParam,
        ),
      `messages.3.content.1: ${MODIFIED}`,
    ],
    [
      'when its redacted data changed',
      (request) =>
        changed(
          request,
          [3, 0],
          (block) =>
            ({
              ...block,
              data: 'data' in block ? `${block.data}x` : '',
            }) as Anthropic.ContentBlockParam,
        ),
      `messages.3.content.0: ${MODIFIED}`,
    ],
    [
      'when it changed, in an earlier message',
      (request) =>
        changed(
          request,
          [1, 0],
          (block) => ({ ...block, thinking: 'Hm.' }) as Anthropic.ContentBlockParam,
        ),
      'messages.1.content.0: Invalid `signature` in `thinking` block',
    ],
  ];

  test.for(edits)('%s', async ([, edit, message]) => {
    const { client } = await start(thoughtful);
    const string = {
      ...ask(QUESTION),
      messages: [{ role: 'user', content: [{ type: 'text', text: QUESTION }] }],
    };
    const request = edit(await afterTwoRounds(client, string as Request));
    const error = await errorOf(client.messages.create(request));
    expect(error).toMatchObject({ status: 400, apiMessage: message });
  });
});
