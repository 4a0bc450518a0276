import type { Context } from '@temporalio/activity';
import type { TraceContext } from '../../core/trace/context.ts';
import { spanInTurn } from '../../core/trace/context.ts';
import type { Traces } from '../../core/trace/traces.ts';
import { turnKey } from '../turn/turn-key.ts';

/** Runs a tool within the span of its call. The span itself is written when the turn is over. */
export function withinCall<T>(
  traces: Traces | undefined,
  { info }: Context,
  { callId, trace }: { callId: string; trace: TraceContext | undefined },
  run: () => T,
): T {
  if (traces === undefined) return run();
  return traces.within(spanInTurn(turnKey(info), trace, callId), run);
}
