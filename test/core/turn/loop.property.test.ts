import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PinnedAgent } from '../../../core/agent-spec.ts';
import { answerInBackground } from '../../../core/calls/answers.ts';
import type { SettledCall, ToolOutcome } from '../../../core/calls/outcome.ts';
import { LATE_RESULT } from '../../../core/calls/texts.ts';
import { toolUses } from '../../../core/conversation/messages.ts';
import type { ModelReply } from '../../../core/conversation/reply.ts';
import {
  endInBackground,
  goOnInBackground,
  lateCalls,
  runningInBackground,
} from '../../../core/turn/background.ts';
import { findBeginningProblem } from '../../../core/turn/beginning.ts';
import type { Circumstances, Decision, NextStep } from '../../../core/turn/decide.ts';
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
import { roomOf } from '../../../core/turn/payload-room.ts';
import type { TurnState } from '../../../core/turn/state.ts';
import { addSteering, answerOpenCalls, beginTurn } from '../../../core/turn/state.ts';
import { call, outcome, replyWith } from '../arbitraries.ts';
import { pairingComplaints } from '../conversation-checker.ts';
import { answered, circumstances, pinned } from './decide-fixture.ts';

// The loop of `workflows/agent-turn.ts` with everything that may happen to it, in any order.

/** What happens while one step is waited for. */
interface Happening {
  /** What comes of a model call. */
  answer:
    | 'pinned'
    | 'refusal'
    | 'failed'
    | 'tools'
    | 'pause'
    | 'end'
    | 'cut'
    | 'refused'
    | 'strange';
  calls: number;
  /** The answer does not match its schema. */
  isInvalid: boolean;
  outcomes: ToolOutcome[];
  /** Somebody cancels the turn. */
  cancels: boolean;
  /** Messages that people send. */
  steering: number;
  /** Milliseconds. */
  lasts: number;
  historyLength: number;
  suggests: boolean;
  /** Whether a new run can be given all that the turn remembers. */
  carries: boolean;
  /** How many of the calls go on in the background. */
  goOn: number;
  /** How many of those there end. */
  endsBehind: number;
}

const STOP_REASONS: Partial<Record<Happening['answer'], string>> = {
  tools: 'tool_use',
  pause: 'pause_turn',
  end: 'end_turn',
  cut: 'max_tokens',
  refused: 'refusal',
  strange: 'reason_of_the_future',
};

const happening = fc.record<Happening>({
  answer: fc.oneof(
    { weight: 6, arbitrary: fc.constant('tools' as const) },
    {
      weight: 4,
      arbitrary: fc.constantFrom(
        'pause',
        'end',
        'cut',
        'refused',
        'strange',
        'pinned',
        'refusal',
        'failed',
      ),
    },
  ),
  calls: fc.integer({ min: 1, max: 5 }),
  isInvalid: fc.boolean(),
  outcomes: fc.array(outcome, { minLength: 5, maxLength: 5 }),
  cancels: fc.nat(20).map((n) => n === 0),
  steering: fc.nat(6).map((n) => Math.max(0, n - 4)),
  lasts: fc.nat(300),
  historyLength: fc.nat(52_000),
  suggests: fc.nat(4).map((n) => n === 0),
  carries: fc.boolean(),
  goOn: fc.nat(8).map((n) => Math.max(0, n - 5)),
  endsBehind: fc.nat(3),
});

const settings = fc.record({
  room: fc.constantFrom('payload' as const, 'storage' as const),
  rounds: fc.integer({ min: 0, max: 12 }),
  toolCalls: fc.option(fc.nat(12), { nil: undefined }),
  outputTokens: fc.option(fc.nat(80), { nil: undefined }),
  wallTime: fc.option(fc.integer({ min: 1, max: 3_000 }), { nil: undefined }),
  onLimit: fc.constantFrom('stop' as const, 'lastWord' as const),
  onToolFailure: fc.constantFrom('report' as const, 'failTurn' as const),
  notes: fc.constantFrom('system' as const, 'user' as const),
  atEnd: fc.constantFrom('wait' as const, 'cancel' as const),
});

type Settings = typeof settings extends fc.Arbitrary<infer T> ? T : never;

interface Played {
  state: TurnState;
  next: NextStep & { type: 'stop' };
  agent: PinnedAgent;
  /** Ids of the turns that the messages of people would have been. */
  sent: string[];
  /** Ids of the calls of replies that were committed. */
  asked: string[];
  /** Ids of the calls that ran. */
  ran: string[];
  steps: number;
  /** How often it has waited for calls in the background. */
  waits: number;
}

