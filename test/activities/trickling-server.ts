import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MessagesEvent } from '../../testing/sse.ts';
import { frame } from '../../testing/sse.ts';
import { messageDelta, messageStart, messageStop, text } from './stream-events.ts';

export interface TricklingServer extends AsyncDisposable {
  readonly url: string;
}

/** A Messages API that has nothing to say but pings for a while, as during long thinking. */
export async function tricklingServer(options: {
  pings: number;
  everyMs: number;
}): Promise<TricklingServer> {
  const server = createServer((request, response) => {
    const send = (event: MessagesEvent) => response.write(frame(event));
    const trickle = async () => {
      request.resume();
      await once(request, 'end');
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      send(messageStart);
      for (let sent = 0; sent < options.pings; sent += 1) {
        await sleep(options.everyMs);
        send({ type: 'ping' });
      }
      for (const event of [...text(0, 'At last.'), messageDelta('end_turn'), messageStop]) {
        send(event);
      }
      response.end();
    };
    trickle().catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
