import { redisTransport } from 'plait/transport';
import { startRedis } from '../test/fixtures/redis-server.ts';
import type { Contender } from './contender.ts';
import { inProcess } from './contenders/in-process.ts';
import { oneAfterAnother } from './contenders/one-after-another.ts';
import { followedPlait, plait } from './contenders/plait.ts';
import { straightforward } from './contenders/straightforward.ts';
import { toolRunner } from './contenders/tool-runner.ts';
import type { Model } from './model.ts';
import type { Options } from './options.ts';
import type { Peers } from './peers.ts';

/** Starts all that take part, in the order of the tables, and calls `use` with them. */
export async function withContenders<T>(
  { model, address, peers }: { model: Model; address: string; peers: Peers | undefined },
  { check }: Pick<Options, 'check'>,
  use: (contenders: readonly Contender[]) => Promise<T>,
): Promise<T> {
  const contenders: Contender[] = [];
  const redis = await startRedis();
  const transport = redisTransport({ url: redis.url });
  try {
    contenders.push(inProcess(model));
    contenders.push(toolRunner(model, { eagerly: false, always: peers !== undefined }));
    contenders.push(toolRunner(model, { eagerly: true, always: peers !== undefined }));
    // It takes a minute of waiting, and a check compares nothing of it.
    if (!check) contenders.push(oneAfterAnother(model));
    const loop = await straightforward(model, address);
    contenders.push(loop);
    if (peers !== undefined) {
      contenders.push(...(await peers.start({ model, address, temporal: loop.temporal })));
    }
    contenders.push(...(await plait(model, address)));
    contenders.push(await followedPlait(model, address));
    contenders.push(await followedPlait(model, address, transport));
    return await use(contenders);
  } finally {
    for (const contender of contenders) await contender.close();
    await transport.close();
    await redis.stop();
  }
}
