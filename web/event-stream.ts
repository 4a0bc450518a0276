import { setTimeout as sleep } from 'node:timers/promises';
import type { AgUiEvent } from './ag-ui.ts';
import type { MessageChunk } from './chunk.ts';

/** What comes before and after the events, in each protocol. */
const PROTOCOLS = {
  'ui messages': {
    headers: { 'x-vercel-ai-ui-message-stream': 'v1' },
    end: 'data: [DONE]\n\n',
  },
  'ag-ui': { headers: {}, end: '' },
} as const;

/** A chunk, with an id if a client may come back there: it sends the id as `Last-Event-ID`. */
export interface Sent {
  chunk: MessageChunk | AgUiEvent;
  id?: string;
}

export const KEEP_ALIVE_MS = 15_000;

const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache',
  'x-accel-buffering': 'no', // nginx would wait for more
};

interface EventStreamOptions {
  /** @default 'ui messages' */
  protocol?: keyof typeof PROTOCOLS;
  /** Aborted when the server closes. The page then sees a lost connection instead of a complete answer. */
  closing: AbortSignal;
  /** Called when the page has gone. */
  onLeave: () => void;
  /** A comment is sent after this many quiet milliseconds, because proxies close quiet connections. */
  keepAlive?: number;
}

/** Sends chunks as server-sent events, as fast as the page reads them. `chunks` must not throw. */
export function eventStream(
  chunks: AsyncGenerator<Sent, void, undefined>,
  { protocol = 'ui messages', closing, onLeave, keepAlive = KEEP_ALIVE_MS }: EventStreamOptions,
): Response {
  const { headers, end } = PROTOCOLS[protocol];
  const encoder = new TextEncoder();
  let next: Promise<IteratorResult<Sent, void>> | undefined;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      next ??= chunks.next();
      const news = await orQuiet(next, keepAlive);
      if (news === QUIET) {
        controller.enqueue(encoder.encode(': keep-alive\n\n'));
        return;
      }
      next = undefined;
      if (news.done !== true) controller.enqueue(encoder.encode(eventText(news.value)));
      else if (closing.aborted) controller.error(new Error('The server is closing.'));
      else {
        if (end !== '') controller.enqueue(encoder.encode(end));
        controller.close();
      }
    },
    async cancel() {
      onLeave();
      await chunks.return();
    },
  });
  return new Response(body, { headers: { ...HEADERS, ...headers } });
}

function eventText({ chunk, id }: Sent): string {
  return `${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(chunk)}\n\n`;
}

const QUIET = Symbol('quiet');

async function orQuiet<T>(news: Promise<T>, milliseconds: number): Promise<T | typeof QUIET> {
  const over = new AbortController();
  const quiet = sleep(milliseconds, QUIET, { signal: over.signal, ref: false });
  try {
    return await Promise.race([news, quiet]);
  } finally {
    quiet.catch(() => undefined);
    over.abort();
  }
}
