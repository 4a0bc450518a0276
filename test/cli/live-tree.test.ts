import { describe, expect, it } from 'vitest';
import type { TurnSnapshot } from '../../client/follow/snapshot.ts';
import { drawTree } from '../../cli/live-tree.ts';
import { PLAIN, styleFor } from '../../cli/style.ts';
import { columnsOf } from '../../cli/text.ts';
import { call, open, turnWith } from './turn-fixture.ts';

function draw(turn: TurnSnapshot, columns = 80, now = 1_600): string[] {
  return drawTree(turn, { columns, now, style: PLAIN });
}

describe('the tree of a turn', () => {
  it('has a bar for every step on one time axis, with the calls of a reply side by side', () => {
    const turn = turnWith([
      call('get_customer', { end: 800 }),
      call('get_orders'),
      call('get_tickets', { end: 1_000 }),
    ]);
    expect(draw(turn)).toEqual([
      '  ● model           round 1            ━━━━━━━━                          400 ms',
      '  ├ ✔ get_customer  customer_id: 1234          ━━━━━━━━                  400 ms',
      '  ├ ✔ get_orders    customer_id: 1234          ━━━━━━━━━                 500 ms',
      '  └ ✔ get_tickets   customer_id: 1234          ━━━━━━━━━━━               600 ms',
      '  ● model           round 2                                   ━━━━━━━━   400 ms',
    ]);
  });

  it("marks a call that began before its reply was complete, and its bar begins below the model's", () => {
    const turn = turnWith([call('get_orders', { start: 200, startedEarly: true })]);
    expect(draw(turn).slice(0, 2)).toEqual([
      '  ● model         round 1                   ━━━━━━━                      400 ms',
      '  └ ✔ get_orders  early · customer_id:…        ━━━━━━━━━━━━              700 ms',
    ]);
  });

  it('shows the turn of a sub-agent below its call, on the same time axis', () => {
    const inner = turnWith([call('get_orders')]);
    const asking = call('scout', {
      start: 400,
      end: 1_600,
      summary: 'prompt: look',
      subAgent: { turnId: 'turn-1.toolu_scout', agent: 'scout', turn: inner },
    });
    const lines = draw(turnWith([asking, call('get_tickets')]));
    expect(lines.map((line) => line.slice(0, 28))).toEqual([
      '  ● model             round ',
      '  ├ ✔ scout           prompt',
      '  │   ● model         round ',
      '  │   └ ✔ get_orders  custom',
      '  │   ● model         round ',
      '  └ ✔ get_tickets     custom',
      '  ● model             round ',
    ]);
  });

  it('says below a call why it did not succeed, in two lines at most', () => {
    const message = `The orders could not be read: ${'connect ECONNREFUSED orders-db:5432, '.repeat(9)}`;
    const lines = draw(turnWith([call('get_orders', { state: 'failed', attempt: 3, message })]));
    expect(lines).toHaveLength(5);
    expect(lines[1]).toContain('└ ✖ get_orders');
    expect(lines[2]).toMatch(/^ {6}The orders could not be read: connect/);
    expect(lines[3]).toMatch(/…$/);
  });

  it('shows steps that run, are retried, wait, and never began', () => {
    const calls = [
      open('a', { state: 'running' }),
      open('b', { state: 'retrying', attempt: 2, message: 'refused' }),
      open('c', { state: 'scheduled' }),
      call('d', { state: 'skipped', attempt: 0, message: 'Not executed.' }),
    ];
    const lines = draw(turnWith(calls, false), 80, 1_000);
    expect(lines[1]).toMatch(/├ [⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] a .*━ +600 ms$/);
    expect(lines[2]).toMatch(/├ ↻ b /);
    expect(lines[3]).toBe('  │   attempt 2, after: refused');
    expect(lines[4]).toMatch(/├ · c /);
    expect(lines[5]).not.toContain('ms');
    expect(lines[6]).toBe('      Not executed.');
  });

  it.each([40, 60, 80, 200])('fits into %i columns', (columns) => {
    const calls = [
      call('a_tool_with_a_very_long_name_indeed', { summary: `id: ${'x'.repeat(200)}` }),
      call('顧客', {
        summary: '名前: 山田太郎 👩‍🚀',
        state: 'failed',
        message: '接続できません '.repeat(20),
      }),
    ];
    for (const line of draw(turnWith(calls), columns)) {
      expect(columnsOf(line)).toBeLessThanOrEqual(columns);
    }
  });

  it('keeps names whole in a narrow terminal, and leaves out the rest', () => {
    const turn = turnWith([call('get_orders_of_last_year')]);
    const [, wide] = draw(turn, 50);
    expect(wide).toBe('  └ ✔ get_orders_of_last_year   500 ms');
    const [, narrow] = draw(turn, 30);
    expect(narrow).toBe('  └ ✔ get_orders_of_last_year');
  });

  it('does not let arguments or errors move the cursor', () => {
    const evil = '\u001B[2J\u0007gone\r\n';
    const lines = draw(turnWith([call('a', { summary: evil, state: 'failed', message: evil })]));
    expect(lines.join('')).not.toMatch(/\p{Cc}/u);
  });
});

describe('colours', () => {
  it.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { TERM: 'dumb' }, false],
  ])(
    'are used in a terminal, unless the environment says no: terminal %s, %o',
    (isTTY, env, coloured) => {
      expect(styleFor({ isTTY }, env) !== PLAIN).toBe(coloured);
    },
  );
});
