import { describe, expect, test } from 'vitest';
import type { BackgroundCall } from '../../../core/calls/background.ts';
import type { SettledCall, ToolOutcome } from '../../../core/calls/outcome.ts';
import type { SubAgentTurn } from '../../../core/calls/sub-agent-turn.ts';
import { LATE_RESULT } from '../../../core/calls/texts.ts';
import type { InputBlock, ReplyBlock } from '../../../core/conversation/messages.ts';
import { INLINE_BYTES } from '../../../core/conversation/transcript.ts';
import {
  commitLateResults,
  committedBy,
  endInBackground,
  findResult,
  goOnInBackground,
  lateCalls,
  runningInBackground,
  takeResult,
} from '../../../core/turn/background.ts';
import type { TurnState } from '../../../core/turn/state.ts';
import {
  addSteering,
  beginTurn,
  commitReply,
  commitResults,
  commitSteering,
} from '../../../core/turn/state.ts';
import { NO_USAGE } from '../../../core/turn/usage.ts';
import { call, replyWith } from '../arbitraries.ts';

const ASKED = [call('toolu_1', 'scout'), call('toolu_2', 'scout')];
const STORAGE = { type: 'storage' } as const;

const settled = (outcome: ToolOutcome, parts: Partial<SettledCall> = {}): SettledCall => ({
  outcome,
  attempts: 1,
  start: 1_000,
  end: 2_000,
  ...parts,
});
const said = (content: string) => settled({ type: 'succeeded', content });
const HANDLE = settled({ type: 'succeeded', content: 'At work.' }, { late: true });

const running = (callId: string, parts: Partial<BackgroundCall> = {}): BackgroundCall => ({
  callId,
  tool: 'scout',
  since: 1_000,
  ...parts,
});

/** Both calls go on in the background, and are answered. */
function both(parts: Partial<BackgroundCall> = {}): TurnState {
  const replied = commitReply(
    beginTurn([{ role: 'user', content: 'go' }]),
    replyWith({ content: ASKED, stopReason: 'tool_use' }),
  );
  const going = ASKED.reduce(
    (state, { id }) => goOnInBackground(state, running(id, parts)),
    replied,
  );
  return commitResults(STORAGE, going, ASKED, [HANDLE, HANDLE]);
}

const turn: SubAgentTurn = {
  turnId: 'turn.toolu_1',
  agent: 'scout',
  stopReason: 'end_turn',
  rounds: 2,
  toolCalls: 3,
  usage: { ...NO_USAGE, input_tokens: 100, output_tokens: 10 },
  costUSD: 0.5,
};

describe('a call in the background', () => {
  test('is answered while it runs, and then it has ended', () => {
    const state = both();
    expect(runningInBackground(state)).toHaveLength(2);
    expect(state.calls).toMatchObject([
      { outcome: 'succeeded', late: true },
      { outcome: 'succeeded', late: true },
    ]);

    const after = endInBackground(state, 'toolu_1', said('Sand.'));

    expect(runningInBackground(after)).toMatchObject([{ callId: 'toolu_2' }]);
    expect(lateCalls(after)).toMatchObject([{ callId: 'toolu_1' }]);
  });

  test('has its end in its record, with what it has used', () => {
    const failed = settled({ type: 'failed', message: 'No.' }, { subAgent: turn });
    const state = endInBackground(both(), 'toolu_1', failed);

    expect(state.calls[0]).toMatchObject({
      id: 'toolu_1',
      outcome: 'failed',
      message: 'No.',
      late: true,
      subAgent: turn,
      end: '1970-01-01T00:00:02.000Z',
    });
    expect(state).toMatchObject({ costUSD: 0.5, usage: { input_tokens: 110, output_tokens: 15 } });
    const succeeded = endInBackground(state, 'toolu_2', said('Sand.'));
    expect(succeeded.calls[1]).not.toHaveProperty('message');
  });

  test('that ends before its answer is committed also has its end in its record', () => {
    const replied = commitReply(
      beginTurn([]),
      replyWith({ content: ASKED, stopReason: 'tool_use' }),
    );
    const going = goOnInBackground(replied, running('toolu_1'));
    const ended = endInBackground(going, 'toolu_1', settled({ type: 'failed', message: 'No.' }));
    const { calls, transcript } = commitResults(STORAGE, ended, ASKED, [HANDLE, said('Hills.')]);

    expect(calls).toMatchObject([{ outcome: 'failed', late: true }, { outcome: 'succeeded' }]);
    expect(JSON.stringify(transcript.tail.at(-1))).toContain('At work.');
  });

  test('keeps the rest of a long result where the model can read it', () => {
    const stored = { callId: 'toolu_1', digest: 'd', claim: {}, bytes: 9 };
    const state = endInBackground(both(), 'toolu_1', { ...said('Long…'), stored });
    expect(state.stored).toEqual([stored]);
  });

  test('that is not known changes nothing', () => {
    const state = both();
    expect(endInBackground(state, 'toolu_9', said('What?'))).toBe(state);
    expect(endInBackground(beginTurn([]), 'toolu_9', said('What?'))).not.toHaveProperty(
      'background',
    );
  });
});

