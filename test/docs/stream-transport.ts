import { AgentClient } from 'plait/client';
import { openTransport } from 'plait/transport';
import { createWorker } from 'plait/worker';
import { support } from './support.ts';

const streamTransport = openTransport('redis://redis.internal:6379');

export async function runWorker(): Promise<void> {
  const worker = await createWorker({ agents: [support], streamTransport });
  await worker.run();
  await streamTransport.close();
}

export async function print(question: string): Promise<void> {
  await using agents = new AgentClient({ streamTransport });
  const turn = await agents.start(support, question, { stream: true });
  for await (const event of turn.stream()) {
    if (event.type === 'textDelta') process.stdout.write(event.text);
  }
}
