import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { EXIT_CODES } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';

/** What the worker of `plait dev` gets when the server is there. */
export interface ServeMessage {
  address: string;
  taskQueue: string;
  storage: string;
}

/** The worker of `plait dev` in a process of its own, which a new one with changed agents can replace. */
export class DevWorkerProcess {
  readonly #child: ChildProcess;
  /** Resolves to the exit code. It has printed why it ended. */
  readonly ended: Promise<ExitCode>;

  constructor(module: string, model: string | undefined) {
    const [, main = ''] = process.argv;
    const options = model === undefined ? [] : ['--model', model];
    this.#child = fork(main, ['dev-worker', ...options, '--', module], {
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    });
    this.ended = once(this.#child, 'exit').then(
      ([code]: (number | null)[]) => (code ?? EXIT_CODES.interrupted) as ExitCode,
    );
  }

  /** Resolves to `undefined` when its agents are loaded, or to the exit code where they cannot be. */
  async loaded(): Promise<ExitCode | undefined> {
    const message = once(this.#child, 'message').then(() => undefined);
    return await Promise.race([message, this.ended]);
  }

  serve(message: ServeMessage): void {
    if (this.#child.connected) this.#child.send(message);
  }

  /** The first signal drains it, a second one ends it at once. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}
