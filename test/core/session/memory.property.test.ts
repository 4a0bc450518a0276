import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { findCarriedProblem } from '../../../core/session/carried.ts';
import type { RunningTurn, SessionMemory, TurnOutcome } from '../../../core/session/memory.ts';
import {
  beginSession,
  closeSession,
  rejectSend,
  takeSend,
  takeTurn,
  turnEnded,
} from '../../../core/session/memory.ts';
import type { Send, SendReceipt, SessionArgs } from '../../../core/session/protocol.ts';
import { WHEN_BUSY } from '../../../core/session/protocol.ts';
import { append, EMPTY_TRANSCRIPT } from '../../../core/conversation/transcript.ts';
import { timingOf } from '../../../core/turn/timing.ts';
import { NO_USAGE } from '../../../core/turn/usage.ts';

const args: SessionArgs = { agent: 'tester' };

type Step =
  | { type: 'send'; whenBusy: Send['whenBusy'] & string }
  | { type: 'send again'; which: number }
  | { type: 'turn begins' }
  | { type: 'turn ends'; how: TurnOutcome['type']; takesNotes: number; rounds: number }
  | { type: 'continues as new' }
  | { type: 'closes'; interrupt: boolean };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('send' as const),
      whenBusy: fc.constantFrom(...WHEN_BUSY),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('send again' as const), which: fc.nat() }),
  },
  { weight: 4, arbitrary: fc.constant({ type: 'turn begins' as const }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('turn ends' as const),
      how: fc.constantFrom('ended' as const, 'failed' as const, 'lost' as const),
      takesNotes: fc.nat({ max: 3 }),
      rounds: fc.nat({ max: 2 }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ type: 'continues as new' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('closes' as const), interrupt: fc.boolean() }),
  },
);

/** A session, driven as its workflow drives it, and what became of every message. */
class Model {
  memory: SessionMemory = beginSession(args);
  running: RunningTurn | undefined;
  readonly receipts = new Map<string, SendReceipt>();
  readonly sends: Send[] = [];
  /** Turn ids, in the order in which they were begun or joined. */
  readonly read: string[] = [];
  readonly begun: string[] = [];
  readonly forgotten = new Set<string>();

  apply(one: Step): void {
    switch (one.type) {
      case 'send':
        this.send({
          input: `message ${this.sends.length}`,
          idempotencyKey: `k${this.sends.length}`,
          whenBusy: one.whenBusy,
        });
        break;
      case 'send again': {
        const earlier = this.sends[one.which % Math.max(1, this.sends.length)];
        if (earlier !== undefined) this.send(earlier);
        break;
      }
      case 'turn begins':
        if (this.running === undefined) this.begin();
        break;
      case 'turn ends':
        this.end(one);
        break;
      case 'continues as new':
        if (this.running === undefined) {
          this.memory = JSON.parse(JSON.stringify(this.memory)) as SessionMemory;
          expect(findCarriedProblem(this.memory)).toBeUndefined();
        }
        break;
      case 'closes': {
        if (one.interrupt) {
          for (const { turnId } of this.memory.waiting) this.forgotten.add(turnId);
          for (const { turnId } of this.running?.steering ?? []) this.forgotten.add(turnId);
          if (this.running !== undefined) this.running = { ...this.running, steering: [] };
        }
        this.memory = closeSession(this.memory, one);
      }
    }
  }

  private send(send: Send): void {
    const earlier = this.receipts.get(send.idempotencyKey);
    if (!this.sends.includes(send)) this.sends.push(send);
    if (rejectSend(this.memory, args, send, this.running) !== undefined) {
      // What was taken once is never refused later.
      expect(earlier).toBeUndefined();
      return;
    }
    const { memory, receipt, effect } = takeSend(
      this.memory,
      { sessionId: 'session-1' },
      send,
      this.running,
    );
    this.memory = memory;
    if (earlier === undefined) this.receipts.set(send.idempotencyKey, receipt);
    else expect({ receipt, effect }).toEqual({ receipt: earlier, effect: { type: 'none' } });
    if (effect.type === 'steer' && this.running !== undefined) {
      this.running = { ...this.running, steering: [...this.running.steering, effect.message] };
    }
  }

