import Anthropic, {
  AnthropicError,
  APIConnectionError,
  APIConnectionTimeoutError,
  APIError,
  APIUserAbortError,
} from '@anthropic-ai/sdk';
import { describe, expect, test } from 'vitest';
import { TornReplyError } from '../../../activities/model/reply-errors.ts';
import { classifyModelError } from '../../../activities/model/classify-error.ts';
import { IdleStreamError } from '../../../activities/model/request-reply.ts';
import { answered, brokenOff } from './api-errors.ts';

const NOW = Date.UTC(2026, 10, 22, 12, 0, 0);
const rateLimited = (headers: Record<string, string>, errorCode?: string) =>
  answered(429, 'rate_limit_error', { headers, ...(errorCode === undefined ? {} : { errorCode }) });
const overloaded = (headers: Record<string, string>) =>
  answered(529, 'overloaded_error', { headers });

const coded = (status: number, errorCode: string) =>
  answered(status, 'invalid_request_error', { errorCode });

const AGAIN = { retryable: true };
const FINAL = { retryable: false };
const again = (delayMs: number) => ({ retryable: true, delayMs });

describe('an answer of the API is final or worth another attempt:', () => {
  test.for([
    ['400 invalid_request_error: final', answered(400, 'invalid_request_error'), FINAL],
    ['401 authentication_error: final', answered(401, 'authentication_error'), FINAL],
    ['402 billing_error: final', answered(402, 'billing_error'), FINAL],
    ['403 permission_error: final', answered(403, 'permission_error'), FINAL],
    ['404 not_found_error: final', answered(404, 'not_found_error'), FINAL],
    ['408 timeout: retryable', answered(408, 'timeout_error'), AGAIN],
    ['409 conflict: retryable', answered(409, 'conflict_error'), AGAIN],
    ['412 precondition failed: final', answered(412, 'invalid_request_error'), FINAL],
    ['413 request_too_large: final', answered(413, 'request_too_large'), FINAL],
    ['422 unprocessable: final', answered(422, 'invalid_request_error'), FINAL],
    ['431 headers too large: final', answered(431, 'invalid_request_error'), FINAL],
    ['499 client closed the request: final', answered(499, 'client_closed_request'), FINAL],
    ['429 without a delay: retryable', rateLimited({}), AGAIN],
    ['500 api_error: retryable', answered(500, 'api_error'), AGAIN],
    ['502 bad gateway: retryable', answered(502, 'api_error'), AGAIN],
    ['501 not implemented: retryable', answered(501, 'api_error'), AGAIN],
    ['503 unavailable: retryable', answered(503, 'api_error'), AGAIN],
    ['504 timeout_error: retryable', answered(504, 'timeout_error'), AGAIN],
    ['529 overloaded_error: retryable', overloaded({}), AGAIN],
    ['418, which nobody knows: final', answered(418, 'teapot_error'), FINAL],

    [
      '429 with retry-after: retryable, waits as the API says',
      rateLimited({ 'retry-after': '7' }),
      again(7_000),
    ],
    ...['1e300', 'Infinity', '0x10', '+7', '1_000', '7s', '9'.repeat(400), '31536000 1970'].map(
      (after) =>
        [
          `429 with the odd retry-after ${after.slice(0, 20)}: retryable, does not wait`,
          rateLimited({ 'retry-after': after }),
          AGAIN,
        ] as const,
    ),
    [
      '429 with a date that the server tells by its own clock: retryable, waits as long',
      rateLimited({
        'retry-after': new Date(NOW + 500_000).toUTCString(),
        date: new Date(NOW + 490_000).toUTCString(),
      }),
      again(10_000),
    ],
    [
      '429 with retry-after in half seconds: retryable, waits as the API says',
      rateLimited({ 'retry-after': '0.5' }),
      again(500),
    ],
    [
      '429 with a date: retryable, waits until then',
      rateLimited({ 'retry-after': new Date(NOW + 90_000).toUTCString() }),
      again(90_000),
    ],
    [
      '429 with a date in the past: retryable, does not wait',
      rateLimited({ 'retry-after': new Date(NOW - 90_000).toUTCString() }),
      AGAIN,
    ],
    [
      '429 with a date of a machine whose clock is two minutes behind: retryable, waits as long as it means',
      rateLimited({
        date: new Date(NOW - 120_000).toUTCString(),
        'retry-after': new Date(NOW - 30_000).toUTCString(),
      }),
      again(90_000),
    ],
    [
      '429 with retry-after-ms: retryable, waits as the API says',
      rateLimited({ 'retry-after-ms': '250' }),
      again(250),
    ],
    [
      '429 with retry-after-ms and retry-after: retryable, milliseconds count',
      rateLimited({ 'retry-after-ms': '250', 'retry-after': '7' }),
      again(250),
    ],
    [
      '429 with an odd retry-after-ms and retry-after: retryable, seconds count',
      rateLimited({ 'retry-after-ms': 'soon', 'retry-after': '7' }),
      again(7_000),
    ],
    [
      '429 with retry-after 0: retryable, does not wait',
      rateLimited({ 'retry-after': '0' }),
      AGAIN,
    ],
    [
      '429 with a negative retry-after: retryable, does not wait',
      rateLimited({ 'retry-after': '-5' }),
      AGAIN,
    ],
    [
      '429 with an empty retry-after: retryable, does not wait',
      rateLimited({ 'retry-after': ' ' }),
      AGAIN,
    ],
    [
      '429 with an odd retry-after: retryable, does not wait',
      rateLimited({ 'retry-after': 'soon' }),
      AGAIN,
    ],
    [
      '529 with retry-after: retryable, waits as the API says',
      overloaded({ 'retry-after': '3' }),
      again(3_000),
    ],

    [
      '400 with x-should-retry true: retryable',
      answered(400, 'invalid_request_error', { headers: { 'x-should-retry': 'true' } }),
      AGAIN,
    ],
    ['529 with x-should-retry false: final', overloaded({ 'x-should-retry': 'false' }), FINAL],
    ['529 with an odd x-should-retry: retryable', overloaded({ 'x-should-retry': 'maybe' }), AGAIN],
    ['429 with x-should-retry false: final', rateLimited({ 'x-should-retry': 'false' }), FINAL],

    [
      '429 enforced_spend_limit_reached: final',
      rateLimited({}, 'enforced_spend_limit_reached'),
      FINAL,
    ],
    [
      '429 contract_spend_limit_reached: final',
      rateLimited({}, 'contract_spend_limit_reached'),
      FINAL,
    ],
    [
      '429 enforced_spend_limit_reached with x-should-retry true: final',
      rateLimited({ 'x-should-retry': 'true' }, 'enforced_spend_limit_reached'),
      FINAL,
    ],
    [
      '429 ramp_limit_exceeded: retryable, waits as the API says',
      rateLimited({ 'retry-after': '20' }, 'ramp_limit_exceeded'),
      again(20_000),
    ],
    ['429 with an unknown code: retryable', rateLimited({}, 'code_of_the_future'), AGAIN],
    [
      '402 linked_organization_spend_limit_reached: final',
      answered(402, 'billing_error', { errorCode: 'linked_organization_spend_limit_reached' }),
      FINAL,
    ],
    [
      '529 compaction_unavailable: retryable',
      answered(529, 'overloaded_error', { errorCode: 'compaction_unavailable' }),
      AGAIN,
    ],
    [
      '529 compaction_unavailable with retry-after: retryable, waits as the API says',
      answered(529, 'overloaded_error', {
        errorCode: 'compaction_unavailable',
        headers: { 'retry-after': '9' },
      }),
      again(9_000),
    ],
    ['400 tool_name_conflict: final', coded(400, 'tool_name_conflict'), FINAL],
    ['400 tool_reference_unresolved: final', coded(400, 'tool_reference_unresolved'), FINAL],
    ['400 image_dimensions_too_large: final', coded(400, 'image_dimensions_too_large'), FINAL],
    ['400 thread_unsupported_request: final', coded(400, 'thread_unsupported_request'), FINAL],
    ['400 thread_fingerprint_mismatch: final', coded(400, 'thread_fingerprint_mismatch'), FINAL],
    [
      '404 thread_not_found: final',
      answered(404, 'not_found_error', { errorCode: 'thread_not_found' }),
      FINAL,
    ],
    [
      '409 thread_already_continued: final, unlike other conflicts',
      answered(409, 'conflict_error', { errorCode: 'thread_already_continued' }),
      FINAL,
    ],
    [
      '409 thread_continue_in_flight with x-should-retry true: final',
      answered(409, 'conflict_error', {
        errorCode: 'thread_continue_in_flight',
        headers: { 'x-should-retry': 'true' },
      }),
      FINAL,
    ],
    ['400 with an unknown code: final', coded(400, 'code_of_the_future'), FINAL],
    [
      '500 with an unknown code: retryable',
      answered(500, 'api_error', { errorCode: 'code_of_the_future' }),
      AGAIN,
    ],
  ] as const)('%s', ([, error, { retryable, ...delay }]) => {
    const verdict = classifyModelError(error, NOW);

    expect({ retryable: verdict.retryable, delayMs: verdict.delayMs }).toEqual({
      retryable,
      delayMs: undefined,
      ...delay,
    });
  });
});

