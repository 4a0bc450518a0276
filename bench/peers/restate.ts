import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import http2 from 'node:http2';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MessageParam } from '@anthropic-ai/sdk/resources/messages';
import type { Context } from '@restatedev/restate-sdk';
import { createEndpointHandler, RestatePromise, service } from '@restatedev/restate-sdk';
import { askModel, callsIn } from '../agent.ts';
import type { Contender } from '../contender.ts';
import { runCall } from '../contenders/in-process.ts';
import type { Model } from '../model.ts';
import { freePorts } from '../../testing/free-ports.ts';

/**
 * A loop by hand on Restate, as its guide for agents has it: each model request and each call is a durable
 * step, the calls of one reply side by side. Its handler runs in this process, as the workers of all others.
 */
export async function restate(model: Model): Promise<Contender> {
  const [ingress = 0, admin = 0, fabric = 0, endpoint = 0] = await freePorts(4);
  const server = await startServer({ ingress, admin, fabric });
  const bench = service({
    name: 'bench',
    handlers: { turn: (context: Context, text: string) => turn(model, context, text) },
  });
  const handler = http2.createServer(
    createEndpointHandler({
      services: [bench],
      logger: ({ level }, ...message) => {
        if (level === 'error') console.error(...message);
      },
    }),
  );
  handler.listen(endpoint, '127.0.0.1');
  await once(handler, 'listening');
  await post(`http://127.0.0.1:${admin}/deployments`, { uri: `http://127.0.0.1:${endpoint}` });

  return {
    name: 'Restate',
    mayFail: true,
    runTurn: (text) => post<MessageParam[]>(`http://127.0.0.1:${ingress}/bench/turn`, text),
    async close() {
      await server.stop();
      handler.close();
    },
  };
}

async function turn(model: Model, context: Context, text: string): Promise<MessageParam[]> {
  const messages: MessageParam[] = [{ role: 'user', content: text }];
  for (;;) {
    const reply = await context.run('model', () => askModel(model.client, messages));
    messages.push({ role: 'assistant', content: reply.content });
    if (reply.stop_reason !== 'tool_use') return messages;
    const results = callsIn(reply).map((call) => context.run(call.name, () => runCall(call)));
    messages.push({ role: 'user', content: await RestatePromise.all(results) });
  }
}

/** One node with its defaults. Data is kept in memory where possible, as by the Temporal server. */
async function startServer(ports: { ingress: number; admin: number; fabric: number }) {
  const memory = '/dev/shm';
  const directory = await mkdtemp(
    join(existsSync(memory) ? memory : tmpdir(), 'plait-bench-restate-'),
  );
  const child = spawn(serverPath(), ['--base-dir', directory, '--no-logo'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      DO_NOT_TRACK: '1',
      RUST_LOG: 'error,octocrab=off',
      RESTATE_LISTEN_MODE: 'tcp',
      RESTATE_BIND_IP: '127.0.0.1',
      RESTATE_BIND_PORT: String(ports.fabric),
      RESTATE_INGRESS__BIND_PORT: String(ports.ingress),
      RESTATE_ADMIN__BIND_PORT: String(ports.admin),
    },
  });
  const ended = once(child, 'exit');
  await untilHealthy(`http://127.0.0.1:${ports.admin}/health`, child);
  return {
    async stop() {
      child.kill('SIGTERM');
      await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The package's own program is a script that starts this one. */
function serverPath(): string {
  const require = createRequire(import.meta.url);
  const name = `@restatedev/restate-server-${process.platform}-${process.arch}`;
  return join(dirname(require.resolve(`${name}/package.json`)), 'bin/restate-server');
}

const READY_MS = 30_000;

async function untilHealthy(url: string, child: { exitCode: number | null }): Promise<void> {
  const limit = Date.now() + READY_MS;
  for (;;) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok === true) return;
    if (child.exitCode !== null) throw new Error(`restate-server ended with ${child.exitCode}`);
    if (Date.now() > limit) throw new Error(`restate-server did not answer at ${url} within 30 s`);
    await sleep(100);
  }
}

async function post<T>(url: string, body: unknown): Promise<T> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${url} answers ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}
