import { describe, expect, test } from 'vitest';
import type { Message } from '../../../core/conversation/messages.ts';
import { InvalidTurnError, openingMessages } from '../../../core/turn/input.ts';

const opening = (input: unknown): Message[] => openingMessages({ agent: 'support', input });
const user = (...content: unknown[]) => ({
  role: 'user',
  content: content.length === 0 ? 'customer 1234' : content,
});
const assistant = (...content: unknown[]) => ({ role: 'assistant', content });
const asks = (id: string) => ({ type: 'tool_use', id, name: 'get_orders', input: {} });
const answers = (id: string) => ({ type: 'tool_result', tool_use_id: id, content: 'none' });

describe('a turn begins', () => {
  test('with a text', () => {
    expect(opening('Hello')).toEqual([{ role: 'user', content: 'Hello' }]);
  });

  test('with content blocks of one message', () => {
    const blocks = [
      { type: 'text', text: 'What is this?' },
      { type: 'image', source: { type: 'url', url: 'https://example.com/cat.png' } },
    ];

    expect(opening(blocks)).toEqual([{ role: 'user', content: blocks }]);
  });

  test('with a whole conversation, which does not change', () => {
    const messages = [
      { role: 'user', content: 'customer 1234' },
      assistant({ type: 'text', text: 'I look.' }, asks('toolu_1'), asks('toolu_2')),
      user(answers('toolu_2'), answers('toolu_1')),
      { role: 'assistant', content: 'There are no orders.' },
      { role: 'user', content: 'Thank you' },
    ];

    expect(opening(messages)).toBe(messages);
  });

  test("with results and a person's words after them", () => {
    const messages = [
      { role: 'user', content: 'customer 1234' },
      assistant(asks('toolu_1')),
      user(answers('toolu_1'), { type: 'text', text: 'Never mind.' }),
    ];

    expect(opening(messages)).toBe(messages);
  });

  test('with a system message in the conversation', () => {
    const messages = [
      { role: 'user', content: 'Hello' },
      { role: 'system', content: 'Be brief.' },
      { role: 'assistant', content: 'Hi.' },
      { role: 'user', content: 'Bye' },
    ];

    expect(opening(messages)).toBe(messages);
  });

  test('with any context, which is left for the agent to check', () => {
    expect(openingMessages({ agent: 'support', input: 'Hello', context: { tenant: 7 } })).toEqual([
      { role: 'user', content: 'Hello' },
    ]);
  });
});

const ONE_ARGUMENT = 'agentTurn takes one argument: { agent, input, context?, … }';
const NO_AGENT = 'agent must be the name of an agent';
const NO_INPUT = 'input must be a text, content blocks, or messages';
const EMPTY = 'input is empty: the API rejects empty text';
const MIXED = 'input mixes messages (with a role) and content blocks (with a type)';

describe('a turn is rejected', () => {
  test.for([
    ['no argument', undefined, ONE_ARGUMENT],
    ['a text as its argument', 'Hello', ONE_ARGUMENT],
    ['a list as its argument', [{ agent: 'support', input: 'Hello' }], ONE_ARGUMENT],
    [
      'a field that no turn has',
      { agent: 'support', inputs: 'Hello', user: 7 },
      'unknown field inputs, user; a turn takes agent, input, context, onToolFailure, batchTimeout, limits, onLimit, output, stream',
    ],
    ['no agent', { input: 'Hello' }, NO_AGENT],
    ['an agent without a name', { agent: '', input: 'Hello' }, NO_AGENT],
    [
      'limits that do not exist',
      { agent: 'a', input: 'x', limits: { turns: 1 } },
      'unknown field limits.turns; known fields: rounds, toolCalls, inputTokens, outputTokens, costUSD, wallTime',
    ],
    [
      'another end at a limit',
      { agent: 'a', input: 'x', onLimit: 'never' },
      'onLimit must be one of stop, lastWord',
    ],
    [
      'an output that is no schema',
      { agent: 'a', input: 'x', output: 'json' },
      'output must be a JSON Schema',
    ],
    [
      'half an emoji in a schema',
      { agent: 'a', input: 'x', output: { description: 'cut \ud83d' } },
      'output holds half of an emoji or of another pair of characters, which the API rejects',
    ],
    ['an agent that is not named by a text', { agent: { name: 'a' }, input: 'Hello' }, NO_AGENT],
  ] as const)('with %s', ([, args, message]) => {
    expect(() => openingMessages(args)).toThrow(new InvalidTurnError(message));
  });

  test.for([
    ['no input', undefined, NO_INPUT],
    ['a number as input', 7, NO_INPUT],
    ['one block that is in no list', { type: 'text', text: 'Hello' }, NO_INPUT],
    ['an empty list', [], NO_INPUT],
    ['a list of texts', ['Hello'], NO_INPUT],
    ['null among the messages', [{ role: 'user', content: 'Hello' }, null], NO_INPUT],
    ['an empty text', '', EMPTY],
    ['a blank text', ' \n', EMPTY],
    [
      'messages and blocks',
      [
        { role: 'user', content: 'a' },
        { type: 'text', text: 'b' },
      ],
      MIXED,
    ],
    ['neither messages nor blocks', [{ text: 'Hello' }], MIXED],
  ] as const)('with %s', ([, input, message]) => {
    expect(() => opening(input)).toThrow(new InvalidTurnError(message));
  });
});

const NOT_A_CONTENT = 'content must be a text or content blocks';
const NO_RESULT = 'and the next message has no tool_result for it';
const NOT_ASKED = 'which the message before it does not call';

