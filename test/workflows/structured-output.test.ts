import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { InvalidOutputError } from '../../client/index.ts';
import { defineAgent } from '../../index.ts';
import { directoryStorage } from '../../storage/index.ts';
import type { TestEnvironmentOptions } from '../../testing/environment.ts';
import { expectTurn } from '../../testing/expect-turn.ts';
import type { MessageReply } from '../../testing/messages/reply.ts';
import { callTools, refuse, reply, say, stopWith, think } from '../../testing/replies.ts';
import type { Script } from '../../testing/script.ts';
import { startPlait } from '../fixtures/plait.ts';
import { reader } from '../fixtures/tools.ts';

const look = reader('look', () => 'three stars');
const review = z.object({
  stars: z.number().min(1).max(5),
  on: z.iso.date().transform((day) => new Date(day)),
  words: z
    .array(z.string())
    .refine((words) => new Set(words).size === words.length, 'must be different'),
});
const options = {
  name: 'reviewer',
  model: 'claude-opus-5-5',
  tools: [look],
  output: review,
} as const;
const reviewer = defineAgent(options);

const json = (value: unknown) => say(JSON.stringify(value));
const good = { stars: 3, on: '2026-11-22', words: ['quick', 'cheap'] };
const twice = { ...good, words: ['quick', 'quick'] };

/** One reply for each request of the turn, however the conversation looks by then. */
function inTurn(...replies: readonly MessageReply[]): Script {
  return ({ body, userText }) =>
    userText === 'go on'
      ? json(good)
      : replies[body.messages.filter(({ role }) => role === 'assistant').length];
}

async function startReviewer(script: Script, extra: Partial<TestEnvironmentOptions> = {}) {
  return await startPlait({ agents: [reviewer], script, ...extra });
}

