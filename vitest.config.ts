import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import type { TestSpecification } from 'vitest/node';
import { BaseSequencer } from 'vitest/node';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Files that take long, and small ones that wait for killed workers and servers or run thousands of calls. */
const LONG =
  /chaos|(examples|lost-workers|session-faults|session-under-fire|[\w-]+-kills|continue-as-new|storage.turns|drivers|limits|transcript|random-[\w-]+|planted-key)\.test/;

const isLong = ({ moduleId }: TestSpecification) => LONG.test(moduleId);

/** How many other files come after each long one. */
const BETWEEN = 3;

/**
 * Long files early, so that the run does not end with one that runs alone. Most of them wait, so others run
 * between them: with only long ones, the processors would be idle.
 */
class LongFilesEarly extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // The default order: the largest first, or those that took longest the last time.
    // oxlint-disable-next-line unicorn/no-array-sort -- not that of an array
    const sorted = await super.sort(files);
    const others = sorted.filter((file) => !isLong(file));
    const early = sorted.filter(isLong).flatMap((file) => [file, ...others.splice(0, BETWEEN)]);
    return [...early, ...others];
  }
}

/** What needs no server: decisions and declarations. `npm run check` runs these alone. */
const PURE = [
  'test/{core,agents,bench,testing/example}/**/*.test.ts',
  'test/{links,surface,functions,testing/recent-lines,deploy/{kubernetes,observability}}.test.ts',
  'test/mcp/{call-failure,declaration,http,mcp-handler,result,trace-context,turn-text}.test.ts',
  'test/telemetry/{open-telemetry,find-content}.test.ts',
  'test/{cli/{eval-rows,listings-text},testing/{trajectory,evals/{define-eval,judge,report}}}.test.ts',
  'test/web/{ag-ui,body,chat-handler,draft,event-stream,output,route,ui-messages}.test.ts',
  'test/docs/{browser,github-actions,mcp,temporal-cloud}.test.ts',
];

export default defineConfig({
  resolve: {
    // The package imports itself by name, from source.
    alias: [
      { find: /^plait$/, replacement: at('./index.ts') },
      { find: /^plait\/(.+)$/, replacement: at('./$1/index.ts') },
    ],
  },
  test: {
    // Threads share one native runtime of the Temporal SDK, which aborts when one of them ends.
    pool: 'forks',
    // Loading the SDK for every file took longer than most files. So a file must restore what it changes for
    // all, such as the environment and spies.
    isolate: false,
    // Garbage is collected less often than by default, and by one thread: with all processors busy, helpers
    // only add to the work.
    execArgv: ['--max-semi-space-size=64', '--single-threaded-gc'],
    // What a file becomes as JavaScript is kept from run to run, by its content.
    experimental: { fsModuleCache: true },
    // Most tests mostly wait, so two cores can run more than two.
    maxWorkers: 5,
    sequence: { sequencer: LongFilesEarly },
    // Generous, for busy or slow machines. No test waits so long if all goes well.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 120_000 } },
    projects: [
      {
        extends: true,
        // Some of them wait.
        test: { name: 'pure', include: PURE, maxWorkers: 2, sequence: { groupOrder: 0 } },
      },
      {
        extends: true,
        test: {
          name: 'server',
          // Projects of different sizes cannot share one.
          sequence: { groupOrder: 1 },
          include: ['test/**/*.test.ts'],
          exclude: PURE,
          globalSetup: ['test/fixtures/global-setup.ts'],
          setupFiles: ['test/fixtures/set-up.ts'],
        },
      },
    ],
    coverage: {
      provider: 'v8',
      include: ['core/**'],
      exclude: ['test/**'],
      reporter: [['text', { skipFull: true }]],
      // Only the pure part is measured: it is small and must be complete, and v8 cannot see what runs in the
      // sandbox.
      thresholds: { 'core/**': { 100: true } },
    },
  },
});
