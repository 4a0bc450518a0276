import { describe, expect, test } from 'vitest';
import { callTools, reply, say } from '../../testing/replies.ts';
import { conversation, script } from '../../testing/script.ts';
import { answered, ask, errorOf, start } from './messages-server-fixture.ts';

describe('a conversation', () => {
  test('is matched by the text, a pattern in it or a condition', async () => {
    const { client } = await start(
      script(
        conversation('Exactly this', [say('text')]),
        conversation(/customer \d+/g, [say('pattern')]),
        conversation(({ body }) => body.max_tokens === 7, [say('condition')]),
      ),
    );
    const answers = async (text: string, max_tokens = 100) =>
      (await client.messages.create({ ...ask(text), max_tokens })).content;
    expect(await answers('Exactly this')).toMatchObject([{ text: 'text' }]);
    expect(await answers('Tell me of customer 12.')).toMatchObject([{ text: 'pattern' }]);
    expect(await answers('Tell me of customer 12.')).toMatchObject([{ text: 'pattern' }]);
    expect(await answers('Whatever', 7)).toMatchObject([{ text: 'condition' }]);
  });

  test('begins with the last text of the user, and tool results do not count', async () => {
    const { client } = await start(
      script(
        conversation('Look', [callTools({ get_orders: {} }), say('Two orders.')]),
        conversation('And now?', [callTools({ get_orders: {} }), say('Three orders.')]),
      ),
    );
    const look = answered(ask('Look'), await client.messages.create(ask('Look')));
    const two = await client.messages.create(look);
    const now = {
      ...look,
      messages: [
        ...look.messages,
        { role: 'assistant' as const, content: two.content },
        { role: 'user' as const, content: 'And now?' },
      ],
    };
    const again = await client.messages.create(now);
    const three = await client.messages.create(answered(now, again));
    expect(three.content).toMatchObject([{ text: 'Three orders.' }]);
  });

  test('gives a new id to the same call in another round', async () => {
    const look = callTools([
      ['get_orders', { page: 1 }],
      ['get_orders', { page: 2 }],
      ['get_orders', { page: 3 }, 'toolu_mine'],
    ]);
    const { client } = await start(
      conversation('Look', [look, callTools({ get_orders: { page: 1 } })]),
    );
    const first = await client.messages.create(ask('Look'));
    const second = await client.messages.create(answered(ask('Look'), first));
    const ids = [...first.content, ...second.content].flatMap((block) =>
      block.type === 'tool_use' ? [block.id] : [],
    );
    expect(new Set(ids).size).toBe(4);
    expect(ids[2]).toBe('toolu_mine');
    expect(ids[0]).toMatch(/^toolu_01[a-zA-Z0-9]{22}$/);
  });

  test('can answer by the results of the tools', async () => {
    const { client } = await start(
      conversation('Look', [
        callTools({ get_orders: {}, get_tickets: {} }, { text: 'I look.', thinking: 'Both.' }),
        ({ resultOf, toolResults }) =>
          say(`${toolResults.length}: ${resultOf('get_tickets')}, ${resultOf('get_customer')}`),
      ]),
    );
    const first = await client.messages.create(ask('Look'));
    expect(first.content.map(({ type }) => type)).toEqual([
      'thinking',
      'text',
      'tool_use',
      'tool_use',
    ]);
    const last = await client.messages.create(answered(ask('Look'), first));
    expect(last.content).toMatchObject([{ text: '2: result of get_tickets, undefined' }]);
  });
});

describe('a request without a scripted reply fails at once and says what to add', () => {
  test('another text', async () => {
    const { server, client } = await start(script(conversation('Hello', [say('Hi')])));
    const error = await errorOf(
      client.withOptions({ maxRetries: 3 }).messages.create(ask('Hallo')),
    );
    expect(error).toMatchObject({
      status: 400,
      apiMessage:
        'No conversation of the script matches the user text "Hallo" (reply 1 to it). ' +
        'Add a conversation for this text.',
    });
    expect(server.requests).toHaveLength(1);
  });

  test('one more reply', async () => {
    const { client } = await start(conversation('Look', [callTools({ get_orders: {} })]));
    const first = await client.messages.create(ask('Look'));
    const error = await errorOf(client.messages.create(answered(ask('Look'), first)));
    expect(error).toMatchObject({
      apiMessage:
        'The script has 1 reply to the user text "Look", and this request needs reply 2, ' +
        'after 1 tool result. Add it to the replies of that conversation.',
    });
  });

  test('a function of the script that throws', async () => {
    const { server, client } = await start(() => {
      throw new TypeError('no such order');
    });
    const error = await errorOf(client.messages.create(ask('Look')));
    expect(error).toMatchObject({
      status: 400,
      apiMessage: 'The script failed: TypeError: no such order',
    });
    expect(server.requests[0]?.error).toBe('The script failed: TypeError: no such order');
  });
});

test('a script may write a reply field by field', async () => {
  const { client } = await start(
    conversation('Hello', [
      {
        ...reply(say('Hi')),
        stop_reason: 'stop_sequence',
        stop_sequence: '###',
        usage: { output_tokens: 3 },
      },
    ]),
  );
  const message = await client.messages.stream(ask('Hello')).finalMessage();
  expect(message).toMatchObject({
    stop_reason: 'stop_sequence',
    stop_sequence: '###',
    usage: { output_tokens: 3 },
  });
});
