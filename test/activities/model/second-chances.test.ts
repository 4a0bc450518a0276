import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, test } from 'vitest';
import type {
  Asking,
  Circumstances,
  Failure,
  ModelRequest,
  ModelResponse,
} from '../../../activities/model/second-chances.ts';
import {
  askWithSecondChances,
  SECOND_CHANCES,
  secondChance,
} from '../../../activities/model/second-chances.ts';
import type { AgentSpec } from '../../../core/agent-spec.ts';
import type { Message } from '../../../core/conversation/messages.ts';
import type { ModelReply } from '../../../core/conversation/reply.ts';
import type { ModelErrorReport } from '../../../core/failures.ts';
import { imageBlock, png } from '../../fixtures/images.ts';

const [OWN, NEXT, LAST] = ['claude-opus-5-5', 'claude-sonnet-5-5', 'claude-haiku-5-5'] as const;

const spec: AgentSpec = {
  model: OWN,
  max_tokens: 1_000,
  max_tokens_retry: 4_000,
  fallbacks: [
    { model: NEXT, on: ['overloaded'] },
    { model: LAST, on: ['overloaded'] },
  ],
};

const seen = (id: string) => ({
  type: 'tool_result' as const,
  tool_use_id: id,
  content: [imageBlock(png())],
});
const call = (id: string) => ({ type: 'tool_use' as const, id, name: 'look', input: {} });
const said = { type: 'text' as const, text: 'I look.' };
const messages: Message[] = [
  { role: 'user', content: 'go' },
  { role: 'assistant', content: [call('toolu_1'), said, call('toolu_2')] },
  { role: 'user', content: [seen('toolu_1'), seen('toolu_2')] },
];
const textsFirst = [
  messages[0],
  { role: 'assistant', content: [said, call('toolu_1'), call('toolu_2')] },
  messages[2],
];

const first: ModelRequest = { model: OWN, messages, leftOut: [] };
const circumstances: Circumstances = { spec, first, tailLength: 2, dropped: 0, attempt: 1 };

const usage = (output: number) => ({
  input_tokens: 0,
  output_tokens: output,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
});

function reply(change: Partial<ModelReply> = {}): ModelReply {
  return {
    id: 'msg_1',
    model: OWN,
    content: [],
    stopReason: 'end_turn',
    stopSequence: null,
    stopDetails: null,
    usage: usage(1),
    requestId: 'req_1',
    ...change,
  };
}

const whole: ModelResponse = { type: 'reply', reply: reply() };
const cutOff: ModelResponse = { type: 'reply', reply: reply({ stopReason: 'max_tokens' }) };
const invalid: ModelResponse = {
  type: 'invalid reply',
  problem: 'it is odd',
  usage: usage(1),
  requestId: 'req_1',
};

function failure(
  message: string,
  report: Partial<ModelErrorReport>,
  change: Partial<Failure> = {},
): Failure {
  return {
    type: 'failure',
    retryable: false,
    message,
    report: { type: 'api_error', status: 500, errorCode: null, requestId: null, ...report },
    staleCredentials: false,
    ...change,
  };
}

const badRequest = { type: 'invalid_request_error', status: 400 };
const stale = failure('wrong key', { status: 401 }, { staleCredentials: true });
const wrongKey = failure('wrong key', { status: 401 });
const misordered = failure(
  'messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1.',
  badRequest,
);
const noContainer = failure('container: container_1 has expired', badRequest);
const overloaded = failure('Overloaded', { status: 529 }, { retryable: true });
const overloadedForGood = failure('Overloaded', { status: 529 });
const badFile = (part: number) =>
  failure(
    `messages.2.content.${part}.tool_result.content.0.image.source: Could not process image`,
    badRequest,
  );

const none: Asking = { request: first, used: [] };

/** The request after these responses, each of which must have led to one more. */
function after(responses: readonly ModelResponse[], given = circumstances): Asking {
  let asking: Asking = { request: given.first, used: [] };
  for (const response of responses) {
    const next = secondChance(response, asking, given);
    if (next === undefined) throw new Error('There must be a second chance.');
    asking = next.asking;
  }
  return asking;
}

const rows = SECOND_CHANCES.map(({ name, limit, reason }, i) => ({
  row: `${i + 1}. ${name} (at most ${limit}): ${reason}`,
  name,
}));

