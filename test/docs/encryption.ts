import { AgentClient } from 'plait/client';
import { encryptedBy } from 'plait/storage';
import { createWorker } from 'plait/worker';
import { aesCodec } from './encryption-codec.ts';
import { support } from './support.ts';

const key = () => Buffer.from(process.env['PLAIT_KEY'] ?? '', 'base64'); // 32 bytes

export async function runWorker(): Promise<void> {
  const dataConverter = encryptedBy(aesCodec(key()));
  const worker = await createWorker({ agents: [support], dataConverter });
  await worker.run();
}

export async function ask(question: string): Promise<string> {
  await using agents = new AgentClient({ dataConverter: encryptedBy(aesCodec(key())) });
  return (await agents.execute(support, question)).text;
}
