import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sinceCompaction } from '../../../core/conversation/compaction.ts';
import { jsonBytes } from '../../../core/json.ts';
import type { Message, ReplyBlock } from '../../../core/conversation/messages.ts';
import { toolUses } from '../../../core/conversation/messages.ts';
import type { SettledCall, ToolOutcome } from '../../../core/calls/outcome.ts';
import type { ModelReply } from '../../../core/conversation/reply.ts';
import type { Segment } from '../../../core/conversation/transcript.ts';
import { segmentsToAbsorb } from '../../../core/conversation/transcript.ts';
import { turnResult } from '../../../core/turn/result.ts';
import type { TurnState } from '../../../core/turn/state.ts';
import { beginTurn } from '../../../core/turn/state.ts';
import { afterReply, afterResults, atBeginning } from '../../../core/turn/decide.ts';
import { answered, circumstances, pinned } from './decide-fixture.ts';
import { call, outcome, replyWith, toolInput, toolName } from '../arbitraries.ts';
import { complaints, pairingComplaints } from '../conversation-checker.ts';

/** One reply of the model, and what will become of its calls. */
interface Round {
  stopReason: string;
  /** What stands around its calls. */
  before: Extra[];
  after: Extra[];
  calls: {
    name: string;
    input: Record<string, unknown>;
    outcome: ToolOutcome;
    /** Characters that a result has besides, so that a counterexample stays readable. */
    padding: number;
  }[];
  /** The activity seals the tail with this request. */
  seals: boolean;
}

const EVERY_EXTRA = ['text', 'blank', 'thinking', 'search', 'open search', 'summary'] as const;
type Extra = (typeof EVERY_EXTRA)[number];

/** Blocks beside the calls, among them those that the API sends and does not take back. */
function extraBlocks(extra: Extra, id: string): ReplyBlock[] {
  const direct = { type: 'direct' } as const;
  const search: ReplyBlock = {
    type: 'server_tool_use',
    id,
    name: 'web_search',
    input: {},
    caller: direct,
  };
  switch (extra) {
    case 'text':
      return [{ type: 'text', text: `Text ${id}.`, citations: null }];
    case 'blank':
      return [{ type: 'text', text: '\n\n', citations: null }];
    case 'thinking':
      return [{ type: 'thinking', thinking: '', signature: id }];
    case 'summary':
      return [{ type: 'compaction', content: `Summary ${id}.`, encrypted_content: null }];
    case 'open search':
      return [search];
    default:
      return [
        search,
        { type: 'web_search_tool_result', tool_use_id: id, content: [], caller: direct },
      ];
  }
}

function round(
  stopReason: fc.Arbitrary<string>,
  calls: fc.Arbitrary<Round['calls']>,
  extras: readonly Extra[],
) {
  const extra = fc.array(fc.constantFrom(...extras), { maxLength: 3 });
  return fc.record<Round>({ stopReason, before: extra, after: extra, calls, seals: fc.boolean() });
}

/** Rounds of calls or pauses, and one that ends the turn if nothing did before. */
function plans(padding: fc.Arbitrary<number>, ends: readonly string[]): fc.Arbitrary<Plan> {
  const one = fc.record({ name: toolName, input: toolInput, outcome, padding });
  const calls = (minLength: number) => fc.array(one, { minLength, maxLength: 8 });
  const asking = round(fc.constant('tool_use'), calls(1), EVERY_EXTRA);
  const pausing = round(fc.constantFrom('pause_turn', 'compaction'), fc.constant([]), EVERY_EXTRA);
  const last = round(fc.constantFrom(...ends), calls(0), EVERY_EXTRA);
  const middle = fc.oneof({ weight: 5, arbitrary: asking }, { weight: 1, arbitrary: pausing });
  return fc.record({
    rounds: fc.tuple(fc.array(middle, { maxLength: 6 }), last).map(([most, end]) => [...most, end]),
    maxRounds: fc.integer({ min: 1, max: 8 }),
    stored: fc.boolean(),
  });
}

const ENDS = [
  'end_turn',
  'max_tokens',
  'stop_sequence',
  'refusal',
  'model_context_window_exceeded',
  'reason_of_the_future',
];

const plan = plans(fc.constant(0), ENDS);
const refusedPlan = plans(fc.constant(0), ['refusal']);
const largePlan = plans(fc.oneof(fc.constant(0), fc.integer({ min: 100_000, max: 900_000 })), ENDS);

interface Plan {
  rounds: Round[];
  maxRounds: number;
  stored: boolean;
}

/** What the activity and the workflow do, without either: every decision is core's. */
function play({ rounds, maxRounds, stored }: Plan, between?: (messages: Message[]) => void) {
  const agent = pinned(stored ? 'storage' : 'payload', { rounds: maxRounds });
  const now = circumstances();
  const storage = new Map<string, Message[]>();
  const begun = beginTurn([{ role: 'user', content: 'Begin' }]);
  let { state, next } = atBeginning(begun, { agent: undefined }, now);
  for (let asked = 0; ;) {
    switch (next.type) {
      case 'ask model': {
        if (asked > 0) between?.(messagesOf(state, storage));
        const round = rounds[asked];
        if (round === undefined) throw new Error('The last round must end the turn.');
        const reply = replyOf(round, asked);
        const sealed = stored && round.seals ? { segments: seal(state, storage) } : {};
        asked += 1;
        ({ state, next } = afterReply(state, answered(agent, reply, sealed), now));
        break;
      }
      case 'run tools': {
        const settled = (rounds[asked - 1] as Round).calls.map(settledAs);
        ({ state, next } = afterResults(state, { ...next, settled }, now));
        break;
      }
      case 'stop':
        return turnResult('support', state, messagesOf(state, storage), next, 0);
      default:
        throw new Error(`Nothing here leads to '${next.type}'.`);
    }
  }
}

