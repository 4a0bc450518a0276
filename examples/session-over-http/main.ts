// A session behind a small HTTP server: two messages, one of them sent twice, and the transcript.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { AgentClient } from 'plait/client';
import { createWorker } from 'plait/worker';
import { concierge } from './agent.ts';
import { createSessionServer } from './server.ts';

const worker = await createWorker({ agents: [concierge] });
await worker.runUntil(async () => {
  await using agents = new AgentClient();
  await using server = createSessionServer(agents).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/sessions/${randomUUID()}`;

  const post = async (key: string, body: string) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'idempotency-key': key },
      body,
    });
    const answer = (await response.json()) as { turn: string; text: string };
    console.log(`POST ${key}  ${body}\n             ${answer.text}`);
    return answer;
  };
  await post('mail-1', 'I am Ada, and I arrive on Friday.');
  const answer = await post('mail-2', 'When do I arrive?');
  const again = await post('mail-2', 'When do I arrive?');
  const { messages } = (await (await fetch(url)).json()) as { messages: { role: string }[] };
  console.log(`GET          ${messages.map(({ role }) => role).join(', ')}`);

  assert.match(answer.text, /Friday/, 'the second turn knows what was said in the first');
  assert.deepEqual(again, answer, 'a message that is sent twice is one turn');
  assert.equal(messages.length, 4, 'two questions and two answers are in the transcript');
});
