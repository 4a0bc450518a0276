import Anthropic from '@anthropic-ai/sdk';
import { NativeConnection } from '@temporalio/worker';
import { directoryStorage } from 'plait/storage';
import { createWorker } from 'plait/worker';
import { agent } from '../agent.ts';

const { BENCH_ADDRESS, BENCH_MODEL, BENCH_STORAGE, BENCH_QUEUE } = process.env;
const worker = await createWorker({
  agents: [agent],
  storage: directoryStorage(BENCH_STORAGE ?? ''),
  connection: await NativeConnection.connect({ address: BENCH_ADDRESS ?? '' }),
  taskQueue: BENCH_QUEUE ?? 'profile',
  anthropic: new Anthropic({ apiKey: 'bench', baseURL: BENCH_MODEL ?? '', maxRetries: 0 }),
});
const running = worker.run();
// Also where the process that started it is gone. A signal may have come before.
process.once('disconnect', () => {
  if (worker.getState() === 'RUNNING') worker.shutdown();
});
process.send?.('ready');
await running;
// The profiles are written when the process ends by itself.
process.exit();
