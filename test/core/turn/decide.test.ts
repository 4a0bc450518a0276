import { describe, expect, test } from 'vitest';
import type { AgentLimits } from '../../../core/agent-spec.ts';
import type { OutcomeType, SettledCall } from '../../../core/calls/outcome.ts';
import type { ModelReply } from '../../../core/conversation/reply.ts';
import { INLINE_BYTES } from '../../../core/conversation/transcript.ts';
import type { Budget } from '../../../core/turn/budget.ts';
import type {
  AwaitBackground,
  Circumstances,
  Decision,
  NextStep,
} from '../../../core/turn/decide.ts';
import {
  afterBackground,
  afterLastWord,
  afterReply,
  afterResults,
  atBeginning,
  callsAllowed,
  withoutNewRun,
} from '../../../core/turn/decide.ts';
import type { TurnArgs } from '../../../core/turn/input.ts';
import type { TurnState } from '../../../core/turn/state.ts';
import { endInBackground, goOnInBackground } from '../../../core/turn/background.ts';
import { addSteering, beginTurn, commitReply } from '../../../core/turn/state.ts';
import { call, replyWith } from '../arbitraries.ts';
import { answered, circumstances, pinned } from './decide-fixture.ts';

// What beats what. Each row names everything that holds at once, and what the turn does about it.

const CALLS = [call('toolu_1', 'get_orders'), call('toolu_2', 'get_tickets')];

/** The kinds of reply that lead somewhere else. */
const REPLIES = {
  tools: replyWith({ content: CALLS, stopReason: 'tool_use' }),
  pause: replyWith({ stopReason: 'pause_turn' }),
  end: replyWith(),
  cut: replyWith({ stopReason: 'max_tokens' }),
  'cut in a call': replyWith({ content: CALLS, stopReason: 'max_tokens' }),
  refusal: replyWith({ content: CALLS, stopReason: 'refusal' }),
  'no word': replyWith({ content: [] }),
  'no word, cut': replyWith({ content: [], stopReason: 'max_tokens' }),
} satisfies Record<string, ModelReply>;

type Kind = keyof typeof REPLIES;

/** All that may hold at the same time. */
interface Case {
  /** The model's answer does not match its schema; it may be asked again, or not any more. */
  output?: 'invalid' | 'invalid again';
  budget?: 'rounds' | 'tokens' | 'roomy' | 'cost' | 'time';
  onLimit?: 'lastWord';
  /** A person has sent a message meanwhile. */
  steering?: true;
  /** Without a storage: `reply` does not fit any more, or nothing after it does. */
  room?: 'none for the reply' | 'none after it';
  history?: 'long' | 'full';
  cancelled?: true;
}

const LIMITS: Record<NonNullable<Case['budget']>, Partial<AgentLimits>> = {
  rounds: { rounds: 1 },
  tokens: { outputTokens: 5 },
  /** Something is left after a reply. */
  roomy: { outputTokens: 10 },
  cost: { costUSD: 0.000_001 },
  time: { wallTime: 1_000 },
};

const STARTED = 'x'.repeat(1_000);
const NEARLY_FULL = 'x'.repeat(INLINE_BYTES);
const FULL = 'x'.repeat(1_899_990);

function inputFor(room: Case['room']): string {
  if (room === 'none for the reply') return FULL;
  return room === 'none after it' ? NEARLY_FULL : STARTED;
}

const HISTORIES: Record<NonNullable<Case['history']>, Circumstances['history']> = {
  long: { historyLength: 5_000, historySize: 10_000, continueAsNewSuggested: true },
  full: { historyLength: 49_999, historySize: 10_000, continueAsNewSuggested: true },
};

