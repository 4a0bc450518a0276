import type { IncomingMessage, ServerResponse } from 'node:http';
import { TurnNotFoundError } from 'plait/client';
import type { AgentClient, TurnStreamEvent } from 'plait/client';

export interface EventsOptions {
  /** Also send what the model writes into calls, which not everybody may see. @default false */
  inputs?: boolean;
  /** Send a comment after so many milliseconds: proxies close quiet connections. @default 15000 */
  keepAlive?: number;
}

/** The id of the last event. */
const ENDED = 'ended';

/** Answers `GET /turns/<id>/events` for an `EventSource` in a browser, and all else with 404. */
export async function answerEvents(
  agents: AgentClient,
  request: IncomingMessage,
  response: ServerResponse,
  options: EventsOptions = {},
): Promise<void> {
  const [, turnId] = /^\/turns\/([\w.%~-]+)\/events(?:\?|$)/.exec(request.url ?? '') ?? [];
  try {
    if (request.method !== 'GET' || turnId === undefined) response.statusCode = 404;
    // A browser connects again when a stream ends, with the last id that it has seen. 204 stops it.
    else if (request.headers['last-event-id'] === ENDED) response.statusCode = 204;
    else await sendEvents(agents, decodeURIComponent(turnId), { request, response, ...options });
  } catch (error) {
    const isUnknown = error instanceof TurnNotFoundError || error instanceof URIError;
    if (!isUnknown) console.error(error);
    // After the first event the browser connects again, and goes on where it was.
    if (!response.headersSent) response.statusCode = isUnknown ? 404 : 500;
  } finally {
    response.end();
  }
}

interface Exchange extends EventsOptions {
  request: IncomingMessage;
  response: ServerResponse;
}

async function sendEvents(
  agents: AgentClient,
  turnId: string,
  { request, response, inputs = false, keepAlive = 15_000 }: Exchange,
): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const turn = agents.getTurn(turnId);
  await turn.describe(); // throws for an unknown turn, while the answer can still be 404
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  response.flushHeaders();
  const comments = setInterval(() => response.write(': keep-alive\n\n'), keepAlive);
  const afterReply = Number(request.headers['last-event-id']) || 0;
  try {
    for await (const event of turn.stream({ signal: gone.signal, afterReply })) {
      const data = JSON.stringify(inputs ? event : withoutInputs(event));
      response.write(`${idOf(event)}data: ${data}\n\n`);
    }
  } finally {
    clearInterval(comments);
  }
}

/** Events without an id belong to what comes again when the browser connects again. */
function idOf(event: TurnStreamEvent): string {
  if (event.type === 'replyCommitted') return `id: ${event.round}\n`;
  return event.type === 'turnEnded' ? `id: ${ENDED}\n` : '';
}

function withoutInputs(event: TurnStreamEvent): object {
  switch (event.type) {
    case 'replyCommitted': // its text has come in pieces
      return { type: event.type, round: event.round };
    case 'callScheduled':
    case 'callWaiting':
      return { ...event, summary: '' };
    default:
      return event;
  }
}
