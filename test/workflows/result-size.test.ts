import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MessageCreateParams } from '@anthropic-ai/sdk/resources/messages';
import { expect, test } from 'vitest';
import type { TurnResult } from '../../core/turn/result.ts';
import { directoryStorage } from '../../storage/index.ts';
import { callTools, say } from '../../testing/replies.ts';
import type { ScriptRequest } from '../../testing/messages/request.ts';
import type { Script } from '../../testing/script.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, reader } from '../fixtures/tools.ts';

const newStorage = () => directoryStorage(mkdtempSync(join(tmpdir(), 'plait-storage-')));

/** Every line is another one, some with letters of several bytes. */
const lines = (count: number) =>
  Array.from({ length: count }, (_, i) => `line ${i}: naïve 🙂`).join('\n');

/** What the model read for this call. */
function readBy(result: TurnResult, id: string): string {
  for (const { content } of result.messages) {
    if (typeof content === 'string') continue;
    for (const block of content) {
      if (block.type === 'tool_result' && block.tool_use_id === id) return textOf(block.content);
    }
  }
  throw new Error(`no result for ${id}`);
}

function textOf(content: unknown): string {
  return typeof content === 'string' ? content : JSON.stringify(content);
}

const body = (page: string) => page.slice(page.indexOf('\n') + 1);
const NOTICE =
  /\[… ([\d,]+) of ([\d,]+) bytes are left out here\. Read them with read_result (\{.*\}); they end at offset (\d+)\. …\]/;

/** The model calls `read`, then reads pages until the end, so many in each reply. */
function readingOn({ pages = 1, limit = 20_000, pause = 0 } = {}): Script {
  return ({ round, toolResults }) => {
    if (round === 0) return callTools([['read', {}, 'toolu_long']]);
    // Rounds in between, in which other things happen.
    if (round <= pause) return callTools([['note', { round }]]);
    const reading = round - 1 - pause;
    if (toolResults.some(({ content }) => /This is the end\.\]/.test(textOf(content)))) {
      return say('Read all.');
    }
    return callTools(
      Array.from({ length: pages }, (_, i) => {
        const offset = (reading * pages + i) * limit;
        return [
          'read_result',
          { id: 'toolu_long', offset, limit },
          `toolu_page_${reading * pages + i}`,
        ] as const;
      }),
    );
  };
}

function joinedPages(result: TurnResult): string {
  return result.calls
    .filter(({ name }) => name === 'read_result')
    .map(({ id }) => readBy(result, id))
    .filter((page) => !page.startsWith('[Nothing is at offset'))
    .map(body)
    .join('');
}

test('a long result keeps its beginning and its end, with the sizes, up to the default limit', async () => {
  const whole = lines(12_000);
  const agent = agentWith([
    reader('long', () => whole),
    reader('short', () => 'y'.repeat(99_999)),
    reader('low', () => whole, { maxResultBytes: 2_000 }),
    reader('high', () => whole, { maxResultBytes: 1_000_000 }),
  ]);
  await using plait = await startPlait({
    agents: [agent],
    script: ({ round }) =>
      round === 0
        ? callTools(
            ['long', 'short', 'low', 'high'].map((name) => [name, {}, `toolu_${name}`] as const),
          )
        : say('Read.'),
  });

  const result = await plait.agents.execute(agent, 'go');

  const bytes = Buffer.byteLength(whole).toLocaleString('en-US');
  const long = readBy(result, 'toolu_long');
  expect(Buffer.byteLength(long)).toBeGreaterThan(95_000);
  expect(Buffer.byteLength(long)).toBeLessThan(100_500);
  expect(long.startsWith('line 0: naïve 🙂\nline 1:')).toBe(true);
  expect(long.endsWith('\nline 11999: naïve 🙂')).toBe(true);
  expect(long).toMatch(
    new RegExp(
      `\n\\[… [\\d,]+ of ${bytes} bytes are left out here\\. The result is above the limit of this tool\\. Ask for less, or in parts\\. …\\]\n`,
    ),
  );
  const low = readBy(result, 'toolu_low');
  expect(Buffer.byteLength(low)).toBeLessThan(2_300);
  expect(low).toContain(`of ${bytes} bytes are left out here.`);
  expect(readBy(result, 'toolu_short')).toHaveLength(99_999);
  expect(readBy(result, 'toolu_high')).toBe(whole);
  // Nobody could read on, so nothing is offered for it.
  const names = plait.model.requests[0]?.body?.tools?.map((tool) =>
    'name' in tool ? tool.name : '',
  );
  expect(names).toEqual(['long', 'short', 'low', 'high']);
  expect(JSON.stringify(result.messages)).not.toContain('read_result');
});

