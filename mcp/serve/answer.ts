import type { CallToolResult } from '@modelcontextprotocol/server';
import { subAgentOutcome } from '../../core/calls/sub-agent.ts';
import { causeChain } from '../../core/failures.ts';
import { defined, isRecord } from '../../core/json.ts';
import type { PlaitErrorCode } from '../../core/errors.ts';
import { PlaitError } from '../../core/errors.ts';
import type { TurnResult } from '../../core/turn/result.ts';
import type { ApprovalRequest } from '../../core/turn/protocol.ts';
import { goesOnText } from './turn-text.ts';
import type { Waited } from './wait.ts';

/** In `_meta` of an answer: the turn that it is about. */
const TURN_ID = 'io.github.plait-agents/turnId';

/** What a call answers that is about a turn. */
export interface AboutTurn {
  turnId: string;
  agent: string;
  /** The session of the turn, where it has one. */
  sessionId?: string | undefined;
}

/** The end of a turn, or what is to be done about one that goes on. */
export function waitedAnswer(about: AboutTurn, waited: Waited): CallToolResult {
  const { turnId, sessionId } = about;
  if (waited.type === 'ended') return endedAnswer(about, waited.result);
  const text = goesOnText(turnId, waited.snapshot);
  const structuredContent = { turnId, ...defined({ sessionId }), status: 'running', next: text };
  return { ...textAnswer(text), structuredContent, _meta: { [TURN_ID]: turnId } };
}

function endedAnswer({ turnId, agent, sessionId }: AboutTurn, result: TurnResult): CallToolResult {
  const { output } = result;
  // The same words as for an agent that asks another one.
  const outcome = subAgentOutcome(agent, { type: 'ended', result }, false);
  const about = { _meta: { [TURN_ID]: turnId } };
  if (outcome.type !== 'succeeded') return { ...errorAnswer(outcome.message), ...about };
  const { content } = outcome;
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  const whole = sessionId === undefined ? text : `${text}\n\n[session ${sessionId}]`;
  return { ...textAnswer(whole), ...about, ...(isRecord(output) && { structuredContent: output }) };
}

/** What a call answers with fields of its own. */
export function dataAnswer(data: Record<string, unknown>, text: string): CallToolResult {
  return { ...textAnswer(text), structuredContent: data };
}

export function approvalsAnswer(
  turnId: string,
  requests: readonly ApprovalRequest[],
): CallToolResult {
  const text =
    requests.length === 0
      ? `No call of turn ${turnId} waits for a person.`
      : JSON.stringify(requests, null, 2);
  return dataAnswer({ calls: [...requests] }, text);
}

function textAnswer(text: string): CallToolResult {
  return { content: [{ type: 'text', text }] };
}

export function errorAnswer(text: string): CallToolResult {
  return { ...textAnswer(text), isError: true };
}

/** Errors about what the caller has asked for. Others are about the service, and concern its operator. */
const ABOUT_THE_REQUEST: ReadonlySet<PlaitErrorCode> = new Set([
  'DECISION_REJECTED',
  'INVALID_SESSION',
  'INVALID_TURN',
  'SEND_REJECTED',
  'SESSION_BUSY',
  'SESSION_CLOSED',
  'SESSION_ID_IN_USE',
  'SESSION_NOT_FOUND',
  'TURN_FAILED',
  'TURN_ID_IN_USE',
  'TURN_NOT_FOUND',
]);

/** An error in words. What does not concern the caller is reported, and not shown. */
export function failureAnswer(error: unknown, report: (error: unknown) => void): CallToolResult {
  if (error instanceof PlaitError && ABOUT_THE_REQUEST.has(error.code)) {
    return errorAnswer(causeless(error));
  }
  report(error);
  const code = error instanceof PlaitError ? ` (${error.code})` : '';
  return errorAnswer(`The agents cannot be reached at the moment${code}. Try again later.`);
}

function causeless(error: PlaitError): string {
  return error.message.trim() === '' ? causeChain(error) : error.message;
}