describe("an answer with the agent's schema", () => {
  test.for(['with', 'without'] as const)(
    'is requested with every request, and read with its type, %s a storage',
    async (kind) => {
      const storage = directoryStorage(mkdtempSync(join(tmpdir(), 'plait-storage-')));
      await using plait = await startReviewer(
        inTurn(callTools({ look: {} }), reply(think('Three.'), json(good))),
        kind === 'with' ? { storage } : {},
      );

      const turn = await plait.agents.start(reviewer, 'go');
      const result = await turn.result();

      expectTurn(result).ended('end_turn').answeredEveryCall();
      expect(result.output).toEqual({ ...good, on: new Date('2026-11-22') });
      expectTypeOf(result.output).toEqualTypeOf<z.output<typeof review> | undefined>();
      const formats = plait.model.requests.map(({ body }) => body?.output_config?.format);
      expect(formats).toHaveLength(2);
      expect(formats[1]).toEqual(formats[0]);
      expect(formats[0]).toMatchObject({
        type: 'json_schema',
        schema: {
          additionalProperties: false,
          required: ['stars', 'on', 'words'],
          properties: { stars: { type: 'number', description: '{minimum: 1, maximum: 5}' } },
        },
      });
      // A client that knows only the id reads what the model wrote, unless it has the agent.
      expect((await plait.agents.getTurn(turn.turnId).result()).output).toEqual(good);
      const again = await plait.agents.getTurn(turn.turnId, { agent: reviewer }).result();
      expect(again.output?.on.getUTCFullYear()).toBe(2026);
    },
  );

  test.for([
    ['JSON', say('Three stars.'), /not valid JSON/],
    ['of the right shape', json({ stars: 3 }), /words/],
    ['what JSON Schema can say', json({ ...good, stars: 9 }), /stars/],
    ['what only a refinement can say', json(twice), /must be different/],
    ['whole', stopWith('max_tokens', say('{"stars": 3, "wor')), /not valid JSON/],
  ] as const)('that is not %s is requested again', async ([, wrong, problem]) => {
    await using plait = await startReviewer(inTurn(wrong, json(good)));

    const result = await plait.agents.execute(reviewer, 'go');

    expectTurn(result).ended('end_turn');
    expect(result).toMatchObject({ rounds: 2, output: { words: good.words } });
    const [, , repair] = result.messages;
    expect(repair?.role).toBe('user');
    expect(repair?.content).toMatch(problem);
  });

  test('is requested again twice, and then the turn ends validly', async () => {
    await using plait = await startReviewer(inTurn(json(twice), json(twice), json(twice)));

    const result = await plait.agents.execute(reviewer, 'go');

    expect(result).toMatchObject({ stopReason: 'invalid_output', rounds: 3 });
    expect(result.stopDetails).toMatch(
      /does not match the output schema, asked 3 times: .*must be different/s,
    );
    expect(result).not.toHaveProperty('output');
    const next = await plait.agents.execute(reviewer, [
      ...result.messages,
      { role: 'user', content: 'go on' },
    ]);
    expect(next.output?.stars).toBe(3);
  });

  test('is requested again as often as the agent says', async () => {
    const strict = defineAgent({ ...options, outputRepairs: 0 });
    await using plait = await startPlait({ agents: [strict], script: inTurn(json({})) });

    const result = await plait.agents.execute(strict, 'go');

    expect(result).toMatchObject({ stopReason: 'invalid_output', rounds: 1 });
    expect(result.stopDetails).toMatch(/^The reply does not match the output schema: /);
  });

  test('is requested again within the limit of rounds', async () => {
    const short = defineAgent({ ...options, limits: { rounds: 2 } });
    await using plait = await startPlait({
      agents: [short],
      script: inTurn(callTools({ look: {} }), json({})),
    });

    const result = await plait.agents.execute(short, 'go');

    expect(result).toMatchObject({ stopReason: 'max_rounds', rounds: 2 });
    expect(result).not.toHaveProperty('output');
  });

  test('may still call tools while it is repaired', async () => {
    await using plait = await startReviewer(
      inTurn(json(twice), callTools({ look: {} }), json(good)),
    );

    const result = await plait.agents.execute(reviewer, 'go');

    expectTurn(result).ended('end_turn').called('look').answeredEveryCall();
    expect(result.output?.stars).toBe(3);
  });

  test('is not requested again after a refusal', async () => {
    await using plait = await startReviewer(inTurn(refuse()));

    const result = await plait.agents.execute(reviewer, 'go');

    expect(result).toMatchObject({ stopReason: 'refusal', rounds: 1 });
    expect(result).not.toHaveProperty('output');
  });

  test('that is cut off repeatedly ends the turn as cut off', async () => {
    const cut = stopWith('max_tokens', say('{"stars": '));
    await using plait = await startReviewer(inTurn(cut, cut, cut));

    const result = await plait.agents.execute(reviewer, 'go');

    expect(result).toMatchObject({ stopReason: 'max_tokens', rounds: 3 });
  });

  test('is not requested again if the reply has calls that were cut off, or ends in thinking', async () => {
    const calls = stopWith('max_tokens', reply(say('{'), callTools({ look: {} })));
    const thinking = stopWith('max_tokens', think('Hm.'));
    for (const cut of [calls, thinking]) {
      await using plait = await startReviewer(inTurn(cut));
      const result = await plait.agents.execute(reviewer, 'go');
      expect(result).toMatchObject({ stopReason: 'max_tokens', rounds: 1 });
    }
  });

  const silent: MessageReply = { ...say('Nothing.'), content: [] };

  test.for<[what: string, replies: MessageReply[], roles: string]>([
    ['without a word', [silent, silent, json(good)], 'user user user assistant'],
    ['with thinking alone', [think('Three.'), json(good)], 'user user assistant'],
    [
      'without a word behind the results of its calls',
      [callTools({ look: {} }), silent, json(good)],
      'user assistant user user assistant',
    ],
    [
      'without a word behind an answer that did not match',
      [json({}), silent, json(good)],
      'user assistant user user assistant',
    ],
  ])('is requested again if the model ends %s', async ([, replies, roles]) => {
    let asked = 0;
    await using plait = await startReviewer(({ userText }) => {
      if (userText === 'go on') return json(good);
      asked += 1;
      return replies[asked - 1];
    });

    const result = await plait.agents.execute(reviewer, 'go');

    expect(result).toMatchObject({ stopReason: 'end_turn', output: { stars: 3 } });
    expect(result.messages.map(({ role }) => role).join(' ')).toBe(roles);
    expect(plait.model.requests.map(({ status }) => status)).toEqual(replies.map(() => 200));
    const next = [...result.messages, { role: 'user' as const, content: 'go on' }];
    expect(await plait.agents.execute(reviewer, next)).toMatchObject({ output: { stars: 3 } });
  });

  test('that never comes ends the turn after as many questions as the agent allows', async () => {
    await using plait = await startReviewer(() => silent);

    const result = await plait.agents.execute(reviewer, 'go');

    expect(result).toMatchObject({
      stopReason: 'invalid_output',
      stopDetails: 'The reply does not match the output schema, asked 3 times: It is empty.',
      rounds: 3,
    });
  });

  test('may be the last word of a turn that has reached a limit', async () => {
    const short = defineAgent({ ...options, limits: { rounds: 1 }, onLimit: 'lastWord' });
    await using plait = await startPlait({
      agents: [short],
      script: inTurn(callTools({ look: {} }), json(good)),
    });

    const result = await plait.agents.execute(short, 'go');

    expect(result).toMatchObject({ stopReason: 'max_rounds', output: { stars: 3 } });
  });
});

