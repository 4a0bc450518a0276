import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';

/** Servers that Plait starts listen on this machine only. */
export const LOCAL_HOST = '127.0.0.1';

/** `count` different ports that nobody listens on. Another process may take one before you do. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, LOCAL_HOST));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map(close));
  return ports;
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
