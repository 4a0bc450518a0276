import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import { text } from 'node:stream/consumers';
import { SessionNotFoundError } from 'plait/client';
import type { AgentClient } from 'plait/client';
import { concierge } from './agent.ts';

/**
 * `POST /sessions/<id>` takes a message as plain text and returns the answer; the first one creates
 * the session. `GET /sessions/<id>` returns the conversation.
 */
export function createSessionServer(agents: AgentClient): Server {
  return createServer((request, response) => {
    void answer(agents, request)
      .catch(failure)
      .then(({ status = 200, ...body }) => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(body));
      });
  });
}

interface Answer {
  status?: number;
  [field: string]: unknown;
}

async function answer(agents: AgentClient, request: IncomingMessage): Promise<Answer> {
  const [, id] = /^\/sessions\/([\w-]+)$/.exec(request.url ?? '') ?? [];
  if (id === undefined) return { status: 404, error: 'no such page' };
  if (request.method === 'GET') {
    const { messages } = await agents.getSession(id).transcript();
    return { messages };
  }
  // A browser that sends a message again, because the answer was lost, gets the answer of the first.
  const key = request.headers['idempotency-key'];
  if (typeof key !== 'string') return { status: 400, error: 'idempotency-key is missing' };
  const session = agents.openSession(concierge, id);
  const turn = await session.send(await text(request), { idempotencyKey: key });
  return { turn: turn.turnId, text: (await turn.result()).text };
}

function failure(error: unknown): Answer {
  if (error instanceof SessionNotFoundError) return { status: 404, error: 'no such session' };
  console.error(error);
  return { status: 500, error: 'something went wrong' };
}