test(`the model is asked again, in this order: ${rows.map(({ name }) => name).join(' → ')}`, () => {
  expect(rows.map(({ row }) => row)).toEqual([
    '1. fetch new credentials (at most 1): the key may have been rotated',
    '2. send texts before calls (at most 1): the API rejects a text between a call and its result',
    "3. leave out the sandbox (at most 1): it has expired by the API's clock, which may not be that of the worker",
    '4. ask for a valid reply (at most 2): an invalid reply would make every later request of the conversation a 400',
    '5. give the reply more room (at most 1): it was cut off by max_tokens, and the agent has maxTokensRetry',
    '6. ask the fallback model (at most one for each fallback): the model is still overloaded after 2 attempts, or no attempt follows',
    '7. leave out files (at most one for each file): a file in the newest results that the API rejects would make every later request a 400',
  ]);
});

/** Responses that a row takes care of until its limit is reached, and the request that it makes of the first. */
const takes: Record<string, { responses: ModelResponse[]; change: object; attempt?: number }> = {
  'fetch new credentials': { responses: [stale], change: {} },
  'send texts before calls': { responses: [misordered], change: { messages: textsFirst } },
  'leave out the sandbox': { responses: [noContainer], change: { withoutContainer: true } },
  'ask for a valid reply': { responses: [invalid, invalid], change: { paid: usage(1) } },
  'give the reply more room': {
    responses: [cutOff],
    change: { maxTokens: 4_000, paid: usage(1) },
  },
  'ask the fallback model': {
    responses: [overloaded, overloaded],
    change: { model: NEXT },
    attempt: 3,
  },
  'leave out files': {
    responses: [badFile(0), badFile(1)],
    change: {
      leftOut: [expect.objectContaining({ message: 1, block: 0, part: 0 })],
      messages: [
        messages[0],
        messages[1],
        {
          role: 'user',
          content: [
            { ...seen('toolu_1'), content: [{ type: 'text', text: expect.any(String) as string }] },
            seen('toolu_2'),
          ],
        },
      ],
    },
  },
};

test.for(rows.map(({ row, name }) => [row, name] as const))('%s', ([, name]) => {
  const { responses, change, attempt = 1 } = takes[name] ?? { responses: [], change: {} };
  const given = { ...circumstances, attempt };

  expect(after(responses.slice(0, 1), given).request).toEqual({ ...first, ...change });
  // The same once more than its limit is the end.
  const [last] = responses.slice(-1);
  expect(secondChance(last ?? whole, after(responses, given), given)).toBeUndefined();
});

describe('the model is not asked again', () => {
  const { max_tokens_retry: _, ...noRetry } = spec;
  test.for<[string, ModelResponse, Partial<Circumstances>]>([
    ['after a whole, valid reply', whole, {}],
    ['after a reply that was cut off, without maxTokensRetry', cutOff, { spec: noRetry }],
    ['for a key that does not change', wrongKey, {}],
    ['while an overloaded model may recover', overloaded, { attempt: 2 }],
    ['where an overloaded model has no fallback', overloadedForGood, { spec: noFallbacks() }],
    [
      'where the API misses results and no text stands behind a call',
      misordered,
      {
        first: { ...first, messages: textsFirst as Message[] },
      },
    ],
    ['for a file in what a person has said', badFile(0), { first: withPhoto(), tailLength: 1 }],
    [
      'for code that waits in a sandbox that was not given',
      failure('container_id is required when there are pending tool uses', badRequest),
      {},
    ],
    ['after another failure', failure('Boom', {}, { retryable: true }), { attempt: 3 }],
  ])('%s', ([, response, change]) => {
    const given = { ...circumstances, ...change };

    expect(secondChance(response, { ...none, request: given.first }, given)).toBeUndefined();
  });

  function noFallbacks(): AgentSpec {
    const { fallbacks: _, ...rest } = spec;
    return rest;
  }

  function withPhoto(): ModelRequest {
    return { ...first, messages: [{ role: 'user', content: [imageBlock(png())] }] };
  }
});

test('an overloaded model that will not recover is left at once', () => {
  expect(after([overloadedForGood]).request.model).toBe(NEXT);
});

