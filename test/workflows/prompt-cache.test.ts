import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Message } from '@anthropic-ai/sdk/resources/messages';
import { expect, test } from 'vitest';
import type { AgentOptions, Tool } from '../../index.ts';
import { defineAgent } from '../../index.ts';
import { directoryStorage } from '../../storage/index.ts';
import type { ScriptedCalls } from '../../testing/replies.ts';
import { callTools, say, think, reply } from '../../testing/replies.ts';
import type { Script } from '../../testing/script.ts';
import { startPlait } from '../fixtures/plait.ts';
import { reader } from '../fixtures/tools.ts';

const ROUNDS = 20;
const WIDTH = 12;

const batch: ScriptedCalls = Array.from(
  { length: WIDTH },
  (_, part) => ['read', { part }] as const,
);
const longTurn: Script = ({ round }) =>
  round < ROUNDS ? reply(think('On.'), callTools(batch)) : say('Read all.');

/** The fixture for other tests has no caching. */
const caching = (tools: Tool[], extras: Partial<AgentOptions<unknown>> = {}) =>
  defineAgent({ name: 'tester', model: 'claude-opus-5-5', tools, ...extras });

const read = reader('read', ({ part }) => `${String(part)}: ${'x'.repeat(400)}`);

async function usageOf(
  cache?: { ttl: '5m' | '1h' } | false,
): Promise<Message['usage'] | undefined> {
  const limits = { rounds: 100 };
  const agent = caching([read], { limits, ...(cache === undefined ? {} : { cache }) });
  await using plait = await startPlait({
    agents: [agent],
    script: longTurn,
    storage: directoryStorage(mkdtempSync(join(tmpdir(), 'plait-storage-'))),
  });
  const { usage, rounds } = await plait.agents.execute(agent, 'Read everything.');
  expect(rounds).toBe(ROUNDS + 1);
  return usage as Message['usage'];
}

test('twenty rounds of twelve calls read everything that an earlier request held from the cache', async () => {
  const usage = await usageOf();
  const { input_tokens: input, cache_read_input_tokens: hits = 0 } = usage ?? { input_tokens: 1 };
  const written = usage?.cache_creation_input_tokens ?? 0;

  expect(input).toBe(0);
  // Every token is written once, and read with each of the requests that follow: on average half of them.
  expect((hits ?? 0) / written).toBeGreaterThan(ROUNDS / 2 - 2);
});

test('with caching off nothing is written or read', async () => {
  expect(await usageOf(false)).toMatchObject({
    cache_read_input_tokens: 0,
    cache_creation_input_tokens: 0,
  });
});

test('an agent whose tools may wait for a person keeps its cache for an hour', async () => {
  const agents = [
    caching([reader('read', () => 1, { approval: () => false })]),
    caching([read], { cache: { ttl: '1h' } }),
  ];
  for (const agent of agents) {
    await using plait = await startPlait({ agents: [agent], script: () => say('Hello.') });
    await plait.agents.execute(agent, 'Hello');
    expect(plait.model.requests[0]?.body).toMatchObject({
      cache_control: { type: 'ephemeral', ttl: '1h' },
      system: [{ type: 'text', cache_control: { type: 'ephemeral', ttl: '1h' } }],
    });
  }
});
