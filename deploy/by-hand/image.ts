import { existsSync } from 'node:fs';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ROOT } from '../compose-file.ts';
import { run } from './process.ts';

/** The version that comes with Node 22, and so with the base image. */
const NPM = ['npx', '--yes', 'npm@10'];

/**
 * Does what the Dockerfile does: copies the build context, without what .dockerignore leaves out, runs
 * `npm ci` and the build, and puts the production modules beside the compiled program. Returns the
 * directory that is /app in the image.
 */
export async function buildImage(work: string, npmCache: string): Promise<string> {
  const build = join(work, 'build');
  const app = join(work, 'app');
  for (const file of await buildContext()) {
    await mkdir(dirname(join(build, file)), { recursive: true });
    await cp(join(ROOT, file), join(build, file));
  }
  const ci = [...NPM, 'ci', '--ignore-scripts', '--cache', npmCache];
  // npm of this machine needs this machine's environment.
  const { env } = process;
  await run('npm ci', ci, { cwd: build, env });
  await run('npm run build', [...NPM, 'run', 'build'], { cwd: build, env });

  await mkdir(app);
  for (const file of ['package.json', 'package-lock.json', '.npmrc']) {
    await cp(join(build, file), join(app, file));
  }
  await run('npm ci --omit=dev', [...ci, '--omit=dev'], { cwd: app, env });
  for (const path of ['dist', 'deploy/worker-health.js']) {
    await cp(join(build, path), join(app, path), { recursive: true });
  }
  return app;
}

/** The files that Docker would send to the build, out of those that git tracks or would add. */
async function buildContext(): Promise<string[]> {
  const command = ['git', 'ls-files', '--cached', '--others', '--exclude-standard'];
  const files = (await run('git', command, { cwd: ROOT, env: process.env }))
    .split('\n')
    .filter((file) => file !== '');
  const rules = await ignoreRules();
  return files.filter((file) => {
    const last = rules.findLast(({ pattern }) => pattern.test(file));
    const isSent = last === undefined || last.isException;
    // Git also lists deleted files until the deletion is committed.
    return isSent && existsSync(join(ROOT, file));
  });
}

interface IgnoreRule {
  pattern: RegExp;
  isException: boolean;
}

/** Supports the parts of .dockerignore that ours uses: names, one star, exceptions. */
async function ignoreRules(): Promise<IgnoreRule[]> {
  const lines = (await readFile(join(ROOT, '.dockerignore'), 'utf8')).split('\n');
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const path = line.replace(/^!/, '').replaceAll('.', '\\.').replaceAll('*', '[^/]*');
      return { pattern: new RegExp(`^${path}(/|$)`), isException: line.startsWith('!') };
    });
}