test('what is reserved for calls that run counts as spent, until they have ended', () => {
  const reserved = { outputTokens: 300, inputTokens: 50, toolCalls: 2, costUSD: 0.25 };
  const state = both({ reserved });

  expect(committedBy(beginTurn([]), 7)).toEqual({
    rounds: 0,
    toolCalls: 0,
    inputTokens: 0,
    outputTokens: 0,
    wallTime: 7,
  });
  expect(committedBy(state, 0)).toEqual({
    rounds: 1,
    toolCalls: 6,
    inputTokens: 110,
    outputTokens: 605,
    wallTime: 0,
    costUSD: 0.5,
  });
  expect(committedBy(both(), 0)).not.toHaveProperty('costUSD');
  const ended = endInBackground(state, 'toolu_1', { ...said('Sand.'), subAgent: turn });
  expect(committedBy(ended, 0)).toMatchObject({ outputTokens: 315, toolCalls: 7, costUSD: 0.75 });
});

describe('get_agent_result', () => {
  test('finds a call that runs, one that has ended, and one whose result was given', () => {
    const state = endInBackground(both(), 'toolu_1', said('Sand.'));
    expect(findResult(state, 'toolu_1')).toEqual({
      type: 'ended',
      outcome: { type: 'succeeded', content: 'Sand.' },
    });
    expect(findResult(state, 'toolu_2')).toEqual({ type: 'running', tool: 'scout', since: 1_000 });
    expect(findResult(state, 'toolu_9')).toEqual({ type: 'unknown', running: ['toolu_2'] });
    expect(findResult(beginTurn([]), 'toolu_9')).toEqual({ type: 'unknown', running: [] });
    expect(findResult(takeResult(state, 'toolu_1'), 'toolu_1')).toEqual({ type: 'given' });
  });

  test('takes the result, so the model does not get it again', () => {
    const taken = takeResult(endInBackground(both(), 'toolu_1', said('Sand.')), 'toolu_1');
    expect(lateCalls(taken)).toEqual([]);
    // One that runs has none to take.
    expect(runningInBackground(takeResult(taken, 'toolu_2'))).toHaveLength(1);
    const other = endInBackground(taken, 'toolu_2', said('Hills.'));
    expect(takeResult(other, 'toolu_2')).not.toHaveProperty('background');
    expect(takeResult(beginTurn([]), 'toolu_2')).not.toHaveProperty('background');
  });
});

/** The blocks of the last message that are not results. */
function told({ transcript }: TurnState): InputBlock[] {
  const content = transcript.tail.findLast(({ role }) => role === 'user')?.content ?? [];
  return typeof content === 'string'
    ? [{ type: 'text', text: content }]
    : content.filter(({ type }) => type !== 'tool_result');
}

const textOf = (block: InputBlock | undefined) => (block?.type === 'text' ? block.text : '');

/** The JSON in the text. */
const resultIn = (block: InputBlock | undefined): unknown =>
  JSON.parse(textOf(block).split('\n').slice(1).join('\n'));

