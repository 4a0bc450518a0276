import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { RecentLines } from './recent-lines.ts';

/** How long a server may take to close its database after SIGTERM. Measured: 1.2 s. */
const GRACE_MS = 5_000;

/** A `temporal server start-dev` that cannot outlive this process. */
export interface TemporalProcess {
  readonly pid: number;
  /** The newest lines of its standard output and standard error, oldest first; of a crash, the first. */
  readonly output: readonly string[];
  /** False from the moment the process has ended. */
  readonly isRunning: () => boolean;
  /** SIGTERM, then SIGKILL after 5 s. Returns when the process has ended. */
  readonly terminate: () => Promise<void>;
  /** SIGKILL. Returns when the process has ended. */
  readonly kill: () => Promise<void>;
}

/** Kill the servers of this process that still run. */
const running = new Set<() => void>();

function killAll(): void {
  for (const kill of running) kill();
}

/**
 * Starts the binary in its own process group, so that Ctrl-C in the terminal reaches this program only: a
 * worker needs a running server to drain.
 */
export async function startTemporalProcess(
  path: string,
  args: readonly string[],
): Promise<TemporalProcess> {
  const child = spawn(path, args, {
    detached: true,
    windowsHide: true,
    env: withoutTemporalSettings(process.env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await once(child, 'spawn');
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${path} was started and has no process id.`);

  const output = new RecentLines();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => output.add(line));
    letExit(stream);
  }
  child.unref();

  const killNow = (): void => signalGroup(child, pid, 'SIGKILL');
  if (running.size === 0) process.on('exit', killAll);
  running.add(killNow);
  const release = guardAgainstOurDeath(pid);
  const exited = new Promise<void>((resolve) => {
    child.once('close', () => {
      running.delete(killNow);
      if (running.size === 0) process.off('exit', killAll);
      release();
      resolve();
    });
  });

  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    child.ref();
    signalGroup(child, pid, signal);
    const giveUp = setTimeout(killNow, GRACE_MS);
    await exited;
    clearTimeout(giveUp);
  };
  return {
    pid,
    output: output.all,
    isRunning,
    terminate: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
}

/**
 * `TEMPORAL_ADDRESS`, `TEMPORAL_PROFILE` and the like are for clients. The CLI would read them too, and
 * would not start with a profile that does not exist.
 */
function withoutTemporalSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('TEMPORAL_')));
}

/** A program that forgets to stop its server must still be able to end. */
function letExit(stream: unknown): void {
  if (stream instanceof Socket) stream.unref();
}

function signalGroup(child: ChildProcess, pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (child.exitCode !== null || child.signalCode !== null) return;
  try {
    // The group, because `temporal` on PATH may be a version manager's shim with a child process.
    process.kill(process.platform === 'win32' ? pid : -pid, signal);
  } catch {
    // It ended between the check and the signal.
  }
}

/**
 * Starts a shell that waits on a pipe from this process, and kills the server when the pipe breaks. It
 * breaks even when this process ends by SIGKILL or by a signal without a handler. Windows has no such
 * shell: there the server ends only when this process exits normally.
 *
 * @returns call it when the server has ended; it ends the shell
 */
function guardAgainstOurDeath(pid: number): () => void {
  if (process.platform === 'win32') return () => undefined;
  const guard = spawn('/bin/sh', ['-c', 'read -r _ || kill -KILL "-$0"', String(pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.unref();
  letExit(guard.stdin);
  // Without a shell the server still ends when this process exits normally.
  guard.on('error', () => undefined);
  guard.stdin.on('error', () => undefined);
  return () => guard.stdin.end('released\n');
}
