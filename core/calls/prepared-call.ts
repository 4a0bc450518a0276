import type { Access } from './order.ts';

/**
 * What only worker code can decide about a call, because schemas are functions and workflow code has only
 * data. Decided right after the reply and recorded with it, so that it costs no extra activity.
 */
export type PreparedCall = ReadyCall | InvalidCall;

export interface ReadyCall {
  type: 'ready';
  /** The short arguments, shown beside the tool's name in the Temporal UI. */
  summary: string;
  /** What it touches; absent where it touches nothing that others do. */
  access?: Access;
  /** It has to wait for a person. */
  approval?: true;
  /** The worker has an `authorizeDecision`, which is asked about the person's decision. */
  authorize?: true;
  /** The session that gets it as a turn, if its tool is an agent with a memory of its own. */
  session?: string;
}

/** There is no such tool, or the input does not match its schema. */
export interface InvalidCall {
  type: 'invalid';
  /** Why, for the model. */
  message: string;
  /** What it would have touched: other calls may not run without it. */
  access?: Access;
}

/** The pinned agent has the tool, but the worker of the reply does not: another one may. */
export interface MissingCall {
  type: 'missing';
}

/** After this many attempts at a missing call, the worker answers that no worker has its tool. */
export const TOOL_LOOKUPS = 20;

/** A prepared call in a history: an invalid one was once recorded as "refused". */
export type RecordedPreparedCall = PreparedCall | (Omit<InvalidCall, 'type'> & { type: 'refused' });

/** Reads a prepared call from a history, including those of earlier versions. */
export function readPreparedCall(recorded: RecordedPreparedCall): PreparedCall;
export function readPreparedCall(
  recorded: RecordedPreparedCall | MissingCall,
): PreparedCall | MissingCall;
export function readPreparedCall(
  recorded: RecordedPreparedCall | MissingCall,
): PreparedCall | MissingCall {
  return recorded.type === 'refused' ? { ...recorded, type: 'invalid' } : recorded;
}
