import { temporalProvider } from '@temporalio/ai-sdk/workflow';
import { proxyActivities } from '@temporalio/workflow';
import { generateText, jsonSchema, stepCountIs, tool } from 'ai';
import type { JSONSchema7, ToolSet } from 'ai';

/** What the workflow needs to know of the agent. */
export interface AgentInput {
  readonly model: string;
  readonly system: string;
  readonly tools: readonly {
    readonly name: string;
    readonly description: string;
    readonly inputSchema: JSONSchema7;
  }[];
}

/** The activity behind each tool. */
export interface Activities {
  callTool(name: string, input: unknown): Promise<string>;
}

const { callTool } = proxyActivities<Activities>({
  startToCloseTimeout: '2 minutes',
  retry: { maximumAttempts: 5 },
});

/** The AI SDK's loop in a workflow, as the integration's guide shows it. */
export async function aiSdkTurn(text: string, agent: AgentInput): Promise<string> {
  const tools: ToolSet = {};
  for (const { name, description, inputSchema } of agent.tools) {
    tools[name] = tool({
      description,
      inputSchema: jsonSchema<unknown>(inputSchema),
      execute: (input) => callTool(name, input),
    });
  }
  const result = await generateText({
    model: temporalProvider.languageModel(agent.model),
    system: agent.system,
    prompt: text,
    tools,
    stopWhen: stepCountIs(1_001),
  });
  return result.text;
}
