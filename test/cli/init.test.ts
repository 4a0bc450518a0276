import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { createProject, packageName } from '../../cli/commands/init.ts';

const execute = promisify(execFile);
const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));

/** A folder inside this project, so that a project in it finds zod and tsx. */
function emptyFolder(): string {
  mkdirSync(join(root, '.plait'), { recursive: true });
  const folder = mkdtempSync(join(root, '.plait', 'init-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('a new project compiles, and its test passes', async () => {
  const folder = emptyFolder();
  await createProject(folder, { plait: root });

  const files = await readdir(folder);
  expect(files.toSorted()).toEqual([
    '.gitignore',
    'README.md',
    'agent.test.ts',
    'agent.ts',
    'package.json',
    'pnpm-workspace.yaml',
    'tsconfig.json',
  ]);
  const project = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as unknown;
  expect(project).toMatchObject({
    name: basename(folder).toLowerCase(),
    dependencies: { plait: `file:${root}` },
  });

  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules/plait'), 'junction');
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  // Plait's own sources, which are compiled with it here, need the strict options.
  const strict = ['--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess'];
  const fromSource = ['--customConditions', 'plait-source', ...strict];
  await execute(process.execPath, [tsc, '-p', folder, ...fromSource]).catch((error: unknown) => {
    throw new Error(String((error as { stdout?: string }).stdout));
  });
  const { stdout } = await execute(
    process.execPath,
    ['--import', 'tsx', '--conditions=plait-source', '--test', 'agent.test.ts'],
    { cwd: folder },
  );
  expect(stdout).toMatch(/pass 1\b/);
});

test('a folder that is not empty is left as it is', async () => {
  const folder = emptyFolder();
  writeFileSync(join(folder, 'notes.txt'), 'mine');
  await expect(createProject(folder, {})).rejects.toThrow(
    `${folder} is not empty (notes.txt), and nothing was changed. Name a new folder: plait init my-agent`,
  );
  expect(await readdir(folder)).toEqual(['notes.txt']);
});

test.each([
  ['my-agent', 'my-agent'],
  ['My Agent', 'my-agent'],
  ['.hidden', 'hidden'],
  ['日本', 'my-agent'],
])('the package in folder %s is named %s', (folder, name) => {
  expect(packageName(folder)).toBe(name);
});
