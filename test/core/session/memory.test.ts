import { describe, expect, test } from 'vitest';
import type { PinnedAgent } from '../../../core/agent-spec.ts';
import { SEND_REJECTED, SESSION_BUSY, SESSION_CLOSED } from '../../../core/failures.ts';
import type { Message } from '../../../core/conversation/messages.ts';
import type { RunningTurn, SessionMemory } from '../../../core/session/memory.ts';
import {
  beginSession,
  closeSession,
  describeSession,
  fitsOnePayload,
  limitsOfTurn,
  rejectSend,
  takeSend,
  takeTurn,
  turnEnded,
  turnFits,
  withdrawTurn,
} from '../../../core/session/memory.ts';
import type { Send, SessionArgs } from '../../../core/session/protocol.ts';
import { EMPTY_TRANSCRIPT } from '../../../core/conversation/transcript.ts';
import { timingOf } from '../../../core/turn/timing.ts';
import type { SessionTurnResult } from '../../../core/turn/result.ts';

const args: SessionArgs = { agent: 'tester' };
const send = (input: Send['input'], more: Partial<Send> = {}): Send => ({
  input,
  idempotencyKey: JSON.stringify(input).slice(1, 20).replace('"', ''),
  ...more,
});
const running: RunningTurn = { turnId: 's.turn-1', input: 'go', steering: [], startedAt: 0 };
const take = (memory: SessionMemory, one: Send, turn?: RunningTurn) =>
  takeSend(memory, { sessionId: 's' }, one, turn);
const taken = (...inputs: string[]) =>
  inputs.reduce((memory, input) => take(memory, send(input)).memory, beginSession(args));
const ids = ({ waiting }: SessionMemory) => waiting.map(({ turnId }) => turnId);

const usage = {
  input_tokens: 1,
  output_tokens: 2,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
};
const conversation: Message[] = [
  { role: 'user', content: 'go' },
  { role: 'assistant', content: 'gone' },
];
const agent = (type: 'inline' | 'stored') => ({ name: 'tester', spec: { type } }) as PinnedAgent;

function ended(parts: Partial<SessionTurnResult> = {}): SessionTurnResult {
  return {
    agent: 'tester',
    stopReason: 'end_turn',
    text: 'gone',
    rounds: 1,
    usage,
    timing: timingOf(undefined, 0),
    calls: [],
    end: {
      transcript: { segments: [], tail: conversation, tailBytes: 10 },
      stored: [],
      before: 0,
      agent: agent('inline'),
    },
    ...parts,
  };
}

const saysAndReads = (...content: object[]) => [
  { role: 'user', content: 'go' },
  { role: 'assistant', content },
  {
    role: 'user',
    content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'seen' }],
  },
];

test('a session begins without the blank texts that the API sends and does not accept', () => {
  const call = { type: 'tool_use', id: 'toolu_1', name: 'look', input: {} } as const;
  const messages = saysAndReads({ type: 'text', text: ' ' }, call) as Message[];
  expect(beginSession({ ...args, messages }).transcript.tail).toEqual(saysAndReads(call));
});

const refusal = (one: Send, memory = beginSession(args), turn?: RunningTurn) =>
  rejectSend(memory, args, one, turn);

