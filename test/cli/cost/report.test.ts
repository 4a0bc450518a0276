import { describe, expect, it } from 'vitest';
import type { TurnEnding } from '../../../client/end-of-turn.ts';
import type { CostBy, EndedTurn } from '../../../cli/cost/report.ts';
import { CostSum } from '../../../cli/cost/report.ts';
import { csvRows, remarks, tableRows, title } from '../../../cli/cost/rows.ts';
import { csvLines } from '../../../cli/csv.ts';
import type { CallRecord } from '../../../core/calls/record.ts';
import type { Usage } from '../../../core/turn/usage.ts';
import { NO_USAGE } from '../../../core/turn/usage.ts';

const used = (input: number, output: number, cached = 0): Usage => ({
  ...NO_USAGE,
  input_tokens: input,
  output_tokens: output,
  cache_read_input_tokens: cached,
});

function call(name: string, seconds: number, outcome: CallRecord['outcome'] = 'succeeded') {
  const start = '2026-11-29T10:00:00.000Z';
  const end = new Date(Date.parse(start) + seconds * 1_000).toISOString();
  return { id: `${name}${seconds}`, name, input: {}, outcome, round: 1, attempts: 1, start, end };
}

function turn(agent: string, end: Partial<TurnEnding> | undefined, user?: string): EndedTurn {
  const whole = end && { rounds: 1, usage: NO_USAGE, ...end };
  return { agent, user, end: whole };
}

/** Two models in one turn; of the second turn only the sum is known; the third has ended without a result. */
const TURNS: EndedTurn[] = [
  turn(
    'desk',
    {
      // With that of a turn that it has started, which is in the list itself.
      usage: used(9_000, 900),
      costUSD: 9,
      models: [
        { model: 'opus', replies: 2, usage: used(1_000, 100, 500), costUSD: 0.5 },
        { model: 'haiku', replies: 1, usage: used(200, 20) },
      ],
      calls: [call('look', 1), call('look', 2, 'failed'), call('send', 4)],
    },
    'ana',
  ),
  turn('audit', { usage: used(3_000, 300), costUSD: 2, calls: [call('look', 3)] }),
  turn('audit', undefined, 'ana'),
];

function report(by: CostBy, turns = TURNS) {
  const sum = new CostSum(by);
  for (const one of turns) sum.add(one);
  return sum.report();
}

const names = (by: CostBy) => report(by).rows.map(({ name, turns }) => [name, turns]);

describe('the cost of turns', () => {
  it('is added up without what belongs to other turns', () => {
    const { total, turnsWithoutResult } = report('agent');
    expect(total).toEqual({
      turns: 2,
      usage: used(4_200, 420, 500),
      costUSD: 2.5,
      turnsWithoutPrice: 1,
    });
    expect(turnsWithoutResult).toBe(1);
  });

  it('is grouped by agents, users, models and tools, the most expensive first', () => {
    expect(names('agent')).toEqual([
      ['audit', 1],
      ['desk', 1],
    ]);
    expect(names('user')).toEqual([
      [undefined, 1],
      ['ana', 1],
    ]);
    expect(names('model')).toEqual([
      [undefined, 1],
      ['opus', 1],
      ['haiku', 1],
    ]);
    expect(names('tool')).toEqual([
      ['look', 2],
      ['send', 1],
    ]);
  });

  it('for a tool is that of the turns that called it', () => {
    expect(report('tool').rows).toMatchObject([
      { name: 'look', costUSD: 2.5, calls: { count: 3, failed: 1, milliseconds: 6_000 } },
      { name: 'send', costUSD: 0.5, calls: { count: 1, failed: 0, milliseconds: 4_000 } },
    ]);
  });

  it('has the same total, however it is grouped', () => {
    const totals = (['agent', 'user', 'tool', 'model'] as const).map((by) => report(by).total);
    for (const total of totals) expect(total).toEqual(totals[0]);
  });

  it('is sorted by tokens if nothing has a price', () => {
    const few = turn('few', { usage: used(1, 1) });
    const many = turn('many', { usage: used(1, 9) });
    expect(report('agent', [few, many]).rows.map(({ name }) => name)).toEqual(['many', 'few']);
  });

  it('is empty without turns', () => {
    const { rows, total } = report('tool', []);
    expect([rows, total.turns]).toEqual([[], 0]);
    const beforeAnyReply = report('agent', [turn('desk', { models: [] })]).total;
    expect(beforeAnyReply).toMatchObject({ turns: 1, turnsWithoutPrice: 0 });
    expect(report('model', [turn('desk', {})]).rows).toEqual([]);
  });
});

