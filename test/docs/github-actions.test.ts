import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { defaultCacheDir } from '../../testing/temporal-binary.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

interface Step {
  uses?: string;
  with?: Record<string, string>;
  run?: string;
}
interface Workflow {
  jobs: { test: { steps: Step[] } };
}

const [, yaml = ''] = /```yaml\n([^]*?)```/.exec(read('docs/github-actions.md')) ?? [];
const { steps } = (parse(yaml) as Workflow).jobs.test;

test('the workflow of docs/github-actions.md runs scripts that `plait init` writes', () => {
  const { scripts } = JSON.parse(read('templates/agent/_package.json')) as { scripts: object };
  const commands = steps.flatMap(({ run }) => run ?? []);
  expect(commands[0]).toBe('npm ci');
  for (const command of commands.slice(1)) {
    expect(scripts).toHaveProperty(command.replace(/^npm (run )?/, ''));
  }
});

test('the workflow of docs/github-actions.md caches where Plait keeps the Temporal CLI', () => {
  const cache = steps.find(({ uses }) => uses?.startsWith('actions/cache@'));
  expect(cache?.with?.['path']).toBe(defaultCacheDir({}, 'linux', '~'));
});

test('the workflow of docs/github-actions.md has no secrets, and the actions of our own', () => {
  expect(yaml).not.toContain('secrets.');
  const ours = read('.github/workflows/ci.yml');
  for (const { uses = '' } of steps) {
    if (/checkout|setup-node/.test(uses)) expect(ours).toContain(uses);
  }
});
