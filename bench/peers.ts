import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import type { Contender } from './contender.ts';
import type { Model } from './model.ts';

/** What people would use instead. The packages are installed in bench/peers, and are not dependencies of Plait. */
export interface Peers {
  /** The packages that are compared, and their versions. */
  readonly versions: Readonly<Record<string, string>>;
  start(setting: Setting): Promise<Contender[]>;
}

export interface Setting {
  readonly model: Model;
  /** Of Temporal's server. */
  readonly address: string;
  /** For the histories of peers that run there. */
  readonly temporal: Client;
}

const FOLDER = new URL('peers/', import.meta.url);
/** The oldest Node that all of them support. */
const OLDEST_NODE = 22;

/** Installs the peers' packages where they are missing, and loads what runs them. */
export async function installPeers(): Promise<Peers> {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < OLDEST_NODE) {
    throw new Error(
      `--peers needs Node ${OLDEST_NODE} or newer, as the peers' packages do; this is Node ${process.versions.node}`,
    );
  }
  if (!existsSync(new URL('node_modules/.package-lock.json', FOLDER))) {
    process.stderr.write('The peers are not installed yet: npm ci in bench/peers\n');
    // Skip their install scripts: they report the installation and check versions.
    const { status } = spawnSync('npm', ['ci', '--ignore-scripts'], {
      cwd: fileURLToPath(FOLDER),
      // Standard output is for results.
      stdio: ['ignore', 2, 2],
      shell: process.platform === 'win32',
    });
    if (status !== 0) throw new Error('npm ci failed in bench/peers: see its output above');
  }
  // Not a literal path, so that the compiler does not look for packages that may not be installed.
  const { startPeers } = (await import(new URL('index.ts', FOLDER).href)) as {
    startPeers: Peers['start'];
  };
  return { versions: installedVersions(), start: startPeers };
}

function installedVersions(): Record<string, string> {
  const names = Object.keys(readManifest('package.json').dependencies);
  return Object.fromEntries(
    names.map((name) => [name, readManifest(`node_modules/${name}/package.json`).version]),
  );
}

function readManifest(path: string): { version: string; dependencies: Record<string, string> } {
  return JSON.parse(readFileSync(new URL(path, FOLDER), 'utf8')) as ReturnType<typeof readManifest>;
}
