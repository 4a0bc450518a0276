import type { SubAgentTurn } from '../calls/sub-agent-turn.ts';
import { defined } from '../json.ts';
import type { Budget, Spent } from './budget.ts';
import { remaining } from './budget.ts';
import { roundUSD } from './prices.ts';
import { inputTokens, NO_USAGE } from './usage.ts';

// What the sub-agents of one reply may spend of the calling turn's budget. Each gets a part reserved before
// it starts, so that all together cannot spend more than there is, and returns what it has not used. Rounds
// are not divided: each turn has its own. Nor is time: it passes for all, and the calling turn ends them with
// itself.

/** The budgets that are divided. */
const DIVIDED = ['toolCalls', 'inputTokens', 'outputTokens', 'costUSD'] as const;

type Divided = (typeof DIVIDED)[number];

/** Without these a turn can do nothing. Without tool calls it may still answer. */
const NEEDED: readonly Divided[] = ['inputTokens', 'outputTokens', 'costUSD'];

export interface Reserve {
  /** What is neither spent nor reserved; below 0 if replies have cost more than was left. */
  left: Budget;
  /** What is reserved, by call id. */
  open: Readonly<Record<string, Budget>>;
}

/** @param calls how many tool calls of the reply run: each counts, besides what it spends itself */
export function openReserve(budget: Budget, spent: Spent, calls: number): Reserve {
  const left = remaining(budget, { ...spent, toolCalls: spent.toolCalls + calls });
  return { left: fromDivided((name) => left[name]), open: {} };
}

/**
 * Reserves a part for a call: what its tool is `given`, if that much is left, or else an equal share among
 * all calls that wait for one and the calling turn, which has to read their answers. `undefined`: nothing is
 * left.
 *
 * @param request.sharers how many calls wait for a share, including this one
 */
export function reserve(
  { left, open }: Reserve,
  callId: string,
  { given = {}, sharers }: { given?: Budget; sharers: number },
): { reserve: Reserve; limits: Budget } | undefined {
  const part = fromDivided((name) => {
    const there = left[name];
    const asked = given[name];
    if (there === undefined) return asked;
    const most = Math.max(0, there);
    return asked === undefined ? shareOf(name, most, sharers + 1) : Math.min(asked, most);
  });
  if (NEEDED.some((name) => part[name] === 0)) return undefined;
  const taken = fromDivided((name) => (left[name] === undefined ? undefined : part[name]));
  return {
    reserve: {
      left: fromDivided((name) => minus(left[name], taken[name])),
      open: { ...open, [callId]: taken },
    },
    limits: { ...given, ...part },
  };
}

/** The turn of the call has ended: returns what it has not spent. */
export function giveBack(
  { left, open }: Reserve,
  callId: string,
  spent: Pick<Spent, Divided>,
): Reserve {
  const { [callId]: reserved = {}, ...others } = open;
  return {
    left: fromDivided((name) =>
      left[name] === undefined
        ? undefined
        : minus(left[name] + (reserved[name] ?? 0), spent[name] ?? 0),
    ),
    open: others,
  };
}

/** What the turn of a sub-agent has spent; nothing if there was none. */
export function spentBy(turn: SubAgentTurn | undefined): Pick<Spent, Divided> {
  const { toolCalls = 0, usage = NO_USAGE, costUSD } = turn ?? {};
  return {
    toolCalls,
    inputTokens: inputTokens(usage),
    outputTokens: usage.output_tokens,
    ...defined({ costUSD }),
  };
}

function shareOf(name: Divided, amount: number, shares: number): number {
  // To a billionth of a dollar, always rounded down.
  const unit = name === 'costUSD' ? 1e9 : 1;
  return Math.floor((amount / shares) * unit) / unit;
}

function minus(a: number | undefined, b = 0): number | undefined {
  return a === undefined ? undefined : roundUSD(a - b);
}

function fromDivided(amountOf: (name: Divided) => number | undefined): Budget {
  return Object.fromEntries(
    DIVIDED.flatMap((name) => {
      const amount = amountOf(name);
      return amount === undefined ? [] : [[name, amount]];
    }),
  );
}