function situation({ budget, onLimit, room, history, cancelled, steering, output }: Case) {
  const agent = pinned(
    room === undefined ? 'storage' : 'payload',
    budget === undefined ? {} : LIMITS[budget],
    {
      prices: { input: 5, output: 25 },
      ...(onLimit === undefined ? {} : { onLimit }),
      ...(output === 'invalid again' ? { outputRepairs: 0 } : {}),
      notes: 'system',
    },
  );
  const begun = beginTurn([{ role: 'user', content: inputFor(room) }]);
  const said = { turnId: 'chat.turn-2', input: 'Only those of May.' };
  const state = steering === true ? addSteering(begun, said) : begun;
  const now = circumstances({
    elapsed: 2_000,
    cancelled: cancelled === true,
    ...(history === undefined ? {} : { history: HISTORIES[history] }),
  });
  return { agent, state, now };
}

function decideReply(kind: Kind, about: Case): Decision {
  const { agent, state, now } = situation(about);
  const invalid = { type: 'invalid', problem: 'stars: must be a number' } as const;
  const checked = about.output === undefined ? {} : { output: invalid };
  return afterReply(state, answered(agent, REPLIES[kind], checked), now);
}

/** `stop: end_turn`, `continue as new: run tools`, `last word: max_rounds`. */
function named(next: NextStep): string {
  switch (next.type) {
    case 'stop':
      return `stop: ${next.reason}`;
    case 'last word':
      return `last word: ${next.stop.reason}`;
    case 'continue as new':
      return `continue as new: ${next.next.type}`;
    case 'await background':
      return `await background, at most ${next.running}: ${named(next.before)}`;
    default:
      return next.type;
  }
}

const outcomes = ({ calls }: TurnState) => calls.map(({ outcome }) => outcome);

