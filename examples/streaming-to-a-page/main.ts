// In a browser the page does this itself. Here it is done without a browser, and checked.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { AgentClient } from 'plait/client';
import type { TurnStreamEvent } from 'plait/client';
import { createWorker } from 'plait/worker';
import { traveller } from './agent.ts';
import { createPageServer } from './server.ts';

const ASK = 'What should I pack for Oslo and Lisbon?';
const stays = process.stdout.isTTY || process.argv.includes('--keep');

const worker = await createWorker({ agents: [traveller] });
await worker.runUntil(async () => {
  await using agents = new AgentClient();
  await using server = createPageServer(agents).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;

  console.log(`> ${ASK}\n`);
  const started = await fetch(`${url}/turns`, { method: 'POST', body: ASK });
  const { turnId } = (await started.json()) as { turnId: string };
  const pieces: string[] = [];
  for await (const event of eventsOf(`${url}/turns/${turnId}/events`)) {
    if (event.type === 'textDelta' && event.round === 2) pieces.push(event.text);
    if (event.type === 'textDelta') process.stdout.write(event.text);
    if (event.type === 'replyCommitted') process.stdout.write('\n');
    if (event.type === 'callScheduled') console.log(`${event.name} (${event.summary})`);
    if (event.type === 'callFinished') console.log(`${event.name}: ${event.outcome}`);
  }
  const { text } = await agents.getTurn(turnId).result();
  assert.equal(pieces.join(''), text, 'the pieces are the answer');
  assert.ok(pieces.length > 1, 'the answer comes in pieces, while the model writes it');

  if (stays) {
    console.log(`\nOpen ${url} in a browser. Press Ctrl-C to stop.`);
    await once(process, 'SIGINT');
    server.closeAllConnections();
  }
});

/** What an EventSource does in a browser. */
async function* eventsOf(url: string): AsyncGenerator<TurnStreamEvent> {
  const { body } = await fetch(url);
  assert.ok(body);
  for await (const line of createInterface({ input: Readable.fromWeb(body) })) {
    if (line.startsWith('data: ')) yield JSON.parse(line.slice(6)) as TurnStreamEvent;
  }
}