describe('the report', () => {
  it('is a table with a total', () => {
    expect(tableRows(report('user'))).toEqual([
      ['USER', 'TURNS', 'TOKENS IN', 'FROM CACHE', 'TOKENS OUT', 'COST'],
      [
        ['(unknown)', '1', '3,000', '0', '300', '$2.00'],
        ['ana', '1', '1,700', '500', '120', '$0.5000'],
        ['total', '2', '4,700', '500', '420', '$2.50'],
      ],
    ]);
    const [headings, rows] = tableRows(report('tool'));
    expect(headings.slice(0, 5)).toEqual(['TOOL', 'CALLS', 'NOT SUCCEEDED', 'TIME', 'TURNS']);
    expect(rows.map((row) => row.slice(0, 5))).toEqual([
      ['look', '3', '1', '6.00 s', '2'],
      ['send', '1', '0', '4.00 s', '1'],
      ['total', '', '', '', '2'],
    ]);
    expect(tableRows(report('model'))[1][2]).toEqual(['haiku', '1', '200', '0', '20', '']);
  });

  it('is CSV with all figures, and nothing that a spreadsheet would run', () => {
    const rows = csvRows(report('user', [turn('desk', { usage: used(7, 1) }, '=1+1;"x",y')]));
    expect(csvLines(rows)).toEqual([
      'user,turns,input_tokens,cache_creation_input_tokens,cache_read_input_tokens,output_tokens,cost_usd,turns_without_price\r\n',
      `"'=1+1;""x"",y",1,7,0,0,1,,1\r\n`,
    ]);
    expect(csvRows(report('tool')).map((row) => row.slice(0, 5))).toEqual([
      ['tool', 'calls', 'calls_not_succeeded', 'call_milliseconds', 'turns'],
      ['look', 3, 1, 6_000, 2],
      ['send', 1, 0, 4_000, 1],
    ]);
    expect(csvRows(report('model'))[1]?.[0]).toBe('');
  });

  it('says what is missing from it', () => {
    const now = new Date('2026-11-29T12:00:00Z');
    const since = new Date('2026-11-22T12:00:00Z');
    const quiet = { since, now, running: 0, retentionMs: undefined };
    expect(title('agent', quiet)).toBe(
      'Turns that ended from 2026-11-22 12:00 to 2026-11-29 12:00 UTC, by agent',
    );
    expect(remarks(report('agent', []), quiet)).toEqual([]);
    const day = 86_400_000;
    expect(remarks(report('tool'), { ...quiet, running: 1, retentionMs: day })).toEqual([
      expect.stringMatching(/^Tokens and cost of a tool are those of the whole turns/),
      expect.stringMatching(/^The cost of 1 turn is not included: the agents have no `prices`/),
      expect.stringMatching(/^1 turn ended without a result that can be read here/),
      '1 turn still runs, and counts once it has ended.',
      expect.stringMatching(/^The namespace keeps ended turns for a shorter time/),
    ]);
    expect(remarks(report('agent', []), { ...quiet, running: 2, retentionMs: 30 * day })).toEqual([
      '2 turns still run, and count once they have ended.',
    ]);
  });
});

it.each([
  ['plain', 'plain'],
  ['with, comma', '"with, comma"'],
  ['a "quote"', '"a ""quote"""'],
  ['two\nlines', '"two\nlines"'],
  [' spaces ', '" spaces "'],
  ['=cmd()', "'=cmd()"],
  ['+1', "'+1"],
  ['-1', "'-1"],
  ['@SUM(A1)', "'@SUM(A1)"],
  ['\tx', "'\tx"],
  ['＝1', "'＝1"],
  ['', ''],
])('the text %j is %j in CSV', (text, cell) => {
  expect(csvLines([[text, 1, undefined]])).toEqual([`${cell},1,\r\n`]);
});