describe('after a reply', () => {
  test.for<[kind: Kind, about: Case, next: string]>([
    // What the reply asks for.
    ['tools', {}, 'run tools'],
    ['pause', {}, 'ask model'],
    ['end', {}, 'stop: end_turn'],
    ['cut', {}, 'stop: max_tokens'],
    ['cut in a call', {}, 'stop: max_tokens'],
    ['refusal', {}, 'stop: refusal'],

    // A reply that does not fit is not committed, whatever else holds.
    ['tools', { room: 'none for the reply' }, 'stop: turn_too_large'],
    ['end', { room: 'none for the reply', budget: 'rounds' }, 'stop: turn_too_large'],
    ['end', { room: 'none for the reply', output: 'invalid' }, 'stop: turn_too_large'],
    ['tools', { room: 'none for the reply', cancelled: true }, 'stop: turn_too_large'],

    // An end beats a budget: nothing more would be spent.
    ['end', { budget: 'rounds' }, 'stop: end_turn'],
    ['end', { budget: 'rounds', onLimit: 'lastWord' }, 'stop: end_turn'],
    ['cut', { budget: 'cost' }, 'stop: max_tokens'],
    ['refusal', { budget: 'tokens', cancelled: true }, 'stop: refusal'],
    ['end', { cancelled: true }, 'stop: end_turn'],
    ['end', { room: 'none after it' }, 'stop: end_turn'],
    ['end', { history: 'full' }, 'stop: end_turn'],

    // A reached budget beats whatever would cost more.
    ['tools', { budget: 'rounds' }, 'stop: max_rounds'],
    ['tools', { budget: 'tokens' }, 'stop: max_output_tokens'],
    ['tools', { budget: 'cost' }, 'stop: max_cost'],
    ['tools', { budget: 'time' }, 'stop: max_wall_time'],
    ['pause', { budget: 'rounds' }, 'stop: max_rounds'],
    ['end', { budget: 'rounds', output: 'invalid' }, 'stop: max_rounds'],
    ['tools', { budget: 'rounds', history: 'long' }, 'stop: max_rounds'],
    ['tools', { budget: 'rounds', cancelled: true }, 'stop: max_rounds'],
    ['pause', { budget: 'rounds', room: 'none after it' }, 'stop: max_rounds'],

    // A last word is about results, and not for a turn that is late.
    ['tools', { budget: 'rounds', onLimit: 'lastWord' }, 'last word: max_rounds'],
    ['tools', { budget: 'cost', onLimit: 'lastWord' }, 'last word: max_cost'],
    ['pause', { budget: 'rounds', onLimit: 'lastWord' }, 'stop: max_rounds'],
    ['tools', { budget: 'time', onLimit: 'lastWord' }, 'stop: max_wall_time'],

    // An invalid answer is asked for again, unless it cannot be or was often enough.
    ['end', { output: 'invalid' }, 'ask model'],
    ['cut', { output: 'invalid' }, 'ask model'],
    ['end', { output: 'invalid again' }, 'stop: invalid_output'],
    ['no word', { output: 'invalid' }, 'ask model'],
    ['no word', { output: 'invalid again' }, 'stop: invalid_output'],
    ['no word', { output: 'invalid', budget: 'rounds' }, 'stop: max_rounds'],
    ['no word', {}, 'stop: end_turn'],
    ['no word, cut', { output: 'invalid' }, 'stop: max_tokens'],
    ['cut in a call', { output: 'invalid' }, 'stop: max_tokens'],
    ['refusal', { output: 'invalid' }, 'stop: refusal'],
    ['tools', { output: 'invalid' }, 'run tools'],
    ['end', { output: 'invalid', steering: true }, 'ask model'],
    ['end', { output: 'invalid', cancelled: true }, 'stop: cancelled'],
    ['end', { output: 'invalid', room: 'none after it' }, 'stop: turn_too_large'],
    ['end', { output: 'invalid', history: 'long' }, 'continue as new: ask model'],

    // A person who has spoken meanwhile keeps the turn going, but only a turn that may go on.
    ['end', { steering: true }, 'ask model'],
    ['end', { steering: true, history: 'long' }, 'continue as new: ask model'],
    ['end', { steering: true, budget: 'rounds' }, 'stop: end_turn'],
    ['end', { steering: true, budget: 'rounds', onLimit: 'lastWord' }, 'stop: end_turn'],
    ['end', { steering: true, cancelled: true }, 'stop: end_turn'],
    ['end', { steering: true, room: 'none after it' }, 'stop: end_turn'],
    ['end', { steering: true, output: 'invalid again' }, 'stop: invalid_output'],
    ['cut', { steering: true }, 'stop: max_tokens'],
    ['tools', { steering: true }, 'run tools'],
    ['pause', { steering: true }, 'ask model'],

    // Cancelled or out of room, the model is not asked again; calls are dispatched, and answered there.
    ['pause', { cancelled: true }, 'stop: cancelled'],
    ['pause', { cancelled: true, history: 'long' }, 'stop: cancelled'],
    ['pause', { cancelled: true, room: 'none after it' }, 'stop: cancelled'],
    ['pause', { room: 'none after it' }, 'stop: turn_too_large'],
    ['pause', { room: 'none after it', history: 'long' }, 'stop: turn_too_large'],
    ['tools', { cancelled: true }, 'run tools'],
    ['tools', { room: 'none after it' }, 'run tools'],

    // A long history is left before the next step, since nothing runs now.
    ['tools', { history: 'long' }, 'continue as new: run tools'],
    ['tools', { history: 'full' }, 'continue as new: run tools'],
    ['tools', { history: 'long', cancelled: true }, 'continue as new: run tools'],
    ['pause', { history: 'long' }, 'continue as new: ask model'],
  ])('%s with %j: %s', ([kind, about, next]) => {
    const before = situation(about).state;
    const { state, next: decided } = decideReply(kind, about);
    expect(named(decided)).toBe(next);
    // A step that ends the turn leaves no call open, and one that goes on leaves what it needs.
    const isCommitted = state.rounds > before.rounds;
    expect(isCommitted).toBe(about.room !== 'none for the reply');
    const asked = isCommitted && (kind === 'tools' || kind === 'cut in a call') ? 2 : 0;
    const isOpen = next.endsWith('run tools');
    expect(outcomes(state)).toEqual(isOpen ? [] : Array.from({ length: asked }, () => 'skipped'));
  });

  test('none of the calls runs if there are more than a history can hold, whatever is left of a budget', () => {
    const many = Array.from({ length: 8_334 }, (_, i) => call(`toolu_${i}`));
    const reply = replyWith({ content: many, stopReason: 'tool_use' });
    for (const agent of [pinned('storage'), pinned('storage', { rounds: 1 })]) {
      const { state, next } = afterReply(beginTurn([]), answered(agent, reply), circumstances());
      expect(next).toMatchObject({ type: 'stop', reason: 'turn_too_large' });
      expect(state.calls).toHaveLength(8_334);
    }
  });

  test("the budget of the turn counts like the agent's, and the tighter one applies", () => {
    const args: TurnArgs = {
      agent: 'support',
      input: 'go',
      limits: { rounds: 1 },
      onLimit: 'lastWord',
    };
    const agent = pinned('storage', { rounds: 9 }, { onLimit: 'stop' });
    const { next } = afterReply(
      beginTurn([]),
      answered(agent, REPLIES.tools),
      circumstances({ args }),
    );
    expect(named(next)).toBe('last word: max_rounds');
  });

  test('a repaired answer keeps its question in the conversation and counts', () => {
    const { state } = decideReply('end', { output: 'invalid' });
    expect(state.repairs).toBe(1);
    expect(state.transcript.tail.at(-1)).toMatchObject({ role: 'user' });
    expect(JSON.stringify(state.transcript.tail.at(-1))).toContain('stars: must be a number');
  });

  test("a person's message comes after the end of the turn", () => {
    const { state } = decideReply('end', { steering: true });
    expect(state).toMatchObject({ joined: ['chat.turn-2'], steering: [] });
    expect(state.transcript.tail.at(-1)).toEqual({ role: 'user', content: 'Only those of May.' });
    const kept = decideReply('end', { steering: true, budget: 'rounds' }).state;
    expect(kept).toMatchObject({ joined: [], steering: [{ turnId: 'chat.turn-2' }] });
  });
});

