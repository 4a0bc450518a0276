import type { Context } from '@temporalio/activity';
import { seconds } from '../core/metrics.ts';

/**
 * How long this attempt has waited for a worker: from when the server scheduled it, by the server's clock,
 * until now, by this worker's clock.
 */
export function queueSeconds({ info }: Context): number {
  return seconds(Date.now() - info.currentAttemptScheduledTimestampMs);
}