describe('the result of a call in the background is given to the model', () => {
  const ended = endInBackground(both(), 'toolu_1', said('Sand.\n"tool_use_id":"toolu_7"'));

  test('after the results of its calls, in the same message, as JSON that names the call', () => {
    const state = commitLateResults(ended, 'after results', STORAGE);

    expect(state.transcript.tail).toHaveLength(ended.transcript.tail.length);
    expect(state.transcript.tail.at(-1)?.content).toMatchObject([
      { type: 'tool_result', tool_use_id: 'toolu_1' },
      { type: 'tool_result', tool_use_id: 'toolu_2' },
      { type: 'text' },
    ]);
    const [text] = told(state);
    expect(textOf(text).startsWith(LATE_RESULT)).toBe(true);
    expect(resultIn(text)).toEqual({
      tool_use_id: 'toolu_1',
      tool: 'scout',
      content: 'Sand.\n"tool_use_id":"toolu_7"',
    });
    expect(runningInBackground(state)).toMatchObject([{ callId: 'toolu_2' }]);
    expect(state.transcript.tailBytes).toBeGreaterThan(ended.transcript.tailBytes);
  });

  test('only once', () => {
    const state = commitLateResults(ended, 'after results', STORAGE);
    expect(commitLateResults(state, 'after results', STORAGE)).toBe(state);
  });

  test('in a separate message, when the model has ended its turn', () => {
    const replied = commitReply(ended, replyWith());
    const state = commitLateResults(replied, 'after end_turn', STORAGE);
    expect(state.transcript.tail.slice(-2)).toMatchObject([
      { role: 'assistant' },
      { role: 'user', content: [{ type: 'text' }] },
    ]);
    // Before that it has no place behind a reply.
    expect(commitLateResults(replied, 'after results', STORAGE)).toBe(replied);
    const empty = endInBackground(
      goOnInBackground(beginTurn([]), running('toolu_1')),
      'toolu_1',
      said('Sand.'),
    );
    expect(commitLateResults(empty, 'after results', STORAGE)).toBe(empty);
  });

  test('before a steering message that already follows the results', () => {
    const steered = commitSteering(
      addSteering(ended, { turnId: 'chat.turn-2', input: 'Quick.' }),
      'after results',
      'system',
    );
    const state = commitLateResults(steered, 'after results', STORAGE);
    expect(state.transcript.tail.map(({ role }) => role)).toEqual([
      'user',
      'assistant',
      'user',
      'system',
    ]);
    expect(told(state)).toHaveLength(1);
  });

  test('beside the question, if the model has not answered that', () => {
    const asked = goOnInBackground(
      beginTurn([{ role: 'user', content: 'go' }]),
      running('toolu_1'),
    );
    const state = commitLateResults(
      endInBackground(asked, 'toolu_1', said('Sand.')),
      'after results',
      STORAGE,
    );
    expect(told(state).map(textOf)).toEqual(['go', expect.stringContaining('Sand.')]);
  });

  test('after the blocks of the question', () => {
    const content = [{ type: 'text' as const, text: 'go' }];
    const asked = goOnInBackground(beginTurn([{ role: 'user', content }]), running('toolu_1'));
    const ended = endInBackground(asked, 'toolu_1', said('Sand.'));
    expect(told(commitLateResults(ended, 'after results', STORAGE))).toHaveLength(2);
  });

  test('as an error, if the call has failed', () => {
    const failed = endInBackground(both(), 'toolu_1', settled({ type: 'failed', message: 'No.' }));
    const [text] = told(commitLateResults(failed, 'after results', STORAGE));
    expect(resultIn(text)).toEqual({
      tool_use_id: 'toolu_1',
      tool: 'scout',
      is_error: true,
      content: 'No.',
    });
  });

  test('with its images after the text', () => {
    const source = { type: 'url', url: 'https://example.com/a.png' } as const;
    const content = [
      { type: 'text' as const, text: 'One' },
      { type: 'image' as const, source },
      { type: 'text' as const, text: 'two' },
    ];
    const shown = endInBackground(both(), 'toolu_1', settled({ type: 'succeeded', content }));
    const [text, image] = told(commitLateResults(shown, 'after results', STORAGE));
    expect(resultIn(text)).toMatchObject({ content: 'One\n\ntwo' });
    expect(image).toEqual({ type: 'image', source });
  });

  test('but not while a tool of the API is at work', () => {
    const search = { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} };
    const content = [search, ...ASKED] as ReplyBlock[];
    const replied = commitReply(beginTurn([]), replyWith({ content, stopReason: 'tool_use' }));
    const going = goOnInBackground(replied, running('toolu_1'));
    const answered = commitResults(STORAGE, going, ASKED, [HANDLE, HANDLE]);
    const late = endInBackground(answered, 'toolu_1', said('Sand.'));
    expect(commitLateResults(late, 'after results', STORAGE)).toBe(late);
  });

  test('as much as fits, without a storage', () => {
    const long = endInBackground(both(), 'toolu_1', said('x'.repeat(INLINE_BYTES)));
    const [text] = told(commitLateResults(long, 'after results', { type: 'payload' }));
    expect(resultIn(text)).toMatchObject({
      is_error: true,
      content: expect.stringMatching(/does not fit/) as string,
    });
  });
});
