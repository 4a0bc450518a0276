import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { inject } from 'vitest';

const main = join(inject('compiled'), 'cli/main.js');

export const EXAMPLE = join(inject('compiled'), 'examples/customer-lookup/agent.js');

export interface Ended {
  code: number | string;
  stdout: string;
  stderr: string;
}

export interface PlaitProcess {
  /** Resolves to the output so far when it contains the text; rejects when the process ends first. */
  says(text: string): Promise<string>;
  interrupt(): void;
  kill(): void;
  ended: Promise<Ended>;
}

export interface PlaitOptions {
  env?: Record<string, string>;
  cwd?: string;
  /** What is piped into it. @default no input */
  input?: string;
}

/** The command line in a new process, with only the given settings. */
export function startPlait(args: readonly string[], options: PlaitOptions = {}): PlaitProcess {
  return startNode([main, ...args], options);
}

/** Another program, with the arguments of `node`. */
export function startNode(args: readonly string[], options: PlaitOptions = {}): PlaitProcess {
  const child = spawn(process.execPath, args, {
    env: { ...bareEnvironment(), ...options.env },
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    // A test that times out, after 300 s, must not leave a process running.
    timeout: 290_000,
    killSignal: 'SIGKILL',
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  child.stdin?.end(options.input);
  const output = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.on('data', (data: Buffer) => {
      output[name] += data.toString();
      for (const listener of listeners) listener();
    });
  }
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => {
      resolve({ code: code ?? String(signal), ...output });
    });
  });
  return {
    ended,
    interrupt: () => void child.kill('SIGINT'),
    kill: () => void child.kill('SIGKILL'),
    says: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const said = output.stdout + output.stderr;
          if (said.includes(text)) resolve(said);
        };
        listeners.add(look);
        look();
        ended.then(
          ({ code }) => reject(new Error(`ended with ${code}: ${output.stdout}${output.stderr}`)),
          reject,
        );
      }),
  };
}

/** Runs it to its end. */
export function plait(args: readonly string[], options?: PlaitOptions): Promise<Ended> {
  return startPlait(args, options).ended;
}

function bareEnvironment(): NodeJS.ProcessEnv {
  const set = Object.entries(process.env);
  return Object.fromEntries(set.filter(([name]) => !/^(TEMPORAL|ANTHROPIC|PLAIT)_/.test(name)));
}
