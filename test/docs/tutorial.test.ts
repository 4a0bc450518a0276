import { execFile } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import type { Agent } from 'plait';
import { AgentClient } from 'plait/client';
import type { TurnHandle } from 'plait/client';
import { directoryStorage } from 'plait/storage';
import type { Script } from 'plait/testing';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test, vi } from 'vitest';
import { withDefaults } from '../../client/connection-options.ts';
import { createProject } from '../../cli/commands/init.ts';
import { scriptedModel } from '../../testing/scripted-model.ts';
import { installPlait } from '../fixtures/install-plait.ts';
import { startPlait } from '../fixtures/plait.ts';
import { newFolderInProject, PROJECT } from '../fixtures/project-folder.ts';

const execute = promisify(execFile);

const PAGES = [
  '1-tools',
  '2-approval',
  '3-session',
  '4-tests',
  '5-storage',
  '6-deployment',
] as const;
type Page = (typeof PAGES)[number];

const textOf = (page: Page) => readFileSync(join(PROJECT, `docs/tutorial/${page}.md`), 'utf8');

/** The project as it is after each page, in a folder of this name; `template` is what `plait init` writes. */
let tutorial: string;

beforeAll(async () => {
  tutorial = newFolderInProject('tutorial');
  const files = new Map<string, string>();
  await createProject(join(tutorial, 'template'), { plait: PROJECT });
  const manifest = readFileSync(join(tutorial, 'template/package.json'), 'utf8');
  files.set('package.json', manifest);
  for (const page of PAGES) {
    const shown = textOf(page).matchAll(/^\*\*`(\S+)`\*\*\n\n```\w+\n([\s\S]*?)^```/gm);
    for (const [, file = '', content = ''] of shown) files.set(file, content);
    mkdirSync(join(tutorial, page));
    for (const [file, content] of files) writeFileSync(join(tutorial, page, file), content);
  }
});

afterAll(() => rmSync(tutorial, { recursive: true }));

test('the files of every page compile under the settings that plait init writes', async () => {
  mkdirSync(join(tutorial, 'node_modules'));
  symlinkSync(PROJECT, join(tutorial, 'node_modules/plait'), 'junction');
  const config = { extends: './template/tsconfig.json', include: ['*/*.ts'] };
  writeFileSync(join(tutorial, 'tsconfig.json'), JSON.stringify(config));
  // Plait's own sources, which are compiled with it here, need the strict options.
  const strict = ['--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess'];
  const options = ['-p', tutorial, '--customConditions', 'plait-source', ...strict];
  const tsc = join(PROJECT, 'node_modules/typescript/bin/tsc');
  await execute(process.execPath, [tsc, ...options]).catch((error: unknown) => {
    throw new Error(String((error as { stdout?: string }).stdout));
  });
});

async function supportOf(page: Page | 'template'): Promise<Agent> {
  const path = join(tutorial, page, 'agent.ts');
  return ((await import(path)) as { support: Agent }).support;
}

/** A worker with the agent and the script of a page. */
async function startPage(
  page: Page,
  options: { storage?: ReturnType<typeof directoryStorage> } = {},
) {
  const { default: script } = (await import(join(tutorial, page, 'script.ts'))) as {
    default: Script;
  };
  const support = await supportOf(page);
  const plait = await startPlait({ agents: [support], script, ...options });
  onTestFinished(() => plait.close());
  return { ...plait, support };
}

/** The id of the call that waits for a person. */
async function waitingCall(turn: TurnHandle): Promise<string> {
  for await (const { rounds } of turn.watch()) {
    const call = rounds.flatMap(({ calls }) => calls).find(({ state }) => state === 'waiting');
    if (call !== undefined) return call.id;
  }
  throw new Error(`No call of ${turn.turnId} waits.`);
}

