import type {
  ActivitySnapshot,
  ActivityState,
  CallSnapshot,
  RoundSnapshot,
  TurnSnapshot,
} from '../client/follow/snapshot.ts';
import { isSettled } from '../client/follow/snapshot.ts';
import { defined } from '../core/json.ts';
import type { Style } from './style.ts';
import { columnsOf, cutTo, durationText, fit, oneLine, wrap } from './text.ts';

export interface TreeOptions {
  /** Width of the terminal. */
  columns: number;
  /** Bars of open steps end here; milliseconds since the epoch. */
  now: number;
  style: Style;
}

/** A line of a tree. */
export interface TreeRow {
  guide: string;
  name: string;
  detail: string;
  state: ActivityState;
  attempt: number;
  message?: string;
  model: boolean;
  /** Its bars on the time axis; absent if it has no time. */
  bars: readonly Bar[];
  /** Its duration in milliseconds. */
  took?: number;
  /** Printed before the message, in the line below. */
  below: string;
}

export interface Bar {
  /** Milliseconds since the epoch. */
  start: number;
  end: number;
  /** The character that the bar is made of, one column wide. */
  character: string;
  /** Grey instead of the colour of its row. */
  dim?: true;
}

const MARGIN = '  ';
const GAP = '  ';
/** The icon, the space behind it, and the last column, which stays empty. */
const ICON_AND_LAST = 3;
const TIME_COLUMNS = 9;
const NAME_COLUMNS = 28;
const DETAIL_COLUMNS = 24;
/** Less would cut most words. */
const DETAIL_LEAST = 12;
/** Narrower bars show nothing useful. */
const BAR_COLUMNS = 12;

/**
 * Draws a running or ended turn: a line for every model request and every call, with a bar on the turn's
 * time axis, and below it why the step did not succeed. Pure.
 */
export function drawTree(turn: TurnSnapshot, options: TreeOptions): string[] {
  return [...drawRows(rowsOfTurn(turn, options.now), options), ...blockedLines(turn, options)];
}

/** Why the workflow itself does not go on, in three lines at most. */
function blockedLines({ blocked }: TurnSnapshot, { columns, style }: TreeOptions): string[] {
  if (blocked === undefined) return [];
  const room = columns - MARGIN.length - ICON_AND_LAST;
  const [first = '', ...more] = wrap(blockedText(blocked), room).slice(0, 3);
  return [`✖ ${first}`, ...more.map((line) => `  ${line}`)].map((line) => MARGIN + style.red(line));
}

export function blockedText({ message }: NonNullable<TurnSnapshot['blocked']>): string {
  return `Workers cannot take the next step of the turn: ${oneLine(message)}`;
}

/** Draws rows whose bars may have several parts. */
export function drawRows(rows: readonly TreeRow[], options: TreeOptions): string[] {
  const layout = layoutOf(rows, options.columns);
  const axis = axisOf(rows, layout.bar);
  return rows.flatMap((row) => {
    const { style, now } = options;
    const colour = colourOf(row, style);
    const line = [
      MARGIN,
      style.dim(row.guide),
      colour(iconOf(row.state, row.model, now)),
      ' ',
      fit(row.name, layout.name - columnsOf(row.guide)),
      ...(layout.detail === 0 ? [] : [GAP, style.dim(fit(row.detail, layout.detail))]),
      ...(layout.bar === 0 ? [] : [GAP, barText(row.bars, axis, { colour, dim: style.dim })]),
      ...(layout.time === 0 ? [] : [timeText(row.took).padStart(layout.time)]),
    ];
    return [line.join('').trimEnd(), ...messageLines(row, options, colour)];
  });
}

/**
 * The columns of each part of a line. As a terminal gets narrower, bars go first, then details, then times;
 * names stay.
 */
interface Layout {
  name: number;
  detail: number;
  bar: number;
  time: number;
}

function layoutOf(rows: readonly TreeRow[], columns: number): Layout {
  const free = columns - MARGIN.length - ICON_AND_LAST;
  const widestName = Math.min(
    NAME_COLUMNS,
    widest(rows, (row) => row.guide + row.name),
  );
  const widestDetail = widest(rows, (row) => row.detail);
  const time = widestName + TIME_COLUMNS <= free ? TIME_COLUMNS : 0;
  const name = Math.min(widestName, free - time);
  const afterName = free - time - name - GAP.length;
  const showsDetail = afterName >= Math.min(widestDetail, DETAIL_LEAST);
  const detail = showsDetail ? Math.min(DETAIL_COLUMNS, afterName, widestDetail) : 0;
  const bar = afterName - (detail === 0 ? 0 : detail + GAP.length);
  return { name, detail, bar: bar >= BAR_COLUMNS ? bar : 0, time };
}

/** `indent` stands before every row: the turns of sub-agents are below the calls that run them. */
function rowsOfTurn({ rounds }: TurnSnapshot, now: number, indent = ''): TreeRow[] {
  return rounds.flatMap((round) => rowsOf(round, now, indent));
}

function rowsOf({ round, model, calls }: RoundSnapshot, now: number, indent: string): TreeRow[] {
  const top: TreeRow = {
    guide: indent,
    name: 'model',
    detail: `round ${round}`,
    ...lineOf(model, now),
    model: true,
    below: indent + (calls.length === 0 ? '  ' : '│ '),
  };
  const last = calls.length - 1;
  return [top, ...calls.flatMap((call, i) => rowsOfCall(call, i === last, now, indent))];
}

