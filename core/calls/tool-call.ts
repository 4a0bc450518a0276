import type { ToolResultContent } from '../conversation/messages.ts';
import type { AttemptReport } from '../failures.ts';
import { isAttemptReport } from '../failures.ts';
import type { Shape } from '../shape.ts';
import { either, fits, list, number, object, optional, text } from '../shape.ts';
import type { CallOrigin } from './origin.ts';
import type { TraceContext } from '../trace/context.ts';
import type { PinnedSpec } from '../agent-spec.ts';
import type { StoredResult } from './outcome.ts';
import { STORED_RESULT } from './outcome.ts';
import type { AnsweredQuestions, CallQuestions } from './question.ts';
import { CALL_QUESTIONS } from './question.ts';

// What a tool's activity gets besides the model's input, and what it returns. Both are recorded in histories,
// so their fields keep their names.

/** For whom a turn runs. Absent in turns of earlier versions. */
export interface TurnOwner {
  /** The `user` that the turn or its session was started with. */
  user?: string;
  /** The session whose turn it is. */
  sessionId?: string;
}

export interface ToolCallArgs extends CallOrigin, TurnOwner {
  agent: string;
  round: number;
  /** How many calls before it in the same reply have the same tool and input. */
  occurrence: number;
  /** Lower than the limit for every result, if a batch is wide. */
  maxResultBytes?: number;
  /** Lower than the limit of the tool, if all results of a batch have to fit into one payload. */
  maxTextBytes?: number;
  context?: unknown;
  /** What came before, if the call is scheduled again because its worker was lost. */
  earlier?: EarlierAttempts;
  /** Set for a local activity, whose type and id do not identify the call. */
  local?: LocalCall;
  /** The result that a call of `read_result` asks for, if it exists. */
  stored?: StoredResult;
  /** The pinned spec, if an MCP server has listed the tool: it says what was listed. */
  spec?: PinnedSpec;
  /** Its server may ask a person. Absent from workflows of earlier versions, which could not handle that. */
  mayAsk?: true;
  /** Set if its server has asked, and goes on with these answers. */
  answered?: AnsweredQuestions;
  /** What its turn was started by, where that has a span. */
  trace?: TraceContext;
}

/** A call that runs within its workflow task. */
export interface LocalCall {
  tool: string;
  callId: string;
  /** When it is to end itself, in milliseconds. */
  timeLimit: number;
}

/** The attempts of a call in its earlier activities, each of which ended with the loss of its worker. */
export interface EarlierAttempts {
  attempts: number;
  /** How many of them were the tool's own failures. */
  failures: number;
  /** Heartbeat details from which the tool can resume. */
  details?: unknown;
}

/** With its attempt and times, which neither the workflow nor history has otherwise. */
export type ToolReturn = AttemptReport & (ReturnedResult | ReturnedLater | ReturnedQuestions);

export interface ReturnedResult {
  type: 'result';
  /** What the model reads. */
  content: ToolResultContent;
  /** Where the full text is; absent if nothing was cut, or it could not be stored. */
  stored?: StoredResult;
}

/** The tool has returned `ctx.later()`: the call waits to be completed. */
export interface ReturnedLater {
  type: 'later';
  later: { key: string; timeout: number };
}

/** The tool's server needs an answer from a person before it goes on. */
export interface ReturnedQuestions {
  type: 'asks';
  asks: CallQuestions;
}

/**
 * Reads what an activity returned; `undefined` if somebody has completed it by hand, with any value.
 * Histories hold results from before there was a `type`: their fields show which kind they are.
 */
export function readToolReturn(value: unknown): ToolReturn | undefined {
  if (!isAttemptReport(value)) return undefined;
  const given: AttemptReport & Record<string, unknown> = { ...value };
  const { type = 'later' in given ? 'later' : 'result' } = given;
  const shape: Shape<unknown> = type === 'later' ? LATER : type === 'asks' ? ASKS : RESULT;
  const isWhole = fits(shape, given);
  return isWhole ? ({ ...given, type } as ToolReturn) : undefined;
}

const LATER = object<Omit<ReturnedLater, 'type'>>({
  later: object<ReturnedLater['later']>({ key: text(), timeout: number(0) }),
});

const RESULT = object<Omit<ReturnedResult, 'type'>>({
  content: either(text(), list(object({ type: text() }))) as Shape<ToolResultContent>,
  stored: optional(STORED_RESULT),
});

const ASKS = object<Omit<ReturnedQuestions, 'type'>>({ asks: CALL_QUESTIONS });
