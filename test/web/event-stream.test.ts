import { expect, test } from 'vitest';
import type { Sent } from '../../web/event-stream.ts';
import { eventStream } from '../../web/event-stream.ts';

const open = new AbortController().signal;

async function* twoChunks(): AsyncGenerator<Sent, void, undefined> {
  yield { chunk: { type: 'start-step' }, id: 'turn-1/1' };
  yield { chunk: { type: 'finish-step' } };
}

test('chunks are events, with an id if a client may come back there', async () => {
  const response = eventStream(twoChunks(), { closing: open, onLeave: () => undefined });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  expect(response.headers.get('x-vercel-ai-ui-message-stream')).toBe('v1');
  expect(await response.text()).toBe(
    'id: turn-1/1\ndata: {"type":"start-step"}\n\ndata: {"type":"finish-step"}\n\ndata: [DONE]\n\n',
  );
});

async function* oneEvent(): AsyncGenerator<Sent, void, undefined> {
  yield { chunk: { type: 'STEP_STARTED', stepName: 'round 1' } };
}

test('the end of an AG-UI stream has no event of its own', async () => {
  const options = { protocol: 'ag-ui', closing: open, onLeave: () => undefined } as const;
  const response = eventStream(oneEvent(), options);
  expect(response.headers.has('x-vercel-ai-ui-message-stream')).toBe(false);
  expect(await response.text()).toBe('data: {"type":"STEP_STARTED","stepName":"round 1"}\n\n');
});

test('comments are sent while nothing happens, and a page that leaves ends the stream', async () => {
  let isOver = false;
  let leave: (() => void) | undefined;
  const left = new Promise<void>((resolve) => (leave = resolve));
  async function* quiet(): AsyncGenerator<Sent, void, undefined> {
    try {
      yield { chunk: { type: 'start-step' } };
      await left;
    } finally {
      isOver = true;
    }
  }
  const onLeave = () => leave?.();
  const { body } = eventStream(quiet(), { closing: open, onLeave, keepAlive: 1 });
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  const read = async () => new TextDecoder().decode((await reader.read()).value);
  expect(await read()).toBe('data: {"type":"start-step"}\n\n');
  expect(await read()).toBe(': keep-alive\n\n');
  expect(await read()).toBe(': keep-alive\n\n');
  await reader.cancel();
  expect(isOver).toBe(true);
});

test('a server that closes does not look like an answer that has ended', async () => {
  const closing = AbortSignal.abort();
  const response = eventStream(twoChunks(), { closing, onLeave: () => undefined });
  await expect(response.text()).rejects.toThrow('The server is closing.');
});