describe('an answer without a reply', () => {
  const agent = pinned('storage', { outputTokens: 5 });
  const fallback = { model: 'claude-sonnet-5', because: 'refusal' } as const;
  const refusal = { type: 'refusal', refused: REPLIES.refusal, by: 'a', fallback, agent } as const;

  test('pins the agent, and the model is asked', () => {
    const { next } = afterReply(
      beginTurn([]),
      { type: 'pinned', pinned: agent, agent },
      circumstances(),
    );
    expect(named(next)).toBe('ask model');
  });

  test('counts what a refusal cost, and asks the fallback only while something is left', () => {
    const rich = { ...refusal, agent: pinned('storage') };
    const { state, next } = afterReply(beginTurn([]), rich, circumstances());
    expect(named(next)).toBe('ask model');
    expect(state).toMatchObject({ rounds: 0, fallback, usage: { output_tokens: 5 } });
    expect(named(afterReply(beginTurn([]), refusal, circumstances()).next)).toBe(
      'stop: max_output_tokens',
    );
  });

  test('costs what the model that declined costs', () => {
    const priced = pinned(
      'storage',
      {},
      {
        prices: { input: 0, output: 0 },
        fallbackPrices: [['a', { input: 0, output: 1_000_000 }]],
      },
    );
    const { state } = afterReply(beginTurn([]), { ...refusal, agent: priced }, circumstances());
    expect(state.costUSD).toBe(5);
  });

  test('leaves a last word if a refusal has used up the rest after results', () => {
    const { state } = afterResults(
      commitReply(beginTurn([]), REPLIES.tools),
      { agent: pinned('storage'), calls: CALLS, settled: CALLS.map(() => settledAs('succeeded')) },
      circumstances(),
    );
    const late = { ...refusal, agent: { ...agent, onLimit: 'lastWord' as const } };
    expect(named(afterReply(state, late, circumstances()).next)).toBe(
      'last word: max_output_tokens',
    );
  });
});