describe('a row that is used lets all rows above it start over', () => {
  const late = { ...circumstances, attempt: 3 };

  test.for<[string, ModelResponse[], Partial<ModelRequest>]>([
    ['the order, after an invalid reply', [misordered, invalid], { paid: usage(1) }],
    ['the room, with a fallback', [cutOff, overloaded], { model: NEXT }],
    ['what was paid, with a fallback', [invalid, invalid, overloaded], { model: NEXT }],
    ['the fallback, without a file', [overloaded, badFile(1)], { model: OWN }],
  ])('%s', ([, responses, change]) => {
    const { leftOut, messages: sent, ...rest } = after(responses, late).request;

    expect(rest).toEqual({ model: OWN, ...change });
    if (leftOut.length === 0) expect(sent).toBe(messages);
  });

  test('and its limits', () => {
    const { request } = after([misordered, stale, invalid, misordered, stale, invalid], late);

    expect(request.paid).toMatchObject({ output_tokens: 2 });
    const more = after([invalid, invalid, cutOff, invalid, invalid], late).request;
    expect(more).toMatchObject({ maxTokens: 4_000, paid: { output_tokens: 5 } });
  });
});

/** Asks a model that answers so, one response after the other. */
async function ask(responses: readonly ModelResponse[], attempt = 1) {
  const sent: ModelRequest[] = [];
  const logged: [level: string, message: string, fields: unknown][] = [];
  const send = (request: ModelRequest): Promise<ModelResponse> => {
    sent.push(request);
    return Promise.resolve(responses[sent.length - 1] ?? whole);
  };
  const log = {
    info: (message: string, fields?: object) => void logged.push(['info', message, fields]),
    warn: (message: string, fields?: object) => void logged.push(['warn', message, fields]),
  };
  const answer = await askWithSecondChances(send, { ...circumstances, attempt }, log).catch(
    (error: unknown) => error as ApplicationFailure,
  );
  return { answer, sent, logged };
}

describe('asking', () => {
  test('costs nothing extra if the reply is whole at once', async () => {
    const { answer, sent, logged } = await ask([]);

    expect(answer).toEqual({ reply: reply(), by: OWN, leftOut: [] });
    expect(sent).toEqual([first]);
    expect(logged).toEqual([]);
  });

  test('pays for replies that were thrown away', async () => {
    const { answer, logged } = await ask([invalid, cutOff, invalid, cutOff]);

    expect(answer).toMatchObject({ reply: { stopReason: 'max_tokens' } });
    expect(answer).toMatchObject({ reply: { usage: { output_tokens: 4 } } });
    const cannotBeUsed = 'The reply of the model cannot be used';
    expect(logged).toEqual([
      ['warn', cannotBeUsed, { problem: 'it is odd', asked: 1 }],
      ['info', 'The reply was cut off by max_tokens', { asking: 4_000 }],
      ['warn', cannotBeUsed, { problem: 'it is odd', asked: 1 }],
    ]);
  });

  test('says which model gave the answer, and which files were left out', async () => {
    const { answer } = await ask([badFile(0), overloaded, overloaded], 3);

    expect(answer).toMatchObject({ by: LAST, leftOut: [{ message: 1, block: 0, part: 0 }] });
  });

  test('ends after a third invalid reply, without another attempt', async () => {
    const { answer, sent, logged } = await ask([invalid, invalid, invalid]);

    expect(answer).toBeInstanceOf(ApplicationFailure);
    expect(answer).toMatchObject({
      message: "The model's reply cannot be used: it is odd (asked 3 times).",
      type: 'plait.ModelCallFailed',
      nonRetryable: true,
      details: [{ type: 'invalid_reply', status: null, errorCode: null, requestId: 'req_1' }],
    });
    expect(sent).toHaveLength(3);
    expect(logged.map(([, , fields]) => fields)).toMatchObject([
      { asked: 1 },
      { asked: 2 },
      { asked: 3 },
    ]);
  });

  test('leaves a failure that may pass to the next attempt, when the API says', async () => {
    const { answer } = await ask([{ ...overloaded, delayMs: 7_000 }]);

    expect(answer).toMatchObject({
      message: 'Overloaded',
      type: 'plait.ModelCallFailed',
      nonRetryable: false,
      nextRetryDelay: 7_000,
      details: [overloaded.report],
    });
  });

  test('ends the attempts after a failure that will not pass', async () => {
    const { answer, sent } = await ask([stale, stale]);

    expect(answer).toMatchObject({ message: 'wrong key', nonRetryable: true });
    expect(sent).toHaveLength(2);
  });
});
