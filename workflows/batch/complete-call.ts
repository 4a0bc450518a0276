import { scheduleActivity } from '@temporalio/workflow';
import type { PresentResultArgs } from '../../activities/tools/present-result.ts';
import type { ToolReturn } from '../../activities/tools/run-tool.ts';
import { PRESENT_RESULT } from '../../core/names.ts';
import type { CompletionResult } from '../../core/turn/protocol.ts';
import { toldFromOutside } from '../../core/calls/texts.ts';
import type { BatchCall } from './call.ts';
import { toolCallArgs } from './call.ts';
import type { CallEnd } from './ended.ts';
import { failed, returned, settledNow } from './ended.ts';
import type { Batch } from './batch.ts';

/**
 * Ends a call that was completed from outside: what came becomes a result as a worker does it for what
 * a tool returns. With a callback, as `runCall`.
 */
export function completeCall(
  batch: Batch,
  call: BatchCall,
  result: CompletionResult,
  ended: (end: CallEnd) => void,
): void {
  const { use, policy } = call;
  if (result.type === 'failed') {
    const message = toldFromOutside(result.message);
    ended({ type: 'settled', settled: settledNow({ type: 'failed', message }) });
    return;
  }
  // Without the context: it is not needed, and together with a large value it might not fit.
  const { context: _, ...presented } = toolCallArgs(batch, call);
  const args: PresentResultArgs = {
    ...presented,
    tool: use.name,
    callId: use.id,
    value: result.value,
  };
  const scheduled = Date.now();
  scheduleActivity<ToolReturn>(PRESENT_RESULT, [args], {
    activityId: `result.${use.id}`,
    summary: `${use.name}: completed from outside`,
    startToCloseTimeout: '1m',
    retry: { maximumAttempts: 5, maximumInterval: '30s' },
  }).then(
    (value) => ended(returned(value, scheduled)),
    (error: unknown) => ended(failed(error, { tool: use.name, policy, scheduled })),
  );
}
