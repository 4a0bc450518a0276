import { execFile } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { createProject, packageName } from '../../cli/commands/init.ts';
import { folderInProject, PROJECT } from '../fixtures/project-folder.ts';

const execute = promisify(execFile);

test('a new project compiles, and its test passes', async () => {
  const folder = folderInProject('init');
  await createProject(folder, { plait: PROJECT });

  const files = await readdir(folder);
  expect(files.toSorted()).toEqual([
    '.gitignore',
    '.yarnrc.yml',
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
    dependencies: { plait: `file:${PROJECT}` },
  });

  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(PROJECT, join(folder, 'node_modules/plait'), 'junction');
  const tsc = join(PROJECT, 'node_modules/typescript/bin/tsc');
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
  const folder = folderInProject('init');
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
