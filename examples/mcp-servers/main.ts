// Two MCP servers, which are processes of the worker. Their writes wait for a person.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AgentClient } from 'plait/client';
import type { TurnHandle } from 'plait/client';
import { expectTurn } from 'plait/testing';
import { createWorker } from 'plait/worker';
import { archivist } from './agent.ts';

const folder = await realpath(await mkdtemp(join(tmpdir(), 'plait-archive-')));
await writeFile(join(folder, 'letter.txt'), 'Dear Charles, about the engine …\n');

const agent = archivist(folder);
const worker = await createWorker({ agents: [agent] });
await worker.runUntil(async () => {
  await using agents = new AgentClient();
  const turn = await agents.start(agent, `Archive the letter in ${folder}.`);
  for await (const event of turn.stream()) {
    if (event.type === 'callScheduled') console.log(event.name);
    if (event.type === 'callWaiting') await decide(turn, event.callId);
  }
  const result = await turn.result();
  console.log(`\n${result.text}`);

  expectTurn(result)
    .outcome('files__read_text_file', 'succeeded', 'Dear Charles')
    .outcome('memory__read_graph', 'succeeded')
    .answeredEveryCall();
  const writes = result.calls.filter(({ name }) => name === 'files__write_file');
  assert.deepEqual(
    writes.map(({ outcome }) => outcome),
    ['succeeded', 'denied'],
  );
});

const read = (file: string) => readFile(join(folder, file), 'utf8');
assert.equal(await read('summary.txt'), 'A letter about engines.\n');
assert.equal(await read('letter.txt'), 'Dear Charles, about the engine …\n');
assert.equal((await read('memory.jsonl')).trim().split('\n').length, 4);
await rm(folder, { recursive: true });

/** What a person does at a screen: new files are allowed, and the letter must not be touched. */
async function decide(turn: TurnHandle, callId: string): Promise<void> {
  const request = (await turn.approvals()).find((waiting) => waiting.callId === callId);
  if (request === undefined) return;
  const { path } = request.input as { path: string };
  const by = 'ana@example.com';
  if (path.endsWith('letter.txt')) await turn.deny(callId, { by, reason: 'Letters stay.' });
  else await turn.approve(callId, { by });
  console.log(`${by} decides about ${path.slice(folder.length + 1)}`);
}
