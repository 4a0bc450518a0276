import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, inject, it } from 'vitest';
import { EXAMPLE, plait } from './plait-process.ts';

const EVALS = join(inject('compiled'), 'test/docs/refunds.eval.js');

const MODULES = {
  'throws.mjs': "throw new RangeError('boom');",
  'empty.mjs': 'export const one = 1, two = 2;',
  'missing.mjs': "import './not-there.mjs';",
  'declares.mjs': `import { defineTool } from ${JSON.stringify(pathToFileURL(join(inject('compiled'), 'index.js')).href)};
defineTool({ name: 'a b', description: '', run: () => 1 });`,
};
let cwd: string;

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'plait-cli-'));
  for (const [name, code] of Object.entries(MODULES)) await writeFile(join(cwd, name), code);
});

afterAll(() => rm(cwd, { recursive: true }));

const nobody = { TEMPORAL_ADDRESS: '127.0.0.1:1' };

interface Case {
  args: string[];
  code: number;
  says: RegExp;
  env?: Record<string, string>;
}

const cases: Case[] = [
  { args: ['rn'], code: 2, says: /unknown command 'rn' \(Did you mean run\?\)/ },
  { args: ['run', 'a'], code: 2, says: /missing required argument 'text'/ },
  { args: ['run', 'a', 'b', '--context', '{'], code: 2, says: /It must be JSON/ },
  { args: ['run', 'a', 'b', '--timeout', 'soon'], code: 2, says: /such as 30s or 2m/ },
  { args: ['init'], code: 2, says: /is not empty \(.*\), and nothing was changed/ },
  { args: ['dev', 'throws.mjs', '--model', 'no.ts'], code: 2, says: /cannot be loaded/ },
  { args: ['dev', EXAMPLE, '--model', 'no.ts'], code: 2, says: /no\.ts does not exist/ },
  { args: ['dev', EXAMPLE, '--model', 'empty.mjs'], code: 2, says: /does not export a script/ },
  { args: ['dev', 'no.ts'], code: 2, says: /no\.ts does not exist/ },
  { args: ['dev', '.'], code: 2, says: /is not a file/ },
  { args: ['dev', 'no-such-package'], code: 2, says: /No file and no installed package is named/ },
  {
    args: ['dev', 'throws.mjs'],
    code: 2,
    says: /cannot be loaded: RangeError: boom \(at .*:1:7\)/,
  },
  {
    args: ['dev', 'declares.mjs'],
    code: 2,
    says: /: defineTool\("a b"\): 1\. name must be .* got "a b" 2\. description .* 3\. inputSchema/,
  },
  { args: ['worker', 'missing.mjs'], code: 2, says: /cannot be loaded: .*not-there\.mjs/ },
  {
    args: ['worker', EXAMPLE, '--max-concurrent-model-calls', '5'],
    code: 2,
    says: /maxConcurrentModelCalls: no agent has a `modelTaskQueue`/,
  },
  {
    args: ['worker', EXAMPLE, '--max-concurrent-model-calls', '1.5'],
    code: 2,
    says: /--max-concurrent-model-calls <number>' argument '1.5' is invalid. It must be a whole number of at least 1/,
  },
  {
    args: ['worker', EXAMPLE, '--max-model-calls-per-second', 'five'],
    code: 2,
    says: /argument 'five' is invalid. It must be a number above 0/,
  },
  {
    args: ['worker', 'empty.mjs'],
    code: 2,
    says: /does not export an agent; it exports one, two/,
  },
  { args: ['dev', EXAMPLE, '--port', '99999'], code: 2, says: /from 1 to 65535/ },
  { args: ['dev', EXAMPLE, '--db', 'x'], code: 2, says: /--db would have no effect/, env: nobody },
  {
    args: ['run', 'a', 'b', '--storage', 'mysql://x'],
    code: 2,
    says: /begins with mysql:, which is not a kind of storage/,
  },
  {
    args: ['approvals'],
    code: 2,
    says: /unknown parameter regoin/,
    env: { PLAIT_STORAGE: 's3://bucket?regoin=x' },
  },
  {
    args: ['worker', EXAMPLE, '--stream-transport', 'nats://bus'],
    code: 2,
    says: /stream transport names no known kind\. Give redis:/,
  },
  {
    args: ['worker', EXAMPLE],
    code: 2,
    says: /served at an IP address and a port, such as 0\.0\.0\.0:9464; got "localhost:9464"/,
    env: { PLAIT_METRICS: 'localhost:9464' },
  },
  { args: ['storage', 'gc'], code: 2, says: /Name it with --storage or PLAIT_STORAGE/ },
  {
    args: ['storage', 'gc', '--storage', 'postgres://127.0.0.1:1/x'],
    code: 9,
    says: /The storage postgres:.* cannot be used: .*ECONNREFUSED.*PGPASSWORD/,
  },
  { args: ['eval', EXAMPLE], code: 2, says: /does not export an eval; it exports customerLookup/ },
  { args: ['eval', EVALS, '--live'], code: 2, says: /"refunds" is to ask Claude, and .* Set ANTH/ },
  {
    args: ['eval', EVALS, '--filter', 'invoice'],
    code: 2,
    says: /No case has "invoice" in its name\. The cases are: "refunds the last order, after/,
  },
  {
    args: ['eval', EVALS, '--temporal', '127.0.0.1:1'],
    code: 4,
    says: /No Temporal server answers at 127\.0\.0\.1:1/,
  },
  { args: ['demo', '--live'], code: 2, says: /set ANTHROPIC_API_KEY/ },
  { args: ['run', 'a', 'b'], code: 4, says: /No Temporal server answers at 127/, env: nobody },
  { args: ['storage', 'gc', '--older-than', '2h'], code: 2, says: /at least 1 d, .*; got 2 h/ },
  { args: ['chat'], code: 2, says: /Name an agent \(plait chat <agent>\) or an existing session/ },
  { args: ['chat', 'a', '--demo'], code: 2, says: /--demo brings its own agent/ },
  { args: ['chat', 'a', '--model', 'scripted'], code: 2, says: /--model is for --dev <module>/ },
  { args: ['chat', 'a', '--history', '-1'], code: 2, says: /a whole number of at least 0/ },
  { args: ['chat', 'a', '--dev', EXAMPLE], code: 2, says: /has no agent a\. Name one of: custom/ },
  { args: ['chat', 'a'], code: 4, says: /No Temporal server answers at 127/, env: nobody },
  { args: ['worker', EXAMPLE], code: 4, says: /plait dev <module>/, env: nobody },
];

