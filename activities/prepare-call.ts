import type { AgentRegistry } from '../agents/agent-registry.ts';
import type { ToolUse } from '../core/messages.ts';
import type { PreparedCall } from '../core/prepared-call.ts';
import { registeredAgent } from './pin-agent.ts';
import { prepareCall } from './prepare-calls.ts';

export interface PrepareCallArgs {
  agent: string;
  /** With the input that it shall run with. */
  call: ToolUse;
}

export function createPrepareCall(registry: AgentRegistry) {
  /** Prepares a call again whose input an approver has changed. */
  return async function prepareEditedCall({ agent, call }: PrepareCallArgs): Promise<PreparedCall> {
    const { prepared } = await prepareCall(registeredAgent(registry, agent), call);
    return prepared;
  };
}
