import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonBytes } from '../../core/json.ts';
import type { Message } from '../../core/messages.ts';
import { toolUses } from '../../core/messages.ts';
import type { SettledCall, ToolOutcome } from '../../core/outcome.ts';
import type { Segment } from '../../core/transcript.ts';
import { segmentsToAbsorb } from '../../core/transcript.ts';
import type { TurnResult } from '../../core/turn.ts';
import type { TurnState } from '../../core/turn-state.ts';
import * as turn from '../../core/turn-state.ts';
import { call, outcome, replyWith, toolInput, toolName } from './arbitraries.ts';

/** One reply of the model, and what will become of its calls. */
interface Round {
  stopReason: string;
  says: boolean;
  calls: { name: string; input: Record<string, unknown>; outcome: ToolOutcome }[];
  /** The activity seals the tail with this request. */
  seals: boolean;
}

const largeOutcome = fc
  .integer({ min: 100_000, max: 900_000 })
  .map((size): ToolOutcome => ({ type: 'succeeded', content: 'x'.repeat(size) }));

function round(stopReason: fc.Arbitrary<string>, calls: fc.Arbitrary<Round['calls']>) {
  return fc.record<Round>({ stopReason, says: fc.boolean(), calls, seals: fc.boolean() });
}

/** Rounds of calls or pauses, and one that ends the turn if nothing did before. */
function plans(outcomes: fc.Arbitrary<ToolOutcome>, lastReasons = ENDS) {
  const calls = (minLength: number) =>
    fc.array(fc.record({ name: toolName, input: toolInput, outcome: outcomes }), {
      minLength,
      maxLength: 8,
    });
  const middle = fc.oneof(
    { weight: 5, arbitrary: round(fc.constant('tool_use'), calls(1)) },
    { weight: 1, arbitrary: round(fc.constant('pause_turn'), fc.constant([])) },
  );
  const last = round(fc.constantFrom(...lastReasons), calls(0));
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

const plan = plans(outcome);
const largePlan = plans(fc.oneof(outcome, largeOutcome));

interface Plan {
  rounds: Round[];
  maxRounds: number;
  stored: boolean;
}

/** What the activity and the workflow do, without either: every decision is core's. */
function play({ rounds, maxRounds, stored }: Plan): TurnResult {
  const storage = new Map<string, Message[]>();
  let state = turn.beginTurn([{ role: 'user', content: 'Begin' }]);
  const finish = (reason: TurnResult['stopReason'], details?: unknown) =>
    turn.turnResult('support', state, messagesOf(state, storage), { reason, details });

  for (const [i, round] of rounds.entries()) {
    const asked = round.calls.map(({ name, input }, j) => call(`toolu_${i}_${j}`, name, input));
    const text = { type: 'text' as const, text: `Round ${i}.`, citations: null };
    const reply = replyWith({
      content: [...(round.says ? [text] : []), ...asked],
      stopReason: round.stopReason,
    });
    const segments = stored && round.seals ? seal(state, storage) : undefined;
    state = turn.commitReply(state, reply, segments);

    const calls = round.stopReason === 'refusal' ? [] : toolUses(reply.content);
    const step = turn.nextStep(reply, state.rounds, maxRounds);
    if (step.type === 'stop') {
      const skipped = turn.skippedCalls(calls, step.reason, 0);
      state = turn.commitResults(state, calls, skipped, stored);
      return finish(step.reason, step.details);
    }
    if (step.type === 'run tools') {
      const settled = round.calls.map(({ outcome }): SettledCall => ({
        outcome,
        attempts: 1,
        start: 0,
        end: 0,
      }));
      state = turn.commitResults(state, calls, settled, stored);
    }
    if (turn.hasOutgrown(state, stored)) return finish('turn_too_large');
  }
  throw new Error('The last round must end the turn.');
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

/** What the Messages API holds against a conversation. Knows nothing of core/. */
function complaints(messages: readonly Message[]): string[] {
  const found: string[] = [];
  const everAsked = new Set<string>();
  let open: string[] = [];
  for (const [i, { role, content }] of messages.entries()) {
    const blocks = typeof content === 'string' ? [{ type: 'text' as const }] : content;
    if (blocks.length === 0) found.push(`message ${i} is empty`);
    const results = blocks.flatMap((block) => (block.type === 'tool_result' ? [block] : []));
    if (results.map((block) => block.tool_use_id).join() !== open.join()) {
      found.push(`message ${i} does not answer exactly what was asked, in order`);
    }
    if (results.length > 0 && results.length < blocks.length) {
      found.push(`message ${i} has more than results`);
    }
    if (results.length > 0 && role !== 'user') found.push(`message ${i} answers as ${role}`);
    for (const { is_error, content: said } of results) {
      if (is_error === true && typeof said !== 'string') found.push(`message ${i}: not a text`);
    }
    const asked = blocks.flatMap((block) => (block.type === 'tool_use' ? [block.id] : []));
    if (asked.length > 0 && role !== 'assistant') found.push(`message ${i} asks as ${role}`);
    for (const id of asked) {
      if (everAsked.has(id)) found.push(`${id} is asked for twice`);
      everAsked.add(id);
    }
    open = asked;
  }
  if (open.length > 0) found.push(`${open.join()} stay without a result`);
  return found;
}

const askedIds = (messages: readonly Message[]) =>
  messages.flatMap(({ content }) =>
    typeof content === 'string' ? [] : toolUses(content).map(({ id }) => id),
  );

describe('a turn, whatever the model replies and whatever becomes of its calls,', () => {
  test('leaves a conversation in which every call is answered exactly once', () => {
    fc.assert(
      fc.property(plan, (planned) => {
        expect(complaints(play(planned).messages)).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  test('records every call that stands in its conversation, in the order of the calls', () => {
    fc.assert(
      fc.property(plan, (planned) => {
        const { calls, messages, rounds } = play(planned);
        expect(calls.map(({ id }) => id)).toEqual(askedIds(messages));
        expect(calls.every(({ round }) => round >= 1 && round <= rounds)).toBe(true);
      }),
    );
  });

  test('never goes beyond its limit of rounds, and runs no call of its last one', () => {
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
      fc.property(plans(outcome, ['refusal']), (planned) => {
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

const answers = (...ids: string[]): Message => ({
  role: 'user',
  content: ids.map((id) => ({ type: 'tool_result', tool_use_id: id })),
});

describe('the checker of these tests', () => {
  const begin: Message = { role: 'user', content: 'Begin' };
  const asks: Message = { role: 'assistant', content: [call('toolu_1'), call('toolu_2')] };

  test('holds nothing against a paired conversation', () => {
    expect(complaints([begin, asks, answers('toolu_1', 'toolu_2')])).toEqual([]);
  });

  test.for([
    ['a dangling call', [begin, asks]],
    ['a missing result', [begin, asks, answers('toolu_1')]],
    ['results in another order', [begin, asks, answers('toolu_2', 'toolu_1')]],
    ['a doubled result', [begin, asks, answers('toolu_1', 'toolu_2', 'toolu_2')]],
    ['an orphan', [begin, answers('toolu_1')]],
    ['an empty message', [begin, { role: 'assistant', content: [] }]],
  ] as [string, Message[]][])('finds %s', ([, messages]) => {
    expect(complaints(messages)).not.toEqual([]);
  });
});
