import { Client, Connection } from '@temporalio/client';
import { AgentClient } from 'plait/client';
import { openStorage, withStorage } from 'plait/storage';
import { createWorker } from 'plait/worker';
import { support } from './support.ts';

const storage = openStorage('postgres://plait@db.internal/plait'); // and PGPASSWORD

export async function runWorker(): Promise<void> {
  const worker = await createWorker({ agents: [support], storage });
  await worker.run();
}

export async function ask(question: string): Promise<string> {
  const connection = await Connection.connect();
  const dataConverter = withStorage(undefined, storage) ?? {};
  const agents = new AgentClient({ client: new Client({ connection, dataConverter }) });
  return (await agents.execute(support, question)).text;
}
