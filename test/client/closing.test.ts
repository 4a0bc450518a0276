import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { AgentClient, TemporalUnavailableError } from '../../client/index.ts';

const NOWHERE = '127.0.0.1:1';

test('a request that waits for its retry ends with the client, and nothing is thrown that nobody catches', async () => {
  vi.stubEnv('TEMPORAL_ADDRESS', NOWHERE);
  const agents = new AgentClient();
  vi.unstubAllEnvs();
  const ends: unknown[] = [];
  const asked = agents
    .getTurn('nobody')
    .describe()
    .catch((error: unknown) => ends.push(error));
  // Long enough for the first attempts: at any time one is to come.
  await sleep(500);
  expect(ends).toEqual([]);
  await agents.close();
  await asked;

  expect(ends).toEqual([expect.any(TemporalUnavailableError)]);
});
