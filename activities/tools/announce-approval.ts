import { activityInfo, log } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { AgentRegistry } from '../../agents/agent-registry.ts';
import type { TurnOwner } from '../../core/calls/tool-call.ts';
import { causeChain } from '../../core/failures.ts';
import { shorten } from '../../core/json.ts';
import type { ApprovalRequest } from '../../core/turn/protocol.ts';
import type { Secrets } from '../model/secrets.ts';
import { registeredAgent } from '../turn/pin-agent.ts';
import { stackText } from './redact.ts';

/** In characters: the failure stands in history. */
const MAX_MESSAGE = 3_000;

export function createAnnounceApproval(
  registry: AgentRegistry,
  { redact }: Pick<Secrets, 'redact'>,
) {
  /** Calls the agent's `onApproval` for a call that waits for a person. */
  return async function announceApproval(
    name: string,
    request: ApprovalRequest,
    owner: TurnOwner = {},
  ): Promise<void> {
    const turnId = activityInfo().workflowExecution?.workflowId ?? '';
    const { onApproval } = registeredAgent(registry, name);
    try {
      await onApproval?.({ ...request, ...owner, agent: name, turnId });
    } catch (error) {
      const { callId } = request;
      log.warn('onApproval failed', { turnId, callId, error: stackText(error, redact) });
      throw ApplicationFailure.create({
        message: `onApproval failed: ${shorten(redact(causeChain(error)).toWellFormed(), MAX_MESSAGE)}`,
        nonRetryable: error instanceof ApplicationFailure && error.nonRetryable === true,
      });
    }
  };
}
