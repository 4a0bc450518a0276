import type { Usage } from '../../core/turn/usage.ts';
import { NO_USAGE } from '../../core/turn/usage.ts';

/** The stream did not bring one whole reply, so nothing of it may be kept. Another attempt may. */
export class TornReplyError extends Error {
  override readonly name = 'TornReplyError' as const;
}

/**
 * The stream ended without a valid reply. The next one may well be the same, so it is asked for only a few
 * times more.
 */
export class UnusableReplyError extends Error {
  override readonly name = 'UnusableReplyError' as const;
  /** What the reply has cost, as far as the stream said. */
  usage: Usage = NO_USAGE;
  requestId: string | null = null;
}
