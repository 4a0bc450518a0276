import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { CliError, EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import { say } from '../say.ts';

export interface InitOptions {
  /** What the project depends on: a version, or a tarball or folder of Plait. @default this version */
  plait?: string;
}

/** `plait init`: a project with an agent and a test, in a folder that is new or empty. */
export async function initCommand(folder: string, options: InitOptions): Promise<ExitCode> {
  await createProject(resolve(folder), options);
  for (const line of nextSteps(relative(process.cwd(), resolve(folder)))) say(line);
  return EXIT_CODES.ok;
}

/** Throws a `CliError` for a folder that is not empty, and then changes nothing. */
export async function createProject(folder: string, { plait }: InitOptions): Promise<void> {
  await requireEmpty(folder);
  const manifest = createRequire(import.meta.url).resolve('plait/package.json');
  const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
  await mkdir(folder, { recursive: true });
  await cp(join(dirname(manifest), 'templates/agent'), folder, { recursive: true });
  // Named with `_` in the package, where their real names would have an effect.
  for (const name of await readdir(folder)) {
    if (name.startsWith('_')) await rename(join(folder, name), join(folder, nameOf(name)));
  }
  const file = join(folder, 'package.json');
  const project = JSON.parse(await readFile(file, 'utf8')) as Manifest;
  project.name = packageName(basename(folder));
  project.dependencies['plait'] = dependency(plait, version);
  await writeFile(file, `${JSON.stringify(project, undefined, 2)}\n`);
}

interface Manifest {
  name: string;
  dependencies: Record<string, string>;
}

/** npm leaves `.gitignore` out of packages, and Yarn reads a `.yarnrc.yml` in them. */
const HIDDEN = ['_gitignore', '_yarnrc.yml'];

function nameOf(template: string): string {
  const name = template.slice(1);
  return HIDDEN.includes(template) ? `.${name}` : name;
}

async function requireEmpty(folder: string): Promise<void> {
  const found = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw wrong(`${folder} cannot be used: ${error.message}. Choose another folder.`, error);
  });
  if (found.length === 0) return;
  const names = found.slice(0, 3).join(', ') + (found.length > 3 ? ', …' : '');
  throw wrong(
    `${folder} is not empty (${names}), and nothing was changed. Name a new folder: plait init my-agent`,
  );
}

/** A name that npm accepts, made from that of the folder. Pure. */
export function packageName(folder: string): string {
  const name = folder
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replace(/^[._-]+/, '');
  return name.replace(/-+$/, '') || 'my-agent';
}

function dependency(given: string | undefined, version: string): string {
  if (given === undefined) return `^${version}`;
  return existsSync(given) ? `file:${resolve(given)}` : given;
}

function nextSteps(folder: string): string[] {
  return [
    'The project is ready: an agent, a test and a README.md. Next:',
    '',
    ...(folder === '' ? [] : [`  cd ${folder}`]),
    '  npm install',
    '  npm run dev     # your agent with a scripted model, no API key',
    '  npm test        # its test',
    '',
    'While npm run dev runs, in another terminal: npx plait run support "What did customer 7 order?"',
  ];
}

function wrong(message: string, cause?: unknown): CliError {
  return new CliError(EXIT_CODES.wrongInput, message, { cause });
}
