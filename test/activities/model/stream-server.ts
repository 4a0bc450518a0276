import { once } from 'node:events';
import { createServer } from 'node:http';
import type { MessagesEvent } from '../../../testing/messages/sse.ts';
import { frame } from '../../../testing/messages/sse.ts';
import type { Loopback } from '../../fixtures/loopback.ts';
import { onLoopback } from '../../fixtures/loopback.ts';

export interface StreamServer extends Loopback {
  /** Responses whose connection the client has closed. */
  readonly closedByClient: () => number;
}

/** A Messages API whose one stream is played by hand, event for event, and ends after that. */
export async function streamServer(
  play: (send: (event: MessagesEvent) => void) => Promise<void>,
): Promise<StreamServer> {
  let closed = 0;
  const server = createServer((request, response) => {
    response.on('close', () => {
      if (!response.writableFinished) closed += 1;
    });
    const stream = async () => {
      request.resume();
      await once(request, 'end');
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      await play((event) => response.write(frame(event)));
      response.end();
    };
    stream().catch(() => response.destroy());
  });
  return { ...(await onLoopback(server)), closedByClient: () => closed };
}
