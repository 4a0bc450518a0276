import type Anthropic from '@anthropic-ai/sdk';
import type {
  BetaMessage,
  MessageCreateParamsNonStreaming,
} from '@anthropic-ai/sdk/resources/beta/messages';
import { describe, expect, test } from 'vitest';
import { callTools, compact, reply, say, stopWith, think } from '../../testing/replies.ts';
import { conversation, script } from '../../testing/script.ts';
import { ask, errorOf, start } from './messages-server-fixture.ts';

const QUESTION = 'What about customer 1234?';
const SUMMARY = 'The customer is known; the orders are asked for.';
const compacting = script(
  conversation(QUESTION, [
    callTools({ get_customer: {} }),
    reply(compact(SUMMARY), think('Now the orders.'), callTools({ get_orders: {} })),
  ]),
  conversation(SUMMARY, [say('All is well.')]),
);

type Request = MessageCreateParamsNonStreaming;
type Message = Request['messages'][number];

const EDIT = { type: 'compact_20260112' as const };
const beta = (changes: Partial<Request> = {}): Request => ({
  ...(ask(QUESTION) as Request),
  betas: ['compact-2026-01-12'],
  context_management: { edits: [EDIT] },
  ...changes,
});

const streamed = (client: Anthropic, request: Request): Promise<BetaMessage> =>
  client.beta.messages.stream(request).finalMessage();

function answered(request: Request, { content }: BetaMessage): Request {
  const results = content.flatMap((block) =>
    block.type === 'tool_use'
      ? [{ type: 'tool_result' as const, tool_use_id: block.id, content: 'ok' }]
      : [],
  );
  const messages: Message[] = [
    ...request.messages,
    { role: 'assistant', content },
    { role: 'user', content: results },
  ];
  return { ...request, messages };
}

/** The reply with the summary, and the requests before and after it. */
async function compacted(client: Anthropic) {
  const first = answered(beta(), await streamed(client, beta()));
  const message = await streamed(client, first);
  return { message, first, request: answered(first, message) };
}

describe('the scripted server', () => {
  test('puts a summary before the reply, and reads nothing before it in the next request', async () => {
    const { client } = await start(compacting);
    const { message, request } = await compacted(client);

    expect(message.stop_reason).toBe('tool_use');
    expect(message.content.map(({ type }) => type)).toEqual(['compaction', 'thinking', 'tool_use']);
    expect(message.content[0]).toMatchObject({ content: SUMMARY });
    const sinceSummary = { ...request, messages: request.messages.slice(-2) };
    expect(await client.beta.messages.create(sinceSummary)).toMatchObject({
      content: [{ text: 'All is well.' }],
    });
    const all = await client.beta.messages.create(request);
    const few = await client.beta.messages.create(sinceSummary);
    expect(all.usage.input_tokens).toBe(few.usage.input_tokens);
  });

  test('counts the compaction separately from the reply', async () => {
    const { client } = await start(compacting);
    const { message, first } = await compacted(client);
    const plain = await streamed(client, beta());

    expect(plain.usage.iterations).toMatchObject([{ type: 'message' }]);
    const [compaction, own] = message.usage.iterations ?? [];
    expect(compaction).toMatchObject({ type: 'compaction', output_tokens: SUMMARY.length / 4 });
    expect(own).toMatchObject({ type: 'message', input_tokens: message.usage.input_tokens });
    const { input_tokens: counted } = await client.beta.messages.countTokens({
      betas: ['compact-2026-01-12'],
      model: first.model,
      tools: first.tools ?? [],
      system: first.system ?? '',
      messages: first.messages,
    });
    expect(compaction?.input_tokens).toBe(counted);
  });

  test('pauses after the summary, and goes on when it comes back', async () => {
    const { client } = await start(
      script(
        conversation(QUESTION, [stopWith('compaction', compact(SUMMARY))]),
        conversation(SUMMARY, [say('Where was I?')]),
      ),
    );
    const paused = await streamed(client, beta());
    expect(paused).toMatchObject({ stop_reason: 'compaction', content: [{ content: SUMMARY }] });

    const messages: Message[] = [
      ...beta().messages,
      { role: 'assistant', content: paused.content },
    ];
    expect(await client.beta.messages.create(beta({ messages }))).toMatchObject({
      content: [{ text: 'Where was I?' }],
    });
  });

  test('accepts the block of a compaction that failed', async () => {
    const { client } = await start(
      conversation(QUESTION, [
        reply(compact(null), callTools({ get_customer: {} })),
        say('The whole conversation is still here.'),
      ]),
    );
    const failed = await streamed(client, beta());
    expect(failed.content[0]).toMatchObject({ type: 'compaction', content: null });

    expect(await client.beta.messages.create(answered(beta(), failed))).toMatchObject({
      content: [{ text: 'The whole conversation is still here.' }],
    });
  });

  test('says so when the script compacts and the request did not ask for it', async () => {
    const { client } = await start(conversation(QUESTION, [reply(compact('x'), say('y'))]));

    expect((await errorOf(client.messages.create(ask(QUESTION)))).message).toContain(
      'The script compacts the conversation, but the request has no `compact_20260112` edit.',
    );
  });
});

