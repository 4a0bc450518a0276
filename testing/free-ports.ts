import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server } from 'node:net';

/** Servers that Plait starts listen on this machine only. */
export const LOCAL_HOST = '127.0.0.1';

/**
 * Where to look for free ports: below those that systems give to outgoing connections (from 32768 on, Linux;
 * from 49152 on, elsewhere), since such a connection may take a port between our look and the server's start.
 */
const FIRST_PORT = 20_000;
const LAST_PORT = 32_767;

/** `count` different ports that nobody listens on. Another process may take one before you do. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(FIRST_PORT, LAST_PORT + 1);
    if ((await whyNotFree(port)) === undefined) ports.add(port);
  }
  return [...ports];
}

/** Why you cannot listen on this port, in a few words; `undefined` when it is free. */
export async function whyNotFree(port: number): Promise<string | undefined> {
  try {
    const server = createServer().listen(port, LOCAL_HOST);
    await once(server, 'listening');
    await close(server);
    return undefined;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return code === 'EADDRINUSE' ? 'is in use by another process' : `cannot be used (${code})`;
  }
}

async function close(server: Server): Promise<void> {
  server.close();
  await once(server, 'close');
}
