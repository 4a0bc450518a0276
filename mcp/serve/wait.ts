import type { TurnSnapshot } from '../../client/follow/snapshot.ts';
import type { TurnHandle } from '../../client/turn-handle.ts';
import type { TurnResult } from '../../core/turn/result.ts';
import { doingText, waitsForPeople } from './turn-text.ts';

export type Waited =
  | { type: 'ended'; result: TurnResult }
  | { type: 'goes on'; snapshot: TurnSnapshot | undefined };

interface WaitOptions {
  /** In milliseconds. */
  within: number;
  /** Ends the waiting, but not the turn. */
  signal: AbortSignal;
  /** Whether to keep waiting when every open call waits for a person. */
  forPeople: boolean;
  /** Called when the turn starts to do something else, and every few seconds. */
  report: (doing: string) => void;
}

/** Clients give up after a minute of silence, some of them sooner. */
const REPORT_EVERY_MS = 5_000;

/** Waits for the end of a turn. Throws what `TurnHandle.result` throws. */
export async function waitForTurn(turn: TurnHandle, options: WaitOptions): Promise<Waited> {
  const { within, signal, forPeople, report } = options;
  const over = AbortSignal.any([signal, AbortSignal.timeout(within)]);
  let snapshot: TurnSnapshot | undefined;
  let doing = '';
  report(doing);
  const timer = setInterval(() => report(doing), REPORT_EVERY_MS);
  try {
    // Not `result()`, which would keep waiting for a turn of hours after everybody has gone.
    for await (snapshot of turn.watch({ signal: over })) {
      if (snapshot.status !== 'running' && snapshot.status !== 'continuedAsNew') {
        return { type: 'ended', result: await turn.result() };
      }
      if (!forPeople && waitsForPeople(snapshot)) break;
      const before = doing;
      doing = doingText(snapshot);
      if (doing !== before) report(doing);
    }
    return { type: 'goes on', snapshot };
  } finally {
    clearInterval(timer);
  }
}
