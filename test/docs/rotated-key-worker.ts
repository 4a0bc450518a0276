import { readFile } from 'node:fs/promises';
import { createWorker } from 'plait/worker';
import { researcher } from './researcher.ts';

/** Claude by a gateway, with a key from a file that something else replaces. */
export const createGatewayWorker = () =>
  createWorker({
    agents: [researcher],
    anthropic: {
      baseURL: 'https://gateway.example.com',
      apiKey: async () => (await readFile('/run/secrets/anthropic', 'utf8')).trim(),
      defaultHeaders: { 'x-team': 'research' },
    },
  });