describe.concurrent('wrong input', () => {
  it.for(cases)(
    'is reported in one line: plait $args',
    async ({ args, code, says, env }, { expect }) => {
      const ended = await plait(args, { cwd, ...(env === undefined ? {} : { env }) });
      expect(ended.stderr).toMatch(says);
      expect(ended.stderr).toMatch(/^plait: .*\n$/);
      expect(ended.code).toBe(code);
    },
  );

  it('names a missing namespace', async ({ expect }) => {
    const env = { TEMPORAL_ADDRESS: inject('temporalAddress'), TEMPORAL_NAMESPACE: 'nowhere' };
    const { code, stderr } = await plait(['worker', EXAMPLE], { env });
    expect(stderr).toContain('has no namespace nowhere. Set TEMPORAL_NAMESPACE');
    expect(code).toBe(4);
  });

  it('is printed with a stack trace when PLAIT_DEBUG=1', async ({ expect }) => {
    const { stderr } = await plait(['dev', 'throws.mjs'], { cwd, env: { PLAIT_DEBUG: '1' } });
    expect(stderr).toMatch(/\n\s+at /);
  });

  it('without a command prints the help, with the exit codes', async ({ expect }) => {
    const { code, stderr } = await plait([]);
    expect(stderr).toContain('Exit codes:\n  0 ');
    expect(code).toBe(2);
  });
});
