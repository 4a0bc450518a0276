import { MAX_DURATION } from '../duration.ts';
import { defined, isRecord, membersOf } from '../json.ts';
import type { OutcomeType } from '../calls/outcome.ts';
import { OUTCOMES } from '../calls/outcome.ts';
import { turnTimeLimit } from '../calls/texts.ts';
import type { Prices } from './prices.ts';
import { costOf, roundUSD } from './prices.ts';
import type { BudgetReason, Stop } from './stop-reason.ts';
import type { Usage } from './usage.ts';
import { inputTokens } from './usage.ts';

/** What a turn or a session may spend. What is absent has no limit; 0 means that nothing is left. */
export interface Budget {
  /** Replies of the model. */
  rounds?: number;
  /** Tool calls, except those that end as `skipped`. */
  toolCalls?: number;
  /**
   * Tokens of all requests, those from the prompt cache included. Every request holds the whole
   * conversation, so this grows with the square of the rounds; `costUSD` knows what the cache saves.
   */
  inputTokens?: number;
  /** Tokens of all replies, thinking included. */
  outputTokens?: number;
  /** By the agent's `prices`. */
  costUSD?: number;
  /** Milliseconds from the start of the turn, waiting for people and for workers included. */
  wallTime?: number;
}

export type BudgetName = keyof Budget;

/** What has been spent of each. */
export interface Spent extends Required<Omit<Budget, 'costUSD'>> {
  /** Absent where there are no prices. */
  costUSD?: number;
}

/**
 * What a turn does when it has reached a limit and answered its open calls:
 *
 * - `stop`: it ends.
 * - `lastWord`: the model is asked once more, with tools that it must not call, so that it can say what
 *   it has found. That reply may exceed the limit. There is none if the time is up or the turn began with
 *   nothing left.
 */
export type OnLimit = 'stop' | 'lastWord';

export const ON_LIMIT = membersOf<OnLimit>({ stop: true, lastWord: true });

/** A reached budget, with a clause that says which: "the limit of 3 rounds is reached". */
export interface ReachedBudget {
  reason: BudgetReason;
  text: string;
}

type CheckedBudget = Exclude<BudgetName, 'toolCalls'>;

/** In the order in which they are checked. Tool calls are not here: see `callsWithin`. */
const CHECKED: Readonly<
  Record<CheckedBudget, [reason: BudgetReason, text: (limit: number, spent: number) => string]>
> = {
  rounds: ['max_rounds', (limit) => `the limit of ${count(limit, 'round')} is reached`],
  costUSD: ['max_cost', (limit, spent) => used(usd(limit), usd(spent))],
  outputTokens: [
    'max_output_tokens',
    (limit, spent) => used(count(limit, 'output token'), `${spent}`),
  ],
  inputTokens: [
    'max_input_tokens',
    (limit, spent) => used(count(limit, 'input token'), `${spent}`),
  ],
  wallTime: ['max_wall_time', (limit) => `${turnTimeLimit(limit)} is up`],
};

export const BUDGET_NAMES = membersOf<BudgetName>({
  rounds: true,
  toolCalls: true,
  inputTokens: true,
  outputTokens: true,
  costUSD: true,
  wallTime: true,
});

function used(limit: string, spent: string): string {
  return `the limit of ${limit} is reached, with ${spent} spent`;
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}

function usd(amount: number): string {
  return `$${Number(amount.toFixed(6))}`;
}

/** The tighter limit of both, for each kind. */
export function tighter(a: Budget, b: Budget): Budget {
  return fromNames((name) => {
    const [x, y] = [a[name], b[name]];
    return x === undefined || y === undefined ? (x ?? y) : Math.min(x, y);
  });
}

/** What is left of a budget. In a session, the next turn may spend this. Never below 0. */
export function remaining(budget: Budget, spent: Spent): Budget {
  return fromNames((name) => {
    const limit = budget[name];
    if (limit === undefined) return undefined;
    const left = Math.max(0, limit - (spent[name] ?? 0));
    return name === 'costUSD' ? roundUSD(left) : left;
  });
}

export const NOTHING_SPENT: Spent = {
  rounds: 0,
  toolCalls: 0,
  inputTokens: 0,
  outputTokens: 0,
  wallTime: 0,
};

export function addSpent(a: Spent, b: Spent): Spent {
  const cost = a.costUSD === undefined && b.costUSD === undefined;
  return {
    rounds: a.rounds + b.rounds,
    toolCalls: a.toolCalls + b.toolCalls,
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    wallTime: a.wallTime + b.wallTime,
    ...(cost ? {} : { costUSD: roundUSD((a.costUSD ?? 0) + (b.costUSD ?? 0)) }),
  };
}