function settledAs({ outcome, padding }: Round['calls'][number]): SettledCall {
  const padded: ToolOutcome =
    outcome.type === 'succeeded' && typeof outcome.content === 'string'
      ? { type: 'succeeded', content: outcome.content + 'x'.repeat(padding) }
      : outcome;
  return { outcome: padded, attempts: 1, start: 0, end: 0 };
}

function replyOf({ stopReason, before, after, calls }: Round, i: number): ModelReply {
  const asked = calls.map(({ name, input }, j) => call(`toolu_${i}_${j}`, name, input));
  // Nothing but calls may stand behind a call.
  const behind = calls.length === 0 ? after : [];
  const content = [
    ...before.flatMap((extra, j) => extraBlocks(extra, `srvtoolu_${i}_before_${j}`)),
    ...asked,
    ...behind.flatMap((extra, j) => extraBlocks(extra, `srvtoolu_${i}_after_${j}`)),
  ];
  return replyWith({ content, stopReason });
}

function seal({ transcript }: TurnState, storage: Map<string, Message[]>): Segment[] {
  const { segments, tail, tailBytes } = transcript;
  const kept = segments.length - segmentsToAbsorb(segments, tailBytes);
  const absorbed = segments.slice(kept).flatMap(({ digest }) => storage.get(digest) ?? []);
  const messages = [...absorbed, ...tail];
  const digest = `segment ${storage.size}`;
  storage.set(digest, messages);
  const bytes = jsonBytes(messages);
  return [...segments.slice(0, kept), { claim: {}, digest, bytes, messages: messages.length }];
}

function messagesOf({ transcript }: TurnState, storage: ReadonlyMap<string, Message[]>) {
  const sealed = transcript.segments.flatMap(({ digest }) => storage.get(digest) ?? []);
  return [...sealed, ...transcript.tail];
}

const holdsSummary = ({ content }: Message) =>
  JSON.stringify(content).includes('Summary srvtoolu_');

const askedIds = (messages: readonly Message[]) =>
  messages.flatMap(({ content }) =>
    typeof content === 'string' ? [] : toolUses(content).map(({ id }) => id),
  );

describe('a turn, whatever the model replies and however its calls end,', () => {
  test('leaves a conversation that the API accepts, with every call answered exactly once', () => {
    fc.assert(
      fc.property(plan, (planned) => {
        expect(complaints(play(planned).messages)).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  test('may be cut short between any two rounds without leaving a call unanswered', () => {
    fc.assert(
      fc.property(plan, (planned) => {
        play(planned, (messages) => {
          expect(pairingComplaints(messages)).toEqual([]);
        });
      }),
    );
  });

  test('is sent from the last summary on, without separating a call from its result', () => {
    fc.assert(
      fc.property(plan, (planned) => {
        play(planned, (messages) => {
          const sent = sinceCompaction(messages);
          expect(messages.slice(-sent.length)).toEqual(sent);
          expect(pairingComplaints(sent)).toEqual([]);
          expect(sent[0]).toBe(messages.findLast(holdsSummary) ?? messages[0]);
        });
      }),
    );
  });

  test('records every call in its conversation, in the order of the calls', () => {
    fc.assert(
      fc.property(plan, (planned) => {
        const { calls, messages, rounds } = play(planned);
        expect(calls.map(({ id }) => id)).toEqual(askedIds(messages));
        expect(calls.every(({ round }) => round >= 1 && round <= rounds)).toBe(true);
      }),
    );
  });

  test('never exceeds its limit of rounds, and runs no call of its last round', () => {
    fc.assert(
      fc.property(plan, (planned) => {
        const { calls, rounds, stopReason } = play(planned);
        expect(rounds).toBeLessThanOrEqual(planned.maxRounds);
        const last = calls.filter(({ round }) => round === rounds);
        if (stopReason !== 'turn_too_large') {
          expect(last.every(({ outcome }) => outcome === 'skipped')).toBe(true);
        }
      }),
    );
  });

  test('keeps nothing of a reply that the model refused', () => {
    fc.assert(
      fc.property(refusedPlan, (planned) => {
        const { messages, rounds, stopReason, text } = play({ ...planned, maxRounds: 8 });
        expect(stopReason).toBe('refusal');
        expect(text).toBe('');
        expect(JSON.stringify(messages)).not.toContain(`Round ${rounds - 1}.`);
        expect(JSON.stringify(messages)).not.toContain(`toolu_${rounds - 1}_`);
      }),
    );
  });

  test('fits into one payload without a storage', () => {
    fc.assert(
      fc.property(largePlan, (planned) => {
        const result = play({ ...planned, stored: false });
        expect(jsonBytes(result)).toBeLessThan(2_000_000);
        expect(complaints(result.messages)).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });

  test('keeps every result as it is with a storage', () => {
    fc.assert(
      fc.property(plan, (planned) => {
        const { calls } = play({ ...planned, stored: true });
        const expected = planned.rounds.flatMap((round) =>
          round.calls.map((one) => one.outcome.type),
        );
        const ran = calls.map(({ outcome }) => outcome);
        const skipped = ran.length - ran.findLastIndex((type) => type !== 'skipped') - 1;
        const compared = ran.length - skipped;
        expect(ran.slice(0, compared)).toEqual(expected.slice(0, compared));
      }),
    );
  });
});
