import type { ServerResponse } from 'node:http';
import type { ComposedMessage } from './compose.ts';
import { pause, sendError, sendJson } from './http.ts';
import type { Pace, StreamFault } from './reply.ts';
import { frame, messageEvents } from './sse.ts';

export interface Delivery {
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly composed: ComposedMessage;
  readonly stream: boolean;
  readonly pace: Pace;
  readonly fault: StreamFault | undefined;
  /** Fires when the client has gone or the server closes. */
  readonly gone: AbortSignal;
}

/** Sends a message, as a stream or in one piece, with the fault if there is one. */
export async function deliver(delivery: Delivery): Promise<void> {
  const { pace, gone, stream } = delivery;
  await pause(pace.firstByteMs ?? 0, gone);
  if (gone.aborted) return;
  await (stream ? sendStream(delivery) : sendWhole(delivery));
}

async function sendStream({ response, composed, pace, fault, gone }: Delivery): Promise<void> {
  const events = messageEvents(composed.message, composed.rawInputs);
  const faultAt = Math.min(fault?.afterEvents ?? Math.ceil(events.length / 2), events.length);
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  for (let sent = 0; sent <= events.length; sent += 1) {
    if (fault !== undefined && sent === faultAt) {
      if ((await strike(fault, response, gone)) === 'over') return;
    }
    const event = events[sent];
    if (event === undefined || gone.aborted) break;
    if (sent > 0) await pause(pace.betweenEventsMs ?? 0, gone);
    if (!gone.aborted) response.write(frame(event));
    if (event.type === 'content_block_stop' && pace.afterBlock !== undefined) {
      await untilGone(pace.afterBlock(event.index), gone);
    }
  }
  if (!gone.aborted) response.end();
}

/** Waits for the test, but not when the client has gone or the server closes. */
async function untilGone(work: unknown, gone: AbortSignal): Promise<void> {
  if (gone.aborted) return;
  const over = new AbortController();
  const { signal } = over;
  const left = new Promise<void>((resolve) => {
    gone.addEventListener('abort', () => resolve(), { signal });
  });
  await Promise.race([work, left]).catch(() => undefined);
  over.abort();
}

async function strike(
  fault: StreamFault,
  response: ServerResponse,
  gone: AbortSignal,
): Promise<'goes on' | 'over'> {
  switch (fault.type) {
    case 'stall':
      response.flushHeaders();
      await pause(fault.forMs, gone);
      return gone.aborted ? 'over' : 'goes on';
    case 'unknownEvent':
      response.write(frame({ type: 'event_of_the_future' }));
      return 'goes on';
    case 'error':
      response.end(frame({ type: 'error', error: fault.error }));
      return 'over';
    case 'end':
      response.end();
      return 'over';
    default:
      await destroy(response);
      return 'over';
  }
}

async function sendWhole(delivery: Delivery): Promise<void> {
  const { response, composed, fault, gone, requestId } = delivery;
  if (fault === undefined || fault.type === 'unknownEvent') {
    sendJson(response, 200, composed.message);
    return;
  }
  if (fault.type === 'error') {
    sendError(response, STATUS_OF_TYPE.get(fault.error.type) ?? 500, fault.error, requestId);
    return;
  }
  const text = JSON.stringify(composed.message);
  const half = Math.floor(text.length / 2);
  response.writeHead(200, { 'content-type': 'application/json' });
  response.write(text.slice(0, half));
  if ((await strike(fault, response, gone)) === 'goes on') response.end(text.slice(half));
}

const STATUS_OF_TYPE: ReadonlyMap<string, number> = new Map([
  ['invalid_request_error', 400],
  ['authentication_error', 401],
  ['billing_error', 402],
  ['permission_error', 403],
  ['not_found_error', 404],
  ['request_too_large', 413],
  ['rate_limit_error', 429],
  ['api_error', 500],
  ['timeout_error', 504],
  ['overloaded_error', 529],
]);

/** Ends the connection in the middle of the response, once everything written has been sent. */
async function destroy(response: ServerResponse): Promise<void> {
  await new Promise<void>((resolve) => {
    response.flushHeaders();
    response.write('\n', () => resolve());
  });
  response.socket?.destroy();
}
