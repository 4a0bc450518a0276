import { access, chmod, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { temporalDownloads } from './temporal-download.ts';
import type { TemporalDownload } from './temporal-download.ts';
import { inspectTemporal } from './temporal-version.ts';

/** A Temporal CLI that runs on this machine and includes a recent enough server. */
export interface TemporalBinary {
  /** Absolute path. */
  readonly path: string;
  readonly source: 'PATH' | 'cache' | 'download' | 'pip';
  /** The CLI's own version, for example `1.9.1`. */
  readonly version: string;
}

export interface FindTemporalBinaryOptions {
  /** Where a downloaded CLI is kept. @default `defaultCacheDir()` */
  readonly cacheDir?: string;
  /** Called with a sentence when something is skipped or takes long. @default silent */
  readonly onProgress?: (message: string) => void;
  /** Its PATH is searched, and commands run with it. @default `process.env` */
  readonly env?: NodeJS.ProcessEnv;
  /** How to download one when this machine has none. @default by the Temporal SDK, then by pip */
  readonly downloads?: readonly TemporalDownload[];
}

/** Another process may still be using a download directory that is younger than this. */
const STALE_DOWNLOAD_MS = 3_600_000;

const FILE_NAME = process.platform === 'win32' ? 'temporal.exe' : 'temporal';

/**
 * Finds a Temporal CLI: on PATH, then in Plait's cache. If there is none, downloads it into the cache once
 * (about 50 MB). Several processes may do this at the same time.
 *
 * @throws when every way failed; the message lists each with its reason
 */
export async function findTemporalBinary(
  options: FindTemporalBinaryOptions = {},
): Promise<TemporalBinary> {
  const env = options.env ?? process.env;
  const cacheDir = options.cacheDir ?? defaultCacheDir(env);
  const cached = join(cacheDir, FILE_NAME);
  const problems: string[] = [];
  const skip = (problem: string): void => {
    problems.push(problem);
    options.onProgress?.(`Skipped: ${problem}`);
  };

  const onPath = await filesOnPath(env);
  if (onPath.length === 0) problems.push('PATH: it has no `temporal`');
  for (const path of onPath) {
    const found = await inspectTemporal(path, env);
    if (found.type === 'usable') return { path, source: 'PATH', version: found.version };
    skip(`PATH: ${path} ${found.problem}`);
  }

  if (await exists(cached)) {
    const found = await inspectTemporal(cached, env);
    if (found.type === 'usable') return { path: cached, source: 'cache', version: found.version };
    skip(`cache: ${cached} ${found.problem}`);
  } else {
    problems.push(`cache: ${cached} does not exist`);
  }

  for (const download of options.downloads ?? temporalDownloads) {
    options.onProgress?.(`Getting the Temporal CLI ${download.how}; this happens once.`);
    try {
      const version = await installInto(cached, cacheDir, download, env);
      return { path: cached, source: download.source, version };
    } catch (error) {
      skip(`${download.how}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(
    [
      'No Temporal CLI was found on this machine, and none could be downloaded:',
      ...problems.map((problem) => `  - ${problem}`),
      'Install the CLI (https://docs.temporal.io/cli) so that `temporal` is on PATH, or set TEMPORAL_ADDRESS to the host and port of a Temporal server that is already running.',
    ].join('\n'),
  );
}

/** Plait's directory in the user's cache directory. */
export function defaultCacheDir(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
  home: string = homedir(),
): string {
  switch (platform) {
    case 'win32':
      return join(env['LOCALAPPDATA'] || join(home, 'AppData', 'Local'), 'plait');
    case 'darwin':
      return join(home, 'Library', 'Caches', 'plait');
    default: {
      // The XDG specification says to ignore relative paths.
      const xdg = env['XDG_CACHE_HOME'];
      return join(xdg !== undefined && isAbsolute(xdg) ? xdg : join(home, '.cache'), 'plait');
    }
  }
}

/** Every `temporal` on PATH: after a version manager's shim that fails, there may be a good one. */
async function filesOnPath(env: NodeJS.ProcessEnv): Promise<string[]> {
  const directories = (env['PATH'] ?? env['Path'] ?? '').split(delimiter);
  const candidates = new Set(directories.filter(isAbsolute).map((dir) => join(dir, FILE_NAME)));
  const found: string[] = [];
  for (const path of candidates) if (await exists(path)) found.push(path);
  return found;
}

/**
 * Downloads into a directory beside the target and renames the file, so that nobody ever sees half of it.
 * When several processes do so, one of their files stays.
 */
async function installInto(
  target: string,
  cacheDir: string,
  download: TemporalDownload,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  await mkdir(cacheDir, { recursive: true });
  await removeStaleDownloads(cacheDir);
  const workDir = await mkdtemp(join(cacheDir, 'download-'));
  try {
    const fetched = await download.fetch(workDir, env);
    await chmod(fetched, 0o755);
    const found = await inspectTemporal(fetched, env);
    if (found.type === 'unusable') throw new Error(`the downloaded file ${found.problem}`);
    try {
      await rename(fetched, target);
      return found.version;
    } catch (error) {
      // Windows cannot replace a running program. Another process was first then; use its file.
      const winner = await inspectTemporal(target, env);
      if (winner.type === 'unusable') throw error;
      return winner.version;
    }
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

async function removeStaleDownloads(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    if (!name.startsWith('download-')) continue;
    const path = join(cacheDir, name);
    const age = await stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (age > STALE_DOWNLOAD_MS) await rm(path, { recursive: true, force: true });
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
