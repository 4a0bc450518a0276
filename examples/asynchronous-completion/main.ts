// Two reports that a service outside makes. Until it completes them, the calls wait and nothing runs.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { AgentClient } from 'plait/client';
import { expectTurn } from 'plait/testing';
import { createWorker } from 'plait/worker';
import { analyst } from './agent.ts';
import { createReportService } from './report-service.ts';

const ASK = 'Compare the sales of May 2026 and May 2027.';

const worker = await createWorker({ agents: [analyst] });
await worker.runUntil(async () => {
  await using agents = new AgentClient();
  await using service = createReportService(agents).listen(0, '127.0.0.1');
  await once(service, 'listening');
  const { port } = service.address() as AddressInfo;
  process.env['REPORTS_URL'] = `http://127.0.0.1:${port}`;

  console.log(`> ${ASK}\n`);
  const turn = await agents.start(analyst, ASK);
  let waiting = 0;
  for await (const event of turn.stream()) {
    if (event.type !== 'callWaiting' || ++waiting < 2) continue;
    const { pendingCalls } = await turn.describe();
    console.log(`${waiting} calls wait, ${pendingCalls.length} activities are open`);
    assert.equal(pendingCalls.length, 0, 'a call that waits must not occupy a worker');
  }
  const result = await turn.result();
  console.log(`\n${result.text}`);

  expectTurn(result)
    .outcome(['make_report', { month: '2026-05' }], 'succeeded', '88,410 EUR')
    .outcome(['make_report', { month: '2027-05' }], 'failed', 'There are no sales in 2027-05 yet.');
});