describe('what a page says that the agent answers', () => {
  test('is what the project of plait init answers without a script', async () => {
    const support = await supportOf('template');
    const plait = await startPlait({ agents: [support], script: scriptedModel });
    onTestFinished(() => plait.close());

    const { text } = await plait.agents.execute(support, 'What did customer 7 order?');
    expect(textOf('1-tools')).toContain(`\n${text}\n`);
  });

  test('is the answer after two of three calls have failed', async () => {
    const { agents, support } = await startPage('1-tools');
    const [, question = ''] = /^npx plait run support "(Where.*)"$/m.exec(textOf('1-tools')) ?? [];

    const { text } = await agents.execute(support, question);
    expect(textOf('1-tools')).toContain(`\n${text}\n`);
  });

  test('is the answer after an edited approval, and after a denial', async () => {
    const page = textOf('2-approval');
    const { agents, support } = await startPage('2-approval');
    const [, question = ''] = /^npx plait run support "(.*)" --turn-id refund-1$/m.exec(page) ?? [];
    const [, input = ''] = /^npx plait approve refund-1 --input '(.*)' --reason/m.exec(page) ?? [];
    const [, reason = ''] = /^npx plait deny refund-2 --reason "(.*)"$/m.exec(page) ?? [];

    const edited = await agents.start(support, question);
    const by = 'ada';
    await edited.approve(await waitingCall(edited), { by, input: JSON.parse(input) as unknown });
    expect(page).toContain(`\n${(await edited.result()).text}\n`);

    const denied = await agents.start(support, question);
    await denied.deny(await waitingCall(denied), { by, reason });
    expect(page).toContain(`\n${(await denied.result()).text}\n`);
  });
});

/** A command of a page, and the JSON that the page shows as its answer. */
interface Step {
  command: string;
  shown?: unknown;
}

/** The commands that reach the server, and the approvals between them. */
function stepsOf(page: Page): Step[] {
  const steps: Step[] = [];
  for (const [, language, block = ''] of textOf(page).matchAll(/^```(\w*)\n([\s\S]*?)^```/gm)) {
    const last = steps.at(-1);
    if (language === 'sh') {
      const commands = block.split('\n').filter((line) => /^(curl|npx plait approve) /.test(line));
      steps.push(...commands.map((command) => ({ command })));
    } else if (language === 'json' && last !== undefined) last.shown = JSON.parse(block);
  }
  return steps;
}

/** The help desk of a page, which takes the page's commands. */
async function helpDesk(page: Page, agents: AgentClient) {
  const { createHelpDesk } = (await import(join(tutorial, page, 'server.ts'))) as {
    createHelpDesk: (agents: AgentClient) => Server;
  };
  const server = createHelpDesk(agents).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return async (command: string): Promise<unknown> => {
    const [, turnId] = /^npx plait approve (\S+)$/.exec(command) ?? [];
    if (turnId !== undefined) {
      const turn = agents.getTurn(turnId);
      return await turn.approve(await waitingCall(turn), { by: 'ada' });
    }
    const [, path = '', key = '', body, file] =
      /^curl http:\/\/localhost:3000(\S+)(?: -H 'idempotency-key: (\w+)' (?:-d '(.*)'|--data-binary @(\S+)))?$/.exec(
        command,
      ) ?? [];
    const sent = file === undefined ? body : readFileSync(join(tutorial, file), 'utf8');
    const post = { method: 'POST', headers: { 'idempotency-key': key }, body: sent ?? '' };
    const request = sent === undefined ? {} : post;
    return await (await fetch(`http://127.0.0.1:${port}${path}`, request)).json();
  };
}

/** Ids for this run alone, on a server that other tests use too. */
const RUN = randomUUID();
const ownIds = (text: string) => text.replaceAll(/\b(ada|bob|eve)\b/g, `$1-${RUN}`);
const withOwnIds = (value: unknown) => JSON.parse(ownIds(JSON.stringify(value))) as unknown;

