import type { CallOrigin } from './origin.ts';
import type { Access } from './order.ts';
import { conflicts } from './order.ts';

/** A call whose block is complete, while the reply that holds it still comes. */
export interface CompleteCall {
  origin: CallOrigin;
  /** What its tool says of itself; `undefined` where the agent has no such tool. */
  tool: EarlyTool | undefined;
  /** Whether its input is valid. */
  valid: boolean;
  access: Access | undefined;
  /** What the calls before it in the reply touch. */
  before: readonly (Access | undefined)[];
  /** Whether the limits on concurrent calls leave room besides all calls before it. */
  hasRoom: boolean;
}

export interface EarlyTool {
  /** It only reads, and early starts are not switched off for it. */
  startCallsEarly: boolean;
  approval: unknown;
  policy: { taskQueue?: string };
}

/**
 * Whether a call may start before its reply is whole: it changes nothing, since the reply may never be
 * committed, and nothing would hold it up if the reply were.
 */
export function mayStartEarly(call: CompleteCall): boolean {
  const { tool, origin, access } = call;
  return (
    mayToolStartEarly(tool) &&
    origin.byCode !== true &&
    origin.toolset === undefined &&
    call.valid &&
    !call.before.some((earlier) => conflicts(earlier, access)) &&
    call.hasRoom
  );
}

/** Whether calls of the tool may start early at all. */
export function mayToolStartEarly(tool: EarlyTool | undefined): boolean {
  return (
    tool !== undefined &&
    tool.startCallsEarly &&
    tool.approval === 'never' &&
    tool.policy.taskQueue === undefined
  );
}
