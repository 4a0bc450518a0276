import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { StopReason, TurnResult } from '../../index.ts';
import { fault } from '../../testing/faults.ts';
import type { Reply } from '../../testing/messages/reply.ts';
import {
  callTools,
  pauseTurn,
  refuse,
  say,
  sayNothing,
  stopWith,
  think,
  reply,
} from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, reader, writer } from '../fixtures/tools.ts';
import { until } from '../fixtures/until.ts';

let ran = 0;
const look = reader('look', () => (ran += 1));

/** Every ending must leave a conversation that can go on: the scripted API rejects any other. */
async function endAndGoOn(replies: readonly Reply[], rounds?: number): Promise<TurnResult> {
  const agent = agentWith([look], rounds === undefined ? {} : { rounds });
  await using plait = await startPlait({
    agents: [agent],
    script: (request) =>
      request.userText === 'go on' ? say('I go on.') : conversation('go', replies)(request),
  });
  const result = await plait.agents.execute(agent, 'go');
  const next = await plait.agents.execute(agent, [
    ...result.messages,
    { role: 'user', content: 'go on' },
  ]);
  expect(next.text).toBe('I go on.');
  return result;
}

describe('a turn completes with the reason for its end:', () => {
  const endings: [StopReason, Reply, string][] = [
    ['end_turn', say('Done.'), 'Done.'],
    ['end_turn', sayNothing(), ''],
    ['max_tokens', stopWith('max_tokens', say('I was just about')), 'I was just about'],
    [
      'model_context_window_exceeded',
      stopWith('model_context_window_exceeded', say('Full')),
      'Full',
    ],
    [
      'stop_sequence',
      { ...stopWith('stop_sequence', say('Until here')), stop_sequence: 'STOP' },
      'Until here',
    ],
    ['unknown', stopWith('stopped_by_moonlight', say('Strange.')), 'Strange.'],
  ];
  test.each(endings)('%s', async (stopReason, ending, text) => {
    const result = await endAndGoOn([ending]);
    expect(result).toMatchObject({ stopReason, text, rounds: 1 });
  });
});

describe('what the API sends but would reject in the next request is left out of the conversation:', () => {
  const poisonous: [string, readonly Reply[], number?][] = [
    ['an empty text', [say('')]],
    ['a blank text before a call', [reply(say(' \n'), callTools({ look: {} })), say('Done.')]],
    ['thinking that was cut off', [stopWith('max_tokens', think('I was just'))]],
    ['thinking and nothing else', [stopWith('end_turn', think('Hm.'))]],
    [
      'a call of a server tool that has no result',
      [stopWith('max_tokens', reply(say('Let me search.'), pauseTurn()))],
    ],
    ['a pause in the last round', [pauseTurn()], 1],
    ['a pause before a refusal', [pauseTurn(), refuse()]],
    ['a pause before an empty reply', [pauseTurn(), sayNothing()]],
  ];
  test.each(poisonous)('%s', async (_name, replies, rounds) => {
    await endAndGoOn(replies, rounds);
  });
});

test('an unknown stop reason is named in the details', async () => {
  const result = await endAndGoOn([stopWith('stopped_by_moonlight', say('Strange.'))]);
  expect(result.stopDetails).toBe('stopped_by_moonlight');
});

test('a refusal ends the turn with its reason, and nothing of it is kept or run', async () => {
  ran = 0;
  const refused = refuse(
    { category: 'cyber', explanation: 'no' },
    callTools({ look: {} }, { text: 'Well,' }),
  );
  const result = await endAndGoOn([refused]);
  expect(result).toMatchObject({
    stopReason: 'refusal',
    stopDetails: { category: 'cyber', explanation: 'no' },
    text: '',
    calls: [],
    messages: [{ role: 'user', content: 'go' }],
  });
  expect(ran).toBe(0);
});

test('a reply that was cut off runs none of its tools, and its whole calls are answered', async () => {
  ran = 0;
  const result = await endAndGoOn([
    stopWith(
      'max_tokens',
      callTools([
        ['look', { id: 1 }],
        ['look', { id: 2 }],
      ]),
    ),
  ]);
  expect(result.stopReason).toBe('max_tokens');
  expect(result.calls.map(({ outcome, attempts }) => [outcome, attempts])).toEqual([
    ['skipped', 0],
    ['skipped', 0],
  ]);
  expect(result.calls[0]?.message).toContain('max_tokens');
  expect(ran).toBe(0);
});

describe('tools run only after tool_use, and no call stays open:', () => {
  test.each([
    'end_turn',
    'stop_sequence',
    'max_tokens',
    'model_context_window_exceeded',
    'stopped_by_moonlight',
  ])('%s', async (stopReason) => {
    ran = 0;
    const result = await endAndGoOn([stopWith(stopReason, callTools({ look: {} }))]);
    expect(result.calls).toMatchObject([{ outcome: 'skipped', attempts: 0 }]);
    expect(result.calls[0]?.message).toContain('Not executed');
    expect(ran).toBe(0);
  });
});

async function askWithRoom(replies: readonly [Reply, Reply]) {
  ran = 0;
  const agent = agentWith([look], { maxTokens: 1_000, maxTokensRetry: 4_000 });
  await using plait = await startPlait({
    agents: [agent],
    script: ({ body, userText, round }) =>
      round > 0 || userText !== 'go' ? say('Done.') : replies[body.max_tokens === 1_000 ? 0 : 1],
  });
  const result = await plait.agents.execute(agent, 'go');
  return { result, sent: plait.model.requests.map(({ body }) => body?.max_tokens) };
}