describe('a stream that broke off is final or worth another attempt:', () => {
  test.for([
    ['overloaded_error: retryable', brokenOff('overloaded_error'), true],
    ['api_error: retryable', brokenOff('api_error'), true],
    ['timeout_error: retryable', brokenOff('timeout_error'), true],
    ['rate_limit_error: retryable', brokenOff('rate_limit_error'), true],
    ['a type of the future: retryable', brokenOff('error_of_the_future'), true],
    ['an event without a type: retryable', new APIError(undefined, {}, undefined, undefined), true],
    ['invalid_request_error: final', brokenOff('invalid_request_error'), false],
    ['authentication_error: final', brokenOff('authentication_error'), false],
    ['permission_error: final', brokenOff('permission_error'), false],
    ['not_found_error: final', brokenOff('not_found_error'), false],
    ['billing_error: final', brokenOff('billing_error'), false],
    ['request_too_large: final', brokenOff('request_too_large'), false],
    [
      'overloaded_error after a header that speaks of the request: retryable',
      brokenOff('overloaded_error', { 'x-should-retry': 'false' }),
      true,
    ],
    [
      'invalid_request_error after a header that speaks of the request: final',
      brokenOff('invalid_request_error', { 'x-should-retry': 'true' }),
      false,
    ],
    ['a clean end before the reply was whole: retryable', new TornReplyError('torn'), true],
    ['silence: retryable', new IdleStreamError('The Messages API sent nothing for 120 s.'), true],
    [
      'a dead socket: retryable',
      new TypeError('terminated', { cause: new Error('other side closed') }),
      true,
    ],
    ['a frame that is no JSON: retryable', new SyntaxError('Unexpected end of JSON input'), true],
  ] as const)('%s', ([, error, retryable]) => {
    expect(classifyModelError(error, NOW).retryable).toBe(retryable);
  });
});

