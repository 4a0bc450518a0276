import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, inject, test } from 'vitest';
import { startMessagesServer } from '../testing/messages-server.ts';
import { callTools, say } from '../testing/replies.ts';
import { conversation } from '../testing/script.ts';
import { installPlait } from './fixtures/install-plait.ts';
import { folderInProject, PROJECT } from './fixtures/project-folder.ts';

const execute = promisify(execFile);
const programsOf = (page: string) =>
  [...readFileSync(join(PROJECT, page), 'utf8').matchAll(/```ts\n([\s\S]*?)```/g)].map(
    ([, code]) => code ?? '',
  );
const blocks = ['README.md', 'docs/basics.md'].flatMap(programsOf);

test('every program of the README and of docs/basics.md compiles', async () => {
  const folder = folderInProject('readme');
  expect(blocks.length).toBeGreaterThanOrEqual(5);
  for (const [i, code] of blocks.entries()) writeFileSync(join(folder, `block-${i}.ts`), code);
  const agent =
    "import { defineAgent } from 'plait';\nexport const support = defineAgent({ name: 'support', model: 'claude-opus-5-5' });\n";
  writeFileSync(join(folder, 'agent.ts'), agent);
  const config = {
    extends: '../../tsconfig.json',
    compilerOptions: { rewriteRelativeImportExtensions: false },
    include: ['*.ts'],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));

  await execute(process.execPath, [
    join(PROJECT, 'node_modules/typescript/bin/tsc'),
    '-p',
    folder,
  ]).catch((error: unknown) => {
    throw new Error(String((error as { stdout?: string }).stdout));
  });
});

test('the first program of the README runs as it stands', async () => {
  const folder = mkdtempSync(join(inject('scratch'), 'readme-'));
  installPlait(folder, ['tsx', 'zod']);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  await using model = await startMessagesServer({
    script: conversation('What did customer 1234 order?', [
      callTools({ get_orders: { customer_id: 1234 } }),
      ({ toolResults }) => say(`They ordered ${JSON.stringify(toolResults[0]?.content)}.`),
    ]),
  });
  writeFileSync(join(folder, 'program.ts'), blocks[0] ?? '');

  const { stdout } = await execute(process.execPath, ['--import', 'tsx', 'program.ts'], {
    cwd: folder,
    env: {
      ...process.env,
      TEMPORAL_ADDRESS: inject('temporalAddress'),
      ANTHROPIC_BASE_URL: model.url,
      ANTHROPIC_API_KEY: 'test',
    },
  });

  expect(stdout).toContain('They ordered');
  expect(stdout).toContain('A-17');
});
