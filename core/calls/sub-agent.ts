import type { SubAgentSpec } from '../agent-spec.ts';
import { fingerprint } from '../fingerprint.ts';
import { canonicalJson, isRecord } from '../json.ts';
import { IDEMPOTENCY_KEY_LIMIT } from '../names.ts';
import type { SubAgentTurnResult } from '../turn/result.ts';
import { stopKind } from '../turn/stop-reason.ts';
import type { ToolOutcome } from './outcome.ts';
import * as texts from './texts.ts';

// A call that is the turn of another agent. Its turn is a child workflow, and what the calling model reads
// of it is decided here, for the workflow and for the client, which shows the history of a turn.

/** How many levels of sub-agents a turn has below it, where its agent does not say. */
export const DEFAULT_DEPTH = 3;

/** Some servers take no longer ids: the limit in Temporal's own files for PostgreSQL. */
const ID_LIMIT = 255;

const encoder = new TextEncoder();
const bytesOf = (text: string) => encoder.encode(text).length;

/**
 * The id of the turn that a call runs. It follows from the calling turn and the call, so that whatever runs
 * the call again finds the turn instead of beginning another.
 */
export function subAgentTurnId(turnId: string, callId: string): string {
  // The server has taken the id of the calling turn, so another one of its length does.
  return nameOfCall(turnId, callId, Math.max(ID_LIMIT, bytesOf(turnId)));
}

/**
 * The idempotency key of the message that a call sends to a session. It follows from the calling turn and the
 * call, too: whatever sends the message again gets the same turn.
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

/** What the sub-agent is asked: one field of the input, or all of it. */
export function subAgentInput({ field }: Pick<SubAgentSpec, 'field'>, input: unknown): string {
  const text = isRecord(input) && field !== undefined ? input[field] : undefined;
  return typeof text === 'string' ? text : canonicalJson(input);
}

/**
 * What people may see of it: the short arguments of the call, which its tool or its agent may leave out.
 * `undefined` where that is nothing.
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
 * The sessions whose turns wait for a call of this turn: those of the turns above it, by its memo, and its own.
 * A message to one of them would wait for its own answer.
 */
export function waitingSessions(
  memo: Record<string, unknown> | undefined,
  sessionId: string | undefined,
): string[] {
  const above = isTexts(memo?.['sessions']) ? memo['sessions'] : [];
  return sessionId === undefined ? above : [...above, sessionId];
}

/** Names of the agents from the turn that was started to this one, by its memo, and then to `agent`. */
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

/** What of the result of a turn its caller reads. */
type ReadResult = Pick<SubAgentTurnResult, 'stopReason' | 'stopDetails' | 'text'>;

/** How the turn of a sub-agent came to its end, as the calling turn learns it. */
export type SubAgentEnding =
  | { type: 'ended'; result: ReadResult }
  /** The model could not be asked, there is no such agent, or its input is invalid. */
  | { type: 'failed'; message: string }
  /** Somebody terminated it, or Temporal timed it out. */
  | { type: 'lost'; message: string }
  /** Its session has not taken the message. */
  | { type: 'rejected'; sessionId: string; message: string }
  /** It may have taken the message. */
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
      // With what it has the model may go on.
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

/** The details of the stop reason in words, or its name where there are none. */
function reasonText(stopReason: string, details: unknown): string {
  if (typeof details === 'string' && details !== '') return details;
  if (!isRecord(details)) return stopReason;
  // A refusal's, or the record of the call that failed.
  const { explanation, category, name, message } = details;
  if (typeof message === 'string') return `${String(name)}: ${message}`;
  return [explanation, category].find((one) => typeof one === 'string') ?? stopReason;
}