  begin(): void {
    const next = takeTurn(this.memory);
    if (next === undefined) return;
    this.memory = next.memory;
    this.running = { ...next.turn, steering: [], startedAt: 0 };
    this.begun.push(next.turn.turnId);
    this.read.push(next.turn.turnId);
  }

  end({ how, takesNotes, rounds }: Step & { type: 'turn ends' }): void {
    if (this.running === undefined) return;
    const { turnId, steering, input } = this.running;
    // A turn takes steering messages in their order, and none before its first reply.
    const joined =
      how === 'lost' || rounds === 0
        ? []
        : steering.slice(0, takesNotes).map((message) => message.turnId);
    this.read.push(...joined);
    const transcript = append(this.memory.transcript, { role: 'user', content: input });
    const progress = {
      agent: 'tester',
      text: '',
      rounds,
      usage: NO_USAGE,
      timing: timingOf(undefined, 0),
      calls: [],
      joined,
      end: { transcript, stored: [], before: 0 },
    };
    const outcomes: Record<TurnOutcome['type'], TurnOutcome> = {
      ended: { type: 'ended', result: { ...progress, stopReason: 'end_turn' } },
      failed: { type: 'failed', message: 'failed', progress },
      lost: { type: 'lost', message: `${turnId} is lost` },
    };
    this.memory = turnEnded(this.memory, this.running, outcomes[how], 0);
    this.running = undefined;
  }

  drain(): void {
    for (;;) {
      this.end({ type: 'turn ends', how: 'ended', takesNotes: 0, rounds: 1 });
      this.begin();
      if (this.running === undefined) return;
    }
  }
}

const number = (turnId: string) => Number(turnId.split('-').at(-1));

test('whatever happens, every accepted message is read once, and none is lost or doubled', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const model = new Model();
      for (const one of steps) {
        model.apply(one);
        const { waiting, receipts } = model.memory;
        expect(waiting.length + (model.running?.steering.length ?? 0)).toBeLessThanOrEqual(100);
        expect(receipts.length).toBeLessThanOrEqual(500);
      }
      model.drain();

      const taken = [...model.receipts.values()].map(({ turnId }) => turnId);
      expect(new Set(taken).size).toBe(taken.length);
      expect(model.read.toSorted()).toEqual(
        taken.filter((turnId) => !model.forgotten.has(turnId)).toSorted(),
      );
      expect(model.memory.turns).toBe(model.begun.length);
      expect(describeWaiting(model.memory)).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

test('messages that merely wait are read in the order in which they were sent', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const model = new Model();
      for (const one of steps) {
        model.apply(one.type === 'send' ? { ...one, whenBusy: 'queue' } : one);
      }
      model.drain();
      expect(model.begun).toEqual(model.begun.toSorted((a, b) => number(a) - number(b)));
    }),
  );
});

test('a memory behaves the same after it went through JSON', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const [plain, carried] = [new Model(), new Model()];
      for (const one of steps) {
        plain.apply(one);
        carried.apply(one);
        carried.apply({ type: 'continues as new' });
      }
      expect(carried.memory).toEqual(plain.memory);
      expect(carried.read).toEqual(plain.read);
    }),
  );
});

test('a memory stays small, however many messages come and go', () => {
  const model = new Model();
  for (let i = 0; i < 2_000; i += 1) {
    model.apply({ type: 'send', whenBusy: 'queue' });
    model.begin();
    model.end({ type: 'turn ends', how: 'failed', takesNotes: 0, rounds: 0 });
  }
  expect(model.memory.transcript).toEqual(EMPTY_TRANSCRIPT);
  expect(JSON.stringify(model.memory).length).toBeLessThan(40_000);
});

function describeWaiting({ waiting }: SessionMemory): string[] {
  return waiting.map(({ turnId }) => turnId);
}
