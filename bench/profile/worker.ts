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
// Stop even if the parent process is gone, or a signal came before.
process.once('disconnect', () => {
  if (worker.getState() === 'RUNNING') worker.shutdown();
});
process.send?.('ready');
await running;
// V8 writes the profiles only if the process ends by itself.
process.exit();
