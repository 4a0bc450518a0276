import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { sendRequest } from '../../../activities/model/ask-model.ts';
import type { ModelErrorVerdict } from '../../../activities/model/classify-error.ts';
import type { ModelClient } from '../../../activities/model/client.ts';
import type { Asking } from '../../../activities/model/second-chances.ts';
import { secondChance } from '../../../activities/model/second-chances.ts';
import { createSecrets } from '../../../activities/model/secrets.ts';
import { bedrockClient, vertexClient } from '../../fixtures/cloud-clients.ts';
import { exceptionFrame } from '../../fixtures/event-stream.ts';
import { answerJson, httpServer } from '../../fixtures/http-server.ts';

const PARAMS = {
  model: 'anthropic.claude-opus-5-5',
  max_tokens: 100,
  messages: [{ role: 'user' as const, content: 'Hello' }],
};

/** What Plait makes of it when a cloud always answers so, and how often it was asked. */
async function verdictOn(
  answer: (response: ServerResponse) => void,
  client: (url: string) => ModelClient,
): Promise<ModelErrorVerdict & { asked: number }> {
  await using server = await httpServer((_request, response) => answer(response));
  const options = {
    client: () => client(server.url),
    signal: new AbortController().signal,
    idleTimeoutMs: 10_000,
    secrets: createSecrets(),
  };
  const first = { model: PARAMS.model, messages: PARAMS.messages, leftOut: [] };
  const circumstances = { spec: PARAMS, first, tailLength: 1, dropped: 0, attempt: 1 };
  let asking: Asking | undefined = { request: first, used: [] };
  for (;;) {
    const response = await sendRequest(options, PARAMS);
    if (response.type !== 'failure') throw new Error('It must be rejected.');
    asking = secondChance(response, asking, circumstances)?.asking;
    if (asking === undefined) return { ...response, asked: server.requests.length };
  }
}

const amazon = (status: number, type: string) => (response: ServerResponse) =>
  answerJson(
    response,
    status,
    { message: `It is ${type}.` },
    { 'x-amzn-errortype': `${type}:http://internal.amazon.com/`, 'x-amzn-requestid': 'amzn-1' },
  );

describe('an error of Bedrock:', () => {
  test.for([
    ['400 ValidationException: final', 400, 'ValidationException', false, 1, ''],
    [
      '403 AccessDeniedException: final',
      403,
      'AccessDeniedException',
      false,
      1,
      'model is enabled',
    ],
    [
      '403 ExpiredTokenException: final after new credentials',
      403,
      'ExpiredTokenException',
      false,
      2,
      'AWS credentials',
    ],
    [
      '403 UnrecognizedClientException: final',
      403,
      'UnrecognizedClientException',
      false,
      1,
      'AWS credentials',
    ],
    [
      '403 InvalidSignatureException: final',
      403,
      'InvalidSignatureException',
      false,
      1,
      'the clock',
    ],
    [
      '404 ResourceNotFoundException: final',
      404,
      'ResourceNotFoundException',
      false,
      1,
      "agent's model",
    ],
    ['408 ModelTimeoutException: retryable', 408, 'ModelTimeoutException', true, 1, ''],
    ['424 ModelErrorException: retryable', 424, 'ModelErrorException', true, 1, ''],
    ['429 ThrottlingException: retryable', 429, 'ThrottlingException', true, 1, ''],
    ['429 ModelNotReadyException: retryable', 429, 'ModelNotReadyException', true, 1, ''],
    ['503 ServiceUnavailableException: retryable', 503, 'ServiceUnavailableException', true, 1, ''],
  ] as const)('%s', async ([, status, type, retryable, asked, hint]) => {
    const verdict = await verdictOn(amazon(status, type), bedrockClient);

    expect(verdict).toMatchObject({
      retryable,
      asked,
      report: { status, type, errorCode: null, requestId: 'amzn-1' },
    });
    const said = `The Messages API answered ${status} ${type}: It is ${type}. (request amzn-1)`;
    expect(verdict.message.slice(0, said.length)).toBe(said);
    expect(verdict.message).toContain(hint);
  });

  test.for([
    ['throttlingException', true],
    ['modelStreamErrorException', true],
    ['internalServerException', true],
    ['exceptionOfTheFuture', true],
    ['validationException', false],
    ['accessDeniedException', false],
  ] as const)('%s in a stream: retryable is %s', async ([type, retryable]) => {
    const verdict = await verdictOn((response) => {
      response.writeHead(200, {
        'content-type': 'application/vnd.amazon.eventstream',
        'x-amzn-requestid': 'amzn-2',
      });
      response.end(exceptionFrame(type, 'It broke off.'));
    }, bedrockClient);

    expect(verdict).toMatchObject({
      retryable,
      report: { type, status: null, requestId: 'amzn-2' },
    });
    expect(verdict.message).toMatch(`The Messages API broke off with ${type}: `);
    expect(verdict.message).toContain('It broke off.');
  });

  test('no credentials: retryable, because another worker may have some, with what to do', async () => {
    const verdict = await verdictOn(
      () => undefined,
      (url) =>
        bedrockClient(url, {
          providerChainResolver: () =>
            Promise.resolve(() => Promise.reject(new Error('Token is expired'))),
        }),
    );

    expect(verdict).toMatchObject({
      retryable: true,
      message:
        'The Messages API could not be reached: Failed to resolve AWS credentials from the credential provider chain: Token is expired. Check the AWS credentials where the worker runs.',
    });
  });
});

const google = (code: number, status: string) => ({
  error: { code, message: `It is ${status}.`, status },
});

describe('an error of Vertex:', () => {
  test.for([
    ['400 FAILED_PRECONDITION: final', 400, 'FAILED_PRECONDITION', false, 1, ''],
    [
      '401 UNAUTHENTICATED: final after new credentials',
      401,
      'UNAUTHENTICATED',
      false,
      2,
      'Google credentials',
    ],
    [
      '403 PERMISSION_DENIED: final',
      403,
      'PERMISSION_DENIED',
      false,
      1,
      'aiplatform.endpoints.predict',
    ],
    ['404 NOT_FOUND: final', 404, 'NOT_FOUND', false, 1, "agent's model"],
    ['429 RESOURCE_EXHAUSTED: retryable', 429, 'RESOURCE_EXHAUSTED', true, 1, ''],
    ['503 UNAVAILABLE: retryable', 503, 'UNAVAILABLE', true, 1, ''],
  ] as const)('%s', async ([, status, type, retryable, asked, hint]) => {
    for (const body of [google(status, type), [google(status, type)]]) {
      const verdict = await verdictOn(
        (response) => answerJson(response, status, body),
        vertexClient,
      );

      expect(verdict).toMatchObject({ retryable, asked, report: { status, type } });
      const said = `The Messages API answered ${status} ${type}: It is ${type}.`;
      expect(verdict.message.slice(0, said.length)).toBe(said);
      expect(verdict.message).toContain(hint);
    }
  });

  test('no credentials: retryable, with what to do', async () => {
    const verdict = await verdictOn(
      () => undefined,
      (url) =>
        vertexClient(url, () =>
          Promise.reject(new Error('Could not load the default credentials.')),
        ),
    );

    expect(verdict).toMatchObject({
      retryable: true,
      message:
        'The Messages API could not be reached: Failed to acquire Google OAuth credentials: Could not load the default credentials. Check the Google credentials where the worker runs.',
    });
  });
});
