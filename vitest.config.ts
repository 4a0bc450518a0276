import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    // The package imports itself by name, from source.
    alias: [
      { find: /^plait$/, replacement: at('./index.ts') },
      { find: /^plait\/(.+)$/, replacement: at('./$1/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    // Threads share one native runtime of the Temporal SDK, which aborts when one of them ends.
    pool: 'forks',
    isolate: false,
    maxWorkers: 3,
    globalSetup: ['test/fixtures/global-setup.ts'],
    // Patience, for machines that are busy or slow. No test waits so long where all goes well.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000 } },
    coverage: {
      provider: 'v8',
      include: ['core/**'],
      exclude: ['test/**'],
      reporter: ['text'],
      // The pure part is small and total. What runs in the sandbox cannot be seen by v8.
      thresholds: { 'core/**': { 100: true } },
    },
  },
});
