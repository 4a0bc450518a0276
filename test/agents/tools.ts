import type { Logger } from '@temporalio/common';
import type { ToolContext } from '../../agents/define-tool.ts';

const silent = () => undefined;
const log: Logger = {
  log: silent,
  trace: silent,
  debug: silent,
  info: silent,
  warn: silent,
  error: silent,
};

/** The context of `run`, for tests that call it themselves. */
export function toolContext<Context>(context: Context): ToolContext<Context> {
  return {
    turnId: 'turn',
    callId: 'toolu_1',
    agent: 'support',
    idempotencyKey: 'workflow/1/toolu_1',
    attempt: 1,
    signal: new AbortController().signal,
    heartbeat: silent,
    heartbeatDetails: undefined,
    context,
    log,
    later: () => ({ token: 'token' }),
  };
}

/** Legal names for the API that are members of every object in JavaScript, or special elsewhere. */
export const SPECIAL_NAMES = ['constructor', '__proto__', 'default', 'toString'] as const;
