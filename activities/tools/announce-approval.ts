import { activityInfo } from '@temporalio/activity';
import type { AgentRegistry } from '../../agents/agent-registry.ts';
import type { ApprovalRequest } from '../../core/turn/protocol.ts';
import { registeredAgent } from '../turn/pin-agent.ts';

export function createAnnounceApproval(registry: AgentRegistry) {
  /** Calls the agent's `onApproval` for a call that waits for a person. */
  return async function announceApproval(name: string, request: ApprovalRequest): Promise<void> {
    const turnId = activityInfo().workflowExecution?.workflowId ?? '';
    await registeredAgent(registry, name).onApproval?.({ ...request, agent: name, turnId });
  };
}
