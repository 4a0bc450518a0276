import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { directoryStorage } from '../../storage/index.ts';
import { callTools, say } from '../../testing/replies.ts';
import type { Script } from '../../testing/script.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, reader } from '../fixtures/tools.ts';

const newDirectory = () => mkdtempSync(join(tmpdir(), 'plait-storage-'));

/** The model calls `read` three times a round, for so many rounds, and then stops. */
function rounds(count: number): Script {
  const call = callTools([
    ['read', { part: 1 }],
    ['read', { part: 2 }],
    ['read', { part: 3 }],
  ]);
  return ({ round }) => (round < count ? call : say('Read all.'));
}

const pageOf = (bytes: number) =>
  reader('read', ({ part }) => `${String(part)}:${'x'.repeat(bytes)}`, {
    maxResultBytes: 2_000_000,
  });

async function historyBytes(count: number, directory: string): Promise<number> {
  const agent = agentWith([pageOf(4_000)], { rounds: 100 });
  await using plait = await startPlait({
    agents: [agent],
    script: rounds(count),
    storage: directoryStorage(directory),
  });
  const turn = await plait.agents.start(agent, 'read everything');
  const result = await turn.result();
  expect(result).toMatchObject({ stopReason: 'end_turn', rounds: count + 1 });
  expect(result.messages).toHaveLength(2 * count + 2);
  expect(result.calls).toHaveLength(3 * count);
  return (await turn.describe()).historyBytes ?? 0;
}

test('what a round adds to history does not grow with the number of earlier rounds', async () => {
  const directory = newDirectory();
  const [short, middle, long] = [
    await historyBytes(4, directory),
    await historyBytes(10, directory),
    await historyBytes(28, directory),
  ];

  const early = (middle - short) / 6;
  const late = (long - middle) / 18;
  // A naive loop would add each round's 12 KB again with every later round.
  expect(late / early).toBeLessThan(1.3);
  expect(readdirSync(directory).length).toBeGreaterThan(0);
});

test('the model reads the whole conversation, in order, whatever was sealed', async () => {
  const agent = agentWith([pageOf(9_000)], { rounds: 100 });
  await using plait = await startPlait({
    agents: [agent],
    script: rounds(12),
    storage: directoryStorage(newDirectory()),
  });

  const result = await plait.agents.execute(agent, 'read everything');

  const last = plait.model.requests.at(-1)?.body?.messages;
  expect(last).toEqual(result.messages.slice(0, -1));
});

test('results that are large together pass through the storage', async () => {
  const agent = agentWith([pageOf(1_500_000)]);
  await using plait = await startPlait({
    agents: [agent],
    script: rounds(2),
    storage: directoryStorage(newDirectory()),
  });

  const turn = await plait.agents.start(agent, 'read everything');
  const result = await turn.result();

  expect(result.calls.map(({ outcome }) => outcome)).toEqual(
    Array.from({ length: 6 }, () => 'succeeded'),
  );
  expect((await turn.describe()).historyBytes).toBeLessThan(200_000);
});

test('without a storage, results that do not fit together each lose their middle', async () => {
  const agent = agentWith([pageOf(900_000)]);
  await using plait = await startPlait({ agents: [agent], script: rounds(1) });

  const result = await plait.agents.execute(agent, 'read everything');

  expect(result).toMatchObject({ stopReason: 'end_turn', text: 'Read all.' });
  expect(result.calls.map(({ outcome }) => outcome)).toEqual([
    'succeeded',
    'succeeded',
    'succeeded',
  ]);
  expect(JSON.stringify(result.messages).match(/are left out here/g)).toHaveLength(3);
});

test('without a storage, a conversation that outgrows a payload ends validly and names the setting', async () => {
  const agent = agentWith([pageOf(150_000)], { rounds: 100 });
  await using plait = await startPlait({
    agents: [agent],
    script: (request) => (request.userText === 'go on' ? say('I go on.') : rounds(50)(request)),
  });

  const result = await plait.agents.execute(agent, 'read everything');

  expect(result.stopReason).toBe('turn_too_large');
  expect(result.calls.at(-1)?.outcome).not.toBe('succeeded');
  const next = await plait.agents.execute(agent, [
    ...result.messages,
    { role: 'user', content: 'go on' },
  ]);
  expect(next.text).toBe('I go on.');
});

test('without a storage, an input that fills a payload fails the turn before any work', async () => {
  const agent = agentWith([]);
  await using plait = await startPlait({ agents: [agent], script: () => say('Never.') });
  const turn = await plait.agents.start(agent, 'x'.repeat(1_800_000));

  await expect(turn.result()).rejects.toThrow('does not fit into one payload');
  expect(plait.model.requests).toHaveLength(0);
});

test('a batch wider than the server allows at once goes out in waves and succeeds', async () => {
  let running = 0;
  let most = 0;
  const agent = agentWith([
    reader('read', async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running -= 1;
      return 'x';
    }),
  ]);
  const call = callTools(Array.from({ length: 1_200 }, (_, i) => ['read', { i }] as const));
  await using plait = await startPlait({
    agents: [agent],
    script: ({ round }) => (round === 0 ? call : say('Read all.')),
    storage: directoryStorage(newDirectory()),
  });

  const result = await plait.agents.execute(agent, 'read everything');

  expect(result.calls).toHaveLength(1_200);
  expect(result.calls.every(({ outcome }) => outcome === 'succeeded')).toBe(true);
  expect(most).toBeLessThanOrEqual(400);
});

test('calls whose inputs together exceed a workflow task still run', async () => {
  const agent = agentWith([reader('write', ({ text }) => String(text).length)]);
  const call = callTools(
    Array.from({ length: 4 }, (_, i) => ['write', { text: 'y'.repeat(500_000 + i) }] as const),
  );
  await using plait = await startPlait({
    agents: [agent],
    script: ({ round }) => (round === 0 ? call : say('Written.')),
    storage: directoryStorage(newDirectory()),
  });

  const result = await plait.agents.execute(agent, 'write everything');

  expect(result.calls.map(({ outcome }) => outcome)).toEqual(
    Array.from({ length: 4 }, () => 'succeeded'),
  );
});
