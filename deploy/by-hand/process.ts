import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/** A user and its group, by number. */
export interface User {
  uid: number;
  gid: number;
}

export interface StartOptions {
  env?: Readonly<NodeJS.ProcessEnv>;
  cwd?: string;
  /** @default the user of this script */
  user?: User | undefined;
}

/** A running or ended program. */
export interface Program {
  readonly name: string;
  /** All lines of stdout and stderr so far. */
  readonly output: readonly string[];
  /** Its standard output so far. */
  readonly stdout: () => string;
  /** Resolves to the exit code, or the signal. */
  readonly ended: Promise<number | NodeJS.Signals>;
  kill(signal: NodeJS.Signals): void;
}

const running = new Map<Program, ChildProcess>();

/**
 * The user of this name, if this script runs as root: PostgreSQL does not run as root, and no program
 * should. Otherwise `undefined`, which is the user of this script.
 */
export function plainUser(name: string): User | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (option: string) => Number(execFileSync('id', [option, name], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/** Starts a program. Its environment has PATH and the given variables only. */
export function start(
  name: string,
  [command = '', ...args]: readonly string[],
  { env = {}, cwd = '/', user }: StartOptions = {},
): Program {
  const child = spawn(command, args, {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    ...user,
    // Ctrl-C reaches this script only, which then ends the programs in order.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: string[] = [];
  let stdout = '';
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => output.push(line));
  }
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once('error', (error) => {
      running.delete(program);
      reject(error);
    });
    child.once('close', (code, signal) => {
      running.delete(program);
      resolve(code ?? signal ?? 1);
    });
  });
  // For callers that do not await `ended`, the error is in the output.
  ended.catch((error: unknown) => output.push(String(error)));
  const kill = (signal: NodeJS.Signals) => void child.kill(signal);
  const program = { name, output, stdout: () => stdout, ended, kill };
  running.set(program, child);
  return program;
}

/** Runs a program to its end and returns its standard output. Throws when it fails. */
export async function run(
  name: string,
  command: readonly string[],
  options?: StartOptions,
): Promise<string> {
  const program = start(name, command, options);
  const exit = await program.ended;
  if (exit !== 0) throw new Error(`${name} ended with ${exit}:\n${newest(program)}`);
  return program.stdout();
}

/** Waits until `isSo`. Throws when the program ends first, or when it takes too long. */
export async function until(
  program: Program,
  what: string,
  isSo: () => boolean | Promise<boolean>,
  timeoutMs = 120_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await isSo())) {
    const problem = !running.has(program)
      ? `${program.name} ended before`
      : Date.now() > deadline
        ? `${program.name} took more than ${timeoutMs / 1000} s until`
        : undefined;
    if (problem !== undefined) throw new Error(`${problem} ${what}\n${newest(program)}`);
    await sleep(100);
  }
}

/** Sends a signal and returns how the program ended. */
export async function end(
  program: Program,
  signal: NodeJS.Signals,
): Promise<number | NodeJS.Signals> {
  program.kill(signal);
  return await program.ended;
}

/** Ends all running programs, the newest first. */
export async function endAll(): Promise<void> {
  for (const program of [...running.keys()].toReversed()) {
    const timer = setTimeout(() => program.kill('SIGKILL'), 15_000);
    await end(program, 'SIGTERM').catch(() => undefined);
    clearTimeout(timer);
  }
}

function newest({ output }: Program): string {
  return output
    .slice(-30)
    .map((line) => line.slice(0, 300))
    .join('\n');
}
