import { isCalledByCode } from '../conversation/server-calls.ts';
import type { ToolUse } from '../conversation/messages.ts';
import { isRecord } from '../json.ts';
import type { Budget } from '../turn/budget.ts';
import { membersOf } from '../json.ts';
import type { Access } from './order.ts';
import type { SettledCall, ToolOutcome } from './outcome.ts';
import * as texts from './texts.ts';

// Calls that go on in the background: they are answered before they have ended, so that the model can go on,
// and their results are given to it later.

/** What becomes of them once the model has ended its turn: it waits for their results, or cancels them. */
export type AtEnd = 'wait' | 'cancel';

export const AT_END = membersOf<AtEnd>({ wait: true, cancel: true });

/** How an agent has calls in the background. */
export interface BackgroundPolicy {
  atEnd: AtEnd;
  /** Calls that still run when the time of their batch is up go on, too. */
  onTimeout?: 'continue';
}

/** A call in the background. */
export interface BackgroundCall {
  callId: string;
  tool: string;
  /** Milliseconds since the epoch. */
  since: number;
  /** What is reserved for it while it runs, of what the turn may spend. */
  reserved?: Budget;
  /** How it has ended, until the model has been given its result. */
  ended?: SettledCall;
}

/**
 * Whether a call may go on when the time of its batch is up. One that touches what others touch may not: later
 * calls do not wait for it. Nor may one by code, which cannot be given a result later.
 */
export function mayGoOn(use: ToolUse, access: Access | undefined): boolean {
  return access === undefined && !isCalledByCode(use);
}

/** What the model asks `get_agent_result` for. */
export interface ResultQuestion {
  id: string;
  /** Whether the call is to wait until there is a result. */
  wait: boolean;
}

/** The input was checked on a worker, but an approver or another client may have written another one. */
export function resultQuestion(input: unknown): ResultQuestion {
  const { id, wait } = isRecord(input) ? input : {};
  return { id: typeof id === 'string' ? id : '', wait: wait !== false };
}

/** What there is to say of the call that was asked for. */
export type ResultReading =
  | { type: 'ended'; outcome: ToolOutcome }
  | { type: 'running'; tool: string; since: number }
  /** The model has its result. */
  | { type: 'given' }
  /** `running`: the ids of those that run. */
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
