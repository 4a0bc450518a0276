import { isCalledByCode } from '../conversation/server-calls.ts';
import type { ToolUse } from '../conversation/messages.ts';
import { isRecord } from '../json.ts';
import type { Budget } from '../turn/budget.ts';
import { membersOf } from '../json.ts';
import type { Access } from './order.ts';
import type { SettledCall, ToolOutcome } from './outcome.ts';
import * as texts from './texts.ts';

// Calls in the background are answered before they have ended, so that the model can go on. Their results are
// given to it later.

/** What happens to them after the model has ended its turn: the turn waits for their results, or cancels them. */
export type AtEnd = 'wait' | 'cancel';

export const AT_END = membersOf<AtEnd>({ wait: true, cancel: true });

/** How an agent has calls in the background. */
export interface BackgroundPolicy {
  atEnd: AtEnd;
  /** Calls that are still running when their batch is out of time also go on. */
  onTimeout?: 'continue';
}

/** A call in the background. */
export interface BackgroundCall {
  callId: string;
  tool: string;
  /** Milliseconds since the epoch. */
  since: number;
  /** The part of the turn's budget that is reserved for it while it runs. */
  reserved?: Budget;
  /** How it ended; kept until the model has its result. */
  ended?: SettledCall;
}

/**
 * Whether a call may go on when its batch is out of time. Not if it touches what others touch: later calls do
 * not wait for it. Nor if code made the call: code cannot get a result later.
 */
export function mayGoOn(use: ToolUse, access: Access | undefined): boolean {
  return access === undefined && !isCalledByCode(use);
}

/** What the model asks of `get_agent_result`. */
export interface ResultQuestion {
  id: string;
  /** Whether the call is to wait until there is a result. */
  wait: boolean;
}

/** The worker has checked the input, but an approver or another client may have written another one. */
export function resultQuestion(input: unknown): ResultQuestion {
  const { id, wait } = isRecord(input) ? input : {};
  return { id: typeof id === 'string' ? id : '', wait: wait !== false };
}

/** What is known of the requested call. */
export type ResultReading =
  | { type: 'ended'; outcome: ToolOutcome }
  | { type: 'running'; tool: string; since: number }
  /** The model already has its result. */
  | { type: 'given' }
  /** `running`: the ids of the running calls. */
  | { type: 'unknown'; running: readonly string[] };

/** What the model reads, where it does not wait. */
export function readingOutcome(id: string, reading: ResultReading, now: number): ToolOutcome {
  switch (reading.type) {
    case 'ended':
      return reading.outcome;
    case 'running': {
      const { tool, since } = reading;
      return { type: 'succeeded', content: texts.stillRunningText(tool, now - since) };
    }
    case 'given':
      return { type: 'succeeded', content: texts.GIVEN_BEFORE };
    case 'unknown':
      return { type: 'failed', message: texts.notInBackgroundText(id, reading.running) };
  }
}
