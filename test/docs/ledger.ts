import { setTimeout as sleep } from 'node:timers/promises';
import { defineTool } from 'plait';
import { z } from 'zod';

const PAGES = 40;
/** Replaces a minute of work. */
const workOn = (_page: number, signal: AbortSignal) =>
  sleep(Number(process.env['PAGE_MS'] ?? 60_000), undefined, { signal });

export const checkLedger = defineTool({
  name: 'check_ledger',
  description: 'Checks every page of the ledger. Takes some 40 minutes.',
  inputSchema: z.object({ year: z.number().int() }),
  annotations: { readOnlyHint: true },
  activity: { startToCloseTimeout: '40m', retry: { maximumAttempts: 10 } },
  async run({ year }, { heartbeat, heartbeatDetails, log, signal }) {
    // An earlier attempt recorded this before its worker was lost.
    const { done = 0 } = (heartbeatDetails ?? {}) as { done?: number };
    if (done > 0) log.info('resumed', { done });
    for (let page = done; page < PAGES; page++) {
      await workOn(page, signal);
      heartbeat({ done: page + 1 });
    }
    return `All ${PAGES} pages of ${year} are in order; ${done} of them were checked before.`;
  },
});
