import { activityInfo } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { AgentRegistry } from '../../agents/agent-registry.ts';
import { TOOL_NOT_REGISTERED } from '../../core/failures.ts';
import type { ToolUse } from '../../core/conversation/messages.ts';
import type { PreparedCall } from '../../core/calls/prepared-call.ts';
import { toolGoneText } from '../../core/calls/texts.ts';
import { LOOKUP_ATTEMPTS, LOOKUP_DELAY, registeredAgent } from '../turn/pin-agent.ts';
import { prepareCall, prepareNewCall } from './prepare-calls.ts';

export interface PrepareCallArgs {
  agent: string;
  /** With the input that it shall run with. */
  call: ToolUse;
  /** Set where the worker that had the reply has no such tool: it has not been prepared at all. */
  missing?: { context?: unknown };
}

export function createPrepareCall(registry: AgentRegistry) {
  /** Prepares a call again whose input an approver has changed, or on another worker. */
  return async function prepareOneCall(args: PrepareCallArgs): Promise<PreparedCall> {
    const { call, missing } = args;
    const agent = registeredAgent(registry, args.agent);
    if (missing === undefined) return (await prepareCall(agent, call)).prepared;
    if (agent.tools.has(call.name)) {
      return await prepareNewCall(agent, call, missing.context);
    }
    const message = toolGoneText(call.name);
    if (activityInfo().attempt >= LOOKUP_ATTEMPTS) return { type: 'invalid', message };
    // While a new version rolls out, workers of both serve the queue.
    throw ApplicationFailure.create({
      message,
      type: TOOL_NOT_REGISTERED,
      nextRetryDelay: LOOKUP_DELAY,
    });
  };
}
