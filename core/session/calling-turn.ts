import type { Shape } from '../shape.ts';
import { byType, list, object, optional, text, whole } from '../shape.ts';
import type { TraceContext } from '../trace/context.ts';
import { TRACE_CONTEXT } from '../trace/context.ts';
import type { Budget } from '../turn/budget.ts';
import { SHARED_FIELDS } from '../turn/input.ts';

/** The turn that sends a message to a session, as the call of a sub-agent. The message's turn works for it. */
export interface CallingTurn {
  turnId: string;
  callId: string;
  /** For whom it runs: a session of another user does not accept the message. */
  user?: string;
  /** The names of the agents, from the first turn to the session. */
  path: string[];
  /** The sessions whose turns wait for the call, at any level: a message to one of them would wait forever. */
  sessions: string[];
  /** How many levels of sub-agents the message's turn may have. */
  levels: number;
  /** What it may spend, within the limits of the session. */
  limits?: Budget;
  /** The span of the call, if its turn has a trace. */
  trace?: TraceContext;
}

export const CALLING_TURN: Shape<CallingTurn> = object<CallingTurn>({
  turnId: text(),
  callId: text(),
  user: optional(text()),
  path: list(text()),
  sessions: list(text()),
  levels: whole(),
  limits: SHARED_FIELDS.limits,
  trace: optional(TRACE_CONTEXT),
});

/** What happened to the message of a call. */
export type SentMessage =
  /** The session has accepted it, and it becomes this turn. */
  | { type: 'sent'; turnId: string }
  /** The end of a sentence about the session: "it is closed." */
  | { type: 'rejected'; message: string };

export const SENT_MESSAGE: Shape<SentMessage> = byType<SentMessage>({
  sent: { turnId: text() },
  rejected: { message: text() },
});
