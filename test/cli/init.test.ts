import { writeFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { createProject, packageName } from '../../cli/commands/init.ts';
import { folderInProject, PROJECT } from '../fixtures/project-folder.ts';

// That it compiles and that its test passes is seen where the tutorial begins: test/docs/tutorial.test.ts.
test('a new project has an agent, a test and a package that depends on Plait', async () => {
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
});

test('a folder that is not empty stays unchanged', async () => {
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
