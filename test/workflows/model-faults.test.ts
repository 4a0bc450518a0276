import { defaultPayloadConverter } from '@temporalio/common';
import { describe, expect, test } from 'vitest';
import { TurnFailedError } from '../../client/index.ts';
import { MODEL_CALL_FAILED } from '../../core/failures.ts';
import { fault, times } from '../../testing/faults.ts';
import type { Reply } from '../../testing/messages/reply.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, reader, writer } from '../fixtures/tools.ts';
import { until } from '../fixtures/until.ts';

const looks: string[] = [];
const agent = agentWith([reader('look', () => looks.push('look'))]);

/** A turn whose first reply is this one, and whose second says that it is done. */
function startWith(first: Reply, options: { modelIdleTimeout?: '3s' } = {}) {
  return startPlait({
    agents: [agent],
    script: conversation('go', [first, say('Done.')]),
    ...options,
  });
}

const call = callTools({ look: { id: 1 } });

describe('a failure that may pass is retried, and the turn does not notice:', () => {
  // Silence is the last thing that a busy machine should notice where there is none.
  const impatient = { modelIdleTimeout: '3s' } as const;
  const passing: [string, Reply, number, object?][] = [
    ['529 overloaded', times(1, fault.overloaded(), call), 2],
    ['500', times(2, fault.serverError(), call), 3],
    ['429 with retry-after', times(1, fault.rateLimited({ retryAfter: 1 }), call), 2],
    [
      'an error in the middle of the stream',
      times(1, fault.midStreamError('overloaded_error'), call),
      2,
    ],
    ['a stream that ends early', times(1, fault.earlyEnd(), call), 2],
    ['a connection that breaks', times(1, fault.reset(), call), 2],
    ['silence before the headers', times(1, fault.stallBeforeHeaders(), call), 2, impatient],
    ['silence in the middle of the stream', times(1, fault.stallMidStream(), call), 2, impatient],
    ['a tool input that is no JSON', times(1, fault.invalidJsonInput('look'), call), 2],
    [
      'a reply with a repeated tool_use id',
      times(
        1,
        callTools([
          ['look', {}, 'toolu_a'],
          ['look', {}, 'toolu_a'],
        ]),
        call,
      ),
      2,
    ],
  ];
  test.each(passing)('%s', async (_name, first, requests, options) => {
    await using plait = await startWith(first, options);
    looks.length = 0;

    const result = await plait.agents.execute(agent, 'go');

    expect(result).toMatchObject({ stopReason: 'end_turn', text: 'Done.', rounds: 2 });
    // Every attempt was a request of its own, the SDK repeated none, and the tool ran once.
    expect(plait.model.requests).toHaveLength(requests + 1);
    expect(looks).toHaveLength(1);
  });
});

test('retry-after is waited for', async () => {
  await using plait = await startWith(times(1, fault.rateLimited({ retryAfter: 2 }), call));

  await plait.agents.execute(agent, 'go');

  const [first, second] = plait.model.requests.map(({ startedAt }) => startedAt);
  expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(1_990);
});

describe('a retry-after that is longer than the agent waits', () => {
  test.for([
    ['31536000', undefined, /It asks to wait 365 days before the next request, and agent tester/],
    ['601', undefined, /agent tester waits at most 10 minutes \(maxRetryAfter\)\.$/],
    ['3', '2s', /It asks to wait 3 s .* waits at most 2 s \(maxRetryAfter\)\.$/],
  ] as const)('fails the turn at once: %s', async ([retryAfter, maxRetryAfter, message]) => {
    const patient = agentWith([], maxRetryAfter === undefined ? {} : { maxRetryAfter });
    await using plait = await startPlait({
      agents: [patient],
      script: conversation('go', [fault.overloaded({ headers: { 'retry-after': retryAfter } })]),
    });

    const error: unknown = await plait.agents
      .execute(patient, 'go')
      .catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(TurnFailedError);
    expect((error as TurnFailedError).message).toMatch(message);
    expect((error as TurnFailedError).message).toMatch(/^The Messages API answered 529 /);
    expect(plait.model.requests).toHaveLength(1);
  });

  test('leads to the fallback at once', async () => {
    const next = 'claude-sonnet-5-5';
    const withFallback = agentWith([], { fallbacks: [{ model: next }] });
    await using plait = await startPlait({
      agents: [withFallback],
      script: conversation('go', [
        ({ body }) =>
          body.model === next
            ? say('Done.')
            : fault.overloaded({ headers: { 'retry-after': '86400' } }),
      ]),
    });

    expect(await plait.agents.execute(withFallback, 'go')).toMatchObject({ text: 'Done.' });
    expect(plait.model.requests).toHaveLength(2);
  });

  test.for([
    ['31536000', 'fails'],
    ['500', 'is out of time'],
    ['1e300', 'goes on'],
  ] as const)('or longer than the turn may take: after %s it %s', async ([retryAfter, ending]) => {
    const hasty = agentWith([], { limits: { wallTime: '4s' } });
    await using plait = await startPlait({
      agents: [hasty],
      script: conversation('go', [
        times(1, fault.rateLimited({ headers: { 'retry-after': retryAfter } }), say('Done.')),
      ]),
    });

    const ended = await plait.agents.execute(hasty, 'go').then(
      ({ stopReason }) => (stopReason === 'end_turn' ? 'goes on' : stopReason),
      () => 'fails',
    );

    expect(ended).toBe(ending === 'is out of time' ? 'max_wall_time' : ending);
  });
});

