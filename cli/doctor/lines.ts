import type { Style } from '../style.ts';
import { oneLine, wrap } from '../text.ts';
import type { Check, Finding, Level } from './findings.ts';

const NAMES: Record<Check, string> = {
  server: 'server',
  namespace: 'namespace',
  versions: 'versions',
  searchAttributes: 'search attributes',
  taskQueues: 'task queues',
  limits: 'limits',
  model: 'model',
  storage: 'storage',
  streamTransport: 'stream transport',
  clock: 'clock',
};

const LEVEL_COLUMNS = 9;
const NAME_COLUMNS = 19;

/** The findings for a terminal of so many columns, or for a pipe. Pure. */
export function findingLines(
  findings: readonly Finding[],
  { columns = Number.POSITIVE_INFINITY, style }: { columns: number | undefined; style: Style },
): string[] {
  const indent = ' '.repeat(LEVEL_COLUMNS + NAME_COLUMNS);
  // In a narrow terminal the text is below the name.
  const isNarrow = columns < 80;
  const room = columns - (isNarrow ? 2 : indent.length) - 1;
  const painted = { ok: style.green, warning: style.yellow, problem: style.red };
  return findings.flatMap(({ level, check, text, advice }) => {
    const head = `${painted[level](level.padEnd(LEVEL_COLUMNS))}${NAMES[check]}`;
    const gap = ' '.repeat(NAME_COLUMNS - NAMES[check].length);
    const lines = [
      ...wrap(text, room),
      ...(advice === undefined ? [] : wrapped(`→ ${advice}`, room)),
    ];
    return isNarrow
      ? [head, ...lines.map((line) => `  ${line}`)]
      : lines.map((line, i) => (i === 0 ? head + gap : indent) + line);
  });
}

/** Continuation lines are indented to the first word. */
function wrapped(text: string, columns: number): string[] {
  return wrap(oneLine(text), columns - 2).map((line, i) => (i === 0 ? line : `  ${line}`));
}

/** The summary line. Pure. */
export function summaryLine(findings: readonly Finding[]): string {
  const count = (level: Level) => findings.filter((one) => one.level === level).length;
  const [problems, warnings] = [count('problem'), count('warning')];
  if (problems + warnings === 0) return 'No problem was found.';
  const parts = [
    ...(problems === 0 ? [] : [`${problems} problem${problems === 1 ? '' : 's'}`]),
    ...(warnings === 0 ? [] : [`${warnings} warning${warnings === 1 ? '' : 's'}`]),
  ];
  return `${parts.join(' and ')}.`;
}
