import { summarize } from '../activities/tools/prepare-calls.ts';
import type { WaitingCall } from '../client/waiting-calls.ts';
import { fieldText } from '../core/calls/question.ts';
import type { ApprovalRequest, NumberedQuestion } from '../core/turn/protocol.ts';
import type { Style } from './style.ts';
import { columnsOf, cutTo, fit, oneLine, spanText, visibleJson, wrap } from './text.ts';

export interface TableOptions {
  /** Width of the terminal; `undefined` without one. */
  columns: number | undefined;
  /** Milliseconds since the epoch. */
  now: number;
  style: Style;
}

/** For a log or a pipe. */
const DEFAULT_COLUMNS = 120;

const MARGIN = '  ';
const GAP = '  ';
/** The arguments get the space that the other columns leave, but at least this much. */
const ARGUMENTS_COLUMNS = 24;
const HEADINGS = ['CALL', 'TOOL', 'ARGUMENTS', 'WAITING', 'EXPIRES IN'] as const;
const ARGUMENTS = HEADINGS.indexOf('ARGUMENTS');

/**
 * The calls that wait for a person, under their turns, the longest waiting first. Ids are never cut, so
 * that you can copy them. Pure.
 */
export function drawWaiting(calls: readonly WaitingCall[], options: TableOptions): string[] {
  const { columns = DEFAULT_COLUMNS, style } = options;
  const byAge = calls.toSorted((a, b) => Date.parse(a.requestedAt) - Date.parse(b.requestedAt));
  const turns = new Map<string, WaitingCall[]>();
  for (const call of byAge) turns.set(call.turnId, [...(turns.get(call.turnId) ?? []), call]);
  const rows = new Map(byAge.map((call) => [call, cellsOf(call, options.now)]));
  const widths = widthsOf([HEADINGS, ...rows.values()], columns);
  const width = widths.reduce((sum, one) => sum + one + GAP.length, 0);
  const fits = MARGIN.length + width - GAP.length < columns;
  const lineOf = (cells: readonly string[]): string =>
    MARGIN +
    cells
      .map((cell, i) => fit(cell, widths[i] ?? 0))
      .join(GAP)
      .trimEnd();
  const lines = [...turns].flatMap(([turnId, ofTurn]) => {
    const [first] = ofTurn;
    const agent = first === undefined ? undefined : (askerText(first) ?? first.agent);
    const about = agent === undefined ? '' : style.dim(`  ${oneLine(agent)}`);
    const calls = ofTurn.flatMap((call) => {
      const cells = rows.get(call) ?? [];
      return fits ? [lineOf(cells)] : blockOf(cells, columns);
    });
    return [style.bold(oneLine(turnId)) + about, ...calls];
  });
  return fits ? [style.dim(lineOf(HEADINGS)), ...lines] : lines;
}

/** The cells of a call one below the other, for a terminal too narrow for a table. */
function blockOf(
  [callId = '', tool = '', input = '', waiting = '', expires = '']: readonly string[],
  columns: number,
): string[] {
  const about = [`${tool}(${input})`, `waiting ${waiting}, expires in ${expires}`];
  const lines = about.flatMap((text) => wrap(text, columns - MARGIN.length * 2 - 1));
  return [MARGIN + callId, ...lines.map((line) => MARGIN + MARGIN + line)];
}

function cellsOf(call: WaitingCall, now: number): string[] {
  const { callId, tool, input, requestedAt, expiresAt, question } = call;
  const about = question === undefined ? summarize(input) : `asks: ${question.message}`;
  const waiting = spanText(now - Date.parse(requestedAt));
  const expires = spanText(Date.parse(expiresAt) - now);
  return [callId, tool, about, waiting, expires].map(oneLine);
}

function widthsOf(rows: Iterable<readonly string[]>, columns: number): number[] {
  const all = [...rows];
  const widths = HEADINGS.map((_, i) => Math.max(...all.map((row) => columnsOf(row[i] ?? ''))));
  const others = widths.toSpliced(ARGUMENTS, 1).reduce((sum, width) => sum + width + GAP.length, 0);
  // The last column stays empty, as in the tree of a turn.
  const free = columns - MARGIN.length - others - 1;
  const given = Math.max(ARGUMENTS_COLUMNS, free);
  return widths.map((width, i) => (i === ARGUMENTS ? Math.min(width, given) : width));
}

/** Who asks, where that is a sub-agent: `lead › researcher`. */
export function askerText({ subAgent }: Pick<ApprovalRequest, 'subAgent'>): string | undefined {
  return subAgent?.path.join(' › ');
}

/** A tool that waits, with the sub-agent that asks, if there is one. */
export function waitingText(request: ApprovalRequest): string {
  const asker = askerText(request);
  return oneLine(asker === undefined ? request.tool : `${request.tool} of ${asker}`);
}

/** What the server of a call asks, and what the answer must be. */
export function questionLines(question: NumberedQuestion): string[] {
  const { message, server, number } = question;
  const lines = [`the server ${server} asks (question ${number}):`, ...message.split('\n')];
  if (question.type === 'url') return [...lines, `go to ${question.url}`].map(questionLine);
  const fields = Object.entries(question.schema.properties).map(([name, field]) => {
    const { title, description, default: otherwise } = field;
    const about = [title, description].filter((one) => typeof one === 'string').join(': ');
    const needed = question.schema.required?.includes(name) === true ? '' : ', optional';
    const given = otherwise === undefined ? '' : `, otherwise ${JSON.stringify(otherwise)}`;
    return `${name} (${fieldText(field)}${needed}${given})${about === '' ? '' : ` ${about}`}`;
  });
  return [...lines, ...fields.map((field) => `- ${field}`)].map(questionLine);
}

function questionLine(line: string): string {
  return `    ${oneLine(line)}`;
}

/** The whole input of a call, for the person who decides. */
export function inputLines(input: unknown): string[] {
  return visibleJson(input, 2)
    .split('\n')
    .map((line) => `    ${line}`);
}

/** A call in a few words: `toolu_01 refund(cents: 12000)`. */
export function callText({ callId, tool, input }: Pick<WaitingCall, 'callId' | 'tool' | 'input'>) {
  return cutTo(oneLine(`${callId} ${tool}(${summarize(input)})`), 120);
}
