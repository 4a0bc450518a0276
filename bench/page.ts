import { readFileSync, writeFileSync } from 'node:fs';
import { totalOf } from './action-counter.ts';
import { plotOf } from './plot.ts';
import { closingLines, headerLine, linearLines, scenarioLines, sessionLines } from './report.ts';
import type { Measurement, Results } from './results.ts';
import { count, perSecond, whole } from './text.ts';

const TEMPLATE = new URL('benchmarks.template.md', import.meta.url);
const PAGE = new URL('../docs/benchmarks.md', import.meta.url);
const PLOT = new URL('../docs/benchmarks.svg', import.meta.url);

/** Writes docs/benchmarks.md and its picture, from bench/benchmarks.template.md. */
export function writePage(results: Results): void {
  writeFileSync(PAGE, fillPage(readFileSync(TEMPLATE, 'utf8'), results));
  writeFileSync(PLOT, plotOf(results.scenarios));
}

/**
 * Fills the figures of a run into a page. `{{ratio|calls-500|Plait|straightforward loop}}` stands for one
 * figure, `{{tables}}` for lines. The functions are those of `figuresOf`.
 */
export function fillPage(template: string, results: Results): string {
  const figures = figuresOf(results);
  return template.replaceAll(/\{\{([^}]+)\}\}/g, (_, text: string) => {
    const [name = '', ...args] = text.split('|');
    const figure = figures[name];
    if (figure === undefined)
      throw new Error(`The page asks for {{${text}}}, and there is no ${name}`);
    return figure(...args);
  });
}

type Figure = (...args: string[]) => string;

function figuresOf(results: Results): Record<string, Figure> {
  const find = (scenario = '', contender = ''): Measurement => {
    const result = results.scenarios.find((each) => each.scenario.name === scenario);
    const found = result?.measurements.find((each) => each.contender === contender);
    if (found !== undefined) return found;
    throw new Error(
      `The page needs ${scenario} of ${contender}, which was not measured: run npm run bench:docs, which measures all`,
    );
  };
  const median = (scenario?: string, contender?: string): number =>
    find(scenario, contender).time?.median ?? Number.NaN;
  const linear = (rounds = '', setup = '') => {
    const found = results.linear.find(
      (each) => each.setup === setup && each.rounds === Number(rounds),
    );
    if (found !== undefined) return found;
    throw new Error(`The page needs ${rounds} rounds with ${setup}, which were not measured`);
  };
  const { machine } = results;
  return {
    machine: () =>
      `${machine.cores} cores, Node ${majorOf(machine.node)}, Temporal server ${machine.server}`,
    version: (name = '') => machine.peers[name] ?? 'not measured',
    /** All tables of the scenarios. */
    tables: () =>
      [
        headerLine(),
        ...results.scenarios.flatMap(scenarioLines),
        ...closingLines(results.scenarios),
      ]
        .map((line) => line.trimEnd())
        .join('\n'),
    linear: () => linearLines(results.linear).join('\n'),
    session: () => sessionLines(results.session).join('\n'),
    /** A Markdown table of Plait's time beside that of others. */
    ratios: (...names) => ratioTable(results, names),
    ms: (scenario, contender) => `${whole(median(scenario, contender))} ms`,
    /** How many times as long the first contender takes as the second. */
    ratio: (scenario, one, other) => (median(scenario, one) / median(scenario, other)).toFixed(2),
    /** The difference in milliseconds. */
    more: (scenario, one, other) => {
      const ms = Math.round(median(scenario, one) - median(scenario, other));
      if (ms === 0) return 'as long';
      return ms > 0 ? `${ms} ms longer` : `${-ms} ms less`;
    },
    /** Whether it ends, and when. */
    end: (scenario, contender) => {
      const { time, terminated } = find(scenario, contender);
      return time === undefined
        ? `does not end (round ${terminated?.modelCalls})`
        : `ends in ${whole(time.median)} ms`;
    },
    perSecond: (scenario = '', contender) => {
      const turns = results.scenarios.find((each) => each.scenario.name === scenario)?.scenario
        .turns;
      return perSecond(turns ?? 1, median(scenario, contender)).toFixed(1);
    },
    actions: (scenario, contender) => count(totalOf(find(scenario, contender).actions ?? {})),
    perRound: (rounds, setup) => `${whole(linear(rounds, setup).ms / Number(rounds))} ms`,
  };
}

function majorOf(version: string): string {
  return /\d+/.exec(version)?.[0] ?? version;
}

/** Plait's time by that of each of the others: less than 1 is a win. Losses are bold. */
function ratioTable({ scenarios }: Results, others: readonly string[]): string {
  const rows = scenarios.map(({ scenario, measurements }) => {
    const time = (name: string) =>
      measurements.find(({ contender }) => contender === name)?.time?.median;
    const plait = time('Plait') ?? Number.NaN;
    const cells = others.map((other) => {
      const theirs = time(other);
      return theirs === undefined ? '' : ratioCell(plait / theirs);
    });
    return [`\`${scenario.name}\``, ...cells];
  });
  return markdownTable(['work', ...others], rows);
}

/** A difference below two per cent is noise. */
function ratioCell(ratio: number): string {
  return ratio > 1.02 ? `**${ratio.toFixed(2)}**` : ratio.toFixed(2);
}

/** As the formatter would write it. */
function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((cell, i) =>
    Math.max(3, cell.length, ...rows.map((row) => row[i]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [line(header), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join(
    '\n',
  );
}
