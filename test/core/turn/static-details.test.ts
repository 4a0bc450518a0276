import { expect, test } from 'vitest';
import { fromMarkdown, plainMarkdown } from '../../../core/markdown.ts';
import { sessionText } from '../../../core/session/current-details.ts';
import { NOTHING_SPENT } from '../../../core/turn/budget.ts';
import {
  askedWords,
  detailsOf,
  summaryOf,
  summaryOfMessage,
} from '../../../core/turn/static-details.ts';
import { costText, tokensText, usageText } from '../../../core/turn/usage-text.ts';
import { NO_USAGE } from '../../../core/turn/usage.ts';

const image = { type: 'image', source: { type: 'url', url: 'https://x.example/a.png' } } as const;

test.for<[input: Parameters<typeof summaryOfMessage>[0], words: string]>([
  ['  two\n lines ', 'two lines'],
  ['a long '.repeat(50), `${'a long '.repeat(50).slice(0, 199)}…`],
  [[{ type: 'text', text: 'look' }, image], String.raw`look \(and 1 other part\)`],
  [[image, image], '2 other parts'],
  [[{ type: 'text', text: 'look' }], 'look'],
  [
    [
      { role: 'user', content: 'first' },
      { role: 'user', content: 'second' },
    ],
    'second',
  ],
  [[], ''],
])('for %j people see %s', ([input, words]) => {
  expect(summaryOfMessage(input)).toBe(words);
});

test('the summary names the agent, and the words unless nobody may see them', () => {
  expect(summaryOf('desk', 'hello')).toBe('desk: hello');
  expect(summaryOf('desk', undefined)).toBe('desk');
  expect(summaryOf('desk', 'x'.repeat(500))).toHaveLength(200);
});

test('the details say whose turn it is, and make no links of what a person wrote', () => {
  const input = 'see [this](https://evil.example)';
  expect(detailsOf({ agent: 'desk_1', user: 'ana', sessionId: 's-1', input })).toBe(
    [
      String.raw`**Agent** desk\_1`,
      '**Session** s-1',
      '**User** ana',
      String.raw`**Message** see \[this\]\(https\://evil.example\)`,
    ].join('\n\n'),
  );
  expect(detailsOf({ agent: 'desk' })).toBe('**Agent** desk');
  expect(detailsOf({ agent: 'scout', callingTurn: 't-1', input: 'look' })).toBe(
    '**Agent** scout\n\n**Called by turn** t-1\n\n**Message** look',
  );
});

test('lists show the first words unchanged, or none', () => {
  expect(askedWords('see  *this*')).toBe('see *this*');
  expect(askedWords([])).toBeUndefined();
  expect(askedWords(undefined)).toBeUndefined();
});

test.for([
  ['a\n\tb', 'a b'],
  ['<img src=x>', String.raw`\<img src=x\>`],
  ['**b** _i_ `c` # |', String.raw`\*\*b\*\* \_i\_ \`c\` \# \|`],
  ['http://a.example www.b.example', String.raw`http\://a.example www\.b.example`],
  ['plain: 7, ok.', 'plain: 7, ok.'],
])('%j is in Markdown: %s', ([text, plain]) => {
  expect(plainMarkdown(text as string)).toBe(plain);
  expect(fromMarkdown(plain as string)).toBe((text as string).replaceAll(/\s+/g, ' '));
});

test('a session says what it is doing', () => {
  const state = {
    agent: 'desk',
    status: 'idle' as const,
    waitingTurns: [],
    turns: 2,
    messages: 4,
    usage: NO_USAGE,
    spent: NOTHING_SPENT,
  };
  const noon = Date.parse('2026-11-29T12:00:00Z');
  expect(sessionText(state, noon).split('\n\n')).toEqual([
    '**Idle: waiting for a message**, since 2026-11-29 12:00:00 UTC.',
    'Agent desk. Turns: 2 ended, 0 waiting.',
    'Used: 0 tokens in, 0 out.',
  ]);
  const busy = {
    ...state,
    runningTurn: 's_1',
    lastTurn: { turnId: 's.0', stopReason: 'end_turn' as const, endedAt: '' },
  };
  expect(sessionText(busy, noon)).toContain(String.raw`**Turn s\_1 runs**`);
  expect(sessionText(busy, noon)).toContain('Last turn: s.0, end\\_turn.');
});

test('what was used is written in words', () => {
  const usage = {
    ...NO_USAGE,
    input_tokens: 1_000,
    cache_read_input_tokens: 4_000,
    cache_creation_input_tokens: 120,
    output_tokens: 310,
  };
  expect(usageText(usage, 0.01234)).toBe(
    '5,120 tokens in (4,000 from the cache), 310 out, $0.0123',
  );
  expect(usageText(NO_USAGE, undefined)).toBe('0 tokens in, 0 out');
  expect(tokensText(usage)).toBe('5,120 in, 310 out');
  expect([0, 0.000_01, 0.5, 1234.567].map(costText)).toEqual([
    '$0.00',
    'under $0.0001',
    '$0.5000',
    '$1234.57',
  ]);
});
