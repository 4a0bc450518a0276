import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { expect, test } from 'vitest';
import { testGuide } from '../fixtures/guide.ts';
import { ChatPage } from './chat-page.tsx';
import { serveChats } from './chat-server.ts';

testGuide('docs/browser.md', 3);

test('the server answers only those who have its cookie', async () => {
  const server = serveChats(0);
  if (!server.listening) await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://localhost:${port}/api/chat`, { method: 'POST' });
  expect(response.status).toBe(401);
  server.close();
});

test('the page shows texts and calls, and asks about those that wait', () => {
  const call = { type: 'dynamic-tool', toolName: 'refund', toolCallId: 'c', input: { order: 7 } };
  const parts = [
    { type: 'text', text: 'I pay it back.' },
    { ...call, state: 'approval-requested', approval: { id: 'turn-1/1/c' } },
    { ...call, state: 'output-available', output: null },
  ];
  const messages = [{ id: 'turn-1', role: 'assistant', parts }] as never;
  const html = renderToStaticMarkup(createElement(ChatPage, { id: 'c1', messages }));
  expect(html).toContain('<p>I pay it back.</p>');
  expect(html).toContain('<button>Approve</button><button>Deny</button>');
  expect(html).toContain('output-available');
});
