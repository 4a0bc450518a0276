import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, inject, it } from 'vitest';
import { EXAMPLE, plait } from './plait-process.ts';

const MODULES = {
  'throws.mjs': "throw new RangeError('boom');",
  'empty.mjs': 'export const one = 1, two = 2;',
  'missing.mjs': "import './not-there.mjs';",
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
  { args: ['run', 'a', 'b', '--context', '{'], code: 2, says: /It is no JSON/ },
  { args: ['run', 'a', 'b', '--timeout', 'soon'], code: 2, says: /like 30s or 2m/ },
  { args: ['dev', 'no.ts'], code: 2, says: /There is no file .*no\.ts/ },
  { args: ['dev', 'no-such-package'], code: 2, says: /neither a file nor an installed package/ },
  {
    args: ['dev', 'throws.mjs'],
    code: 2,
    says: /cannot be loaded: RangeError: boom \(at .*:1:7\)/,
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
    says: /--max-concurrent-model-calls <number>' argument '1.5' is invalid. It must be a whole number from 1/,
  },
  {
    args: ['worker', EXAMPLE, '--max-model-calls-per-second', 'five'],
    code: 2,
    says: /argument 'five' is invalid. It must be a number above 0/,
  },
  { args: ['worker', 'empty.mjs'], code: 2, says: /no agent \(it exports: one, two\)/ },
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
  { args: ['storage', 'gc'], code: 2, says: /Name it with --storage or PLAIT_STORAGE/ },
  {
    args: ['storage', 'gc', '--storage', 'postgres://127.0.0.1:1/x'],
    code: 9,
    says: /The storage postgres:.* cannot be used: .*ECONNREFUSED.*PGPASSWORD/,
  },
  { args: ['demo', '--live'], code: 2, says: /set ANTHROPIC_API_KEY/ },
  { args: ['run', 'a', 'b'], code: 4, says: /No Temporal server answers at 127/, env: nobody },
  { args: ['chat'], code: 2, says: /Say with whom: plait chat <agent>, or --session/ },
  { args: ['chat', 'a', '--demo'], code: 2, says: /--demo brings its own agent/ },
  { args: ['chat', 'a', '--history', '-1'], code: 2, says: /It must be a number from 0 on/ },
  { args: ['chat', 'a', '--dev', EXAMPLE], code: 2, says: /has no agent a\. Name one of: custom/ },
  { args: ['chat', 'a'], code: 4, says: /No Temporal server answers at 127/, env: nobody },
  { args: ['worker', EXAMPLE], code: 4, says: /plait dev <module>/, env: nobody },
];

describe.concurrent('wrong input', () => {
  it.for(cases)(
    'is told in one line: plait $args',
    async ({ args, code, says, env }, { expect }) => {
      const ended = await plait(args, { cwd, ...(env === undefined ? {} : { env }) });
      expect(ended.stderr).toMatch(says);
      expect(ended.stderr).toMatch(/^plait: .*\n$/);
      expect(ended.code).toBe(code);
    },
  );

  it('names a namespace that is missing', async ({ expect }) => {
    const env = { TEMPORAL_ADDRESS: inject('temporalAddress'), TEMPORAL_NAMESPACE: 'nowhere' };
    const { code, stderr } = await plait(['worker', EXAMPLE], { env });
    expect(stderr).toContain('has no namespace nowhere. Set TEMPORAL_NAMESPACE');
    expect(code).toBe(4);
  });

  it('has a stack trace only for those who ask for it', async ({ expect }) => {
    const { stderr } = await plait(['dev', 'throws.mjs'], { cwd, env: { PLAIT_DEBUG: '1' } });
    expect(stderr).toMatch(/\n\s+at /);
  });

  it('is nothing at all: then there is help, with the exit codes', async ({ expect }) => {
    const { code, stderr } = await plait([]);
    expect(stderr).toContain('Exit codes:\n  0 ');
    expect(code).toBe(2);
  });
});
