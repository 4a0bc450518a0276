import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { askModel } from '../agent.ts';
import type { Contender } from '../contender.ts';
import type { Model } from '../model.ts';
import type { LookupInput } from '../work.ts';
import { lookUp } from '../work.ts';
import type { Activities, straightforwardTurn } from './straightforward-workflow.ts';

/** A loop on Temporal without tuning: an activity for each call, and the SDK's defaults. */
export async function straightforward(
  model: Model,
  address: string,
): Promise<Contender & { temporal: Client }> {
  const taskQueue = 'straightforward';
  const native = await NativeConnection.connect({ address });
  const activities: Activities = {
    callModel: (messages) => askModel(model.client, messages),
    callTool: (_name, input) => lookUp(input as LookupInput),
  };
  const worker = await Worker.create({
    connection: native,
    taskQueue,
    workflowsPath: fileURLToPath(new URL('straightforward-workflow.ts', import.meta.url)),
    activities,
  });
  const running = worker.run();
  const connection = await Connection.connect({ address });
  const client = new Client({ connection });

  return {
    name: 'straightforward loop',
    runTurn: (text, workflowId) =>
      client.workflow.execute<typeof straightforwardTurn>('straightforwardTurn', {
        workflowId,
        taskQueue,
        args: [text],
      }),
    temporal: client,
    async close() {
      worker.shutdown();
      await running;
      await connection.close();
      await native.close();
    },
  };
}
