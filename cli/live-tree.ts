import type {
  CallSnapshot,
  RoundSnapshot,
  ActivitySnapshot,
  ActivityState,
  TurnSnapshot,
} from '../client/follow/snapshot.ts';
import { isSettled } from '../client/follow/snapshot.ts';
import type { Style } from './style.ts';
import { columnsOf, cutTo, durationText, fit, oneLine, wrap } from './text.ts';

export interface TreeOptions {
  /** Width of the terminal. */
  columns: number;
  /** Bars of open steps end here; milliseconds since the epoch. */
  now: number;
  style: Style;
}

interface Row {
  guide: string;
  name: string;
  detail: string;
  step: ActivitySnapshot;
  model: boolean;
  /** Comes before the step's message, in the line below. */
  below: string;
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
  const rows = rowsOfTurn(turn);
  const layout = layoutOf(rows, options.columns);
  const axis = axisOf(turn, layout.bar, options.now);
  return rows.flatMap((row) => {
    const { style, now } = options;
    const { state } = row.step;
    const colour = colourOf(row, style);
    const line = [
      MARGIN,
      style.dim(row.guide),
      colour(iconOf(state, row.model, now)),
      ' ',
      fit(row.name, layout.name - columnsOf(row.guide)),
      ...(layout.detail === 0 ? [] : [GAP, style.dim(fit(row.detail, layout.detail))]),
      ...(layout.bar === 0 ? [] : [GAP, colour(bar(row.step, axis))]),
      ...(layout.time === 0 ? [] : [timeOf(row.step, now).padStart(layout.time)]),
    ];
    return [line.join('').trimEnd(), ...messageLines(row, options, colour)];
  });
}

/** Columns of the parts of a line. A narrow terminal lacks first bars, then details, then times: not names. */
interface Layout {
  name: number;
  detail: number;
  bar: number;
  time: number;
}

function layoutOf(rows: readonly Row[], columns: number): Layout {
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
function rowsOfTurn({ rounds }: TurnSnapshot, indent = ''): Row[] {
  return rounds.flatMap((round) => rowsOf(round, indent));
}

function rowsOf({ round, model, calls }: RoundSnapshot, indent: string): Row[] {
  const top: Row = {
    guide: indent,
    name: 'model',
    detail: `round ${round}`,
    step: model,
    model: true,
    below: indent + (calls.length === 0 ? '  ' : '│ '),
  };
  return [top, ...calls.flatMap((call, i) => rowsOfCall(call, i === calls.length - 1, indent))];
}

function rowsOfCall(call: CallSnapshot, last: boolean, indent: string): Row[] {
  const { name, summary, startedEarly, subAgent } = call;
  const detail = oneLine(startedEarly === true ? `early · ${summary}` : summary);
  const inner = indent + (last ? '  ' : '│ ');
  const row: Row = {
    guide: indent + (last ? '└ ' : '├ '),
    name: oneLine(name),
    detail,
    step: call,
    model: false,
    below: `${inner}  `,
  };
  return [row, ...(subAgent?.turn === undefined ? [] : rowsOfTurn(subAgent.turn, `${inner}  `))];
}

/** Why it did not succeed, in two lines at most, because the root cause comes last. */
function messageLines(row: Row, { columns, style }: TreeOptions, colour: Colour): string[] {
  const { message, state, attempt } = row.step;
  if (message === undefined || state === 'succeeded') return [];
  const before = isSettled(state) || attempt < 2 ? '' : `attempt ${attempt}, after: `;
  const room = columns - MARGIN.length - row.below.length;
  const [first = '', ...more] = wrap(before + message, room);
  const lines = more.length === 0 ? [first] : [first, cutTo(more.join(' '), room)];
  return lines.map((line) => MARGIN + style.dim(row.below) + colour(line));
}

type Colour = (text: string) => string;

function colourOf({ step, model }: Row, style: Style): Colour {
  return model && step.state === 'succeeded' ? style.cyan : style[LOOKS[step.state].colour];
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

function axisOf(turn: TurnSnapshot, columns: number, now: number): Axis {
  // The turns of sub-agents begin and end within their calls.
  const steps = turn.rounds.flatMap(({ model, calls }) => [model, ...calls]);
  const start = Math.min(...steps.map((step) => step.start ?? now));
  const ends = steps.map((step) => step.end ?? now);
  return { columns, start, end: Math.max(start + 1, ...ends) };
}

function bar({ start, end }: ActivitySnapshot, axis: Axis): string {
  if (start === undefined) return ' '.repeat(axis.columns);
  const columnOf = (time: number): number => {
    const share = (time - axis.start) / (axis.end - axis.start);
    return Math.round(Math.min(1, Math.max(0, share)) * axis.columns);
  };
  const from = Math.min(columnOf(start), axis.columns - 1);
  const to = Math.max(from + 1, columnOf(end ?? axis.end));
  return ' '.repeat(from) + '━'.repeat(to - from) + ' '.repeat(axis.columns - to);
}

function timeOf({ start, end, attempt }: ActivitySnapshot, now: number): string {
  return start === undefined || attempt === 0 ? '' : durationText((end ?? now) - start);
}

function widest(rows: readonly Row[], text: (row: Row) => string): number {
  return Math.max(0, ...rows.map((row) => columnsOf(text(row))));
}