interface SpendingTurn {
  rounds: number;
  usage: Usage;
  calls: readonly { outcome: OutcomeType; subAgent?: { toolCalls: number } }[];
  costUSD?: number;
}

/** What a turn and its sub-agents have spent, from its state or from its result. */
export function spentOf(turn: SpendingTurn, wallTime: number): Spent {
  const { rounds, usage, calls, costUSD } = turn;
  return {
    rounds,
    toolCalls: calls.reduce((sum, { outcome, subAgent }) => {
      const own = OUTCOMES[outcome].isCounted ? 1 : 0;
      return sum + own + (subAgent?.toolCalls ?? 0);
    }, 0),
    inputTokens: inputTokens(usage),
    outputTokens: usage.output_tokens,
    wallTime,
    ...defined({ costUSD }),
  };
}

/** The first budget that is used up. Tool calls do not count: without any left, a model may still answer. */
export function reachedBudget(budget: Budget, spent: Spent): ReachedBudget | undefined {
  for (const name of Object.keys(CHECKED) as CheckedBudget[]) {
    const [reason, text] = CHECKED[name];
    const [limit, amount] = [budget[name], spent[name] ?? 0];
    if (limit !== undefined && amount >= limit) {
      return { reason, text: text(limit, amount) };
    }
  }
  return undefined;
}

/** How many of a reply's calls may run, counted from the first, and why not the others. */
export function callsWithin(
  { toolCalls: limit }: Budget,
  { toolCalls: spent }: Spent,
  asked: number,
): { run: number; reached?: ReachedBudget } {
  if (limit === undefined) return { run: asked };
  const left = Math.max(0, limit - spent);
  if (asked <= left) return { run: asked };
  const what = `the limit of ${count(limit, 'tool call')} is reached`;
  return {
    run: left,
    reached: {
      reason: 'max_tool_calls',
      text: `${what}: the last reply asked for ${asked} with ${left} left`,
    },
  };
}

/**
 * How many calls of an incomplete reply may run for sure, counted from the first. None if the complete reply
 * may reach a limit, since then its calls do not run.
 *
 * @param left what is left of the budget without the reply
 * @param most what the reply has cost so far, with the most tokens that it may reach
 * @param prices of all models that may have given it
 */
export function callsBeforeEnd(left: Budget, most: Usage, prices: readonly Prices[]): number {
  const costUSD = Math.max(0, ...prices.map((price) => costOf(most, price)));
  const spent = spentOf({ rounds: 1, usage: most, calls: [], costUSD }, 0);
  return reachedBudget(left, spent) === undefined ? (left.toolCalls ?? Infinity) : 0;
}

/** The end of a turn that ran out of time during a model call. */
export function outOfTime(wallTime: number): Stop {
  const reason: BudgetReason = 'max_wall_time';
  const details = budgetDetails({ reason, text: `${turnTimeLimit(wallTime)} is up` });
  return { type: 'stop', reason, details };
}

/** The details of the turn's stop reason. */
export function budgetDetails({ text }: ReachedBudget): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** What is wrong with limits that somebody has given, or `undefined`. `at` is their name: `limits`. */
export function findBudgetProblem(limits: unknown, at: string): string | undefined {
  if (!isRecord(limits)) return `${at} must be an object with ${BUDGET_NAMES.join(', ')}`;
  for (const [name, limit] of Object.entries(limits)) {
    if (!BUDGET_NAMES.includes(name as BudgetName)) {
      return `unknown field ${at}.${name}; known fields: ${BUDGET_NAMES.join(', ')}`;
    }
    if (typeof limit !== 'number' || !Number.isFinite(limit) || limit < 0) {
      return `${at}.${name} must be a number of at least 0`;
    }
    if (name !== 'costUSD' && name !== 'wallTime' && !Number.isInteger(limit)) {
      return `${at}.${name} must be a whole number`;
    }
    if (name === 'wallTime' && limit > MAX_DURATION) {
      return `${at}.${name} must be at most ${MAX_DURATION} milliseconds, which is 36,500 days`;
    }
  }
  return undefined;
}

function fromNames(limitOf: (name: BudgetName) => number | undefined): Budget {
  return Object.fromEntries(
    BUDGET_NAMES.flatMap((name) => {
      const limit = limitOf(name);
      return limit === undefined ? [] : [[name, limit]];
    }),
  );
}