describe('a message is rejected', () => {
  test('for another agent, or without a usable key', () => {
    expect(refusal(send('a', { agent: 'other' }))).toMatchObject({
      type: SEND_REJECTED,
      reason: expect.stringContaining('belongs to agent tester, not to other') as string,
    });
    for (const idempotencyKey of ['', 'x'.repeat(201), undefined as unknown as string]) {
      expect(refusal(send('a', { idempotencyKey }))?.reason).toMatch(/1 to 200 characters/);
    }
    expect(
      refusal(send('a', { agent: 'tester', idempotencyKey: 'x'.repeat(200) })),
    ).toBeUndefined();
  });

  test('if its key was used for another message, but not for the same one', () => {
    const memory = taken('a');
    expect(refusal(send('b', { idempotencyKey: 'a' }), memory)?.reason).toMatch(/another message/);
    expect(refusal(send('a'), closeSession(memory, {}))).toBeUndefined();
  });

  test('if the session is closed', () => {
    expect(refusal(send('a'), closeSession(beginSession(args), {}))?.type).toBe(SESSION_CLOSED);
  });

  test('if it would not wait, while a turn runs or waits', () => {
    const now = send('now', { whenBusy: 'reject' });
    expect(refusal(now, beginSession(args), running)).toMatchObject({ type: SESSION_BUSY });
    expect(refusal(now, taken('a'))).toMatchObject({
      type: SESSION_BUSY,
      reason: 'turn s.turn-1 is running. Send again when it has ended.',
    });
    expect(refusal(now)).toBeUndefined();
    expect(
      rejectSend(taken('a'), { ...args, whenBusy: 'reject' }, send('b'), undefined)?.type,
    ).toBe(SESSION_BUSY);
  });

  test('if a hundred wait, as turns or for the running one', () => {
    const texts = Array.from({ length: 60 }, (_, i) => `m${i}`);
    const steering = texts.slice(0, 40).map((input) => ({ turnId: 's.turn-99', input }));
    expect(refusal(send('a'), taken(...texts), { ...running, steering })?.reason).toMatch(
      /100 messages wait already/,
    );
    expect(refusal(send('a'), taken(...texts), { ...running, steering: [] })).toBeUndefined();
  });

  test('if it does not fit beside everything else, unless there is a storage', () => {
    const large = 'x'.repeat(800_000);
    const memory = taken(large);
    expect(refusal(send('y'.repeat(800_000)), memory)?.reason).toMatch(
      /Give the workers .*storage/,
    );
    const steered = { ...running, steering: [{ turnId: 's.turn-2', input: large }] };
    expect(refusal(send('y'.repeat(800_000)), beginSession(args), steered)).toBeDefined();
    const busy = { ...running, input: large };
    expect(refusal(send('y'.repeat(800_000)), beginSession(args), busy)).toBeDefined();

    const begun = { ...args, storage: true };
    expect(rejectSend(memory, begun, send('y'.repeat(800_000)), undefined)).toBeUndefined();
    const pinned = { ...memory, agent: agent('stored') };
    expect(refusal(send('y'.repeat(800_000)), pinned)).toBeUndefined();
    // The workers know better.
    const without = { ...memory, agent: agent('inline') };
    expect(rejectSend(without, begun, send('y'.repeat(800_000)), undefined)).toBeDefined();
    expect(fitsOnePayload(without, begun)).toBe(true);
    expect(fitsOnePayload(taken(large, `2${large}`, `3${large}`), args)).toBe(false);
    expect(fitsOnePayload(taken(large, `2${large}`, `3${large}`), begun)).toBe(true);
  });
});

test('a turn does not begin if its message no longer fits beside the conversation', () => {
  const large = { turnId: 's.turn-2', input: 'x'.repeat(900_000) };
  const memory = beginSession({ ...args, messages: [{ role: 'user', content: large.input }] });
  expect(turnFits(memory, args, large)).toBe(true);
  const longer = { ...large, input: 'x'.repeat(1_100_000) };
  expect(turnFits(memory, args, longer)).toBe(false);
  expect(turnFits({ ...memory, agent: agent('stored') }, args, longer)).toBe(true);
});

describe('a message is accepted', () => {
  test('as the next turn, and once', () => {
    const first = take(beginSession(args), send('a'));
    expect(first).toMatchObject({ receipt: { turnId: 's.turn-1' }, effect: { type: 'none' } });
    const again = take(first.memory, send('a'));
    expect(again).toEqual({ ...first, effect: { type: 'none' } });
    expect(ids(take(again.memory, send('b')).memory)).toEqual(['s.turn-1', 's.turn-2']);
  });

  test('by the running turn if it steers, and as a turn if none runs', () => {
    const steer = send('s', { whenBusy: 'steer' });
    const { memory, receipt, effect } = take(beginSession(args), steer, running);
    expect(receipt).toEqual({ turnId: 's.turn-1', joins: 's.turn-1' });
    expect(effect).toEqual({ type: 'steer', message: { turnId: 's.turn-1', input: 's' } });
    expect(take(memory, steer, running).receipt).toEqual(receipt);
    expect(ids(memory)).toEqual([]);
    expect(ids(take(beginSession(args), steer).memory)).toEqual(['s.turn-1']);
  });

  test('before those that wait if it interrupts, in the order of the interruptions', () => {
    let memory = taken('a', 'b');
    for (const input of ['stop', 'stop!']) {
      const one = take(memory, send(input, { whenBusy: 'interrupt' }), running);
      expect(one.effect).toEqual({ type: 'interrupt' });
      memory = one.memory;
    }
    expect(ids(memory)).toEqual(['s.turn-3', 's.turn-4', 's.turn-1', 's.turn-2']);
    // Also between two turns.
    expect(ids(take(taken('a'), send('stop', { whenBusy: 'interrupt' })).memory)).toEqual([
      's.turn-2',
      's.turn-1',
    ]);
  });

  test('and its key is remembered for 500 more messages', () => {
    const memory = taken(...Array.from({ length: 501 }, (_, i) => `m${i}`));
    expect(memory.receipts).toHaveLength(500);
    expect(take(memory, send('m1')).receipt).toEqual({ turnId: 's.turn-2' });
    expect(take(memory, send('m0')).receipt).toEqual({ turnId: 's.turn-502' });
  });
});

