import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { TurnNotFoundError } from 'plait/client';
import type { AgentClient } from 'plait/client';
import { traveller } from './agent.ts';

/** `GET /` is the page, `POST /turns` starts a turn, `GET /turns/<id>/events` sends its events. */
export function createPageServer(agents: AgentClient): Server {
  return createServer((request, response) => {
    handle(agents, request, response)
      .catch((error: unknown) => {
        if (response.headersSent) return; // the page connects again, and goes on where it was
        response.statusCode = error instanceof TurnNotFoundError ? 404 : 500;
        if (response.statusCode === 500) console.error(error);
      })
      .finally(() => response.end());
  });
}

async function handle(agents: AgentClient, request: IncomingMessage, response: ServerResponse) {
  const { method, url = '' } = request;
  const [, turnId] = /^\/turns\/([^/]+)\/events$/.exec(url) ?? [];
  if (turnId !== undefined) {
    await sendEvents(agents, decodeURIComponent(turnId), request, response);
  } else if (method === 'POST' && url === '/turns') {
    const turn = await agents.start(traveller, await text(request));
    response.setHeader('content-type', 'application/json');
    response.write(JSON.stringify({ turnId: turn.turnId }));
  } else if (url === '/') {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.write(await readFile(new URL('page.html', import.meta.url)));
  } else {
    response.statusCode = 404;
  }
}

async function sendEvents(
  agents: AgentClient,
  turnId: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  response.setHeader('content-type', 'text/event-stream');
  response.setHeader('cache-control', 'no-cache');
  // A browser that connects again says by itself which id it has seen last.
  const afterReply = Number(request.headers['last-event-id'] ?? 0);
  for await (const event of agents.getTurn(turnId).stream({ signal: gone.signal, afterReply })) {
    const id = event.type === 'replyCommitted' ? `id: ${event.round}\n` : '';
    response.write(`${id}data: ${JSON.stringify(event)}\n\n`);
  }
}
