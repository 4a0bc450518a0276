import { APIConnectionError, APIConnectionTimeoutError, APIError } from '@anthropic-ai/sdk';
import { describe, expect, test } from 'vitest';
import { TornReplyError } from '../../../activities/model/reply-errors.ts';
import { classifyModelError } from '../../../activities/model/classify-error.ts';
import { answered, brokenOff, REQUEST } from './api-errors.ts';

describe('the report of an error', () => {
  test.for([
    [
      'is what the API said, with its type and the request',
      answered(529, 'overloaded_error'),
      `The Messages API answered 529 overloaded_error: It is overloaded_error. (request ${REQUEST})`,
    ],
    [
      'is what a person can do about the key',
      answered(401, 'authentication_error'),
      `The Messages API answered 401 authentication_error: It is authentication_error. (request ${REQUEST}). Check ANTHROPIC_API_KEY where the worker runs.`,
    ],
    [
      'is what a person can do about the bill',
      answered(402, 'billing_error'),
      `The Messages API answered 402 billing_error: It is billing_error. (request ${REQUEST}). Check the billing of the Anthropic account.`,
    ],
    [
      'is what a person can do about the permission',
      answered(403, 'permission_error'),
      `The Messages API answered 403 permission_error: It is permission_error. (request ${REQUEST}). The API key is not allowed to do this.`,
    ],
    [
      'is what a person can do about the model',
      answered(404, 'not_found_error'),
      `The Messages API answered 404 not_found_error: It is not_found_error. (request ${REQUEST}). Check the agent's model.`,
    ],
    [
      'is that the stream broke off',
      brokenOff('api_error'),
      `The Messages API broke off with api_error: It is api_error. (request ${REQUEST})`,
    ],
    [
      'is why the API could not be reached',
      new APIConnectionError({ cause: new Error('connect ECONNREFUSED ::1:443') }),
      'The Messages API could not be reached: Connection error: connect ECONNREFUSED ::1:443',
    ],
    [
      'is the class of an answer without a body',
      APIError.generate(502, undefined, 'Bad gateway', new Headers()),
      'The Messages API answered 502 InternalServerError: 502 Bad gateway',
    ],
    ['is the root cause of any other error', new Error('a', { cause: new Error('b') }), 'a: b'],
    ['is at least that it is unknown', undefined, 'unknown error'],
  ] as const)('%s', ([, error, message]) => {
    expect(classifyModelError(error).message).toBe(message);
  });

  test.for([
    [
      'a spend limit',
      answered(429, 'rate_limit_error', { errorCode: 'enforced_spend_limit_reached' }),
      /raise it in the Claude Console/,
    ],
    [
      'the spend limit of a contract',
      answered(429, 'rate_limit_error', { errorCode: 'contract_spend_limit_reached' }),
      /ask Anthropic to raise it/,
    ],
    [
      'a spend limit of your own',
      answered(400, 'invalid_request_error', {
        message:
          'You have reached your specified API usage limits. You will regain access on 2026-12-01.',
      }),
      /raise it in the Claude Console/,
    ],
    [
      'an empty account',
      answered(400, 'invalid_request_error', {
        message: 'Your credit balance is too low to access the Anthropic API.',
      }),
      /Buy credits/,
    ],
    [
      'a prompt that is too long',
      answered(400, 'invalid_request_error', {
        message: 'prompt is too long: 1200000 tokens > 1000000 maximum',
      }),
      /`compaction`/,
    ],
    [
      'too many tokens for a reply',
      answered(400, 'invalid_request_error', {
        message:
          'max_tokens: 300000 > 128000, which is the maximum allowed number of output tokens',
      }),
      /Lower `maxTokens`/,
    ],
    ['a request that is too large', answered(413, 'request_too_large'), /32 MB/],
    ['headers that are too large', answered(431, 'invalid_request_error'), /`defaultHeaders`/],
    ['a rate limit', answered(429, 'rate_limit_error'), /`maxModelCallsPerSecond`/],
    [
      'a ramp limit',
      answered(429, 'rate_limit_error', { errorCode: 'ramp_limit_exceeded' }),
      /`maxModelCallsPerSecond`/,
    ],
    [
      'two tools of one name',
      answered(400, 'invalid_request_error', { errorCode: 'tool_name_conflict' }),
      /Rename/,
    ],
    [
      'a tool that is not there',
      answered(400, 'invalid_request_error', { errorCode: 'tool_reference_unresolved' }),
      /does not have/,
    ],
    [
      'a large image',
      answered(400, 'invalid_request_error', { errorCode: 'image_dimensions_too_large' }),
      /Scale images down/,
    ],
    [
      'a thread',
      answered(404, 'not_found_error', { errorCode: 'thread_not_found' }),
      /Plait sends no `thread`/,
    ],
    [
      'a stream that broke off for the key',
      brokenOff('authentication_error'),
      /Check ANTHROPIC_API_KEY/,
    ],
    [
      'a code of the future',
      answered(403, 'permission_error', { errorCode: 'code_of_the_future' }),
      /is not allowed to do this/,
    ],
  ] as const)('says what a person can do about %s', ([, error, hint]) => {
    expect(classifyModelError(error).message).toMatch(hint);
  });

  test.for([
    [
      'an answer',
      answered(429, 'rate_limit_error', { errorCode: 'ramp_limit_exceeded' }),
      {
        type: 'rate_limit_error',
        status: 429,
        errorCode: 'ramp_limit_exceeded',
        requestId: REQUEST,
      },
    ],
    [
      'a broken stream',
      brokenOff('api_error'),
      { type: 'api_error', status: null, errorCode: null, requestId: REQUEST },
    ],
    [
      'a failed connection',
      new APIConnectionTimeoutError(),
      { type: 'APIConnectionTimeoutError', status: null, errorCode: null, requestId: null },
    ],
    [
      'a torn reply',
      new TornReplyError('torn'),
      { type: 'TornReplyError', status: null, errorCode: null, requestId: null },
    ],
    [
      'what is no error',
      'boom',
      { type: 'unknown', status: null, errorCode: null, requestId: null },
    ],
  ] as const)('is reported as data for %s', ([, error, report]) => {
    expect(classifyModelError(error).report).toEqual(report);
  });
});