describe("an answer with the run's schema", () => {
  const plain = defineAgent({ name: 'plain', model: 'claude-opus-5-5', tools: [look] });
  const verdict = z.object({ ok: z.boolean(), why: z.string().max(10).default('') });

  test('is checked, repaired and read with its type', async () => {
    const wrong = json({ ok: true, why: 'because of something long' });
    await using plait = await startPlait({
      agents: [plain],
      script: inTurn(wrong, json({ ok: true })),
    });

    const result = await plait.agents.execute(plain, 'go', { output: verdict });

    expect(result).toMatchObject({ stopReason: 'end_turn', rounds: 2 });
    expect(result.output).toEqual({ ok: true, why: '' });
    expectTypeOf(result.output).toEqualTypeOf<{ ok: boolean; why: string } | undefined>();
    expect(result.messages[2]?.content).toMatch('output/why must NOT have more than 10 characters');
  });

  test("replaces the agent's", async () => {
    await using plait = await startReviewer(inTurn(json({ ok: false })));

    const result = await plait.agents.execute(reviewer, 'go', { output: verdict });

    expectTypeOf(result.output).toEqualTypeOf<{ ok: boolean; why: string } | undefined>();
    expect(result.output).toEqual({ ok: false, why: '' });
  });

  test('may be a JSON Schema, for an agent that is known by its name', async () => {
    await using plait = await startPlait({ agents: [plain], script: inTurn(json({ ok: true })) });
    const output = { type: 'object', properties: { ok: { type: 'boolean' } } } as const;

    const result = await plait.agents.execute('plain', 'go', { output });

    expectTypeOf(result.output).toEqualTypeOf<unknown>();
    expect(result.output).toEqual({ ok: true });
  });

  test('that a refinement rejects is an error for those who read it', async () => {
    await using plait = await startPlait({
      agents: [plain],
      script: inTurn(json({ ok: false })),
    });
    const output = z.object({ ok: z.boolean().refine((ok) => ok, 'must be ok') });
    const turn = await plait.agents.start(plain, 'go', { output });

    const error: unknown = await turn.result().catch((reason: unknown) => reason);

    expect(error).toBeInstanceOf(InvalidOutputError);
    expect(error).toMatchObject({
      turnId: turn.turnId,
      problem: expect.stringContaining('must be ok') as string,
      result: { stopReason: 'end_turn', output: { ok: false } },
    });
  });

  test('that the API would reject fails the turn before any request', async () => {
    await using plait = await startPlait({ agents: [plain], script: inTurn() });
    const output = z.record(z.string(), z.number());

    await expect(plait.agents.execute(plain, 'go', { output })).rejects.toMatchObject({
      type: 'plait.InvalidTurn',
      message: expect.stringContaining('allows properties that it does not name') as string,
    });
    await expect(
      plait.agents.start(plain, 'go', { output: z.object({ on: z.date() }) }),
    ).rejects.toThrow('output has no JSON Schema');
    expect(plait.model.requests).toEqual([]);
  });
});
