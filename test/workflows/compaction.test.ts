import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StorageDriver } from '@temporalio/common';
import { describe, expect, test } from 'vitest';
import type { Message } from '../../core/conversation/messages.ts';
import { directoryStorage } from '../../storage/index.ts';
import { answerProblems } from '../../testing/observed-turn.ts';
import type { TestEnvironment } from '../../testing/environment.ts';
import { callTools, compact, reply, say, stopWith, think } from '../../testing/replies.ts';
import { conversation, script } from '../../testing/script.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, reader } from '../fixtures/tools.ts';

const newId = () => `session-${randomUUID()}`;
/** The first place has so much to see that its result becomes a segment of its own. */
const look = reader(
  'look',
  ({ at }) => `At ${String(at)}: ${'much to see. '.repeat(at === 1 ? 2_400 : 400)}`,
);
const compacting = (extras: Parameters<typeof agentWith>[1] = {}) =>
  // Without breakpoints the requests are the conversation.
  agentWith([look], { compaction: {}, ...extras });

const FIRST = 'One place was seen. The second is being looked at.';
const SECOND = 'Three places were seen, and the user was told.';

/** Two turns; the API compacts between the rounds of the first and before the answer of the second. */
const journey = script(
  conversation('Look around', [
    reply(think('Hm.'), callTools([['look', { at: 1 }]])),
    reply(
      compact(FIRST),
      think('I go on.'),
      callTools([
        ['look', { at: 2 }],
        ['look', { at: 3 }],
      ]),
    ),
  ]),
  conversation(FIRST, [say('I have seen three places.')]),
  conversation('And now?', [reply(compact(SECOND), say('Now I rest.'))]),
  conversation('Still there?', [callTools([['look', { at: 4 }]]), say('Still there.')]),
);

const storages: [string, () => { storage?: StorageDriver }][] = [
  ['without a storage', () => ({})],
  ['with a storage', () => ({ storage: directoryStorage(mkdtempSync(join(tmpdir(), 'plait-'))) })],
];

const sent = (plait: TestEnvironment) => plait.model.requests.map(({ body }) => body?.messages);
const typesOf = ({ content }: Message) =>
  typeof content === 'string' ? ['text'] : content.map(({ type }) => type as string);

