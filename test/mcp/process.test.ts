import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import type { ToolContext } from '../../index.ts';
import { Connections } from '../../mcp/connections.ts';
import { until } from '../fixtures/until.ts';

const server = () => join(inject('compiled'), 'test/fixtures/mcp-stdio-main.js');

interface Heard {
  log: string[];
  secrets: string[];
}

function connectionsTo(
  options: { env?: Record<string, string>; command?: string; protocol?: 'legacy' | 'modern' } = {},
  heard: Heard = { log: [], secrets: [] },
): Connections {
  const { env = {}, command = process.execPath, protocol = 'legacy' } = options;
  return new Connections({
    name: 'notes',
    transport: { type: 'stdio', command, args: [server()], env },
    timeout: 60_000,
    ttl: 60_000,
    protocol,
    worker: {
      secret: (value) => heard.secrets.push(value),
      log: (_level, message) => heard.log.push(message),
    },
  });
}

const ctx = (signal = new AbortController().signal) =>
  ({ signal, idempotencyKey: 'key', agent: 'clerk' }) as unknown as ToolContext;

async function call(connections: Connections, tool: string, input = {}, repeatable = true) {
  const about = { tool, inputSchema: { type: 'object' }, repeatable };
  const result = await connections.call(about, input, ctx());
  return result.type === 'result' ? result.value : result;
}

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test.for(['legacy', 'modern'] as const)(
  'calls at the same time share one process, which ends when the worker drains (%s)',
  async (protocol) => {
    const connections = connectionsTo({ protocol });
    const all = await Promise.all(Array.from({ length: 20 }, () => call(connections, 'pids')));
    expect(new Set(all).size).toBe(1);
    const [pid] = JSON.parse(String(all[0])) as [number];
    expect(isAlive(pid)).toBe(true);
    await connections.close();
    expect(isAlive(pid)).toBe(false);
    await expect(call(connections, 'pids')).rejects.toThrow('could not be reached');
  },
);

test('the process gets the named variables, and otherwise only harmless ones', async () => {
  process.env['SECRET_OF_THE_WORKER'] = 'x';
  const heard: Heard = { log: [], secrets: [] };
  const connections = connectionsTo({ env: { NOTES_API_KEY: 'k-1', NOTES_FOLDER: '/a' } }, heard);
  const names = JSON.parse(String(await call(connections, 'environment'))) as string[];
  await connections.close();
  delete process.env['SECRET_OF_THE_WORKER'];

  expect(names).toEqual(expect.arrayContaining(['NOTES_API_KEY', 'NOTES_FOLDER', 'PATH']));
  expect(names).not.toContain('SECRET_OF_THE_WORKER');
  expect(heard.secrets).toEqual(['k-1']);
  expect(heard.log).toEqual(['MCP server notes: calls environment']);
});

test('a process that dies during a call loses that call, and the next call gets a new process', async () => {
  const connections = connectionsTo();
  const before = await call(connections, 'pids');
  const beside = call(connections, 'sleep', { ms: 100_000 });
  beside.catch(() => undefined);
  await expect(call(connections, 'die', {}, false)).rejects.toMatchObject({
    type: 'plait.OutcomeUnknown',
    message: expect.stringContaining('may or may not have taken effect') as string,
  });
  await expect(beside).rejects.toMatchObject({ name: 'ToolError', retryable: true });
  expect(await call(connections, 'pids')).not.toBe(before);
  await connections.close();
});

test('a process that cannot be started causes an error that says why, and has no effect', async () => {
  const connections = connectionsTo({ command: 'no-such-program' });
  await expect(call(connections, 'pids', {}, false)).rejects.toThrow(
    /^The server notes could not be reached, so the tool did not run: the process ended with code 127: .*no-such-program/,
  );
  await connections.close();
});

test('nothing of a stubborn server is left when it is closed', async () => {
  const connections = connectionsTo({ env: { TEST_STUBBORN: '1', TEST_HELPER: '1' } });
  const pids = JSON.parse(String(await call(connections, 'pids'))) as number[];
  expect(pids.map(isAlive)).toEqual([true, true]);
  await connections.close();
  await until(() => !pids.some(isAlive));
});

test('nothing of a stubborn server is left when the worker is killed', async () => {
  const holder = spawn(
    process.execPath,
    [join(inject('compiled'), 'test/fixtures/mcp-holder-main.js')],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, TEST_SERVER: server() } },
  );
  const [line] = (await once(holder.stdout, 'data')) as [Buffer];
  const pids = JSON.parse(line.toString()) as number[];
  expect(pids.map(isAlive)).toEqual([true, true]);
  holder.kill('SIGKILL');
  await until(() => !pids.some(isAlive));
});
