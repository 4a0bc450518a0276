import type Anthropic from '@anthropic-ai/sdk';
import type { Message, MessageParam, ToolUseBlock } from '@anthropic-ai/sdk/resources/messages';
import type { Agent } from 'plait';
import { defineAgent, defineTool } from 'plait';
import { z } from 'zod';
import { defined } from '../core/json.ts';
import { lookUp, TOOL_NAMES } from './work.ts';

const inputSchema = z.object({ ms: z.number(), bytes: z.number(), key: z.string() });

/** The agent of Plait. The other contenders make the same requests from its `spec`. */
export const agent = agentWith('bench', { readOnlyHint: true });

/** The same, but its tools do not say that they are safe to repeat. */
export const agentWithoutHints = agentWith('bench-without-hints', {});

/** The same, but its calls start when the whole reply has come. */
export const agentWithoutEarlyStarts = agentWith('bench-without-early-starts', {
  readOnlyHint: true,
  startCallsEarly: false,
});

/** The same, but its calls run within the workflow task. */
export const agentWithLocalTools = agentWith(
  'bench-local',
  { readOnlyHint: true },
  { execution: 'local' },
);

interface AgentOptions {
  readonly readOnlyHint?: boolean;
  readonly startCallsEarly?: boolean;
}

function agentWith(
  name: string,
  { startCallsEarly, ...annotations }: AgentOptions,
  extras: { execution?: 'local' } = {},
): Agent {
  return defineAgent({
    name,
    ...defined({ startCallsEarly }),
    model: 'claude-opus-5-5',
    system: 'You answer questions about customers, in a few plain sentences.',
    tools: TOOL_NAMES.map((tool) =>
      defineTool({
        name: tool,
        description: 'Looks something up.',
        inputSchema,
        annotations,
        ...extras,
        run: (input) => lookUp(input),
      }),
    ),
    limits: { rounds: 1_001 },
  });
}

/** A request of the other contenders: the same model, prompt and tools, streamed. */
export async function askModel(client: Anthropic, messages: MessageParam[]): Promise<Message> {
  return await client.messages.stream({ ...agent.spec, messages }).finalMessage();
}

export function callsIn({ content }: Message): ToolUseBlock[] {
  return content.filter((block) => block.type === 'tool_use');
}
