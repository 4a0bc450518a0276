import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { Writable } from 'node:stream';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { describe, expect, inject, test } from 'vitest';
import { withDefaults } from '../../client/connection-options.ts';
import { AgentClient } from '../../client/index.ts';
import type { TurnHandle } from '../../client/index.ts';
import { directoryStorage } from '../../storage/index.ts';
import { withStorage } from '../../storage/data-converter.ts';
import type { ScriptedMcpServer } from '../../testing/mcp-server.ts';
import { startMcpServer } from '../../testing/mcp-server.ts';
import { startMessagesServer } from '../../testing/messages-server.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation, script } from '../../testing/script.ts';
import { factsOf } from '../../cli/show/facts.ts';
import { pageOf } from '../../cli/show/page.ts';
import { showTurn } from '../../cli/show-turn.ts';
import { PLAIN } from '../../cli/style.ts';
import { plait } from '../cli/plait-process.ts';
import type { HttpServer, ReceivedRequest } from '../fixtures/http-server.ts';
import { answerJson, httpServer } from '../fixtures/http-server.ts';
import { plantedAgent, tokenOf, unsent } from '../fixtures/planted-agent.ts';
import { until } from '../fixtures/until.ts';

/** Has no beginning that would be known for one of a key. */
const KEY = 'planted/key+0123456789abcdefghijklmnop';

/** What somebody could find it by: itself, in a URL, in JSON, and in base64 wherever it stands there. */
const formsOf = (key: string) => [
  key,
  encodeURIComponent(key),
  JSON.stringify(key).slice(1, -1),
  ...base64Forms(key),
];

function base64Forms(text: string): string[] {
  return [0, 1, 2].map((before) => {
    const shifted = Buffer.from('x'.repeat(before) + text).toString('base64');
    return shifted.slice(before === 0 ? 0 : before + 1, -4);
  });
}

/** The names of what holds the key. */
function leaksIn(evidence: Record<string, string>, key = KEY): string[] {
  const forms = formsOf(key);
  return Object.entries(evidence).flatMap(([name, text]) =>
    forms.some((form) => text.includes(form)) ? [name] : [],
  );
}

/** A gateway that repeats what it was sent, wherever it can. */
async function hostileGateway(): Promise<HttpServer> {
  const model = await startMessagesServer({
    script: script(
      conversation('answer', [callTools({ look: {} }), say('Done.')]),
      conversation('tear', [say('Done.')]),
      conversation('mcp', [
        callTools({ hostile__echo: {}, hostile__fail: {}, hostile__reject: {} }),
        say('Done.'),
      ]),
      conversation('control', [callTools({ leak: {}, print: {} }), say('Done.')]),
    ),
  });
  let torn = 0;
  const gateway = await httpServer(async (request, response) => {
    const [first] = request.body['messages'] as { content: string }[];
    const echo = `your headers are ${JSON.stringify(request.headers)}, ${encodeURIComponent(KEY)}`;
    const headers = { 'request-id': `req ${request.headers.authorization}` };
    const error = (type: string) => ({ type: 'error', error: { type, message: echo } });
    switch (first?.content) {
      case 'refuse':
        return answerJson(response, 401, error('authentication_error'), headers);
      case 'refuse in prose':
        response.writeHead(403, { ...headers, 'content-type': 'text/html' });
        response.end(`<p>${echo}</p>`);
        return;
      case 'overload':
        return answerJson(response, 500, error(echo), headers);
      case 'break off':
        response.writeHead(200, { ...headers, 'content-type': 'text/event-stream' });
        response.end(`event: error\ndata: ${JSON.stringify(error('invalid_request_error'))}\n\n`);
        return;
      case 'tear':
        torn += 1;
        if (torn === 1) {
          response.writeHead(200, { ...headers, 'content-type': 'text/event-stream' });
          response.write('event: ping\ndata: {"type": "ping"}\n\n');
          response.destroy();
          return;
        }
        break;
      default:
        break;
    }
    await passOn(model.url, request, response);
  });
  return {
    ...gateway,
    [Symbol.asyncDispose]: async () => {
      await gateway[Symbol.asyncDispose]();
      await model.close();
    },
  };
}

