import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AgentClient } from 'plait/client';

/** `GET /turns/<id>/events`: the turn as Server-Sent Events, for an `EventSource` in a browser. */
export function eventSource(agents: AgentClient): Server {
  return createServer((request, response) => {
    const [, turnId = ''] = /^\/turns\/([^/]+)\/events$/.exec(request.url ?? '') ?? [];
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    const send = async () => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
      // The last reply that the browser has seen: it sends this id when it connects again.
      const afterReply = Number(request.headers['last-event-id'] ?? 0);
      const turn = agents.getTurn(decodeURIComponent(turnId));
      for await (const event of turn.stream({ signal: gone.signal, afterReply })) {
        const id = event.type === 'replyCommitted' ? `id: ${event.round}\n` : '';
        response.write(`${id}data: ${JSON.stringify(event)}\n\n`);
      }
    };
    send()
      .catch((error: unknown) => console.error(error))
      .finally(() => response.end());
  });
}
