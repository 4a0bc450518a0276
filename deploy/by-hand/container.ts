import assert from 'node:assert/strict';
import type { TurnResult } from '../../index.ts';
import type { MessagesServer } from '../../testing/messages-server.ts';
import { execForm, lastInstruction } from '../compose-file.ts';
import type { Program, StartOptions } from './process.ts';
import { start, until } from './process.ts';
import type { Machine } from './services.ts';
import { addressOf, environmentOf, service, storageUrl, succeeds } from './services.ts';

/** Starts processes as in the worker's container. */
export class Container {
  readonly #options: StartOptions;

  constructor(app: string, model: MessagesServer, machine: Machine) {
    const env = environmentOf('worker', {
      TEMPORAL_ADDRESS: addressOf(machine),
      ANTHROPIC_BASE_URL: model.url,
      NODE_ENV: 'production',
      PLAIT_STORAGE: storageUrl(machine),
      // Nobody would read the metrics, and another program may have the port.
      PLAIT_METRICS: '',
    });
    this.#options = { env, cwd: app, user: machine.user };
  }

  async startWorker(): Promise<Program> {
    const command = service('worker').command ?? [];
    const worker = this.#plait('worker', command);
    await until(worker, 'it polls', () => worker.stdout().includes('Ready.'));
    return worker;
  }

  isHealthy(): Promise<boolean> {
    return succeeds(execForm(lastInstruction('HEALTHCHECK')), this.#options);
  }

  /** Like `docker-compose exec worker node dist/cli/main.js run …`. */
  startTurn(text: string, turnId: string): Program {
    const options = ['--json', '--turn-id', turnId, '--timeout', '90s'];
    return this.#plait('plait run', ['run', 'customer-lookup', text, ...options]);
  }

  async runTurn(text: string, turnId: string): Promise<TurnResult> {
    return await resultOf(this.startTurn(text, turnId));
  }

  #plait(name: string, args: readonly string[]): Program {
    return start(name, [...execForm(lastInstruction('ENTRYPOINT')), ...args], this.#options);
  }
}

export async function resultOf(turn: Program): Promise<TurnResult> {
  const exit = await turn.ended;
  assert.equal(exit, 0, `plait run ended with ${exit}:\n${turn.output.slice(-30).join('\n')}`);
  return JSON.parse(turn.stdout()) as TurnResult;
}
