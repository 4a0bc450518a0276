import type { Row } from '../../client/follow/waterfall.ts';
import { allRows, isWork, tookOf } from '../../client/follow/waterfall.ts';
import { defined } from '../../core/json.ts';
import type { TreeRow } from '../live-tree.ts';
import { drawRows } from '../live-tree.ts';
import type { Style } from '../style.ts';
import { durationText, oneLine, wrap } from '../text.ts';
import { field } from '../worker-report.ts';
import type { TurnFacts } from './facts.ts';
import type { Finding } from './findings.ts';
import { findingsOf } from './findings.ts';
import { figuresOf, lookOf, LOOKS } from './words.ts';

export interface ShowOptions {
  /** Width of the terminal. */
  columns: number;
  style: Style;
}

/** A turn as text: what is wrong, the waterfall, and the figures. Pure. */
export function showLines(facts: TurnFacts, options: ShowOptions): string[] {
  const { turn } = facts;
  const { style, columns } = options;
  const { turnId, agent, asked, start, end } = turn;
  const line = (label: string, value: string) => field(label, value, style);
  const rows = treeRows(turn.rows);
  return [
    style.bold(`turn ${oneLine(turnId)}`),
    line('agent', oneLine(agent ?? 'unknown')),
    ...(asked === undefined ? [] : [line('asked', wrap(asked, columns - 15)[0] ?? '')]),
    line('started', new Date(start).toISOString()),
    '',
    ...findingsOf(facts).flatMap((finding) => findingLines(finding, options)),
    ...(rows.length === 0 ? [] : ['', ...drawRows(rows, { columns, now: end, style })]),
    ...(rows.length === 0 ? [] : ['', ...legendLines(turn.rows, options)]),
    '',
    ...figuresOf(facts).map(({ label, value, explanation }) =>
      line(label, explanation === undefined ? value : `${value} (${explanation})`),
    ),
  ];
}

const ICONS: Record<Finding['type'], { icon: string; colour: 'green' | 'yellow' | 'red' }> = {
  done: { icon: '✔', colour: 'green' },
  waits: { icon: '…', colour: 'yellow' },
  problem: { icon: '✖', colour: 'red' },
};

function findingLines(
  { type, what, where, why, todo, commands = [] }: Finding,
  { columns, style }: ShowOptions,
): string[] {
  const { icon, colour } = ICONS[type];
  const texts = [
    ...(where === undefined ? [] : [where]),
    ...(why === undefined ? [] : [oneLine(why)]),
    ...(todo === undefined ? [] : [todo]),
  ];
  const [first = '', ...rest] = wrap(what, columns - 5);
  return [
    `  ${style[colour](icon)} ${first}`,
    ...[...rest, ...texts.flatMap((text) => wrap(text, columns - 5))].map((text) => `    ${text}`),
    ...commands.map((command) => `    ${style.bold(command)}`),
  ];
}

/** A `*` marks what the turn has waited for. */
function treeRows(rows: readonly Row[], before = ''): TreeRow[] {
  return rows.flatMap((row, i) => {
    const isCall = row.type === 'call';
    const isLast = i === rows.length - 1;
    const guide = isCall ? `${before}${isLast ? '└ ' : '├ '}` : before;
    const within = isCall ? `${before}${isLast ? '  ' : '│ '}` : before;
    return [treeRow(row, guide, within), ...treeRows(row.children, within)];
  });
}

function treeRow(row: Row, guide: string, within: string): TreeRow {
  const { type, name, summary, state, attempts, bars, message, critical, children } = row;
  return {
    guide,
    name: `${oneLine(name)}${critical === true ? ' *' : ''}`,
    detail: oneLine(summary),
    state,
    attempt: attempts,
    ...defined({ message, took: tookOf(row) }),
    model: type === 'model',
    bars: bars.map((bar) => ({
      start: bar.start,
      end: bar.end,
      character: LOOKS[lookOf(bar)].character,
      ...(isWork(bar.type) ? {} : { dim: true as const }),
    })),
    below: `${within}${children.length === 0 ? '  ' : '│ '}`,
  };
}

/** What the characters of the bars mean, and the star. */
function legendLines(rows: readonly Row[], { columns, style }: ShowOptions): string[] {
  const bars = allRows(rows).flatMap((row) => row.bars);
  const used = new Set(bars.map(lookOf));
  const looks = Object.entries(LOOKS).filter(([look]) => used.has(look as never));
  const parts = [
    ...looks.map(([, { character, label }]) => `${character} ${label}`),
    '* on the critical path',
    ...(bars.some(({ estimated }) => estimated === true)
      ? ['times of earlier attempts are estimates']
      : []),
  ];
  return wrap(parts.join(' | '), columns - 3).map((text) => `  ${style.dim(text)}`);
}

/** The same as a title: `failed: the model could not be asked`. */
export function statusText({ turn }: TurnFacts): string {
  const { status, stopReason, start, end } = turn;
  if (status === 'running') return `running for ${durationText(end - start)}`;
  return stopReason === undefined ? status : `${status}: ${oneLine(stopReason)}`;
}