function rowsOfCall(call: CallSnapshot, last: boolean, now: number, indent: string): TreeRow[] {
  const { name, summary, startedEarly, subAgent } = call;
  const detail = oneLine(startedEarly === true ? `early · ${summary}` : summary);
  const below = indent + (last ? '    ' : '│   ');
  const row: TreeRow = {
    guide: indent + (last ? '└ ' : '├ '),
    name: oneLine(name),
    detail,
    ...lineOf(call, now),
    model: false,
    below,
  };
  return [row, ...(subAgent?.turn === undefined ? [] : rowsOfTurn(subAgent.turn, now, below))];
}

function lineOf(
  { state, attempt, message, start, end = Number.POSITIVE_INFINITY }: ActivitySnapshot,
  now: number,
): Pick<TreeRow, 'state' | 'attempt' | 'message' | 'bars' | 'took'> {
  if (start === undefined) return { state, attempt, ...defined({ message }), bars: [] };
  const until = Math.min(end, Math.max(now, start));
  const took = attempt === 0 ? undefined : until - start;
  const bars = [{ start, end: until, character: '━' }];
  return { state, attempt, ...defined({ message, took }), bars };
}

/** Why it did not succeed, in two lines at most. Their end matters, because the root cause comes last. */
function messageLines(row: TreeRow, { columns, style }: TreeOptions, colour: Colour): string[] {
  const { message, state, attempt } = row;
  if (message === undefined || state === 'succeeded') return [];
  const before = isSettled(state) || attempt < 2 ? '' : `attempt ${attempt}, after: `;
  const room = columns - MARGIN.length - row.below.length;
  const [first = '', ...more] = wrap(before + message, room);
  const lines = more.length === 0 ? [first] : [first, cutTo(more.join(' '), room)];
  return lines.map((line) => MARGIN + style.dim(row.below) + colour(line));
}

type Colour = (text: string) => string;

function colourOf({ state, model }: TreeRow, style: Style): Colour {
  return model && state === 'succeeded' ? style.cyan : style[LOOKS[state].colour];
}

const SPINNER = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏';
const SPINNER_MS = 80;

const LOOKS: Record<ActivityState, { icon: string; colour: 'green' | 'red' | 'yellow' | 'dim' }> = {
  scheduled: { icon: '·', colour: 'dim' },
  waiting: { icon: '…', colour: 'yellow' },
  running: { icon: '·', colour: 'yellow' },
  retrying: { icon: '↻', colour: 'yellow' },
  paused: { icon: '‖', colour: 'yellow' },
  cancelling: { icon: '⊘', colour: 'yellow' },
  succeeded: { icon: '✔', colour: 'green' },
  failed: { icon: '✖', colour: 'red' },
  timedOut: { icon: '✖', colour: 'red' },
  unknown: { icon: '?', colour: 'red' },
  denied: { icon: '⊘', colour: 'yellow' },
  cancelled: { icon: '⊘', colour: 'yellow' },
  skipped: { icon: '–', colour: 'dim' },
};

function iconOf(state: ActivityState, model: boolean, now: number): string {
  if (state === 'running') return SPINNER[Math.floor(now / SPINNER_MS) % SPINNER.length] ?? '·';
  return model && state === 'succeeded' ? '●' : LOOKS[state].icon;
}

/** The time axis that all bars share. */
interface Axis {
  columns: number;
  start: number;
  end: number;
}

function axisOf(rows: readonly TreeRow[], columns: number): Axis {
  const bars = rows.flatMap((row) => row.bars);
  // There may be more than fit into the arguments of a function.
  const start = bars.reduce((first, bar) => Math.min(first, bar.start), Number.POSITIVE_INFINITY);
  return { columns, start, end: bars.reduce((last, bar) => Math.max(last, bar.end), start + 1) };
}

/** Every bar takes at least one column; where two share one, the later bar is visible. */
function barText(
  bars: readonly Bar[],
  axis: Axis,
  { colour, dim }: { colour: Colour; dim: Colour },
): string {
  const columnOf = (time: number): number => {
    const share = (time - axis.start) / (axis.end - axis.start);
    return Math.round(Math.min(1, Math.max(0, share)) * axis.columns);
  };
  const columns = Array.from<Bar | undefined>({ length: axis.columns });
  for (const bar of bars) {
    const from = Math.min(columnOf(bar.start), axis.columns - 1);
    columns.fill(bar, from, Math.max(from + 1, columnOf(bar.end)));
  }
  const texts: string[] = [];
  for (let from = 0; from < columns.length;) {
    const bar = columns[from];
    const next = columns.findIndex((other, i) => i > from && other !== bar);
    const length = (next === -1 ? columns.length : next) - from;
    const text = (bar?.character ?? ' ').repeat(length);
    texts.push(bar === undefined ? text : bar.dim === true ? dim(text) : colour(text));
    from += length;
  }
  return texts.join('');
}

function timeText(took: number | undefined): string {
  return took === undefined ? '' : durationText(took);
}

function widest(rows: readonly TreeRow[], text: (row: TreeRow) => string): number {
  return Math.max(0, ...rows.map((row) => columnsOf(text(row))));
}
