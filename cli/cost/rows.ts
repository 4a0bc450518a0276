import { inputTokens } from '../../core/turn/usage.ts';
import { durationText } from '../text.ts';
import { costText } from '../../core/turn/usage-text.ts';
import type { CostBy, CostReport, CostRow } from './report.ts';

// The report for people, as a table, and for spreadsheets, as rows of numbers.

const UNKNOWN = '(unknown)';

/** The headings and the cells of the table; the last row is the total. Pure. */
export function tableRows({ by, rows, total }: CostReport): [headings: string[], rows: string[][]] {
  const headings = ['TURNS', 'TOKENS IN', 'FROM CACHE', 'TOKENS OUT', 'COST'];
  const all = [
    ...rows.map((row) => ({ ...row, name: row.name ?? UNKNOWN })),
    { ...total, name: 'total' },
  ];
  return [
    [by.toUpperCase(), ...(by === 'tool' ? TOOL_HEADINGS : []), ...headings],
    all.map((row) => [row.name, ...(by === 'tool' ? toolCells(row) : []), ...cells(row)]),
  ];
}

const TOOL_HEADINGS = ['CALLS', 'NOT SUCCEEDED', 'TIME'];

function toolCells({ calls }: Pick<CostRow, 'calls'>): string[] {
  if (calls === undefined) return ['', '', ''];
  const { count, failed, milliseconds } = calls;
  return [number(count), number(failed), durationText(milliseconds)];
}

function cells({ turns, usage, costUSD }: CostRow): string[] {
  return [
    number(turns),
    number(inputTokens(usage)),
    number(usage.cache_read_input_tokens),
    number(usage.output_tokens),
    costUSD === undefined ? '' : costText(costUSD),
  ];
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}

/** The same with every figure of the report, for CSV; without the total, which a spreadsheet makes itself. */
export function csvRows({ by, rows }: CostReport): (string | number | undefined)[][] {
  return [
    [
      by,
      ...(by === 'tool' ? ['calls', 'calls_not_succeeded', 'call_milliseconds'] : []),
      ...COLUMNS,
    ],
    ...rows.map((row) => [
      row.name ?? '',
      ...(by === 'tool' ? toolFigures(row) : []),
      ...figures(row),
    ]),
  ];
}

const COLUMNS = [
  'turns',
  'input_tokens',
  'cache_creation_input_tokens',
  'cache_read_input_tokens',
  'output_tokens',
  'cost_usd',
  'turns_without_price',
];

function toolFigures({ calls }: CostRow): (number | undefined)[] {
  return [calls?.count, calls?.failed, calls?.milliseconds];
}

function figures({ turns, usage, costUSD, turnsWithoutPrice }: CostRow): (number | undefined)[] {
  const { input_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens } =
    usage;
  return [
    turns,
    input_tokens,
    cache_creation_input_tokens,
    cache_read_input_tokens,
    output_tokens,
    costUSD,
    turnsWithoutPrice,
  ];
}

/** What else is known about the period. */
export interface Circumstances {
  since: Date;
  /** Turns that have not ended. */
  running: number;
  /** How long the namespace keeps ended turns, in milliseconds. */
  retentionMs: number | undefined;
  now: Date;
}

/** What is not in the report, in sentences. Pure. */
export function remarks(
  { by, total, turnsWithoutResult }: CostReport,
  { since, running, retentionMs, now }: Circumstances,
): string[] {
  const isForgotten = retentionMs !== undefined && now.getTime() - since.getTime() > retentionMs;
  return [
    ...(by === 'tool' && total.turns > 0 ? [TOOL_REMARK] : []),
    ...(total.turnsWithoutPrice === 0
      ? []
      : [
          `The cost of ${turns(total.turnsWithoutPrice)} is not included: the agents have no \`prices\`.`,
        ]),
    ...(turnsWithoutResult === 0
      ? []
      : [
          `${turns(turnsWithoutResult)} ended without a result that can be read here: terminated, encrypted, or in a storage that is not configured here (--storage).`,
        ]),
    ...(running === 0
      ? []
      : [
          `${turns(running)} still ${running === 1 ? 'runs, and counts once it has' : 'run, and count once they have'} ended.`,
        ]),
    ...(isForgotten
      ? [
          'The namespace keeps ended turns for a shorter time than was asked for, so older ones are missing.',
        ]
      : []),
  ];
}

const TOOL_REMARK =
  'Tokens and cost of a tool are those of the whole turns that called it. A turn counts for each of its tools.';

function turns(count: number): string {
  return `${number(count)} turn${count === 1 ? '' : 's'}`;
}

/** The heading above the table. */
export function title(by: CostBy, { since, now }: Pick<Circumstances, 'since' | 'now'>): string {
  return `Turns that ended from ${minute(since)} to ${minute(now)} UTC, by ${by}`;
}

function minute(date: Date): string {
  return date.toISOString().slice(0, 16).replace('T', ' ');
}
