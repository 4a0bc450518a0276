import { DeclarationError } from '../agents/declaration-error.ts';
import { recordProblem, rejectIf } from '../core/arguments.ts';
import { AssertionError } from 'node:assert';
import type { OutcomeType } from '../core/calls/outcome.ts';
import type { CallRecord } from '../core/calls/record.ts';
import type { StopReason } from '../core/turn/stop-reason.ts';
import type { CallMatch, InputMatch } from './call-match.ts';
import { assign, matches, matchText } from './call-match.ts';
import type { ObservedTurn } from './observed-turn.ts';
import { answerProblems, answerText, json, turnText } from './observed-turn.ts';
import type { TrajectoryMode, TrajectoryStep } from './trajectory.ts';
import { TRAJECTORY_MODES, trajectoryProblem } from './trajectory.ts';

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

  /** The text of the last reply contains this text, or this pattern is in it. */
  says(expected: string | RegExp): this {
    const { text } = this.turn;
    if (contains(text, expected)) return this;
    throw this.failure(
      `expected the answer to contain ${patternText(expected)}, but it is ${json(text)}`,
      { actual: text, expected },
    );
  }

  /**
   * The tool was called at least once: with exactly this input if you give one, or with an input for which your
   * function returns true.
   */
  called(name: string, ...input: [input?: InputMatch]): this {
    const match = toMatch(name, input);
    if (this.find(match).length > 0) return this;
    throw this.failure(`expected a call of ${matchText(match)}, but there was none`);
  }

  neverCalled(name: string, ...input: [input?: InputMatch]): this {
    const match = toMatch(name, input);
    const found = this.find(match).length;
    if (found === 0) return this;
    const many = found === 1 ? 'was one' : `were ${found}`;
    throw this.failure(`expected no call of ${matchText(match)}, but there ${many}`);
  }

  /** There is a different call for each, all in one reply of the model, in any order. */
  calledTogether(...wanted: readonly CallMatch[]): this {
    const rounds = new Set(this.turn.calls.map(({ round }) => round));
    const together = [...rounds].some((round) =>
      canAssign(
        wanted,
        this.turn.calls.filter((call) => call.round === round),
      ),
    );
    if (together) return this;
    throw this.failure(
      `expected ${wanted.map(matchText).join(' and ')} to be called in one round, but no round has all of them`,
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
   * All calls of the turn, compared with those of a good one: each step holds the calls of one reply, which run
   * together, in any order. The modes are those of the field: `strict` wants these replies in this order,
   * `unordered` these calls and no others, `superset` at least these, `subset` no others. Calls of sub-agents are
   * not compared.
   *
   * @example
   * expectTurn(result).trajectory('strict', ['get_customer', 'get_orders'], [['refund', { order: 'A-17' }]]);
   */
  trajectory(mode: TrajectoryMode, ...steps: readonly TrajectoryStep[]): this {
    if (!TRAJECTORY_MODES.includes(mode) || !steps.every((step) => Array.isArray(step))) {
      throw new DeclarationError(
        `expectTurn: trajectory() takes one of ${TRAJECTORY_MODES.join(', ')}, and a list of calls for each step`,
      );
    }
    const problem = trajectoryProblem(mode, steps, this.turn.calls);
    if (problem === undefined) return this;
    throw this.failure(problem);
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
      if (contains(text, result)) continue;
      throw this.failure(
        `expected the result of ${matchText(match)} to contain ${patternText(result)}, but it is ${json(text)}`,
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
function toMatch(name: string, [input]: readonly InputMatch[]): CallMatch {
  return input === undefined ? name : [name, input];
}

/** Whether each can have a different call. */
function canAssign(wanted: readonly CallMatch[], calls: readonly CallRecord[]): boolean {
  return assign(wanted, calls).missing.length === 0;
}

function contains(text: string, expected: string | RegExp): boolean {
  return typeof expected === 'string' ? text.includes(expected) : text.search(expected) !== -1;
}

function patternText(expected: string | RegExp): string {
  return typeof expected === 'string' ? json(expected) : String(expected);
}