async function passOn(
  url: string,
  { path, headers, body }: ReceivedRequest,
  response: ServerResponse,
): Promise<void> {
  const answer = await fetch(url + path, {
    method: 'POST',
    headers: { 'anthropic-version': String(headers['anthropic-version']) },
    body: JSON.stringify(body),
  });
  response.writeHead(answer.status, { 'content-type': 'text/event-stream' });
  response.end(await answer.text());
}

interface PlantedWorker extends AsyncDisposable {
  readonly agents: AgentClient;
  /** All that it has written. */
  readonly output: () => string;
  /** All that it has stored. */
  readonly stored: () => Promise<string>;
  readonly taskQueue: string;
  stop(): Promise<void>;
}

/** It repeats what it was sent, wherever it can. */
async function hostileTools(): Promise<ScriptedMcpServer> {
  const sent = () => JSON.stringify(server.calls.at(-1)?.headers);
  const server = await startMcpServer({
    tools: {
      echo: { annotations: { readOnlyHint: true }, run: sent },
      fail: {
        annotations: { readOnlyHint: true },
        run: () => ({ content: [{ type: 'text', text: sent() }], isError: true }),
      },
      reject: {
        annotations: { readOnlyHint: true },
        run: () => {
          throw new Error(sent());
        },
      },
    },
  });
  return server;
}