describe('a request without an answer is worth another attempt:', () => {
  const refused = new TypeError('fetch failed', {
    cause: new Error('connect ECONNREFUSED ::1:443'),
  });

  test.for([
    ['a refused connection', new APIConnectionError({ cause: refused })],
    ['a connection error that says nothing', new APIConnectionError({})],
    ['a timeout', new APIConnectionTimeoutError()],
    ['an error of the SDK', new AnthropicError('stream ended without producing a Message')],
    ['any other error', new Error('nobody has thought of this')],
    ['a thrown text', 'boom'],
    ['nothing at all', undefined],
  ] as const)('%s', ([, error]) => {
    expect(classifyModelError(error, NOW)).toMatchObject({ retryable: true });
    expect(classifyModelError(error, NOW)).not.toHaveProperty('delayMs');
  });

  test('unless the client itself ended it', () => {
    expect(classifyModelError(new APIUserAbortError(), NOW)).toMatchObject({
      retryable: false,
      message: 'The client ended the request: Request was aborted.',
      report: { type: 'APIUserAbortError', status: null },
    });
  });

  test('unless there is no API key, which the SDK finds before it asks', async () => {
    const client = new Anthropic({ apiKey: null, authToken: null, baseURL: 'http://127.0.0.1:9' });
    const error: unknown = await client.messages
      .create({ model: 'claude-opus-5-5', max_tokens: 1, messages: [] }, { maxRetries: 0 })
      .catch((thrown: unknown) => thrown);

    expect(classifyModelError(error, NOW)).toMatchObject({
      retryable: false,
      message:
        'There is no API key: set ANTHROPIC_API_KEY where the worker runs, or give the worker an `anthropic` client.',
    });
  });
});
