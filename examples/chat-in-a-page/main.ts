// In a browser the page does this itself. Here it is done without a browser, and checked.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import type { DynamicToolUIPart, UIMessage, UIMessageChunk } from 'ai';
import { DefaultChatTransport, readUIMessageStream } from 'ai';
import { AgentClient } from 'plait/client';
import { createWorker } from 'plait/worker';
import { shopAssistant } from './agent.ts';
import { createShop } from './server.ts';

const ASK = 'Can A-17 have the money back?';
const CHAT = 'order-A-17';
const stays = process.stdout.isTTY || process.argv.includes('--keep');

const worker = await createWorker({ agents: [shopAssistant] });
await worker.runUntil(async () => {
  await using agents = new AgentClient();
  const shop = await createShop(agents);
  const server = serve({ fetch: shop.fetch, port: 0, hostname: '127.0.0.1' });
  if (!server.listening) await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const cookie = (await fetch(url)).headers.get('set-cookie')?.split(';')[0] ?? '';

  console.log(`> ${ASK}\n`);
  const question: UIMessage = {
    id: randomUUID(),
    role: 'user',
    parts: [{ type: 'text', text: ASK }],
  };
  const transport = new DefaultChatTransport({ api: `${url}/api/chat`, headers: { cookie } });
  const send = (messages: UIMessage[]) =>
    transport.sendMessages({
      trigger: 'submit-message',
      chatId: CHAT,
      messageId: undefined,
      messages,
      abortSignal: undefined,
    });

  let answer = await read(
    await send([question]),
    undefined,
    ({ state }) => state === 'input-available',
  );
  console.log('(the page is loaded again, while calls run)');
  const loaded = await fetch(`${url}/api/chat/${CHAT}/messages`, { headers: { cookie } });
  const { messages } = (await loaded.json()) as { messages: UIMessage[] };
  const running = await transport.reconnectToStream({ chatId: CHAT });
  assert.ok(running, 'the turn runs, whatever happens to the page');
  answer = await read(running);
  const paused = answer.parts.length;
  print(answer.parts);

  console.log('(somebody clicks on Approve)');
  answer = await read(await send([...messages, approved(answer)]), approved(answer));
  print(answer.parts.slice(paused - 1));

  assert.equal(messages.length, 1, 'the page that is loaded again has the question');
  assert.deepEqual(
    callsIn(answer).map(({ state }) => state),
    ['output-available', 'output-available', 'output-available'],
    'all calls have succeeded',
  );

  if (stays) {
    console.log(`\nOpen ${url} in a browser. Press Ctrl-C to stop.`);
    await once(process, 'SIGINT');
  }
  server.close();
  if ('closeAllConnections' in server) server.closeAllConnections();
});

/** The message as it is at the end of the stream, or as soon as a call is like this. */
async function read(
  stream: ReadableStream<UIMessageChunk>,
  message?: UIMessage,
  isEnough: (call: DynamicToolUIPart) => boolean = () => false,
): Promise<UIMessage> {
  let answer = message;
  for await (const one of readUIMessageStream({ stream, ...(message && { message }) })) {
    answer = one;
    if (callsIn(one).some(isEnough)) break;
  }
  assert.ok(answer);
  return answer;
}

function callsIn({ parts }: UIMessage): DynamicToolUIPart[] {
  return parts.filter((part) => part.type === 'dynamic-tool');
}

/** What `addToolApprovalResponse` of `useChat` makes of the message. */
function approved(message: UIMessage): UIMessage {
  const parts = message.parts.map((part) =>
    part.type === 'dynamic-tool' && part.state === 'approval-requested'
      ? ({
          ...part,
          state: 'approval-responded',
          approval: { id: part.approval.id, approved: true },
        } as const)
      : part,
  );
  return { ...message, parts };
}

function print(parts: UIMessage['parts']): void {
  for (const part of parts) {
    if (part.type === 'text') console.log(part.text);
    if (part.type !== 'dynamic-tool') continue;
    const output = part.state === 'output-available' ? ` ${JSON.stringify(part.output)}` : '';
    console.log(`${part.toolName} ${JSON.stringify(part.input)}: ${part.state}${output}`);
  }
}