const end = (
  outcome: Parameters<typeof turnEnded>[2],
  about: RunningTurn = running,
  memory = beginSession(args),
) => turnEnded(memory, about, outcome, 0);

describe('a turn that has ended', () => {
  const steering = [
    { turnId: 's.turn-2', input: 'b' },
    { turnId: 's.turn-4', input: 'd' },
  ];
  test('hands over the sandbox of its code, which outlives lost turns', () => {
    const container = { id: 'container_1', expires_at: '2026-11-22T12:00:00Z' };
    const result = ended();
    const memory = end({
      type: 'ended',
      result: { ...result, end: { ...result.end, container } },
    });

    expect(memory.container).toEqual(container);
    expect(end({ type: 'lost', message: 'gone' }, running, memory).container).toEqual(container);
  });

  test('hands over its conversation, its agent and what it used', () => {
    const memory = end({ type: 'ended', result: ended() });
    expect(memory).toMatchObject({
      transcript: { tail: conversation },
      agent: { name: 'tester' },
      turns: 1,
      usage,
      last: { turnId: 's.turn-1', stopReason: 'end_turn', endedAt: '1970-01-01T00:00:00.000Z' },
    });
    const { agent: _, ...later } = ended().end;
    const next = end({ type: 'ended', result: ended({ end: later }) }, running, memory);
    expect(next.agent).toEqual(memory.agent);
    expect(next.usage.output_tokens).toBe(4);
  });

  test('leaves the session with the fallback after its refusal, until another turn changes that', () => {
    const fallback = { model: 'b', because: 'refusal' } as const;
    const result = ended();
    const refused = end({
      type: 'ended',
      result: { ...result, end: { ...result.end, fallback } },
    });
    expect(refused.fallback).toEqual(fallback);
    const next = turnEnded(refused, running, { type: 'ended', result: ended() }, 0);
    expect(next.fallback).toEqual(fallback);
  });

  test('leaves the messages that it has not taken in as the next turns, in the order in which they were sent', () => {
    const before = taken('queued');
    const interrupting = { turnId: 's.turn-3', input: 'stop', urgent: true as const };
    const memory = { ...before, waiting: [interrupting, ...before.waiting] };
    const after = end({ type: 'ended', result: ended() }, { ...running, steering }, memory);
    expect(ids(after)).toEqual(['s.turn-2', 's.turn-3', 's.turn-4', 's.turn-1']);
    const joined = ended({ joined: ['s.turn-2'] });
    expect(ids(end({ type: 'ended', result: joined }, { ...running, steering }))).toEqual([
      's.turn-4',
    ]);
  });

  test('that failed keeps its rounds, but nothing before the first', () => {
    const { stopReason: _, ...progress } = ended();
    const failed = { type: 'failed', message: 'no key' } as const;
    expect(end({ ...failed, progress })).toMatchObject({
      transcript: { tail: conversation },
      last: { stopReason: 'failed', message: 'no key' },
    });
    expect(end({ ...failed, progress: { ...progress, rounds: 0 } }).transcript).toEqual(
      EMPTY_TRANSCRIPT,
    );
  });

  test.for([
    ['go', 'go'],
    [[{ type: 'text' as const, text: 'go' }], 'go'],
  ] as const)('that left no trace leaves its message and a word about it: %j', ([input, text]) => {
    const about = { ...running, input: input as RunningTurn['input'], steering };
    const memory = end({ type: 'lost', message: 'gone' }, about);
    expect(memory.transcript.tail).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text },
          { type: 'text', text: expect.stringMatching(/was lost.*not known/) as string },
        ],
      },
    ]);
    expect(ids(memory)).toEqual(['s.turn-2', 's.turn-4']);
    expect(memory.agent).toBeUndefined();
  });

  test('keeps the newest hundred of the stored results', () => {
    const stored = Array.from({ length: 120 }, (_, i) => ({ callId: `toolu_${i}` }) as never);
    const result = ended({ end: { ...ended().end, stored } });
    expect(end({ type: 'ended', result }).stored).toEqual(stored.slice(20));
  });
});

