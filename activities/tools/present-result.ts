import { ApplicationFailure } from '@temporalio/common';
import type { AgentRegistry } from '../../agents/agent-registry.ts';
import type { ToolCallArgs, ToolReturn } from '../../core/calls/tool-call.ts';
import { INVALID_TOOL_RESULT } from '../../core/failures.ts';
import type { Secrets } from '../model/secrets.ts';
import type { TranscriptStore } from '../transcript/store.ts';
import type { Served } from '../turn/served.ts';
import { InvalidToolResultError } from './result.ts';
import { present, registeredTool } from './run-tool.ts';

export interface PresentResultArgs extends ToolCallArgs {
  tool: string;
  callId: string;
  /** The value with which the call was completed. */
  value: unknown;
}

export function createPresentResult(
  registry: AgentRegistry,
  { store, served }: { store: TranscriptStore; served: Served },
  secrets: Secrets,
) {
  /** Shows a value from outside to the model as a tool's result is shown. */
  return async function presentCompletion(args: PresentResultArgs): Promise<ToolReturn> {
    const startedAt = Date.now();
    const tool = await registeredTool(registry, served, args, args.tool);
    try {
      // With its data put back, so that it is checked like a tool's result.
      const presented = await present(await store.putBack(args.value), {
        registry,
        tool,
        store,
        secrets,
        callId: args.callId,
        args,
      });
      return { type: 'result', ...presented, attempt: 1, startedAt, endedAt: Date.now() };
    } catch (error) {
      if (!(error instanceof InvalidToolResultError)) throw error;
      // Another attempt would get the same value.
      throw ApplicationFailure.nonRetryable(secrets.redact(error.message), INVALID_TOOL_RESULT);
    }
  };
}