/** Plays the happenings in turn, and begins again with the first when they are used up. */
function play(about: Settings, happenings: readonly Happening[]): Played {
  const { room, onToolFailure, onLimit, notes, atEnd, ...limits } = about;
  const given = Object.entries(limits).filter(([, limit]) => limit !== undefined);
  const agent = pinned(room, Object.fromEntries(given), {
    onLimit,
    notes,
    batch: { onToolFailure },
    outputRepairs: 2,
    background: { atEnd },
  });
  const args: TurnArgs = { agent: 'support', input: 'Begin' };
  const sent: string[] = [];
  const asked: string[] = [];
  const ran: string[] = [];
  let [elapsed, steps, refusals, waits] = [0, 0, 0, 0];
  let cancelled = false;
  let isPinned = false;
  let now: Circumstances = circumstances({ args });
  let { state, next } = atBeginning(
    beginTurn([{ role: 'user', content: 'Begin' }]),
    { agent: undefined },
    now,
  );

  const take = (decision: Decision) => {
    ({ state, next } = decision);
  };
  /** The first of the calls in the background end. */
  const endBehind = (count: number, how: ToolOutcome) => {
    for (const { callId } of runningInBackground(state).slice(0, count)) {
      state = endInBackground(state, callId, { outcome: how, attempts: 1, start: 0, end: 0 });
    }
  };
  for (;;) {
    if (next.type === 'stop') {
      endBehind(Infinity, { type: 'cancelled', message: 'The call was cancelled.' });
      const ended = answerOpenCalls(roomOf(agent), state, next.reason, now.time);
      return { state: ended, next, agent, sent, asked, ran, steps, waits };
    }
    const event = happenings[steps % happenings.length] as Happening;
    steps += 1;
    const isDead = cancelled;
    if (steps > 500) throw new Error('The loop does not end.');
    elapsed += event.lasts;
    cancelled ||= event.cancels;
    for (let i = 0; i < event.steering; i += 1) {
      sent.push(`chat.turn-${sent.length}`);
      state = addSteering(state, { turnId: sent.at(-1) as string, input: 'Be quick.' });
    }
    const { historyLength, suggests: continueAsNewSuggested } = event;
    const history = { historyLength, historySize: 10_000, continueAsNewSuggested };
    now = { args, time: elapsed, elapsed, cancelled, history };
    endBehind(event.endsBehind, event.outcomes[0] as ToolOutcome);
    switch (next.type) {
      case 'ask model': {
        const { answer } = event;
        // Temporal starts no activity of a cancelled workflow; and one that fails ends the turn as well.
        if (answer === 'failed' || isDead) {
          take({ state, next: { type: 'stop', reason: 'cancelled' } });
        } else if (answer === 'pinned' && !isPinned) {
          isPinned = true;
          take(afterReply(state, { type: 'pinned', pinned: agent, agent }, now));
        } else if (answer === 'refusal' && refusals < 3) {
          refusals += 1;
          const fallback = { model: `model-${refusals}`, because: 'refusal' } as const;
          const refused = replyWith({ stopReason: 'refusal' });
          take(afterReply(state, { type: 'refusal', refused, by: 'a', fallback, agent }, now));
        } else {
          const before = state.rounds;
          const reply = replyFrom(event, steps);
          const isInvalid = reply.stopReason !== 'tool_use' && event.isInvalid;
          take(afterReply(state, answered(agent, reply, isInvalid ? INVALID : {}), now));
          const kept = state.rounds > before && reply.stopReason !== 'refusal';
          if (kept) asked.push(...toolUses(reply.content).map(({ id }) => id));
        }
        break;
      }
      case 'run tools': {
        const { calls } = next;
        const { run } = callsAllowed(state, { agent, calls }, now);
        const settled = calls.slice(0, run).map(({ id, name }, i): SettledCall => {
          const how = event.outcomes[i] as ToolOutcome;
          if (i >= event.goOn) return { outcome: how, attempts: 1, start: 0, end: 0 };
          const reserved = { outputTokens: 3 };
          state = goOnInBackground(state, { callId: id, tool: name, since: 0, reserved });
          return answerInBackground('scout', id, now.time);
        });
        ran.push(...calls.slice(0, run).map(({ id }) => id));
        take(afterResults(state, { agent, calls, settled }, now));
        break;
      }
      case 'await background':
        waits += 1;
        endBehind(Math.max(0, runningInBackground(state).length - next.running), {
          type: 'succeeded',
          content: 'Found at last.',
        });
        take(afterBackground(state, next, now));
        break;
      case 'last word': {
        if (isDead) {
          take({ state, next: { type: 'stop', reason: 'cancelled' } });
          break;
        }
        const isFailed = event.answer === 'failed' || event.answer === 'pinned';
        const reply = replyFrom(event, steps);
        const before = state.rounds;
        take(afterLastWord(state, isFailed ? undefined : answered(agent, reply), next, now));
        const kept = state.rounds > before && reply.stopReason !== 'refusal';
        if (kept) asked.push(...toolUses(reply.content).map(({ id }) => id));
        break;
      }
      case 'continue as new':
        expect(findBeginningProblem(carriedBy(state, next))).toBeUndefined();
        if (!event.carries) take({ state, next: withoutNewRun(next, now) });
        else if (next.next.type === 'ask model') take(atBeginning(state, { agent }, now));
        else take(atBeginning(state, { agent, prepared: next.next.prepared }, now));
        break;
    }
  }
}

