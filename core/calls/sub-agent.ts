import type { SubAgentSpec } from '../agent-spec.ts';
import { fingerprint } from '../fingerprint.ts';
import { canonicalJson, isRecord } from '../json.ts';
import { IDEMPOTENCY_KEY_LIMIT } from '../names.ts';
import type { SubAgentTurnResult } from '../turn/result.ts';
import { stopKind } from '../turn/stop-reason.ts';
import type { ToolOutcome } from './outcome.ts';
import * as texts from './texts.ts';

// A call that is the turn of another agent. Its turn is a child workflow. What the calling model reads of it
// is decided here, for the workflow and for the client that shows a turn's history.

/** How many levels of sub-agents a turn has below it, where its agent does not say. */
export const DEFAULT_DEPTH = 3;

/** Some servers accept no longer ids: the limit in Temporal's own files for PostgreSQL. */
const ID_LIMIT = 255;

const encoder = new TextEncoder();
const bytesOf = (text: string) => encoder.encode(text).length;

/**
 * The id of the turn that a call runs. It depends only on the calling turn and the call, so that a repetition
 * of the call finds the turn instead of starting another.
 */
export function subAgentTurnId(turnId: string, callId: string): string {
  // The server has accepted the calling turn's id, so it accepts another of that length.
  return nameOfCall(turnId, callId, Math.max(ID_LIMIT, bytesOf(turnId)));
}

/**
 * The idempotency key of the message that a call sends to a session. It, too, depends only on the calling
 * turn and the call: if the message is sent again, it gets the same turn.
 */
export function subAgentMessageKey(turnId: string, callId: string): string {
  return nameOfCall(turnId, callId, IDEMPOTENCY_KEY_LIMIT);
}

/** @param limit in bytes of UTF-8 */
function nameOfCall(turnId: string, callId: string, limit: number): string {
  const whole = `${turnId}.${callId}`;
  if (bytesOf(whole) <= limit) return whole;
  const digest = `.${fingerprint([turnId, callId])}`;
  let beginning = turnId;
  while (bytesOf(beginning) + digest.length > limit) beginning = beginning.slice(0, -1);
  return `${beginning.toWellFormed()}${digest}`;
}

/** The sub-agent's input: one field of the call's input, or all of it. */
export function subAgentInput({ field }: Pick<SubAgentSpec, 'field'>, input: unknown): string {
  const text = isRecord(input) && field !== undefined ? input[field] : undefined;
  return typeof text === 'string' ? text : canonicalJson(input);
}

/**
 * What people may see of it: the short arguments of the call, unless its tool or its agent hides them.
 * `undefined` if there is nothing to show.
 */
export function subAgentWords(
  { field }: Pick<SubAgentSpec, 'field'>,
  summary: string,
): string | undefined {
  const name = `${field}: `;
  const words = summary.startsWith(name) ? summary.slice(name.length) : summary;
  return words === '' ? undefined : words;
}

/**
 * The sessions whose turns wait for a call of this turn: its own, and by its memo those of the turns above
 * it. A message to one of them would wait for its own answer.
 */
export function waitingSessions(
  memo: Record<string, unknown> | undefined,
  sessionId: string | undefined,
): string[] {
  const above = isTexts(memo?.['sessions']) ? memo['sessions'] : [];
  return sessionId === undefined ? above : [...above, sessionId];
}

/** The names of the agents from the first turn (by the memo) to this one, and then `agent`. */
export function pathTo(
  memo: Record<string, unknown> | undefined,
  own: string,
  agent: string,
): string[] {
  return [...(isTexts(memo?.['path']) ? memo['path'] : [own]), agent];
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

/** The part of a turn's result that its caller reads. */
type ReadResult = Pick<SubAgentTurnResult, 'stopReason' | 'stopDetails' | 'text'>;

/** How the turn of a sub-agent ended, as the calling turn sees it. */
export type SubAgentEnding =
  | { type: 'ended'; result: ReadResult }
  /** The model could not be asked, there is no such agent, or its input is invalid. */
  | { type: 'failed'; message: string }
  /** Somebody terminated it, or Temporal timed it out. */
  | { type: 'lost'; message: string }
  /** Its session has not accepted the message. */
  | { type: 'rejected'; sessionId: string; message: string }
  /** Whether its session has accepted the message is not known. */
  | { type: 'unanswered'; sessionId: string; message: string }
  /** It was cancelled before it began. */
  | { type: 'never began' };

/** What the calling model reads. `repeatable`: all tools of the sub-agent are safe to repeat. */
export function subAgentOutcome(
  agent: string,
  ending: SubAgentEnding,
  repeatable: boolean,
): ToolOutcome {
  switch (ending.type) {
    case 'ended':
      return endedOutcome(agent, ending.result, repeatable);
    case 'failed':
      return { type: 'failed', message: texts.subAgentFailedText(agent, ending.message) };
    case 'lost':
      return {
        type: repeatable ? 'failed' : 'unknown',
        message: texts.subAgentLostText(agent, ending.message, repeatable),
      };
    case 'rejected': {
      const { sessionId, message } = ending;
      return { type: 'failed', message: texts.messageRejectedText(agent, sessionId, message) };
    }
    case 'unanswered': {
      const { sessionId, message } = ending;
      return {
        type: repeatable ? 'failed' : 'unknown',
        message: texts.messageUnansweredText(agent, sessionId, message, repeatable),
      };
    }
    case 'never began':
      return { type: 'cancelled', message: texts.CANCELLED };
  }
}

function endedOutcome(
  agent: string,
  { stopReason, stopDetails, text }: ReadResult,
  repeatable: boolean,
): ToolOutcome {
  const why = reasonText(stopReason, stopDetails);
  switch (stopKind(stopReason)) {
    case 'answered':
      return { type: 'succeeded', content: textOr(text, texts.SUB_AGENT_SAID_NOTHING) };
    case 'declined':
      return { type: 'failed', message: texts.subAgentDeclinedText(agent, why) };
    case 'cancelled':
      return {
        type: 'cancelled',
        message: repeatable ? texts.CANCELLED : texts.CANCELLED_WHILE_RUNNING,
      };
    case 'failed':
      return { type: 'failed', message: texts.subAgentFailedText(agent, why) };
    case 'unfinished':
      // The model may go on with what it has.
      return text.trim() === ''
        ? { type: 'failed', message: texts.subAgentStoppedText(agent, why) }
        : {
            type: 'succeeded',
            content: `${texts.subAgentPartText(agent, why)}\n\n${textOr(text)}`,
          };
  }
}

function textOr(text: string, otherwise = ''): string {
  return text.trim() === '' ? otherwise : text.toWellFormed();
}

/** The details of the stop reason in words, or its name if there are none. */
function reasonText(stopReason: string, details: unknown): string {
  if (typeof details === 'string' && details !== '') return details;
  if (!isRecord(details)) return stopReason;
  // The details of a refusal, or the record of the call that failed.
  const { explanation, category, name, message } = details;
  if (typeof message === 'string') return `${String(name)}: ${message}`;
  return [explanation, category].find((one) => typeof one === 'string') ?? stopReason;
}
