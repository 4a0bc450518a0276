import type { Measurement, ScenarioResult } from './results.ts';
import { whole } from './text.ts';

const WIDTH = 760;
const LEFT = 168;
const BARS = 400;
const ROW = 22;
const TITLE = 34;
const TOP = 58;

/** Its bars would make all others too short to compare. The tables have its times. */
const LEFT_OUT = 'one after another';

/** Dark pages get light text: GitHub and browsers tell a picture which one they show. */
const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; }
  .note { fill: #59636e; font-size: 12px; }
  .plait { fill: #2f6fde; }
  .limit { fill: #b9c2cc; }
  .other { fill: #8b96a3; }
  .range { stroke: #1f2328; stroke-width: 1; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .note { fill: #9198a1; }
    .plait { fill: #5b93f5; }
    .limit { fill: #545d68; }
    .other { fill: #768390; }
    .range { stroke: #e6edf3; }
  }
`;

/** The medians of all scenarios as one SVG picture: a panel for each, with a scale of its own. */
export function plotOf(results: readonly ScenarioResult[]): string {
  const parts: string[] = [];
  let y = TOP;
  for (const result of results) {
    const { svg, height } = panel(result, y);
    parts.push(svg);
    y += height;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" role="img" aria-label="How long a turn takes with each contender">`,
    `<style>${STYLE}</style>`,
    `<text class="title" x="0" y="18">How long a turn takes</text>`,
    `<text class="note" x="0" y="38">Medians, with the shortest and the longest time; less is better. Each panel has its own scale.</text>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

function panel({ scenario, measurements }: ScenarioResult, y: number) {
  const shown = measurements.filter(({ contender }) => contender !== LEFT_OUT);
  const longest = Math.max(...shown.map(({ time }) => time?.max ?? 0));
  const limit = shown[0]?.time?.median;
  const rows = shown.map((measurement, i) =>
    row(measurement, { y: y + TITLE + i * ROW, scale: BARS / longest, limit }),
  );
  const title = `<text class="title" x="0" y="${y + TITLE - 12}">${escaped(scenario.title)}</text>`;
  return { svg: [title, ...rows].join('\n'), height: TITLE + shown.length * ROW + 12 };
}

interface Place {
  readonly y: number;
  /** Pixels of a millisecond. */
  readonly scale: number;
  /** The median of the first row. */
  readonly limit: number | undefined;
}

function row({ contender, time, terminated }: Measurement, { y, scale, limit }: Place): string {
  const middle = y + ROW / 2;
  const name = `<text x="${LEFT - 10}" y="${middle + 4}" text-anchor="end">${escaped(contender)}</text>`;
  if (time === undefined) {
    const why = terminated === undefined ? '' : `ended in round ${terminated.modelCalls}`;
    return `${name}\n<text class="note" x="${LEFT}" y="${middle + 4}">${why}</text>`;
  }
  const at = (ms: number) => (LEFT + ms * scale).toFixed(1);
  const width = (time.median * scale).toFixed(1);
  const ratio = limit === undefined ? '' : `, ${(time.median / limit).toFixed(2)}×`;
  return [
    name,
    `<rect class="${kindOf(contender)}" x="${LEFT}" y="${y + 3}" width="${width}" height="${ROW - 6}" rx="2"/>`,
    `<line class="range" x1="${at(time.min)}" x2="${at(time.max)}" y1="${middle}" y2="${middle}"/>`,
    `<text class="note" x="${LEFT + BARS + 10}" y="${middle + 4}">${whole(time.median)} ms${ratio}</text>`,
  ].join('\n');
}

function kindOf(contender: string): string {
  if (contender === 'in process') return 'limit';
  return contender.startsWith('Plait') ? 'plait' : 'other';
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