function settledAs(type: OutcomeType): SettledCall {
  const outcome = type === 'succeeded' ? { type, content: 'ok' } : { type, message: 'no' };
  return { outcome, attempts: 1, start: 0, end: 1 };
}

interface ResultsCase extends Omit<Case, 'output'> {
  results?: OutcomeType[];
  failTurn?: true;
  /** How many calls the turn may still run. */
  toolCalls?: number;
  /** A call of the API's own tools has no result yet. */
  serverCall?: true;
}

function decideResults(about: ResultsCase): Decision {
  const { results = ['succeeded', 'succeeded'], failTurn, toolCalls, serverCall } = about;
  const { agent: base, state, now } = situation(about);
  const agent = {
    ...base,
    limits: { ...base.limits, ...(toolCalls === undefined ? {} : { toolCalls }) },
    batch: { onToolFailure: failTurn === true ? ('failTurn' as const) : ('report' as const) },
  };
  const search = { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} };
  const content = [...(serverCall === true ? [search] : []), ...CALLS] as ModelReply['content'];
  const committed = commitReply(state, replyWith({ content, stopReason: 'tool_use' }));
  return afterResults(committed, { agent, calls: CALLS, settled: results.map(settledAs) }, now);
}

describe('after the results', () => {
  test.for<[about: ResultsCase, next: string]>([
    [{}, 'ask model'],
    [{ results: ['failed', 'unknown'] }, 'ask model'],

    // A failure ends the turn where the policy says so, unless the turn was cancelled.
    [{ results: ['succeeded', 'failed'], failTurn: true }, 'stop: tool_failure'],
    [{ results: ['timedOut', 'succeeded'], failTurn: true, steering: true }, 'stop: tool_failure'],
    [{ results: ['denied', 'skipped'], failTurn: true }, 'ask model'],
    [{ results: ['failed', 'cancelled'], failTurn: true, cancelled: true }, 'stop: cancelled'],
    [{ results: ['failed'], failTurn: true, toolCalls: 1 }, 'stop: tool_failure'],
    [
      { results: ['failed', 'failed'], failTurn: true, room: 'none after it' },
      'stop: tool_failure',
    ],

    // Cancelled beats out of room beats a budget.
    [{ results: ['cancelled', 'cancelled'], cancelled: true }, 'stop: cancelled'],
    [{ cancelled: true, room: 'none after it' }, 'stop: cancelled'],
    [{ room: 'none after it' }, 'stop: turn_too_large'],
    [{ room: 'none after it', results: ['succeeded'], toolCalls: 1 }, 'stop: turn_too_large'],
    [{ cancelled: true, results: ['cancelled'], toolCalls: 1 }, 'stop: cancelled'],

    // Calls beyond the budget end the turn; with none beyond it the model may still answer.
    [{ results: ['succeeded'], toolCalls: 1 }, 'stop: max_tool_calls'],
    [{ results: [], toolCalls: 0 }, 'stop: max_tool_calls'],
    [{ results: ['succeeded'], toolCalls: 1, onLimit: 'lastWord' }, 'last word: max_tool_calls'],
    [{ toolCalls: 2 }, 'ask model'],

    // What the batch has used up.
    [{ budget: 'time' }, 'stop: max_wall_time'],
    [{ budget: 'time', onLimit: 'lastWord' }, 'stop: max_wall_time'],
    [{ budget: 'rounds', onLimit: 'lastWord' }, 'last word: max_rounds'],
    [{ budget: 'time', steering: true }, 'stop: max_wall_time'],

    // Nothing is carried into a new run from here: that happens after the next reply.
    [{ history: 'full' }, 'ask model'],
    [{ steering: true }, 'ask model'],
  ])('%j: %s', ([about, next]) => {
    const { state, next: decided } = decideResults(about);
    expect(named(decided)).toBe(next);
    expect(state.calls.map(({ id }) => id)).toEqual(['toolu_1', 'toolu_2']);
  });

  test('a failed call is named if it ends the turn', () => {
    const { next } = decideResults({ results: ['succeeded', 'failed'], failTurn: true });
    expect(next).toMatchObject({ details: { id: 'toolu_2', outcome: 'failed', message: 'no' } });
  });

  test('calls beyond the budget are answered with the budget that was reached', () => {
    const { state } = decideResults({ results: ['succeeded'], toolCalls: 1 });
    expect(outcomes(state)).toEqual(['succeeded', 'skipped']);
    expect(state.calls[1]?.message).toContain('the limit of 1 tool call is reached');
  });

  test("a person's message is given with the results, but not while a server tool is at work", () => {
    const taken = decideResults({ steering: true }).state;
    expect(taken).toMatchObject({ joined: ['chat.turn-2'], steering: [] });
    expect(taken.transcript.tail.at(-1)).toMatchObject({ role: 'system' });
    const waits = decideResults({ steering: true, serverCall: true }).state;
    expect(waits).toMatchObject({ joined: [], steering: [{ turnId: 'chat.turn-2' }] });
  });
});

