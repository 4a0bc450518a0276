// Three refunds in one reply: a small one runs at once, two wait for a person.

import { AgentClient } from 'plait/client';
import type { TurnHandle } from 'plait/client';
import { expectTurn } from 'plait/testing';
import { createWorker } from 'plait/worker';
import { cashier } from './agent.ts';

const ASK = 'Refund A-17 (12.00 EUR), A-18 (129.00 EUR) and A-19 (4800.00 EUR).';

const worker = await createWorker({ agents: [cashier] });
await worker.runUntil(async () => {
  await using agents = new AgentClient();
  console.log(`> ${ASK}\n`);
  const turn = await agents.start(cashier, ASK);

  for await (const event of turn.stream()) {
    if (event.type === 'callWaiting') await decide(turn, event.callId);
  }
  const result = await turn.result();
  console.log(`\n${result.text}`);

  expectTurn(result)
    .outcome(['refund_order', { order: 'A-17', cents: 1_200 }], 'succeeded', '12.00 EUR')
    .outcome(['refund_order', { order: 'A-18', cents: 12_900 }], 'succeeded', '50.00 EUR')
    .outcome(['refund_order', { order: 'A-19', cents: 480_000 }], 'denied', 'Ask the board first.');
});

/** What a person does at a screen, in any process, minutes or days later. */
async function decide(turn: TurnHandle, callId: string): Promise<void> {
  const request = (await turn.approvals()).find((waiting) => waiting.callId === callId);
  if (request === undefined) return; // somebody else was faster
  const { order, cents } = request.input as { order: string; cents: number };
  const by = 'ana@example.com';
  if (cents > 100_000) {
    await turn.deny(callId, { by, reason: 'Ask the board first.' });
    console.log(`${order}: ${by} denies ${cents} cents`);
  } else {
    await turn.approve(callId, { by, input: { order, cents: 5_000 } });
    console.log(`${order}: ${by} approves 5000 of ${cents} cents`);
  }
}