test.for([
  ['page by page', {}],
  ['several pages at once', { pages: 4 }],
  ['in a later round', { pages: 3, pause: 2 }],
  ['in the largest pages', { pages: 2, limit: 30_000 }],
] as const)('with a storage, the model reads the rest, %s', async ([, reading]) => {
  const whole = lines(8_000);
  const agent = agentWith([reader('read', () => whole), reader('note', () => 'noted')]);
  await using plait = await startPlait({
    agents: [agent],
    script: readingOn(reading),
    storage: newStorage(),
  });

  const result = await plait.agents.execute(agent, 'go');

  expect(result).toMatchObject({ stopReason: 'end_turn', text: 'Read all.' });
  expect(result.calls.every(({ outcome }) => outcome === 'succeeded')).toBe(true);
  const [, , total, input = '', end] = NOTICE.exec(readBy(result, 'toolu_long')) ?? [];
  expect(total).toBe(Buffer.byteLength(whole).toLocaleString('en-US'));
  expect(JSON.parse(input)).toEqual({ id: 'toolu_long', offset: expect.any(Number) as number });
  expect(Number(end)).toBeLessThan(whole.length);
  expect(joinedPages(result)).toBe(whole);
  // The prefix of every request is the same, the tools in it too.
  const prefixes = plait.model.requests.map(({ body: sent }) => prefixOf(sent));
  expect(new Set(prefixes.map((prefix) => JSON.stringify(prefix))).size).toBe(1);
  expect(prefixes[0]?.tools).toEqual(['read', 'note', 'read_result']);
});

function prefixOf(sent: MessageCreateParams | undefined) {
  const { messages: _, tools = [], ...rest } = sent ?? { messages: [] };
  return { ...rest, tools: tools.map((tool) => ('name' in tool ? tool.name : '')) };
}

const page = (i: number) =>
  ['read_result', { id: 'toolu_long', offset: (i % 8) * 30_000, limit: 30_000 }] as const;

test('a page is never cut or kept again, however many are read at once', async () => {
  // Three bytes for every character, and a batch so wide that a result may have 80 KB in history.
  const whole = '€'.repeat(250_000);
  const agent = agentWith([reader('read', () => whole)]);
  await using plait = await startPlait({
    agents: [agent],
    script: ({ round }) => {
      if (round === 0) return callTools([['read', {}, 'toolu_long']]);
      if (round > 1) return say('Read.');
      return callTools(Array.from({ length: 250 }, (_, i) => page(i)));
    },
    storage: newStorage(),
  });

  const result = await plait.agents.execute(agent, 'go');

  const pages = result.calls.slice(1);
  expect(pages.filter(({ outcome }) => outcome !== 'succeeded')).toEqual([]);
  for (const { id } of pages) {
    expect(readBy(result, id)).not.toContain('Read them with read_result');
    expect(readBy(result, id)).toContain('Ask for less, or in parts.');
  }
});

