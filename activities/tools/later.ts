import type { Context } from '@temporalio/activity';
import { z } from 'zod';
import type { Later, LaterOptions } from '../../agents/define-tool.ts';
import { duration } from '../../agents/check-options.ts';
import { encodeCallToken } from '../../core/calls/token.ts';
import { DEFAULT_WAIT } from '../../core/calls/tool-policy.ts';

/** What a tool returns for a call that will be completed from outside. */
export class HandedOver implements Later {
  readonly token: string;
  /** What the token must hold; the same for every attempt. */
  readonly key: string;
  /** In milliseconds. */
  readonly timeout: number;

  constructor(activity: Context, key: string, options: LaterOptions = {}) {
    const turnId = activity.info.workflowExecution?.workflowId ?? '';
    this.token = encodeCallToken({ turnId, callId: activity.info.activityId, key });
    this.key = key;
    this.timeout = checked(options).timeout ?? DEFAULT_WAIT;
  }
}

const laterOptions = z.strictObject({ timeout: duration.optional() });

/** The tool's author made the mistake, and the model reads it. */
function checked(options: LaterOptions): { timeout?: number | undefined } {
  const parsed = laterOptions.safeParse(options);
  if (parsed.success) return parsed.data;
  throw new TypeError(`ctx.later(): ${z.prettifyError(parsed.error)}`);
}
