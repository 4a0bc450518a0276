import { activityInfo } from '@temporalio/activity';
import type { AgentRegistry } from '../../agents/agent-registry.ts';
import type { TurnOwner } from '../../core/calls/tool-call.ts';
import type { ApprovalRequest } from '../../core/turn/protocol.ts';
import { registeredAgent } from '../turn/pin-agent.ts';

export function createAnnounceApproval(registry: AgentRegistry) {
  /** Calls the agent's `onApproval` for a call that waits for a person. */
  return async function announceApproval(
    name: string,
    request: ApprovalRequest,
    owner: TurnOwner = {},
  ): Promise<void> {
    const turnId = activityInfo().workflowExecution?.workflowId ?? '';
    await registeredAgent(registry, name).onApproval?.({
      ...request,
      ...owner,
      agent: name,
      turnId,
    });
  };
}