describe('the last word', () => {
  const stop = { type: 'stop', reason: 'max_rounds', details: 'The limit is reached.' } as const;
  const step = { type: 'last word', stop } as const;
  const before = beginTurn([{ role: 'user', content: STARTED }]);
  const agent = pinned('storage');

  test('is kept, and the turn ends for its original reason', () => {
    const said = afterLastWord(before, answered(agent, REPLIES.end), step, circumstances());
    expect(said).toMatchObject({ state: { rounds: 1, text: 'Hello' }, next: stop });
  });

  test('has its calls answered, although it must not contain any', () => {
    const { state, next } = afterLastWord(
      before,
      answered(agent, REPLIES.tools),
      step,
      circumstances(),
    );
    expect(next).toEqual(stop);
    expect(outcomes(state)).toEqual(['skipped', 'skipped']);
  });

  test('is left out if the model could not be asked, or its reply does not fit', () => {
    const pinnedOnly = { type: 'pinned', pinned: agent, agent } as const;
    for (const answer of [undefined, pinnedOnly]) {
      expect(afterLastWord(before, answer, step, circumstances())).toEqual({
        state: before,
        next: stop,
      });
    }
    const full = beginTurn([{ role: 'user', content: FULL }]);
    const answer = answered(pinned('payload'), REPLIES.end);
    const { state, next } = afterLastWord(full, answer, step, circumstances());
    expect(state).toBe(full);
    expect(next).toEqual(stop);
  });
});

describe('a run of a turn', () => {
  const agent = pinned('storage');
  const begun = beginTurn([{ role: 'user', content: 'go' }]);

  test('begins with the model', () => {
    const first = atBeginning(begun, { agent: undefined }, circumstances());
    expect(first).toEqual({ state: begun, next: { type: 'ask model' } });
    expect(named(atBeginning(begun, { agent }, circumstances()).next)).toBe('ask model');
  });

  test('begins with the calls of a reply that the run before it has committed', () => {
    const state = commitReply(begun, REPLIES.tools);
    const prepared = CALLS.map(() => ({ type: 'ready' as const, summary: '' }));
    const { next } = atBeginning(state, { agent, prepared }, circumstances());
    expect(next).toEqual({ type: 'run tools', agent, calls: CALLS, prepared });
  });

  test('asks nothing if its session has left it nothing, and then has no last word', () => {
    const args: TurnArgs = {
      agent: 'support',
      input: 'go',
      limits: { rounds: 0 },
      onLimit: 'lastWord',
    };
    const { next } = atBeginning(begun, { agent: undefined }, circumstances({ args }));
    expect(named(next)).toBe('stop: max_rounds');
  });

  test('goes on if no new run could be given what it remembers, until its history is full', () => {
    const ask = { type: 'continue as new', agent, next: { type: 'ask model' } } as const;
    const { long, full } = HISTORIES;
    expect(named(withoutNewRun(ask, circumstances({ history: long })))).toBe('ask model');
    expect(named(withoutNewRun(ask, circumstances({ history: full })))).toBe('ask model');
    const prepared = CALLS.map(() => ({ type: 'ready' as const, summary: '' }));
    const run = { ...ask, next: { type: 'run tools', agent, calls: CALLS, prepared } } as const;
    expect(named(withoutNewRun(run, circumstances({ history: long })))).toBe('run tools');
    expect(named(withoutNewRun(run, circumstances({ history: full })))).toBe(
      'stop: turn_too_large',
    );
  });
});

