import { fileURLToPath } from 'node:url';
import { createAnthropic } from '@ai-sdk/anthropic';
import { AiSdkPlugin } from '@temporalio/ai-sdk';
import { Client, Connection } from '@temporalio/client';
import {
  DefaultLogger,
  makeTelemetryFilterString,
  NativeConnection,
  Runtime,
  Worker,
} from '@temporalio/worker';
import { agent } from '../agent.ts';
import type { Contender } from '../contender.ts';
import type { Model } from '../model.ts';
import type { Setting } from '../peers.ts';
import type { LookupInput } from '../work.ts';
import { lookUp } from '../work.ts';
import type { Activities, AgentInput, aiSdkTurn } from './ai-sdk-workflow.ts';

const activities: Activities = {
  callTool: (_name, input) => lookUp(input as LookupInput),
};

/** The AI SDK's loop on Temporal, by Temporal's own integration: model requests and tools are activities. */
export async function aiSdk({ model, address, temporal }: Setting): Promise<Contender> {
  // Its copy of the SDK is not Plait's, and has a runtime of its own.
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: {
      logging: { filter: makeTelemetryFilterString({ core: 'ERROR' }), forward: {} },
    },
  });
  const taskQueue = 'ai-sdk';
  const native = await NativeConnection.connect({ address });
  const worker = await Worker.create({
    connection: native,
    taskQueue,
    plugins: [new AiSdkPlugin({ modelProvider: providerOf(model) })],
    workflowsPath: fileURLToPath(new URL('ai-sdk-workflow.ts', import.meta.url)),
    activities,
  });
  const running = worker.run();
  const connection = await Connection.connect({ address });
  const client = new Client({ connection });

  return {
    name: '@temporalio/ai-sdk',
    mayFail: true,
    async runTurn(text, workflowId) {
      const answer = await client.workflow.execute<typeof aiSdkTurn>('aiSdkTurn', {
        workflowId,
        taskQueue,
        args: [text, agentInput()],
        // A failing workflow task is retried forever, so the benchmark would never end.
        workflowExecutionTimeout: '5 minutes',
      });
      return [{ role: 'assistant', content: answer }];
    },
    temporal,
    async close() {
      worker.shutdown();
      await running;
      await connection.close();
      await native.close();
    },
  };
}

function agentInput(): AgentInput {
  const { model, system = '', tools = [] } = agent.spec;
  return {
    model,
    system,
    tools: tools.flatMap((tool) =>
      'input_schema' in tool
        ? [
            {
              name: tool.name,
              description: tool.description ?? '',
              inputSchema: tool.input_schema as AgentInput['tools'][number]['inputSchema'],
            },
          ]
        : [],
    ),
  };
}

/** Asks the scripted model, whose address differs in each run. */
function providerOf(model: Model): ReturnType<typeof createAnthropic> {
  const provider = createAnthropic({ apiKey: 'bench' });
  return Object.assign((name: string) => provider(name), provider, {
    languageModel: (name: string) =>
      createAnthropic({ apiKey: 'bench', baseURL: `${model.client.baseURL}/v1` }).languageModel(
        name,
      ),
  });
}
