import { ApplicationFailure } from '@temporalio/common';
import { isToolError, ToolError } from '../agents/tool-error.ts';
import {
  busyServerText,
  MAY_HAVE_HAPPENED,
  serverLostText,
  serverSilentText,
  serverUnreachableText,
  unusableQuestionText,
} from '../core/calls/texts.ts';
import { causeChain, OUTCOME_UNKNOWN, TOOL_TIMED_OUT } from '../core/failures.ts';
import { isRecord } from '../core/json.ts';

interface FailedCall {
  server: string;
  /** In milliseconds. */
  timeout: number;
  repeatable: boolean;
  /** Why the server's process has ended, if it has. */
  why: Error | undefined;
}

/** What happened to a call, according to its error. */
type Verdict =
  /** It never reached the server. */
  | { type: 'not sent' }
  /** The server has answered that the call did not run, or that it failed. */
  | { type: 'answered'; again: boolean }
  /** Whether the call ran is not known. */
  | { type: 'lost' }
  | { type: 'silent' };

/** By the SDK's codes: its classes may come from another copy. */
export function verdictOf(error: unknown): Verdict {
  const { code, status } = isRecord(error) ? error : {};
  if (isToolError(error)) return { type: 'answered', again: error.retryable };
  if (typeof status === 'number' && status >= 400) {
    // After a gateway's error, the server may still be at work.
    if (status >= 500 && status !== 503) return { type: 'lost' };
    return { type: 'answered', again: status === 503 || status === 429 || status === 408 };
  }
  if (typeof code === 'number') return { type: 'answered', again: code === INTERNAL_ERROR };
  if (code === 'REQUEST_TIMEOUT') return { type: 'silent' };
  if (code === 'NOT_CONNECTED') return { type: 'not sent' };
  if (typeof code === 'string' && ANSWERED.has(code)) return { type: 'answered', again: false };
  const cause = isRecord(error) && isRecord(error['cause']) ? error['cause']['code'] : undefined;
  if (typeof cause === 'string' && NOT_REACHED.has(cause)) return { type: 'not sent' };
  const name = error instanceof Error ? error.name : '';
  return /Unauthorized|Scope|OAuth|Registration/.test(name)
    ? { type: 'answered', again: false }
    : { type: 'lost' };
}

/** JSON-RPC's code for a problem of the server's own. */
const INTERNAL_ERROR = -32_603;

const ANSWERED: ReadonlySet<string> = new Set([
  'INVALID_RESULT',
  'UNSUPPORTED_RESULT_TYPE',
  'CLIENT_HTTP_AUTHENTICATION',
  'CLIENT_HTTP_FORBIDDEN',
]);

/** Node's codes for a server that was never reached. */
const NOT_REACHED: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** The error with which a call ends, in words for the model. */
export function callFailure(
  error: unknown,
  { server, timeout, repeatable, why }: FailedCall,
): Error {
  const verdict = verdictOf(error);
  switch (verdict.type) {
    case 'not sent':
      return unreachable(server, why ?? error);
    case 'answered':
      if (isToolError(error)) return error;
      return new ToolError(answerText(error), { retryable: verdict.again });
    case 'silent':
      return ApplicationFailure.create({
        message: serverSilentText(server, timeout, repeatable),
        type: TOOL_TIMED_OUT,
        nonRetryable: !repeatable,
      });
    case 'lost': {
      const text = serverLostText(server, sentence(causeChain(why ?? error)));
      return repeatable
        ? new ToolError(text)
        : ApplicationFailure.nonRetryable(`${text} ${MAY_HAVE_HAPPENED}`, OUTCOME_UNKNOWN);
    }
  }
}

/** There was no connection, so the call had no effect. */
export function unreachable(server: string, error: unknown): ToolError {
  return new ToolError(serverUnreachableText(server, sentence(causeChain(error))));
}

/** The server asks for something that no person can answer. `why` continues "it …". */
export function asksUnusably(server: string, why: string): ToolError {
  return new ToolError(unusableQuestionText(server, why), { retryable: false });
}

/** The server has asked too often to be called again later. */
export function asksToWait(server: string): ToolError {
  return new ToolError(busyServerText(server));
}

/** Over HTTP with sessions: the server has forgotten this session, and asks for a new one. */
export function isSessionGone(error: unknown): boolean {
  return isRecord(error) && error['status'] === 404;
}

function answerText(error: unknown): string {
  const { code } = isRecord(error) ? error : {};
  const text = causeChain(error);
  return typeof code === 'number' ? `The server rejects the call (${code}): ${text}` : text;
}

function sentence(text: string): string {
  return `${text.replace(/\.$/, '')}.`;
}
