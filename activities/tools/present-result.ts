import { ApplicationFailure } from '@temporalio/common';
import type { AgentRegistry } from '../../agents/agent-registry.ts';
import { INVALID_TOOL_RESULT } from '../../core/failures.ts';
import type { ToolCallArgs, ToolReturn } from '../../core/calls/tool-call.ts';
import { present, registeredTool } from './run-tool.ts';
import { InvalidToolResultError } from './result.ts';
import type { TranscriptStore } from '../transcript/store.ts';

export interface PresentResultArgs extends ToolCallArgs {
  tool: string;
  callId: string;
  /** What the call was completed with. */
  value: unknown;
}

export function createPresentResult(registry: AgentRegistry, store: TranscriptStore) {
  /** Makes of a value from outside what a worker makes of what a tool returns. */
  return async function presentCompletion(args: PresentResultArgs): Promise<ToolReturn> {
    const startedAt = Date.now();
    const tool = registeredTool(registry, args.agent, args.tool);
    try {
      // As it was given: what is in it is checked like that of a tool.
      const presented = await present(await store.putBack(args.value), {
        registry,
        tool,
        store,
        callId: args.callId,
        args,
      });
      return { type: 'result', ...presented, attempt: 1, startedAt, endedAt: Date.now() };
    } catch (error) {
      if (!(error instanceof InvalidToolResultError)) throw error;
      // The value stays what it is.
      throw ApplicationFailure.nonRetryable(error.message, INVALID_TOOL_RESULT);
    }
  };
}