describe('a conversation that the API compacts', () => {
  test.each(storages)(
    'goes on from the summary, and keeps the replaced messages in its transcript, %s',
    async (_, storage) => {
      const agent = compacting();
      await using plait = await startPlait({ agents: [agent], script: journey, ...storage() });
      const session = plait.agents.openSession(agent, newId());

      const first = await (await session.send('Look around')).result();
      const second = await (await session.send('And now?')).result();
      const third = await (await session.send('Still there?')).result();

      expect(first).toMatchObject({ text: 'I have seen three places.', stopReason: 'end_turn' });
      expect(first.rounds).toBe(3);
      expect(answerProblems(first)).toEqual([]);
      expect(second.text).toBe('Now I rest.');
      expect(third.text).toBe('Still there.');
      expect(plait.model.requests.map(({ error }) => error)).toEqual(
        plait.model.requests.map(() => undefined),
      );

      // What was replaced is not sent again, and can be read for ever.
      const { messages, total } = await session.transcript();
      expect(total).toBe(12);
      expect(messages.map(typesOf)).toEqual([
        ['text'],
        ['thinking', 'tool_use'],
        ['tool_result'],
        ['compaction', 'thinking', 'tool_use', 'tool_use'],
        ['tool_result', 'tool_result'],
        ['text'],
        ['text'],
        ['compaction', 'text'],
        ['text'],
        ['tool_use'],
        ['tool_result'],
        ['text'],
      ]);
      expect(sent(plait)).toEqual([
        messages.slice(0, 1),
        messages.slice(0, 3),
        messages.slice(3, 5),
        messages.slice(3, 7),
        messages.slice(7, 9),
        messages.slice(7, 11),
      ]);
    },
  );

  test('counts the tokens of the compaction', async () => {
    const agent = compacting();
    await using plait = await startPlait({ agents: [agent], script: journey });
    const { usage } = await plait.agents.execute(agent, 'Look around');
    const plain = agentWith([look]);
    await using other = await startPlait({
      agents: [plain],
      script: conversation('Look around', [
        callTools([['look', { at: 1 }]]),
        callTools([
          ['look', { at: 2 }],
          ['look', { at: 3 }],
        ]),
        say('I have seen three places.'),
      ]),
    });
    const full = await other.agents.execute(plain, 'Look around');

    // The first result was read for the summary, and then never again.
    const read = JSON.stringify(full.messages[2]).length / 4;
    expect(usage.input_tokens).toBeGreaterThan(read);
    expect(full.usage.input_tokens - usage.input_tokens).toBeGreaterThan(read / 2);
    expect(usage.output_tokens).toBeGreaterThan(full.usage.output_tokens + FIRST.length / 4 - 1);
  });

  test('is not read back if a summary has replaced it', async () => {
    const agent = compacting();
    const directory = mkdtempSync(join(tmpdir(), 'plait-'));
    const sessionId = newId();
    const taskQueue = `test-${sessionId}`;
    const options = { agents: [agent], script: journey, taskQueue };
    {
      await using plait = await startPlait({
        ...options,
        storage: directoryStorage(directory),
        // Nothing is kept for this worker when it has gone.
        maxCachedWorkflows: 0,
      });
      const session = plait.agents.openSession(agent, sessionId);
      await (await session.send('Look around')).result();
    }
    // Another worker, which remembers nothing.
    const read: string[] = [];
    const storage = directoryStorage(directory);
    const reading: StorageDriver = {
      name: storage.name,
      type: storage.type,
      store: (context, payloads) => storage.store(context, payloads),
      retrieve: async (context, claims) => {
        const payloads = await storage.retrieve(context, claims);
        read.push(...payloads.map(({ data }) => Buffer.from(data ?? []).toString()));
        return payloads;
      },
    };
    await using plait = await startPlait({ ...options, storage: reading });
    const session = plait.agents.openSession(agent, sessionId);
    const turn = await (await session.send('And now?')).result();

    expect(turn.text).toBe('Now I rest.');
    expect(read.some((text) => text.includes('At 2:'))).toBe(true);
    expect(read.some((text) => text.includes('At 1:'))).toBe(false);
    expect(JSON.stringify((await session.transcript()).messages)).toContain('At 1:');
  });

  test('can be the beginning of another session', async () => {
    const agent = compacting();
    await using plait = await startPlait({ agents: [agent], script: journey });
    const past = await plait.agents.execute(agent, 'Look around');
    const fork = await plait.agents.startSession(agent, { messages: past.messages });
    const turn = await (await fork.send('And now?')).result();

    expect(turn.text).toBe('Now I rest.');
    expect(sent(plait).at(-1)?.map(typesOf)).toEqual([
      ['compaction', 'tool_use', 'tool_use'],
      ['tool_result', 'tool_result'],
      ['text'],
      ['text'],
    ]);
    expect((await fork.transcript()).total).toBe(past.messages.length + 2);
  });

  test('goes on after a pause, and after a compaction that failed', async () => {
    const agent = compacting();
    await using plait = await startPlait({
      agents: [agent],
      script: script(
        conversation('Look around', [
          reply(compact(null), callTools([['look', { at: 1 }]])),
          stopWith('compaction', compact(FIRST)),
        ]),
        conversation(FIRST, [callTools([['look', { at: 2 }]]), say('Two places.')]),
      ),
    });

    const result = await plait.agents.execute(agent, 'Look around');

    expect(result).toMatchObject({ text: 'Two places.', stopReason: 'end_turn', rounds: 4 });
    expect(answerProblems(result)).toEqual([]);
    expect(sent(plait)).toEqual([
      result.messages.slice(0, 1),
      result.messages.slice(0, 3),
      result.messages.slice(3, 4),
      result.messages.slice(3, 6),
    ]);
  });

  test('is not compacted forever', async () => {
    const agent = compacting({ rounds: 3 });
    await using plait = await startPlait({
      agents: [agent],
      script: () => stopWith('compaction', compact('Still nothing.')),
    });

    expect(await plait.agents.execute(agent, 'Look around')).toMatchObject({
      stopReason: 'max_rounds',
      rounds: 3,
    });
  });

  test('is compacted when and how the agent says', async () => {
    const agent = compacting({
      compaction: { triggerTokens: 60_000, instructions: 'Keep every place.' },
    });
    await using plait = await startPlait({
      agents: [agent],
      script: conversation('Hello', [say('Hello.')]),
    });
    await plait.agents.execute(agent, 'Hello');

    const [request] = plait.model.requests;
    expect(request?.headers['anthropic-beta']).toBe('compact-2026-01-12');
    expect(request?.body).toMatchObject({
      context_management: {
        edits: [
          {
            type: 'compact_20260112',
            trigger: { type: 'input_tokens', value: 60_000 },
            instructions: 'Keep every place.',
          },
        ],
      },
    });
    expect(request?.body).not.toHaveProperty('betas');
  });
});

describe('an agent without compaction', () => {
  const plain = agentWith([look]);

  test('does not request it', async () => {
    await using plait = await startPlait({
      agents: [plain],
      script: conversation('Hello', [say('Hello.')]),
    });
    await plait.agents.execute(plain, 'Hello');

    const [request] = plait.model.requests;
    expect(request?.headers['anthropic-beta']).toBeUndefined();
    expect(request?.body).not.toHaveProperty('context_management');
  });

  test('rejects a compacted conversation before it asks the model', async () => {
    await using plait = await startPlait({ agents: [plain], script: journey });
    const summary = { type: 'compaction', content: FIRST, encrypted_content: null };
    const messages = [
      { role: 'assistant', content: [summary] },
      { role: 'user', content: 'Still there?' },
    ] as unknown as Message[];

    await expect(plait.agents.execute(plain, messages)).rejects.toThrow(
      'The conversation has a compaction block, and agent "tester" has no compaction.',
    );
    expect(plait.model.requests).toEqual([]);
  });
});