describe('a conversation is rejected', () => {
  test.for([
    ['a message has no content', [{ role: 'user' }], `messages[0].${NOT_A_CONTENT}`],
    ['a content is one block', [{ role: 'user', content: {} }], `messages[0].${NOT_A_CONTENT}`],
    ['a content holds a text', [user('Hello')], `messages[0].${NOT_A_CONTENT}`],
    ['a content holds null', [user(null)], `messages[0].${NOT_A_CONTENT}`],
    [
      'it ends with the assistant',
      [user(), { role: 'assistant', content: 'Hi' }],
      'the last message must be from the user',
    ],
    [
      'it ends with an unanswered call',
      [user(), assistant(asks('toolu_1'))],
      `messages[1] asks for toolu_1, ${NO_RESULT}`,
    ],
    [
      'a text stands where the results belong',
      [assistant(asks('toolu_1')), { role: 'user', content: 'Never mind' }],
      `messages[0] asks for toolu_1, ${NO_RESULT}`,
    ],
    [
      'some of the results are missing',
      [assistant(asks('toolu_1'), asks('toolu_2'), asks('toolu_3')), user(answers('toolu_2'))],
      `messages[0] asks for toolu_1, toolu_3, ${NO_RESULT}`,
    ],
    [
      'the results come in two messages',
      [
        assistant(asks('toolu_1'), asks('toolu_2')),
        user(answers('toolu_1')),
        user(answers('toolu_2')),
      ],
      `messages[0] asks for toolu_2, ${NO_RESULT}`,
    ],
    [
      'the results come a message too late',
      [assistant(asks('toolu_1')), user(), user(answers('toolu_1'))],
      `messages[0] asks for toolu_1, ${NO_RESULT}`,
    ],
    [
      'nobody asked for a result',
      [user(answers('toolu_1'))],
      `messages[0] answers toolu_1, ${NOT_ASKED}`,
    ],
    [
      'a call is answered twice',
      [assistant(asks('toolu_1')), user(answers('toolu_1'), answers('toolu_1'))],
      `messages[1] answers toolu_1, ${NOT_ASKED}`,
    ],
    [
      'a call is answered again later',
      [assistant(asks('toolu_1')), user(answers('toolu_1')), user(answers('toolu_1'))],
      `messages[2] answers toolu_1, ${NOT_ASKED}`,
    ],
    [
      'a message uses an id twice',
      [assistant(asks('toolu_1'), asks('toolu_1')), user(answers('toolu_1'))],
      'messages[0] uses the tool_use id toolu_1 a second time',
    ],
    [
      'an id comes back later',
      [
        assistant(asks('toolu_1')),
        user(answers('toolu_1')),
        assistant(asks('toolu_1')),
        user(answers('toolu_1')),
      ],
      'messages[2] uses the tool_use id toolu_1 a second time',
    ],
    [
      'the user asks for a tool',
      [user(asks('toolu_1')), user(answers('toolu_1'))],
      'messages[0] has a tool_use, which only the assistant can ask for',
    ],
    [
      'the assistant answers itself',
      [assistant(asks('toolu_1')), assistant(answers('toolu_1')), user()],
      'messages[1] has a tool_result, which only the user can give',
    ],
    [
      'content blocks answer a call that is not there',
      [answers('toolu_1')],
      `messages[0] answers toolu_1, ${NOT_ASKED}`,
    ],
    [
      'content blocks ask for a tool',
      [asks('toolu_1')],
      'messages[0] has a tool_use, which only the assistant can ask for',
    ],
  ] as const)('if %s', ([, input, message]) => {
    expect(() => opening(input)).toThrow(new InvalidTurnError(`input: ${message}`));
  });
});

test('results after other content of their message are rejected', () => {
  const text = { type: 'text', text: 'By the way' };
  expect(() => opening([user(text), assistant(asks('a')), user(text, answers('a'))])).toThrow(
    'messages[2] has a tool_result after other content; results must come first',
  );
  expect(opening([user(text), assistant(asks('a')), user(answers('a'), text)])).toHaveLength(3);
});

const beginning = (policy: object) =>
  openingMessages({ agent: 'support', input: 'Hello', ...policy });

describe('the batch policy of a turn', () => {
  test.for([
    [{ onToolFailure: 'failTurn' }],
    [{ batchTimeout: 1_500 }],
    [{ onToolFailure: undefined, batchTimeout: undefined }],
  ] as const)('may be %j', ([policy]) => {
    expect(beginning(policy)).toHaveLength(1);
  });

  test.for([
    [
      { onToolFailure: 'stop' },
      'onToolFailure must be one of report, cancelSiblings, failTurn',
    ] as const,
    ...['30s', 0, 0.5, -1, Number.NaN, Number.POSITIVE_INFINITY, 3.2e12, null].map(
      (batchTimeout) =>
        [
          { batchTimeout },
          'batchTimeout must be a number of milliseconds from 1 to 3153600000000, which is 36,500 days',
        ] as const,
    ),
  ])('must not be %o', ([policy, message]) => {
    expect(() => beginning(policy)).toThrow(new InvalidTurnError(message));
  });
});

test('a turn may have its own limits and its own schema', () => {
  const own = { limits: { rounds: 0 }, onLimit: 'lastWord', output: { type: 'object' } };
  expect(openingMessages({ agent: 'a', input: 'x', ...own })).toHaveLength(1);
});
