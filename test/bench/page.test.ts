import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fillPage } from '../../bench/page.ts';
import { plotOf } from '../../bench/plot.ts';
import type { Measurement, Results } from '../../bench/results.ts';
import { KEPT, readResults } from '../../bench/results.ts';
import { SCENARIOS } from '../../bench/scenarios.ts';
import { summarize } from '../../bench/statistics.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const template = read('bench/benchmarks.template.md');

const CONTENDERS = [
  'in process',
  'SDK runner',
  'SDK runner, eager',
  'one after another',
  'straightforward loop',
  '@temporalio/ai-sdk',
  'Restate',
  'Plait',
  'Plait, no early starts',
  'Plait, heartbeats',
  'Plait, transport',
];

const measured = (contender: string, ms: number): Measurement => ({
  contender,
  times: [ms],
  time: summarize([ms]),
  history: { events: 36, bytes: 13_600 },
  actions: { command_ScheduleActivityTask: 5, grpc_StartWorkflowExecution: 1 },
});

/** A whole run, in which the nth contender takes n tenths of a second more than the first. */
const whole: Results = {
  machine: {
    cores: 2,
    node: '22.1.0',
    server: '1.32.0',
    peers: { '@temporalio/ai-sdk': '1.23.0' },
  },
  scenarios: SCENARIOS.map((scenario) => ({
    scenario,
    measurements: CONTENDERS.map((contender, i) => measured(contender, 1_000 + 100 * i)),
  })),
  linear: ['one worker', 'a new worker every 20 rounds'].flatMap((setup) =>
    [10, 100, 300].map((rounds) => ({
      setup,
      rounds,
      resultBytes: 8_192,
      ms: 60 * rounds,
      runs: 1,
      events: 20 * rounds,
      bytes: 53_000 * rounds,
    })),
  ),
  session: [{ when: '  after 1,000 turns', openMs: 9, events: 4, bytes: 52_200, messages: 2_000 }],
  actions: [],
};

test('a whole run fills the whole template', () => {
  const page = fillPage(template, whole);
  expect(page).not.toMatch(/\{\{|\}\}|undefined|NaN/);
  expect(page).toContain('2 cores, Node 22, Temporal server 1.32.0');
  expect(page).toContain('A session of 1,000 small turns');
});

test.each([
  ['{{ms|article|Plait}}', '1,700 ms'],
  ['{{ratio|article|Plait|in process}}', '1.70'],
  ['{{more|article|Plait|straightforward loop}}', '300 ms longer'],
  ['{{more|article|in process|Plait}}', '700 ms less'],
  ['{{more|article|Plait|Plait}}', 'as long'],
  ['{{end|article|Plait}}', 'ends in 1,700 ms'],
  ['{{perSecond|turns-200|Plait}}', '117.6'],
  ['{{actions|article|Plait}}', '6'],
  ['{{perRound|100|one worker}}', '60 ms'],
  ['{{version|@temporalio/ai-sdk}}', '1.23.0'],
  ['{{version|nothing}}', 'not measured'],
])('%s becomes %s', (text, figure) => {
  expect(fillPage(text, whole)).toBe(figure);
});

test('a turn that does not end is reported', () => {
  const plait = { contender: 'Plait', times: [], terminated: { reason: 'size', modelCalls: 89 } };
  const scenarios = whole.scenarios.map((result) => ({ ...result, measurements: [plait] }));
  expect(fillPage('{{end|rounds-100|Plait}}', { ...whole, scenarios })).toBe(
    'does not end (round 89)',
  );
});

const result = (name: string, times: Record<string, number>) => ({
  scenario: { ...SCENARIOS[0], name } as (typeof SCENARIOS)[number],
  measurements: Object.entries(times).map(([contender, ms]) => measured(contender, ms)),
});

test('in the table of ratios, losses are bold and missing measurements are empty', () => {
  const scenarios = [
    result('a', { Plait: 90, loop: 100, other: 80 }),
    result('b', { Plait: 101, loop: 100 }),
  ];
  expect(fillPage('{{ratios|loop|other}}', { ...whole, scenarios })).toBe(
    [
      '| work | loop | other    |',
      '| ---- | ---- | -------- |',
      '| `a`  | 0.90 | **1.13** |',
      '| `b`  | 1.01 |          |',
    ].join('\n'),
  );
});

test.each([
  ['{{nothing}}', 'The page asks for {{nothing}}, and there is no nothing'],
  ['{{ms|article|Nobody}}', 'The page needs article of Nobody, which was not measured'],
  ['{{perRound|7|one worker}}', 'The page needs 7 rounds with one worker, which were not measured'],
])('a page that asks for %s is not written', (text, message) => {
  expect(() => fillPage(text, whole)).toThrow(message);
});

test('the picture has a row for each contender except the slowest, and says who does not end', () => {
  const [first] = whole.scenarios;
  const ended = { contender: '<loop>', times: [], terminated: { reason: 'size', modelCalls: 89 } };
  const measurements = [...(first?.measurements ?? []), ended];
  const plot = plotOf(first === undefined ? [] : [{ ...first, measurements }]);
  expect(plot.match(/text-anchor="end"/g)).toHaveLength(CONTENDERS.length);
  expect(plot).not.toContain('one after another');
  expect(plot).toContain('1,700 ms, 1.70×');
  expect(plot).toContain('&lt;loop>');
  expect(plot).toContain('ended in round 89');
});

// Until a whole run is kept, the page is that of an earlier version of the benchmark.
test.skipIf(!existsSync(KEPT))('docs/benchmarks.md shows the kept results', () => {
  const kept = readResults(KEPT);
  expect(read('docs/benchmarks.md')).toBe(fillPage(template, kept));
  expect(read('docs/benchmarks.svg')).toBe(plotOf(kept.scenarios));
});