describe('a failure that will not pass fails the turn at once, with a message to act on:', () => {
  const final: [string, Reply, Partial<TurnFailedError['model']>, RegExp][] = [
    [
      'a wrong key',
      fault.status(401, 'authentication_error', 'invalid bearer token'),
      { status: 401, type: 'authentication_error', errorCode: null },
      /401 authentication_error: invalid bearer token.*Check ANTHROPIC_API_KEY/,
    ],
    [
      'a model that does not exist',
      fault.status(404, 'not_found_error', 'model: claude-nope'),
      { status: 404, type: 'not_found_error', errorCode: null },
      /model: claude-nope.*Check the agent's model/,
    ],
    [
      'a prompt that is too long',
      fault.badRequest('prompt is too long: 1200000 tokens'),
      { status: 400, type: 'invalid_request_error', errorCode: null },
      /prompt is too long.*give the agent `compaction`/,
    ],
    [
      'a request that is too large',
      fault.status(413, 'request_too_large', 'Request exceeds the maximum size'),
      { status: 413, type: 'request_too_large', errorCode: null },
      /A request may have at most 32 MB/,
    ],
    [
      'an account without credit',
      fault.status(402, 'billing_error', 'payment required'),
      { status: 402, type: 'billing_error', errorCode: null },
      /402 billing_error.*Check the billing/,
    ],
    [
      'a code that says what to change',
      fault.badRequest('tools: too much', { errorCode: 'tool_name_conflict' }),
      { status: 400, type: 'invalid_request_error', errorCode: 'tool_name_conflict' },
      /Rename one of the `tools`/,
    ],
    [
      'a spend limit',
      fault.rateLimited({ errorCode: 'enforced_spend_limit_reached' }),
      { status: 429, type: 'rate_limit_error', errorCode: 'enforced_spend_limit_reached' },
      /429 rate_limit_error.*A spend limit is reached: raise it/,
    ],
    [
      'x-should-retry: false',
      fault.serverError({ headers: { 'x-should-retry': 'false' } }),
      { status: 500, type: 'api_error', errorCode: null },
      /500/,
    ],
  ];
  test.each(final)('%s', async (_name, first, model, message) => {
    await using plait = await startWith(first);
    const turn = await plait.agents.start(agent, 'go');

    const error: unknown = await turn.result().catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(TurnFailedError);
    const failed = error as TurnFailedError;
    expect(failed.message).toMatch(message);
    const requestId = expect.stringMatching(/^req_/) as string;
    expect(failed.model).toEqual({ ...model, requestId });
    // The same stands in the failure of the activity, for those who read history.
    const { events } = await turn.workflow.fetchHistory();
    const [failure] = (events ?? []).flatMap(
      ({ activityTaskFailedEventAttributes: ended }) => ended?.failure ?? [],
    );
    const info = failure?.applicationFailureInfo;
    expect(info).toMatchObject({ type: MODEL_CALL_FAILED, nonRetryable: true });
    const [payload] = info?.details?.payloads ?? [];
    expect(payload && defaultPayloadConverter.fromPayload(payload)).toEqual({
      ...model,
      requestId,
    });
    expect(failed.progress).toMatchObject({
      rounds: 0,
      calls: [],
      messages: [{ role: 'user', content: 'go' }],
    });
    expect(plait.model.requests).toHaveLength(1);
  });
});

test('a turn that fails later keeps the rounds that it committed', async () => {
  await using plait = await startPlait({
    agents: [agent],
    script: conversation('go', [call, fault.badRequest('no more')]),
  });
  const turn = await plait.agents.start(agent, 'go');

  const error = (await turn.result().catch((thrown: unknown) => thrown)) as TurnFailedError;

  expect(error.progress).toMatchObject({
    rounds: 1,
    calls: [{ name: 'look', outcome: 'succeeded' }],
  });
  expect(error.progress?.messages).toHaveLength(3);
});

test('a reply that can never be used is requested three times, and no more', async () => {
  await using plait = await startWith(callTools([['look', {}, 'not valid!']]));
  const turn = await plait.agents.start(agent, 'go');

  await expect(turn.result()).rejects.toThrow('the tool_use id "not valid!" is not valid');
  expect(plait.model.requests).toHaveLength(3);
});

test('a cancelled turn closes its request to the model', async () => {
  await using plait = await startPlait({
    agents: [agent],
    script: conversation('go', [fault.stallMidStream(Number.POSITIVE_INFINITY, { reply: call })]),
  });
  const turn = await plait.agents.start(agent, 'go');
  await until(() => plait.model.requests.length);

  await turn.cancel();
  const result = await turn.result();

  expect(result).toMatchObject({ stopReason: 'cancelled', rounds: 0, calls: [] });
  await until(() => plait.model.requests[0]?.closedEarly === true);
});

test('the system prompt asks for parallel calls, and can leave that out', async () => {
  const { defineAgent } = await import('../../index.ts');
  const common = {
    model: 'claude-opus-5-5',
    system: 'Be brief.',
    tools: [writer('look', () => 1)],
  };
  const nudged = defineAgent({ name: 'nudged', ...common });
  const plain = defineAgent({ name: 'plain', ...common, parallelToolUse: false });
  await using plait = await startPlait({ agents: [nudged, plain], script: () => say('Yes.') });

  await plait.agents.execute(nudged, 'go');
  await plait.agents.execute(plain, 'go');

  const systems = plait.model.requests.map(({ body }) => body?.system);
  expect(systems).toMatchObject([
    [{ text: expect.stringMatching(/^Be brief\.\n\n<use_parallel_tool_calls>/) as string }],
    [{ text: 'Be brief.' }],
  ]);
});
