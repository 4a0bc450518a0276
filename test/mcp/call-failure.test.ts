import { describe, expect, test } from 'vitest';
import { ToolError } from '../../agents/tool-error.ts';
import { OUTCOME_UNKNOWN, TOOL_TIMED_OUT } from '../../core/failures.ts';
import {
  asksToWait,
  asksUnusably,
  callFailure,
  isSessionGone,
  verdictOf,
} from '../../mcp/call-failure.ts';

const error = (fields: object, name = 'Error') => Object.assign(new Error('why'), { name }, fields);

test.for([
  ['a rejected input', error({ code: -32_602 }), { type: 'answered', again: false }],
  ['an internal error', error({ code: -32_603 }), { type: 'answered', again: true }],
  ['a 401', error({ status: 401 }), { type: 'answered', again: false }],
  ['a 429', error({ status: 429 }), { type: 'answered', again: true }],
  ['a 503', error({ status: 503 }), { type: 'answered', again: true }],
  ['a 502 of a gateway', error({ status: 502 }), { type: 'lost' }],
  ['no token', error({}, 'UnauthorizedError'), { type: 'answered', again: false }],
  ['an answer that is none', error({ code: 'INVALID_RESULT' }), { type: 'answered', again: false }],
  ['silence', error({ code: 'REQUEST_TIMEOUT' }), { type: 'silent' }],
  ['a connection that is not open', error({ code: 'NOT_CONNECTED' }), { type: 'not sent' }],
  ['a connection that closed', error({ code: 'CONNECTION_CLOSED' }), { type: 'lost' }],
  [
    'a port that nobody listens to',
    error({ cause: { code: 'ECONNREFUSED' } }),
    { type: 'not sent' },
  ],
  ['a reset socket', error({ cause: { code: 'ECONNRESET' } }), { type: 'lost' }],
  ['a text', 'why', { type: 'lost' }],
] as const)('%s', ([, given, verdict]) => {
  expect(verdictOf(given)).toEqual(verdict);
});

describe('a call that was lost', () => {
  const lost = error({ code: 'CONNECTION_CLOSED' });
  const about = { server: 'db', timeout: 2_000, why: new Error('the process ended by SIGKILL') };

  test('may be repeated if another attempt does no harm', () => {
    expect(callFailure(lost, { ...about, repeatable: true })).toMatchObject({
      name: 'ToolError',
      retryable: true,
      message:
        'The connection to the server db was lost while the tool ran: the process ended by SIGKILL.',
    });
  });

  test('otherwise has an unknown outcome', () => {
    expect(callFailure(lost, { ...about, repeatable: false })).toMatchObject({
      type: OUTCOME_UNKNOWN,
      nonRetryable: true,
      message: expect.stringContaining('may or may not have taken effect') as string,
    });
  });
});

test('silence is a timeout, which is final if another attempt might do harm', () => {
  const silent = error({ code: 'REQUEST_TIMEOUT' });
  const about = { server: 'db', timeout: 2_000, why: undefined };
  expect(callFailure(silent, { ...about, repeatable: true })).toMatchObject({
    type: TOOL_TIMED_OUT,
    nonRetryable: false,
    message: 'Timed out: the server db neither answered nor reported progress for 2 s.',
  });
  expect(callFailure(silent, { ...about, repeatable: false })).toMatchObject({
    type: TOOL_TIMED_OUT,
    nonRetryable: true,
  });
});

test('an answer keeps the words of the server, and an error of a tool does not change', () => {
  const about = { server: 'db', timeout: 2_000, why: undefined, repeatable: false };
  expect(callFailure(error({ code: -32_602 }), about).message).toBe(
    'The server rejects the call (-32602): why',
  );
  const own = new ToolError('no such row', { retryable: false });
  expect(callFailure(own, about)).toBe(own);
  expect(callFailure(error({ code: 'NOT_CONNECTED' }), about).message).toBe(
    'The server db could not be reached, so the tool did not run: why.',
  );
});

test('a server says with a 404 that it has forgotten the session', () => {
  expect(isSessionGone(error({ status: 404 }))).toBe(true);
  expect(isSessionGone(error({ status: 400 }))).toBe(false);
  expect(isSessionGone(undefined)).toBe(false);
});

test('a server that asks for what no person can answer fails its call, and so does one that puts it off forever', () => {
  const { message, retryable } = asksUnusably(
    'mail',
    'asks for a model (sampling), and not a person',
  );
  expect(message).toBe(
    'The server mail does not go on with this call: it asks for a model (sampling), and not a person, which is not possible here.',
  );
  expect(retryable).toBe(false);
  expect(asksToWait('mail')).toMatchObject({
    message: 'The server mail has postponed this call too often. Try again later.',
    retryable: true,
  });
});