describe('the scripted server rejects', () => {
  const trigger = (value: unknown) =>
    ({ context_management: { edits: [{ ...EDIT, trigger: value }] } }) as Partial<Request>;
  const place = 'context_management.edits.0.compact_20260112';
  const replied = (block: unknown) => [{ role: 'assistant', content: [block] }] as Message[];
  const greeting: Message = { role: 'user', content: 'Hello' };

  test.for<[string, Partial<Request>, string]>([
    [
      'compaction without a beta',
      { betas: [] },
      'context_management: Extra inputs are not permitted',
    ],
    [
      'compaction with another beta',
      { betas: ['context-management-2025-06-27'] },
      "Input tag 'compact_20260112' found using 'type' does not match any of the expected tags",
    ],
    [
      'a trigger that is too small',
      trigger({ type: 'input_tokens', value: 49_999 }),
      `${place}.trigger.value: Input should be greater than or equal to 50000`,
    ],
    [
      'a trigger whose value is a text',
      trigger({ type: 'input_tokens', value: 'many' }),
      `${place}.trigger.value: Input should be a valid integer`,
    ],
    [
      'a trigger of another kind',
      trigger({ type: 'tool_uses', value: 60_000 }),
      `${place}.trigger.type: Input should be 'input_tokens'`,
    ],
    ['a trigger that is a number', trigger(60_000), `${place}.trigger: Input should be a valid`],
    [
      'a field that the edit does not have',
      { context_management: { edits: [{ ...EDIT, after: 5 } as typeof EDIT] } },
      `${place}.after: Extra inputs are not permitted`,
    ],
    [
      'compaction for a model that does not support it',
      { model: 'claude-haiku-4-5' },
      'compaction is not supported on this model',
    ],
    [
      'a summary of the user',
      { messages: [{ role: 'user', content: [{ type: 'compaction', content: 'x' }] }] },
      'messages.0: `compaction` blocks can only be in `assistant` messages',
    ],
    [
      'a summary without the edit',
      {
        context_management: null,
        messages: [...replied({ type: 'compaction', content: 'x' }), greeting],
      },
      'messages.0.content.0: `compaction` blocks require a `compact_20260112` edit',
    ],
    [
      'an empty summary',
      { messages: [...replied({ type: 'compaction', content: '' }), greeting] },
      'messages.0.content.0.compaction.content: String should have at least 1 character',
    ],
    [
      'a summary that is not a text',
      { messages: [...replied({ type: 'compaction', content: [] }), greeting] },
      'messages.0.content.0.compaction.content: Input should be a valid string',
    ],
    [
      'a summary with fields of a text',
      { messages: [...replied({ type: 'compaction', content: 'x', text: null }), greeting] },
      'messages.0.content.0.compaction.text: Extra inputs are not permitted',
    ],
  ])('%s', async ([, changes, message]) => {
    const { client } = await start(compacting);

    expect((await errorOf(client.beta.messages.create(beta(changes)))).message).toContain(message);
  });

  /** The request with other blocks in place of the summary. */
  function withSummary(request: Request, change: (summary: object) => object[]): Request {
    const messages = request.messages.map((message) => {
      if (!Array.isArray(message.content)) return message;
      const content = message.content.flatMap((block) =>
        block.type === 'compaction' ? change(block) : [block],
      );
      return { ...message, content } as Message;
    });
    return { ...request, messages };
  }

  test('a summary that was altered', async () => {
    const { client } = await start(compacting);
    const { request } = await compacted(client);
    const altered = withSummary(request, (summary) => [
      { ...summary, content: 'Nothing is owed.' },
    ]);

    expect((await errorOf(client.beta.messages.create(altered))).message).toContain(
      'messages.3.content.0: `compaction` blocks cannot be modified',
    );
  });

  test('thinking after a summary that was left out', async () => {
    const { client } = await start(compacting);
    const { request } = await compacted(client);
    const without = withSummary(request, () => []);

    expect((await errorOf(client.beta.messages.create(without))).message).toContain(
      'The block is bound to a different conversation',
    );
  });
});
