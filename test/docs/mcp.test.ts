import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { testGuide } from '../fixtures/guide.ts';
import { serveSupport, support } from './agent-server.ts';
import { clerk } from './clerk.ts';

testGuide('docs/mcp.md', 4);

test('the clerk has the tools of two servers', () => {
  expect(clerk.servers?.map(({ name }) => name)).toEqual(['files', 'tickets']);
});

test('the served agent says what it is for, but only to those who have its token', async () => {
  expect(support.description).toContain('Answers questions about orders');
  const server = await serveSupport(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://localhost:${port}/mcp`, { method: 'POST', body: '{}' });
  expect(response.status).toBe(401);
  server.close();
});
