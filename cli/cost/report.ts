import type { TurnEnding } from '../../client/end-of-turn.ts';
import type { CallRecord } from '../../core/calls/record.ts';
import { defined } from '../../core/json.ts';
import { sumUSD } from '../../core/turn/prices.ts';
import type { ModelUsage, Usage } from '../../core/turn/usage.ts';
import { addUsage, inputTokens, NO_USAGE } from '../../core/turn/usage.ts';

/** What the costs are grouped by. */
export type CostBy = (typeof COST_BY)[number];

export const COST_BY = ['agent', 'user', 'tool', 'model'] as const;

/** A turn that has ended, as far as the server and its result say. */
export interface EndedTurn {
  agent: string | undefined;
  user: string | undefined;
  /** `undefined` if it has none, or if it cannot be read here. */
  end: TurnEnding | undefined;
}

/** What turns have used up. */
interface Spent {
  /** Turns; a row by models or tools counts each turn in which the model or the tool was used. */
  turns: number;
  usage: Usage;
  /** In USD; absent where no turn had prices. */
  costUSD?: number;
  /** Turns whose agents have no `prices`, so that they are not in `costUSD`. */
  turnsWithoutPrice: number;
}

/** One line of the report. */
export interface CostRow extends Spent {
  /** Of an agent, a user, a tool or a model; `undefined` where it is not known. */
  name: string | undefined;
  /** For a tool. Tokens and costs are those of the turns that called it, including their other calls. */
  calls?: { count: number; failed: number; milliseconds: number };
}

export interface CostReport {
  by: CostBy;
  /** The most expensive first. */
  rows: CostRow[];
  total: Spent;
  /** Ended turns whose result cannot be read here. */
  turnsWithoutResult: number;
}

/** Sums turns up, one after the other. */
export class CostSum {
  private readonly by: CostBy;
  private readonly rows = new Map<string | undefined, CostRow>();
  private total = NOTHING;
  private turnsWithoutResult = 0;

  constructor(by: CostBy) {
    this.by = by;
  }

  add(turn: EndedTurn): void {
    const { end } = turn;
    if (end === undefined) {
      this.turnsWithoutResult += 1;
      return;
    }
    const own = ownSpent(end);
    this.total = plus(this.total, own);
    for (const row of rowsOf(this.by, turn, end, own)) {
      const before = this.rows.get(row.name);
      this.rows.set(row.name, before === undefined ? row : sumOf(before, row));
    }
  }

  report(): CostReport {
    const rows = [...this.rows.values()].toSorted(dearestFirst);
    return { by: this.by, rows, total: this.total, turnsWithoutResult: this.turnsWithoutResult };
  }
}

const NOTHING: Spent = { turns: 0, usage: NO_USAGE, turnsWithoutPrice: 0 };

/** By its models, if it names them. Its `usage` may include other turns, which are in the list themselves. */
function ownSpent({ models = [], usage, costUSD }: TurnEnding): Spent {
  return models.length === 0 ? spent({ usage, costUSD }) : models.map(spent).reduce(together);
}

function spent({ usage, costUSD }: { usage: Usage; costUSD?: number | undefined }): Spent {
  return {
    turns: 1,
    usage,
    ...defined({ costUSD }),
    turnsWithoutPrice: hasUsed(usage) && costUSD === undefined ? 1 : 0,
  };
}

function hasUsed(usage: Usage): boolean {
  return inputTokens(usage) + usage.output_tokens > 0;
}

/** Adds two parts of one turn. */
function together(a: Spent, b: Spent): Spent {
  const { turnsWithoutPrice } = a;
  return {
    ...plus(a, b),
    turns: 1,
    turnsWithoutPrice: Math.max(turnsWithoutPrice, b.turnsWithoutPrice),
  };
}

function plus(a: Spent, b: Spent): Spent {
  return {
    turns: a.turns + b.turns,
    usage: addUsage(a.usage, b.usage),
    ...defined({ costUSD: sumUSD(a.costUSD, b.costUSD) }),
    turnsWithoutPrice: a.turnsWithoutPrice + b.turnsWithoutPrice,
  };
}

function rowsOf(by: CostBy, turn: EndedTurn, end: TurnEnding, own: Spent): CostRow[] {
  switch (by) {
    case 'agent':
      return [{ name: turn.agent, ...own }];
    case 'user':
      return [{ name: turn.user, ...own }];
    case 'model':
      return modelRows(end.models, own);
    case 'tool':
      return toolRows(end.calls ?? [], own);
  }
}

function modelRows(models: readonly ModelUsage[] | undefined, own: Spent): CostRow[] {
  // Turns of earlier versions do not have it, nor do turns that failed at once.
  if (models !== undefined) return models.map((one) => ({ name: one.model, ...spent(one) }));
  return hasUsed(own.usage) ? [{ name: undefined, ...own }] : [];
}

function toolRows(calls: readonly CallRecord[], own: Spent): CostRow[] {
  const names = [...new Set(calls.map(({ name }) => name))];
  return names.map((name) => {
    const those = calls.filter((call) => call.name === name);
    return {
      name,
      ...own,
      calls: {
        count: those.length,
        failed: those.filter(({ outcome }) => outcome !== 'succeeded').length,
        milliseconds: those.reduce(
          (sum, { start, end }) => sum + Date.parse(end) - Date.parse(start),
          0,
        ),
      },
    };
  });
}

function sumOf(a: CostRow, b: CostRow): CostRow {
  const { name, calls } = a;
  const sum = plus(a, b);
  if (calls === undefined || b.calls === undefined) return { name, ...sum };
  return {
    name,
    ...sum,
    calls: {
      count: calls.count + b.calls.count,
      failed: calls.failed + b.calls.failed,
      milliseconds: calls.milliseconds + b.calls.milliseconds,
    },
  };
}

function dearestFirst(a: CostRow, b: CostRow): number {
  const cost = (b.costUSD ?? 0) - (a.costUSD ?? 0);
  return cost === 0 ? b.usage.output_tokens - a.usage.output_tokens : cost;
}