describe('the call of another turn', () => {
  const calledBy = {
    turnId: 't',
    callId: 'toolu_1',
    path: ['lead', 'clerk'],
    sessions: [],
    levels: 2,
  };

  test('waits for a turn of its own, whatever the session does with messages', () => {
    for (const whenBusy of ['reject', 'steer', 'interrupt'] as const) {
      const call = send('a', { calledBy, whenBusy });
      expect(rejectSend(beginSession(args), { ...args, whenBusy }, call, running)).toBeUndefined();
      const { memory, receipt, effect } = takeSend(
        beginSession(args),
        { sessionId: 's', whenBusy },
        call,
        running,
      );
      expect(effect).toEqual({ type: 'none' });
      expect(receipt).toEqual({ turnId: 's.turn-1' });
      expect(memory.waiting).toEqual([{ turnId: 's.turn-1', input: 'a', calledBy }]);
    }
  });

  test.for<[ofSession: string | undefined, ofCaller: string | undefined, isTaken: boolean]>([
    [undefined, undefined, true],
    ['ana', 'ana', true],
    ['ana', 'bob', false],
    ['ana', undefined, false],
    [undefined, 'ana', false],
  ])(
    'is accepted by a session of the same user only: %s, and %s calls',
    ([user, caller, isTaken]) => {
      const owned = user === undefined ? args : { ...args, user };
      const call = send('a', {
        calledBy: { ...calledBy, ...(caller === undefined ? {} : { user: caller }) },
      });
      const rejected = rejectSend(beginSession(args), owned, call, undefined);
      if (isTaken) expect(rejected).toBeUndefined();
      else {
        expect(rejected).toEqual({
          type: SEND_REJECTED,
          reason: 'it belongs to another user. Choose another session id.',
        });
      }
      // Who sends by a client has been let in there.
      expect(rejectSend(beginSession(args), owned, send('a'), undefined)).toBeUndefined();
    },
  );

  test('is forgotten if it waits when it is withdrawn, and reported if it runs', () => {
    const memory = taken('a', 'b');
    const waits = withdrawTurn(memory, 's.turn-1', undefined);
    expect(ids(waits.memory)).toEqual(['s.turn-2']);
    expect(waits.isRunning).toBe(false);
    // The key stays known: sent again, it does not begin another turn.
    expect(take(waits.memory, send('a')).receipt).toEqual({ turnId: 's.turn-1' });
    expect(withdrawTurn(memory, 's.turn-9', { ...running, turnId: 's.turn-9' })).toEqual({
      memory,
      isRunning: true,
    });
    expect(withdrawTurn(memory, 's.turn-7', running)).toEqual({ memory, isRunning: false });
  });

  test('may spend what the session has left, and no more than what is reserved for it', () => {
    const memory = beginSession(args);
    const limits = { outputTokens: 100, rounds: 5 };
    const reserved = { calledBy: { ...calledBy, limits: { outputTokens: 70, toolCalls: 3 } } };
    expect(limitsOfTurn(args, memory, {})).toBeUndefined();
    expect(limitsOfTurn(args, memory, { calledBy })).toBeUndefined();
    expect(limitsOfTurn({ limits }, memory, {})).toEqual(limits);
    expect(limitsOfTurn(args, memory, reserved)).toEqual({ outputTokens: 70, toolCalls: 3 });
    const spent = { ...memory.spent, outputTokens: 60 };
    expect(limitsOfTurn({ limits }, { spent }, reserved)).toEqual({
      outputTokens: 40,
      rounds: 5,
      toolCalls: 3,
    });
  });
});

test('a session begins with messages, and says what it is doing', () => {
  const begun = beginSession({ ...args, messages: conversation });
  expect(describeSession(args, begun, undefined)).toMatchObject({ status: 'idle', messages: 2 });
  expect(takeTurn(begun)).toBeUndefined();
  const waiting = take(begun, send('a')).memory;
  expect(describeSession(args, waiting, undefined)).toMatchObject({
    status: 'busy',
    waitingTurns: ['s.turn-1'],
  });
  const next = takeTurn(waiting);
  expect(next).toMatchObject({ turn: { turnId: 's.turn-1', input: 'a' }, memory: { waiting: [] } });
  expect(describeSession(args, begun, running)).toMatchObject({ runningTurn: 's.turn-1' });
  expect(describeSession(args, closeSession(begun, {}), undefined).status).toBe('closed');
  const memory = turnEnded(begun, running, { type: 'ended', result: ended() }, 0);
  expect(describeSession(args, memory, undefined).lastTurn?.turnId).toBe('s.turn-1');
});

test('a session that is closed at once forgets what waits, and otherwise does not', () => {
  expect(ids(closeSession(taken('a', 'b'), {}))).toEqual(['s.turn-1', 's.turn-2']);
  expect(ids(closeSession(taken('a', 'b'), { interrupt: true }))).toEqual([]);
});
