import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentClient } from 'plait/client';

interface Job {
  month: string;
  token: string;
}

/** Stands for a service of another team. All it needs of Plait is a client and the token. */
export function createReportService(agents: AgentClient): Server {
  const known = new Set<string>();
  return createServer((request, response) => {
    const accept = async () => {
      const job = (await json(request)) as Job;
      response.writeHead(202).end();
      // A tool whose worker was lost may ask again, with the same key and the same token.
      if (known.has(request.url ?? '')) return;
      known.add(request.url ?? '');
      await work(agents, job);
    };
    accept().catch((error: unknown) => console.error(error));
  });
}

async function work(agents: AgentClient, { month, token }: Job): Promise<void> {
  console.log(`${month}: the report service has the job`);
  await sleep(1_000); // stands for hours
  if (month > '2026-12') {
    await agents.failToolCall(token, `There are no sales in ${month} yet.`);
    console.log(`${month}: failed`);
  } else {
    await agents.completeToolCall(token, { month, orders: 1_204, total: '88,410 EUR' });
    console.log(`${month}: completed`);
  }
}