interface BackgroundCase extends Omit<Case, 'output'> {
  /** How many calls run in the background, and what is reserved for each. */
  running?: number;
  reserved?: Budget;
  /** One of them has ended since the model was asked. */
  late?: true;
  atEnd?: 'cancel';
}

function inBackground({ running = 1, reserved, late, atEnd, ...about }: BackgroundCase) {
  const { agent, state, now } = situation(about);
  const ids = Array.from({ length: running + (late === true ? 1 : 0) }, (_, i) => `toolu_b${i}`);
  const begun = ids.reduce(
    (sum, callId) =>
      goOnInBackground(sum, {
        callId,
        tool: 'scout',
        since: 0,
        ...(reserved === undefined ? {} : { reserved }),
      }),
    state,
  );
  const ended = late === true ? endInBackground(begun, 'toolu_b0', settledAs('succeeded')) : begun;
  return {
    agent: { ...agent, background: { atEnd: atEnd ?? 'wait' } },
    state: ended,
    now,
  } as const;
}

describe('with calls in the background', () => {
  test.for<[kind: Kind, about: BackgroundCase, next: string]>([
    // The end of the model's turn waits for them, unless the agent says otherwise.
    ['end', {}, 'await background, at most 0: stop: end_turn'],
    ['end', { running: 3 }, 'await background, at most 2: stop: end_turn'],
    ['end', { atEnd: 'cancel' }, 'stop: end_turn'],
    ['end', { running: 0 }, 'stop: end_turn'],
    ['cut', {}, 'stop: max_tokens'],
    ['refusal', {}, 'stop: refusal'],

    // A result that is there is given, and so is what a person has said.
    ['end', { running: 0, late: true }, 'ask model'],
    ['end', { late: true }, 'ask model'],
    ['end', { late: true, atEnd: 'cancel' }, 'stop: end_turn'],
    ['end', { steering: true }, 'ask model'],
    ['end', { steering: true, atEnd: 'cancel' }, 'ask model'],

    // But not where the turn cannot go on.
    ['end', { cancelled: true }, 'stop: end_turn'],
    ['end', { room: 'none after it' }, 'stop: end_turn'],
    ['end', { budget: 'rounds' }, 'stop: max_rounds'],
    ['end', { budget: 'rounds', onLimit: 'lastWord' }, 'stop: max_rounds'],
    ['end', { budget: 'rounds', late: true, onLimit: 'lastWord' }, 'last word: max_rounds'],
    ['end', { budget: 'rounds', atEnd: 'cancel' }, 'stop: end_turn'],

    // They would not survive a new run: the turn stays in this one while there is room.
    ['tools', { history: 'long' }, 'run tools'],
    ['tools', { history: 'full' }, 'await background, at most 0: continue as new: run tools'],
    ['pause', { history: 'long' }, 'ask model'],
    ['tools', { history: 'long', running: 0, late: true }, 'continue as new: run tools'],
    ['end', { late: true, history: 'long', running: 0 }, 'continue as new: ask model'],

    // Calls cost no tokens, so what is reserved does not hold them up.
    ['tools', { reserved: { outputTokens: 5 }, budget: 'roomy' }, 'run tools'],
    [
      'end',
      { reserved: { outputTokens: 5 }, budget: 'roomy', steering: true },
      'await background, at most 0: ask model',
    ],
  ])('%s with %j: %s', ([kind, about, next]) => {
    const { agent, state, now } = inBackground(about);
    expect(named(afterReply(state, answered(agent, REPLIES[kind]), now).next)).toBe(next);
  });

  test.for<[about: BackgroundCase, next: string]>([
    [{}, 'ask model'],
    [{ late: true }, 'ask model'],
    [{ reserved: { outputTokens: 4 }, budget: 'roomy' }, 'ask model'],
    [{ reserved: { outputTokens: 5 }, budget: 'roomy' }, 'await background, at most 0: ask model'],
    [{ reserved: { outputTokens: 5 }, budget: 'tokens' }, 'stop: max_output_tokens'],
    [{ cancelled: true }, 'stop: cancelled'],
  ])('after results with %j: %s', ([about, next]) => {
    const { agent, state, now } = inBackground(about);
    const asked = commitReply(state, REPLIES.tools);
    const settled = CALLS.map(() => settledAs('succeeded'));
    const decided = afterResults(asked, { agent, calls: CALLS, settled }, now);
    expect(named(decided.next)).toBe(next);
    const content = decided.state.transcript.tail.findLast(({ role }) => role === 'user')?.content;
    expect(content).toHaveLength(about.late === true ? 3 : 2);
  });

  const stop = { type: 'stop', reason: 'end_turn' } as const;
  const ask = { type: 'ask model' } as const;
  const { agent: any } = inBackground({});
  const run = { type: 'run tools', agent: any, calls: CALLS, prepared: [] } as const;

  test.for<[before: AwaitBackground['before'], about: BackgroundCase, next: string]>([
    [stop, { running: 0, late: true }, 'ask model'],
    [stop, { running: 2, late: true }, 'ask model'],
    [stop, { steering: true }, 'ask model'],
    [stop, {}, 'await background, at most 0: stop: end_turn'],
    [stop, { cancelled: true, late: true }, 'stop: cancelled'],
    [stop, { budget: 'time', late: true, onLimit: 'lastWord' }, 'stop: max_wall_time'],
    [stop, { budget: 'tokens', late: true }, 'stop: max_output_tokens'],
    [ask, { running: 0, late: true, budget: 'roomy' }, 'ask model'],
    [
      ask,
      { reserved: { outputTokens: 10 }, budget: 'roomy' },
      'await background, at most 0: ask model',
    ],
    [
      { type: 'continue as new', agent: any, next: run },
      { running: 0, late: true, history: 'full' },
      'continue as new: run tools',
    ],
    [
      { type: 'continue as new', agent: any, next: ask },
      { running: 0, history: 'long' },
      'continue as new: ask model',
    ],
  ])('after the wait before %j with %j: %s', ([before, about, next]) => {
    const { agent, state, now } = inBackground(about);
    const replied = commitReply(state, before.type === 'stop' ? REPLIES.end : REPLIES.pause);
    const step = { type: 'await background', agent, running: 0, before } as const;
    expect(named(afterBackground(replied, step, now).next)).toBe(next);
  });

  test('tool calls that are reserved are not left for the calls of a reply', () => {
    const { agent, state, now } = inBackground({ reserved: { toolCalls: 3 } });
    const limited = { ...agent, limits: { ...agent.limits, toolCalls: 4 } };
    expect(callsAllowed(state, { agent: limited, calls: CALLS }, now).run).toBe(1);
  });

  test("a late result comes before a person's message", () => {
    const { agent, state, now } = inBackground({ late: true, steering: true });
    const { transcript, joined } = afterReply(state, answered(agent, REPLIES.end), now).state;
    expect(transcript.tail.slice(-2)).toEqual([
      {
        role: 'user',
        content: [{ type: 'text', text: expect.stringContaining('scout') as string }],
      },
      { role: 'user', content: 'Only those of May.' },
    ]);
    expect(joined).toEqual(['chat.turn-2']);
  });
});