describe('what a page says that the server answers', () => {
  test.each(['3-session', '6-deployment'] as const)('is what it answers: %s', async (page) => {
    const { agents } = await startPage(page);
    const run = await helpDesk(page, agents);
    const steps = stepsOf(page);
    expect(steps.filter(({ shown }) => shown !== undefined).length).toBeGreaterThan(1);
    for (const { command, shown } of steps) {
      const answer = await run(ownIds(command));
      if (shown !== undefined) expect(answer, command).toEqual(withOwnIds(shown));
    }
  });

  test('is an error without the storage of the workers, and the answer with it', async () => {
    const page = textOf('5-storage');
    const storage = directoryStorage(join(tutorial, 'data'));
    const { agents, taskQueue } = await startPage('5-storage', { storage });
    const connection = await Connection.connect(
      withDefaults({ address: inject('temporalAddress') }),
    );
    onTestFinished(() => connection.close());
    const without = new AgentClient({ client: new Client({ connection }), taskQueue });
    const [, story = ''] = /^(.*> story\.txt)$/m.exec(page) ?? [];
    await execute('sh', ['-c', story], { cwd: tutorial });
    const errors = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    onTestFinished(() => errors.mockRestore());

    const [before, after, ...others] = stepsOf('5-storage');
    expect(others).toEqual([]);
    const failed = await (await helpDesk('5-storage', without))(ownIds(before?.command ?? ''));
    expect(failed).toEqual(before?.shown);
    expect(page).toContain(`\n${String(errors.mock.calls[0]?.[0])}\n`);

    const answer = await (await helpDesk('5-storage', agents))(ownIds(after?.command ?? ''));
    expect(answer).toEqual(withOwnIds(after?.shown));
  });
});

/** A folder with Plait as JavaScript, as it is installed, and with the project after a page in `<page>/`. */
function installed(...pages: (Page | 'template')[]): string {
  const folder = mkdtempSync(join(inject('scratch'), 'tutorial-'));
  for (const page of pages) cpSync(join(tutorial, page), join(folder, page), { recursive: true });
  installPlait(folder, ['tsx', 'vitest', 'zod']);
  return folder;
}

/** Without the variables by which Vitest and `node:test` know a process that they have started. */
function readersEnvironment(): NodeJS.ProcessEnv {
  const own = /^(VITEST|NODE_TEST|NODE_OPTIONS|TEST$|MODE$|DEV$|PROD$|SSR$|BASE_URL$|NODE_ENV)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)));
}

test('the tests of plait init and of the page about tests pass under node:test', async () => {
  const cwd = installed('template', '4-tests');
  // Not by `--test`, which starts a process for each file.
  const both =
    "await import('./template/agent.test.ts');\nawait import('./4-tests/agent.test.ts');\n";
  writeFileSync(join(cwd, 'both.mjs'), both);
  const options = ['--import', 'tsx', 'both.mjs'];
  const { stdout } = await execute(process.execPath, options, { cwd, env: readersEnvironment() });

  expect(stdout).toMatch(/pass 5\b/);
  for (const [, title = ''] of textOf('4-tests').matchAll(/^# Subtest: (.*)$/gm)) {
    expect(stdout).toContain(title);
  }
});

test('the tests of the page about tests pass under Vitest with its own time limits', async () => {
  const cwd = join(installed('4-tests'), '4-tests');
  const [, first = ''] = /^(import .* from 'vitest';)$/m.exec(textOf('4-tests')) ?? [];
  const file = join(cwd, 'agent.test.ts');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^.*\n/, `${first}\n`));
  const vitest = join(PROJECT, 'node_modules/vitest/vitest.mjs');
  // On a very busy machine, the first turn alone may take longer than a test may.
  const run = execute(process.execPath, [vitest, 'run', '--retry=3'], {
    cwd,
    env: readersEnvironment(),
  });
  const { stdout } = await run.catch((error: unknown) => {
    throw new Error(String((error as { stdout?: string }).stdout));
  });

  expect(stdout).toMatch(/Tests .*4 passed/);
});