async function plantedWorker(way: string, gateway: string, mcp: string): Promise<PlantedWorker> {
  const taskQueue = `planted-${randomUUID()}`;
  const directory = await mkdtemp(join(tmpdir(), 'plait-planted-'));
  const main = join(inject('compiled'), 'test/fixtures/planted-main.js');
  const child = spawn(process.execPath, [main], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      ...(way === 'environment'
        ? {
            ANTHROPIC_API_KEY: KEY,
            ANTHROPIC_BASE_URL: gateway,
            ANTHROPIC_CUSTOM_HEADERS: `x-gateway-key: ${KEY}-2`,
          }
        : {}),
      ANTHROPIC_LOG: 'debug',
      TEMPORAL_ADDRESS: inject('temporalAddress'),
      TEST_WAY: way,
      TEST_KEY: KEY,
      TEST_GATEWAY: gateway,
      TEST_MCP: mcp,
      TEST_STORAGE: directory,
      TEST_TASK_QUEUE: taskQueue,
      TEST_WORKFLOW_BUNDLE: inject('workflowBundle'),
    },
  });
  let output = '';
  const ended = once(child, 'close');
  const ready = new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        output += data.toString();
        if (output.includes('ready')) resolve();
      });
    }
    child.once('close', () => reject(new Error(`the worker ended: ${output}`)));
  });
  await ready;
  const connection = await Connection.connect(withDefaults({ address: inject('temporalAddress') }));
  const dataConverter = withStorage(undefined, directoryStorage(directory));
  const client = new Client({
    connection,
    ...(dataConverter === undefined ? {} : { dataConverter }),
  });
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  return {
    agents: new AgentClient({ client, taskQueue }),
    output: () => output,
    stored: async () => {
      const entries = await readdir(directory, { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile());
      const texts = files.map((file) => readFile(join(file.parentPath, file.name), 'utf8'));
      return (await Promise.all(texts)).join('\n');
    },
    taskQueue,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
      await connection.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** All that the server has of a turn, as its API gives it to the UI. */
async function recordOf(turn: TurnHandle): Promise<Record<string, string>> {
  const history = proto.temporal.api.history.v1.History.encode(await turn.workflow.fetchHistory());
  const { raw } = await turn.workflow.describe();
  const description =
    proto.temporal.api.workflowservice.v1.DescribeWorkflowExecutionResponse.encode(raw);
  const [events, described] = [history, description].map((message) =>
    Buffer.from(message.finish()),
  );
  return {
    history: `${events?.toString()}`,
    'history as base64': `${events?.toString('base64')}`,
    description: `${described?.toString()}`,
  };
}

/** What `plait show --html` and `plait watch` print of a turn. */
async function shownOf(agents: AgentClient, turn: TurnHandle): Promise<Record<string, string>> {
  let watched = '';
  const out = new Writable({
    write(chunk: Buffer, _, done) {
      watched += chunk.toString();
      done();
    },
  });
  await showTurn(turn.watch(), out as unknown as NodeJS.WriteStream, PLAIN);
  return { page: pageOf(await factsOf(agents.client, turn.turnId), '1.0.0'), watched };
}

describe.each(['environment', 'option', 'provider'])('a key that comes by %s', (way) => {
  test('appears nowhere, even if a server or a tool repeats it', async () => {
    await using gateway = await hostileGateway();
    await using tools = await hostileTools();
    await using worker = await plantedWorker(way, gateway.url, tools.transport.url);
    const agent = plantedAgent(KEY, tools.transport.url);
    const evidence: Record<string, string> = {};
    const keep = async (name: string, turn: TurnHandle) => {
      const error: unknown = await turn.result().catch((thrown: unknown) => thrown);
      evidence[`${name}: result`] = inspect(error, { depth: 10 });
      evidence[`${name}: handle`] = inspect(turn);
      const seen = { ...(await recordOf(turn)), ...(await shownOf(worker.agents, turn)) };
      for (const [part, text] of Object.entries(seen)) evidence[`${name}: ${part}`] = text;
    };

    const texts = ['answer', 'mcp', 'refuse', 'refuse in prose', 'break off', 'tear'];
    await Promise.all(
      texts.map(async (text) => keep(text, await worker.agents.start(agent, text))),
    );
    const overloaded = await worker.agents.start(agent, 'overload');
    // The server keeps no failure so long while the activity is pending.
    evidence['overload, pending: page'] = await until(
      async () => pageOf(await factsOf(worker.agents.client, overloaded.turnId), '1.0.0'),
      (page) => page.includes('The model request of round 1 has failed'),
    );
    for (const [part, text] of Object.entries(await recordOf(overloaded))) {
      evidence[`overload, pending: ${part}`] = text;
    }
    await overloaded.cancel();
    await keep('overload', overloaded);
    const cli = await plait(['run', 'tester', 'refuse', '--task-queue', worker.taskQueue], {
      env: { TEMPORAL_ADDRESS: inject('temporalAddress'), PLAIT_DEBUG: '1' },
    });
    evidence['command line'] = cli.stdout + cli.stderr;
    evidence['storage'] = await worker.stored();

    // A control: the same search finds a key that the worker does not know, in every kind of place.
    const before = worker.output();
    const control: Record<string, string> = {};
    const turn = await worker.agents.start(agent, 'control');
    control['result'] = inspect(await turn.result(), { depth: 20 });
    Object.assign(control, await recordOf(turn), await shownOf(worker.agents, turn));
    control['storage'] = await worker.stored();
    await worker.stop();
    control['output'] = worker.output().slice(before.length);
    evidence['output'] = before;

    expect(leaksIn(control)).toEqual([]);
    expect(leaksIn(control, unsent(KEY))).toEqual([
      'result',
      'history',
      'history as base64',
      'page',
      'watched',
      'storage',
      'output',
    ]);
    expect(leaksIn(evidence)).toEqual([]);
    expect(leaksIn({ ...evidence, ...control }, tokenOf(KEY))).toEqual([]);
    // It was there to be found: the servers got it, and said so.
    expect(tools.calls.length).toBeGreaterThanOrEqual(3);
    for (const { headers } of tools.calls) {
      expect(headers['authorization']).toBe(`Bearer ${tokenOf(KEY)}`);
    }
    expect(evidence['mcp: history']).toContain('x-user');
    for (const { headers } of gateway.requests) {
      expect(headers.authorization).toBe(`Bearer ${KEY}`);
    }
    expect(evidence['refuse: history']).toContain('your headers are');
    expect(evidence['break off: history']).toContain('your headers are');
    expect(evidence['refuse in prose: history']).toContain('403');
    expect(evidence['tear: result']).toContain('Done.');
    expect(evidence['refuse: page']).toContain('your headers are');
    expect(evidence['refuse: watched']).toContain('your headers are');
    expect(evidence['output']).toMatch(/sending request[\s\S]*response error/);
    expect(cli.stderr).toContain('your headers are');
  });
});
