// A lead asks three researchers at the same time. Each is a turn of its own.

import assert from 'node:assert/strict';
import { AgentClient } from 'plait/client';
import { expectTurn } from 'plait/testing';
import { createWorker } from 'plait/worker';
import { lead } from './agent.ts';

const ASK = 'How do I best get from Oslo to Bergen?';

// The worker has the researcher by itself.
const worker = await createWorker({ agents: [lead] });
await worker.runUntil(async () => {
  await using agents = new AgentClient();
  console.log(`> ${ASK}\n`);
  const turn = await agents.start(lead, ASK);
  const result = await turn.result();

  for (const { outcome, subAgent, input } of result.calls) {
    const { prompt } = input as { prompt: string };
    console.log(`${subAgent?.agent}: ${prompt} (${outcome}, ${subAgent?.rounds} rounds)`);
  }
  console.log(`\n${result.text}`);

  expectTurn(result).ended('end_turn').answeredEveryCall();
  assert.equal(result.calls.length, 3);
  const starts = result.calls.map(({ start }) => Date.parse(start));
  const ends = result.calls.map(({ end }) => Date.parse(end));
  assert.ok(Math.max(...starts) < Math.min(...ends), 'the researchers must work at the same time');
  // The lead reads their answers. What they looked up is in their own conversations.
  assert.equal(result.messages.length, 4);
  const [first] = result.calls;
  const research = await agents.getTurn(first?.subAgent?.turnId ?? '').result();
  expectTurn(research).outcome('look_up', 'succeeded');
});
