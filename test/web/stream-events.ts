import fc from 'fast-check';
import type { TurnStreamEvent } from '../../client/index.ts';
import { WAITS_FOR_APPROVAL } from '../../client/follow/snapshot.ts';
import type { OutcomeType } from '../../core/calls/outcome.ts';
import { OUTCOMES } from '../../core/calls/outcome.ts';
import type { ModelReply } from '../../core/conversation/reply.ts';
import type { ReplyBlock } from '../../core/conversation/messages.ts';

// Turns as `stream()` reports them, made up.

interface BlockPlan {
  type: 'text' | 'thinking';
  pieces: string[];
}

interface CallPlan {
  outcome: OutcomeType;
  /** A person is asked. */
  waits: boolean;
  /** It goes on in the background, and ends in the next round. */
  isLate: boolean;
}

interface RoundPlan {
  /** Attempts that were lost. */
  torn: BlockPlan[][];
  blocks: BlockPlan[];
  calls: CallPlan[];
  /** So many of them were seen while they were written. */
  formed: number;
}

export interface TurnPlan {
  rounds: RoundPlan[];
  status: 'completed' | 'failed' | 'terminated';
  /** The beginning of a reply that was never complete. */
  lost: BlockPlan[];
}

const block: fc.Arbitrary<BlockPlan> = fc.record({
  type: fc.constantFrom('text', 'thinking'),
  pieces: fc.array(fc.string({ minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 3 }),
});
const blocks = fc.array(block, { maxLength: 2 });

const call: fc.Arbitrary<CallPlan> = fc.record({
  outcome: fc.constantFrom(...(Object.keys(OUTCOMES) as OutcomeType[])),
  waits: fc.boolean(),
  isLate: fc.boolean(),
});

export const turnPlan: fc.Arbitrary<TurnPlan> = fc.record({
  rounds: fc.array(
    fc.record({
      torn: fc.array(blocks, { maxLength: 2 }),
      blocks,
      calls: fc.array(call, { maxLength: 3 }),
      formed: fc.nat(3),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  status: fc.constantFrom('completed', 'failed', 'terminated'),
  lost: blocks,
});

/** The events that somebody gets who follows the turn from its beginning. */
export function eventsOf(
  { rounds, status, lost }: TurnPlan,
  // From history alone, what happened while a reply came is known before that reply.
  { isReplay = false } = {},
): TurnStreamEvent[] {
  const events: TurnStreamEvent[] = [];
  let late: TurnStreamEvent[] = [];
  for (const [i, { torn, blocks, calls, formed }] of rounds.entries()) {
    const round = i + 1;
    for (const attempt of torn) {
      events.push(...growing(round, attempt), formingCall(round, 'never'));
      events.push({ type: 'attemptRestarted', round, attempt: 1 });
    }
    const coming = [
      ...growing(round, blocks),
      ...calls.slice(0, formed).map((_, n) => formingCall(round, callId(round, n))),
    ];
    events.push(...(isReplay ? [...late, ...coming] : [...coming, ...late]));
    events.push({ type: 'replyCommitted', round, reply: replyOf(round, blocks, calls) });
    late = [];
    for (const [n, plan] of calls.entries()) events.push(...beginningOf(round, n, plan));
    for (const [n, plan] of calls.entries()) {
      const finished = endOf(round, n, plan);
      if (plan.isLate) late.push(finished);
      else events.push(finished);
    }
  }
  if (status !== 'completed') events.push(...growing(rounds.length + 1, lost));
  events.push(...late);
  return [
    ...events,
    { type: 'turnEnded', status, ...(status === 'completed' && { stopReason: 'end_turn' }) },
  ];
}

/** The same turn for somebody who comes when all has happened: no attempts, and each text in one piece. */
export function replayed(plan: TurnPlan): TurnStreamEvent[] {
  const rounds = plan.rounds.map(({ blocks, calls }) => ({
    torn: [],
    blocks: blocks.map(({ type, pieces }) => ({ type, pieces: [pieces.join('')] })),
    calls,
    formed: 0,
  }));
  return eventsOf({ ...plan, rounds, lost: [] }, { isReplay: true });
}

const callId = (round: number, n: number) => `toolu_${round}_${n}`;

function formingCall(round: number, callId: string): TurnStreamEvent {
  return { type: 'callForming', round, callId, name: 'look', inputLength: 1 };
}

function growing(round: number, blocks: readonly BlockPlan[]): TurnStreamEvent[] {
  return blocks.flatMap(({ type, pieces }, block) =>
    pieces.map((piece): TurnStreamEvent =>
      type === 'text'
        ? { type: 'textDelta', round, block, text: piece }
        : { type: 'thinkingDelta', round, block, thinking: piece },
    ),
  );
}

function replyOf(
  round: number,
  blocks: readonly BlockPlan[],
  calls: readonly CallPlan[],
): ModelReply {
  const content = [
    ...blocks.map(({ type, pieces }) => ({ type, [type]: pieces.join('') })),
    ...calls.map((_, n) => ({
      type: 'tool_use',
      id: callId(round, n),
      name: 'look',
      input: { round, n },
    })),
  ];
  return modelReply(content as unknown as ReplyBlock[], calls.length > 0 ? 'tool_use' : 'end_turn');
}

export function modelReply(content: ReplyBlock[], stopReason: string): ModelReply {
  return { content, stopReason } as unknown as ModelReply;
}

function beginningOf(round: number, n: number, { outcome, waits }: CallPlan): TurnStreamEvent[] {
  const about = { round, callId: callId(round, n), name: 'look', summary: '' };
  if (!waits) return [{ type: 'callScheduled', ...about }];
  const waiting: TurnStreamEvent = { type: 'callWaiting', ...about, message: WAITS_FOR_APPROVAL };
  return outcome === 'denied' ? [waiting] : [waiting, { type: 'callScheduled', ...about }];
}

function endOf(round: number, n: number, { outcome, waits }: CallPlan): TurnStreamEvent {
  const decision = outcome === 'denied' ? 'denied' : 'approved';
  return {
    type: 'callFinished',
    round,
    callId: callId(round, n),
    name: 'look',
    outcome,
    ...(outcome !== 'succeeded' && { message: SECRET }),
    ...(waits && { approval: { decision, by: 'ada', at: '2026-01-01T00:00:00Z' } }),
  };
}

/** What no page may see. */
export const SECRET = 'Error: password hunter2\n    at pay (/srv/pay.ts:7:1)';

/** A round in which the model calls a tool, and what may become of the call. */
export const about = { round: 1, callId: 'toolu_1', name: 'pay' };
export const use = { type: 'tool_use', id: 'toolu_1', name: 'pay', input: { cents: 5 } } as never;
export const committed: TurnStreamEvent = {
  type: 'replyCommitted',
  round: 1,
  reply: modelReply([use], 'tool_use'),
};
export const waiting: TurnStreamEvent = {
  type: 'callWaiting',
  ...about,
  summary: 'cents: 5',
  message: WAITS_FOR_APPROVAL,
};
export const finished: TurnStreamEvent = { type: 'callFinished', ...about, outcome: 'succeeded' };
export const paid: TurnStreamEvent = { ...finished, result: '{"receipt":7}' };