describe('an agent with more room for a second try', () => {
  const cut = stopWith('max_tokens', callTools({ look: { half: true } }));

  test('is asked again if its reply was cut off, and only the whole reply counts', async () => {
    const whole = callTools({ look: { half: false } });
    const { result, sent } = await askWithRoom([cut, whole]);
    expect(result).toMatchObject({ stopReason: 'end_turn', rounds: 2 });
    expect(result.calls).toMatchObject([{ input: { half: false }, outcome: 'succeeded' }]);
    expect(ran).toBe(1);
    expect(sent).toEqual([1_000, 4_000, 1_000]);
  });

  test('pays for both, and is asked twice at most', async () => {
    const { result, sent } = await askWithRoom([
      { ...cut, usage: { output_tokens: 1_000 } },
      { ...cut, usage: { output_tokens: 4_000 } },
    ]);
    expect(result).toMatchObject({
      stopReason: 'max_tokens',
      rounds: 1,
      usage: { output_tokens: 5_000 },
      calls: [{ outcome: 'skipped' }],
    });
    expect(ran).toBe(0);
    expect(sent).toEqual([1_000, 4_000]);
  });

  test('is not asked again after a reply that is whole', async () => {
    const { sent } = await askWithRoom([say('Done.'), say('Never.')]);
    expect(sent).toEqual([1_000]);
  });
});

test('a stop sequence of the agent reaches the API, and the result says which one it was', async () => {
  const agent = agentWith([look], { stopSequences: ['STOP'] });
  await using plait = await startPlait({
    agents: [agent],
    script: ({ body }) => ({
      ...stopWith('stop_sequence', say('Until here')),
      stop_sequence: body.stop_sequences?.[0] ?? 'none',
    }),
  });
  expect(await plait.agents.execute(agent, 'go')).toMatchObject({
    stopReason: 'stop_sequence',
    stopDetails: 'STOP',
  });
});

test('a call that was cut in the middle of its input is left out', async () => {
  ran = 0;
  const result = await endAndGoOn([
    fault.truncatedToolUse('look', { path: 'a', content: 'a long text' }),
  ]);
  expect(result).toMatchObject({ stopReason: 'max_tokens', calls: [] });
  expect(ran).toBe(0);
});

test('a pause of a server tool is resumed with unchanged content', async () => {
  const result = await endAndGoOn([
    pauseTurn('rain'),
    reply(
      {
        content: [
          {
            type: 'web_search_tool_result',
            tool_use_id: 'srvtoolu_rain',
            content: [],
            caller: { type: 'direct' },
          },
        ],
      },
      say('It rains.'),
    ),
  ]);
  expect(result).toMatchObject({ stopReason: 'end_turn', text: 'It rains.', rounds: 2 });
});

test('thinking goes back unchanged, including signatures', async () => {
  const result = await endAndGoOn([
    reply(think('Let me look.'), callTools({ look: {} })),
    reply(think(''), say('Seen.')),
  ]);
  expect(result.rounds).toBe(2);
});

test('at the limit of rounds the last calls are answered but not run', async () => {
  ran = 0;
  const call = callTools({ look: {} });
  const result = await endAndGoOn([call, call, call], 2);
  expect(result).toMatchObject({ stopReason: 'max_rounds', rounds: 2 });
  expect(result.calls.map(({ outcome }) => outcome)).toEqual(['succeeded', 'skipped']);
  expect(ran).toBe(1);
});

test('a cancel reaches running tools, every call is answered, and the turn completes', async () => {
  const stopped: string[] = [];
  const begun: string[] = [];
  const waits = (name: string) => async (_input: unknown, ctx: { signal: AbortSignal }) => {
    begun.push(name);
    await sleep(60_000, undefined, { signal: ctx.signal }).catch((error: unknown) => {
      stopped.push(name);
      throw error;
    });
  };
  const agent = agentWith([
    reader('read', waits('read')),
    writer('write', waits('write')),
    reader('quick', () => 'quick'),
  ]);
  await using plait = await startPlait({
    agents: [agent],
    script: (request) =>
      request.userText === 'go on'
        ? say('I go on.')
        : conversation('go', [callTools({ read: {}, write: {}, quick: {} })])(request),
  });
  const turn = await plait.agents.start(agent, 'go');
  await until(
    () => turn.describe(),
    ({ pendingCalls }) => begun.length === 2 && pendingCalls.length === 2,
  );

  await turn.cancel();
  const result = await turn.result();

  expect(result.stopReason).toBe('cancelled');
  expect(result.calls.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual([
    'read cancelled',
    'write cancelled',
    'quick succeeded',
  ]);
  expect(result.calls[1]?.message).toContain('may or may not have taken effect');
  expect(stopped.toSorted()).toEqual(['read', 'write']);
  const next = await plait.agents.execute(agent, [
    ...result.messages,
    { role: 'user', content: 'go on' },
  ]);
  expect(next.text).toBe('I go on.');
  // Cancelling what has ended changes nothing.
  await turn.cancel();
  expect((await turn.result()).stopReason).toBe('cancelled');
});