test('an id without a kept result is answered with what to do', async () => {
  const agent = agentWith([reader('read', () => 'short'), reader('long', () => lines(9_000))]);
  await using plait = await startPlait({
    agents: [agent],
    script: ({ round }) => {
      if (round === 0)
        return callTools([
          ['read', {}, 'toolu_short'],
          ['long', {}, 'toolu_long'],
        ]);
      if (round > 1) return say('Read.');
      return callTools([
        ['read_result', { id: 'toolu_nothing' }],
        ['read_result', { id: 'toolu_short' }],
        ['read_result', { id: 'toolu_long', offset: 10_000_000 }],
        ['read_result', { offset: 1 }],
      ]);
    },
    storage: newStorage(),
  });

  const { calls, messages } = await plait.agents.execute(agent, 'go');

  expect(calls.slice(2)).toMatchObject([
    {
      outcome: 'failed',
      attempts: 1,
      message: expect.stringMatching(
        /No kept result has the id "toolu_nothing".*the id in the notice/,
      ) as string,
    },
    { outcome: 'failed', attempts: 1 },
    { outcome: 'succeeded' },
    {
      outcome: 'failed',
      attempts: 0,
      message: expect.stringContaining("required property 'id'") as string,
    },
  ]);
  expect(JSON.stringify(messages)).toContain('Nothing is at offset 10000000');
});

test('a tool of the agent that is named read_result does not change, and no notice promises another one', async () => {
  const own = reader('read_result', ({ of }) => `own result of ${String(of)}`);
  const agent = agentWith([reader('read', () => lines(9_000)), own]);
  await using plait = await startPlait({
    agents: [agent],
    script: ({ round }) => {
      if (round === 0) return callTools([['read', {}, 'toolu_long']]);
      return round === 1
        ? callTools([['read_result', { id: 'toolu_long', of: 7 }, 'toolu_own']])
        : say('Read.');
    },
    storage: newStorage(),
  });

  const result = await plait.agents.execute(agent, 'go');

  expect(readBy(result, 'toolu_own')).toBe('own result of 7');
  expect(readBy(result, 'toolu_long')).toContain(
    'bytes are left out here. The result is above the limit of this tool. Ask for less, or in parts.',
  );
  expect(readBy(result, 'toolu_long')).not.toContain('read_result');
  expect(plait.model.requests[0]?.body?.tools).toHaveLength(2);
});

test('without a storage, wide results of JSON each lose their middle, and none is lost', async () => {
  const rows = Array.from({ length: 900 }, (_, i) => ({
    id: i,
    name: 'a "quoted" name\n',
    tags: ['x', 'y'],
  }));
  const agent = agentWith([reader('rows', () => rows)]);
  const calls = callTools(Array.from({ length: 40 }, (_, i) => ['rows', { i }] as const));
  await using plait = await startPlait({
    agents: [agent],
    script: ({ round }) => (round === 0 ? calls : say('Read.')),
  });

  const result = await plait.agents.execute(agent, 'go');

  expect(result.stopReason).toBe('end_turn');
  expect(result.calls.filter(({ outcome }) => outcome !== 'succeeded')).toEqual([]);
});

const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';
const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PIXEL } };
const note = {
  type: 'document',
  source: { type: 'text', media_type: 'text/plain', data: 'A note.' },
  title: 'Note',
};
const found = (text: string) => ({
  type: 'search_result',
  source: 'https://example.com/a',
  title: 'A page',
  content: [{ type: 'text', text }],
  citations: { enabled: true },
});

test.for(['with', 'without'])(
  'images, documents and search results reach the model unchanged, %s a storage',
  async (kind) => {
    const mixed = [{ type: 'text', text: 'A picture:' }, image, note];
    const results = [found('What it says.'), found('More.')];
    const long = [{ type: 'text', text: lines(9_000) }, image];
    const tools = [
      reader('look', () => mixed),
      reader('search', () => results),
      reader('scan', () => long),
    ];
    const agent = agentWith(tools);
    await using plait = await startPlait({
      agents: [agent],
      script: ({ round }: ScriptRequest) =>
        round === 0 ? callTools({ look: {}, search: {}, scan: {} }) : say('Seen.'),
      ...(kind === 'with' ? { storage: newStorage() } : {}),
    });

    const result = await plait.agents.execute(agent, 'go');

    expect(result).toMatchObject({ stopReason: 'end_turn', text: 'Seen.' });
    expect(result.messages[2]).toMatchObject({
      content: [
        { content: mixed },
        { content: results },
        {
          content: [
            { type: 'text', text: expect.stringContaining('are left out here') as string },
            image,
          ],
        },
      ],
    });
  },
);
