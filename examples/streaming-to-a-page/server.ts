import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { AgentClient } from 'plait/client';
import { traveller } from './agent.ts';
import { answerEvents } from './events.ts';

/** `GET /` is the page, `POST /turns` starts a turn, `GET /turns/<id>/events` sends its events. */
export function createPageServer(agents: AgentClient): Server {
  return createServer((request, response) => {
    handle(agents, request, response).catch((error: unknown) => {
      console.error(error);
      response.statusCode = 500;
      response.end();
    });
  });
}

async function handle(agents: AgentClient, request: IncomingMessage, response: ServerResponse) {
  switch (`${request.method} ${request.url}`) {
    case 'GET /':
      response.setHeader('content-type', 'text/html; charset=utf-8');
      response.end(await readFile(new URL('page.html', import.meta.url)));
      break;
    case 'POST /turns': {
      const turn = await agents.start(traveller, await text(request), { stream: true });
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ turnId: turn.turnId }));
      break;
    }
    default:
      // The page shows which town is looked up.
      await answerEvents(agents, request, response, { inputs: true });
  }
}
