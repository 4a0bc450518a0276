import { readFile } from 'node:fs/promises';
import type { CreateWorkerOptions } from 'plait/worker';

/** Claude through a gateway, with a key from a file that is replaced when the key is rotated. */
export const anthropic: CreateWorkerOptions['anthropic'] = {
  baseURL: 'https://gateway.example.com',
  apiKey: async () => (await readFile('/run/secrets/anthropic', 'utf8')).trim(),
  defaultHeaders: { 'x-team': 'research' },
};