/** What the next run is started with, as JSON brings it there. */
function carriedBy(state: TurnState, { agent, next }: NextStep & { type: 'continue as new' }) {
  const prepared = next.type === 'run tools' ? next.prepared : undefined;
  const turn = {
    type: 'continued',
    state,
    agent,
    ofSession: false,
    begunAt: 1,
    prepared,
    seen: [],
  };
  return JSON.parse(JSON.stringify(turn)) as unknown;
}

const INVALID = { output: { type: 'invalid', problem: 'stars: missing' } } as const;

function replyFrom({ answer, calls }: Happening, step: number): ModelReply {
  const stopReason = STOP_REASONS[answer] ?? 'end_turn';
  const asks = ['tool_use', 'max_tokens', 'refusal', 'reason_of_the_future'].includes(stopReason);
  const text = { type: 'text' as const, text: `Round ${step}.`, citations: null };
  const asked = Array.from({ length: asks ? calls : 0 }, (_, i) => call(`toolu_${step}_${i}`));
  return replyWith({ content: [text, ...asked], stopReason });
}

function whatever(check: (played: Played, about: Settings) => void): void {
  const happenings = fc.array(happening, { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(settings, happenings, (about, all) => check(play(about, all), about)),
    { numRuns: 500 },
  );
}

test('the loop ends, whatever happens and in whatever order', () => {
  whatever(({ state, steps, waits }, { rounds }) => {
    // Each round is asked for, carried into a new run, and run; a pinned agent, three refusals and a last
    // word come on top.
    expect(steps - waits).toBeLessThanOrEqual(3 * Math.max(1, rounds) + 5);
    // One call at least has ended then, or a person has spoken.
    const late = state.calls.filter((record) => record.late === true);
    expect(waits).toBeLessThanOrEqual(late.length + state.joined.length);
  });
});

test('every committed call is answered exactly once, in the next message and in order', () => {
  whatever(({ state, asked }) => {
    const { tail } = state.transcript;
    expect(pairingComplaints(tail)).toEqual([]);
    const answeredIds = tail.flatMap(({ content }) =>
      typeof content === 'string'
        ? []
        : content.flatMap((block) => (block.type === 'tool_result' ? [block.tool_use_id] : [])),
    );
    expect(answeredIds).toEqual(asked);
    expect(state.calls.map(({ id }) => id)).toEqual(asked);
  });
});

test('the result of a call in the background is given at most once, and always if the turn waits for it', () => {
  whatever(({ state, next }, { atEnd }) => {
    const given = state.transcript.tail.flatMap(({ content }) =>
      typeof content === 'string'
        ? []
        : content.flatMap((block) =>
            block.type === 'text' && block.text.startsWith(LATE_RESULT)
              ? /"tool_use_id":"([^"]+)"/.exec(block.text)?.[1]
              : [],
          ),
    );
    expect(new Set(given).size).toBe(given.length);
    const late = state.calls.flatMap((record) => (record.late === true ? record.id : []));
    const left = lateCalls(state).map(({ callId }) => callId);
    expect(new Set([...given, ...left])).toEqual(new Set(late));
    if (next.reason === 'end_turn' && atEnd === 'wait' && state.steering.length === 0) {
      expect(left.every((id) => outcomeOf(state, id) === 'cancelled')).toBe(true);
    }
  });
});

function outcomeOf({ calls }: TurnState, id: string): string | undefined {
  return calls.find((record) => record.id === id)?.outcome;
}

test('only calls of a committed reply that stopped for tools run, and never more than the budget', () => {
  whatever(({ state, ran, asked }, { toolCalls }) => {
    expect(new Set(ran).size).toBe(ran.length);
    expect(ran.every((id) => asked.includes(id))).toBe(true);
    const ranOrTried = state.calls.filter(({ outcome: type }) => type !== 'skipped');
    if (toolCalls !== undefined) expect(ranOrTried.length).toBeLessThanOrEqual(toolCalls);
  });
});

test('no more rounds are committed than the budget has, except for one last word', () => {
  whatever(({ state, next }, { rounds, onLimit }) => {
    const lastWord = onLimit === 'lastWord' && next.reason.startsWith('max_') ? 1 : 0;
    // The agent's limits are known only with the first reply.
    expect(state.rounds).toBeLessThanOrEqual(Math.max(1, rounds) + lastWord);
  });
});

test("a person's message is read once, or keeps waiting, in the order in which it was sent", () => {
  whatever(({ state, sent }) => {
    const waiting = state.steering.map(({ turnId }) => turnId);
    expect([...state.joined, ...waiting]).toEqual(sent);
  });
});

test('a turn that is cancelled asks the model nothing more', () => {
  fc.assert(
    fc.property(settings, happening, (about, one) => {
      const { state, next } = play({ ...about, rounds: 12 }, [{ ...one, cancels: true }]);
      expect(state.rounds).toBeLessThanOrEqual(1);
      expect(next.type).toBe('stop');
    }),
  );
});
