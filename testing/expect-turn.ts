import { DeclarationError } from '../agents/declaration-error.ts';
import { recordProblem, rejectIf } from '../core/arguments.ts';
import { AssertionError } from 'node:assert';
import { isDeepStrictEqual } from 'node:util';
import type { OutcomeType } from '../core/calls/outcome.ts';
import type { CallRecord } from '../core/calls/record.ts';
import type { StopReason } from '../core/turn/stop-reason.ts';
import type { ObservedTurn } from './observed-turn.ts';
import { answerProblems, answerText, callText, json, turnText } from './observed-turn.ts';

/** Calls of a tool: all of them, or those with exactly this input. */
export type CallMatch = string | readonly [name: string, input: unknown];

/**
 * Asserts what a turn did. An assertion that fails throws an `AssertionError` that lists all calls of the
 * turn; one that holds returns the expectation, so that you can chain the next.
 *
 * ```ts
 * expectTurn(result).ended('end_turn').called('get_orders', { customer_id: 7 }).neverCalled('refund');
 * ```
 */
export function expectTurn(turn: ObservedTurn): TurnExpectation {
  rejectIf(DeclarationError, recordProblem('expectTurn: the turn', turn));
  if (!Array.isArray(turn.calls)) {
    throw new DeclarationError(
      'expectTurn: give the result of a turn, or the progress of an error',
    );
  }
  return new TurnExpectation(turn);
}

class TurnExpectation {
  private readonly turn: ObservedTurn;

  constructor(turn: ObservedTurn) {
    this.turn = turn;
  }

  /** With which stop reason it ended. A turn that failed has none. */
  ended(expected: StopReason): this {
    const { stopReason: actual } = this.turn;
    if (actual === expected) return this;
    const found = actual === undefined ? 'it failed' : `it ended with ${actual}`;
    throw this.failure(`expected the turn to end with ${expected}, but ${found}`, {
      actual,
      expected,
    });
  }

  /** The tool was called at least once: with exactly this input, if you give one. */
  called(name: string, ...input: [input?: unknown]): this {
    const match = toMatch(name, input);
    if (this.find(match).length > 0) return this;
    throw this.failure(`expected a call of ${matchText(match)}, but there was none`);
  }

  neverCalled(name: string, ...input: [input?: unknown]): this {
    const match = toMatch(name, input);
    const found = this.find(match).length;
    if (found === 0) return this;
    const many = found === 1 ? 'was one' : `were ${found}`;
    throw this.failure(`expected no call of ${matchText(match)}, but there ${many}`);
  }

  /** There is a different call for each, all in one reply of the model, in any order. */
  calledTogether(...matches: readonly CallMatch[]): this {
    const rounds = new Set(this.turn.calls.map(({ round }) => round));
    const together = [...rounds].some((round) =>
      canAssign(
        matches,
        this.turn.calls.filter((call) => call.round === round),
      ),
    );
    if (together) return this;
    throw this.failure(
      `expected ${matches.map(matchText).join(' and ')} to be called in one round, but no round has all of them`,
    );
  }

  /** Each was called in a later round than the one before, so after the model read its result. */
  calledInOrder(...matches: readonly CallMatch[]): this {
    let round = 0;
    let before = '';
    for (const match of matches) {
      const next = this.find(match).find((call) => call.round > round);
      if (next === undefined) {
        const found = this.find(match).length === 0 ? 'there was none' : 'there was none later';
        throw this.failure(`expected a call of ${matchText(match)}${before}, but ${found}`);
      }
      round = next.round;
      before = ` in a round after ${matchText(match)} (round ${round})`;
    }
    return this;
  }

  /**
   * How the call ended, and what the model reads as its result: a part of the text, or a pattern in it.
   * When several calls match, it must hold for each.
   */
  outcome(match: CallMatch, expected: OutcomeType, result?: string | RegExp): this {
    const calls = this.findSome(match);
    const other = calls.filter(({ outcome }) => outcome !== expected);
    if (other.length > 0) {
      const found = other.map(({ outcome }) => outcome).join(', ');
      throw this.failure(
        `expected ${matchText(match)} to end with ${expected}, but it ended with ${found}`,
        { actual: calls.map(({ outcome }) => outcome), expected: calls.map(() => expected) },
      );
    }
    if (result === undefined) return this;
    for (const call of calls) {
      const text = answerText(this.turn.messages, call.id);
      if (typeof result === 'string' ? text.includes(result) : text.search(result) !== -1) continue;
      const pattern = typeof result === 'string' ? json(result) : String(result);
      throw this.failure(
        `expected the result of ${matchText(match)} to contain ${pattern}, but it is ${json(text)}`,
        { actual: text, expected: result },
      );
    }
    return this;
  }

  /** How many attempts were started, for each call that matches; 0 when it never reached a worker. */
  attempts(match: CallMatch, expected: number): this {
    const actual = this.findSome(match).map(({ attempts }) => attempts);
    if (actual.every((attempts) => attempts === expected)) return this;
    throw this.failure(
      `expected ${matchText(match)} to take ${expected} attempts, but it took ${actual.join(', ')}`,
      { actual, expected: actual.map(() => expected) },
    );
  }

  /**
   * Every call of the conversation is answered exactly once, in the very next message, in call order,
   * and that message holds results only. The Messages API demands it, and Plait keeps it whatever happens.
   */
  answeredEveryCall(): this {
    const problems = answerProblems(this.turn);
    if (problems.length === 0) return this;
    throw this.failure(`expected every call to be answered once, but ${problems.join('; ')}`);
  }

  private find(match: CallMatch): CallRecord[] {
    return this.turn.calls.filter((call) => matches(match, call));
  }

  private findSome(match: CallMatch): CallRecord[] {
    const found = this.find(match);
    if (found.length > 0) return found;
    throw this.failure(`expected a call of ${matchText(match)}, but there was none`);
  }

  private failure(
    problem: string,
    compared: { actual?: unknown; expected?: unknown } = {},
  ): AssertionError {
    return new AssertionError({
      message: `${problem}.\n\n${turnText(this.turn)}`,
      operator: 'expectTurn',
      ...compared,
    });
  }
}

export type { TurnExpectation };

/** Without an input, any matches: a model cannot send `undefined`. */
function toMatch(name: string, [input]: readonly unknown[]): CallMatch {
  return input === undefined ? name : [name, input];
}

function matches(match: CallMatch, { name, input }: CallRecord): boolean {
  if (typeof match === 'string') return name === match;
  return name === match[0] && isDeepStrictEqual(input, match[1]);
}

function matchText(match: CallMatch): string {
  return typeof match === 'string' ? match : callText(match[0], match[1]);
}

/** Whether each can have a different call. */
function canAssign(wanted: readonly CallMatch[], calls: readonly CallRecord[]): boolean {
  const [first, ...rest] = wanted;
  if (first === undefined) return true;
  return calls.some(
    (call) =>
      matches(first, call) &&
      canAssign(
        rest,
        calls.filter((other) => other !== call),
      ),
  );
}
