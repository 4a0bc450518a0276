import { describe, expect, it } from 'vitest';
import { pageOf } from '../../cli/show/page.ts';
import { showLines } from '../../cli/show/text.ts';
import { PLAIN } from '../../cli/style.ts';
import { columnsOf } from '../../cli/text.ts';
import { facts, model, row, bar } from './show-fixture.ts';

const tried = row('get_orders', {
  state: 'failed',
  attempts: 2,
  message: 'refused',
  critical: true,
  bars: [
    bar('queue', 1_000, 2_000),
    bar('attempt', 2_000, 4_000, { attempt: 1, failed: true, estimated: true }),
    bar('backoff', 4_000, 6_000, { estimated: true }),
    bar('attempt', 6_000, 8_000, { attempt: 2, failed: true }),
  ],
});
const early = row('get_customer', {
  bars: [bar('early', 600, 1_000), bar('attempt', 1_000, 4_000)],
});
const usage = {
  input_tokens: 1_000,
  output_tokens: 310,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 3_000,
};
const ended = facts(
  [model([early, tried])],
  { status: 'completed', stopReason: 'end_turn', end: 8_000, asked: 'What about 7?' },
  { usage, costUSD: 0.0123 },
);

describe('a turn as text', () => {
  it('says how it ended, then draws the waterfall with its legend, then gives the figures', () => {
    expect(showLines(ended, { columns: 80, style: PLAIN })).toEqual([
      'turn t',
      '  agent       support',
      '  asked       What about 7?',
      '  started     1970-01-01T00:00:00.000Z',
      '',
      '  ✔ The turn ended with end_turn after 1 min.',
      '  ✖ get_orders(customer: 7) failed after 2 attempts.',
      '    refused',
      '',
      '  ● model *         round 1      ━━███                                   1.00 s',
      '  ├ ✔ get_customer  customer: 7     ╍╍━━━━━━━━━━━━━━                     3.40 s',
      '  └ ✖ get_orders *  customer: 7       ····╳╳╳╳╳╳╳╳╳╳~~~~~~~~~╳╳╳╳╳╳╳╳╳   6.00 s',
      '      refused',
      '',
      '  ━ runs | █ the reply comes | ╍ runs while the reply still comes | ╳ an',
      '  attempt that failed | · waits for a worker | ~ waits before the next attempt',
      '  | * on the critical path | times of earlier attempts are estimates',
      '',
      '  took        1 min',
      '  parallel    1.03 times as fast (1 min 2 s with the calls of each reply one after another; at most 3 at once)',
      '  spent on    model 2 %, tools 2 %, task queues and Temporal 97 %',
      '  used        4,000 tokens in (3,000 from the cache), 310 out, $0.0123 (75 % of the input from the cache)',
    ]);
  });

  it('nests the rows of a turn that a call has started', () => {
    const nested = row('research', { children: [model([row('look')]), model([])] });
    const lines = showLines(facts([model([nested, early])]), { columns: 80, style: PLAIN });
    const tree = lines
      .filter((line) => /[●├└│]/.test(line))
      .map((line) => line.slice(0, 18).trimEnd());
    expect(tree).toEqual([
      '  ● model *',
      '  ├ ✔ research',
      '  │ ● model *',
      '  │ └ ✔ look',
      '  │ ● model *',
      '  └ ✔ get_customer',
    ]);
  });

  it.each([40, 80])('draws the waterfall within %i columns', (columns) => {
    const lines = showLines(ended, { columns, style: PLAIN });
    const tree = lines.filter((line) => /[●├└]/.test(line));
    for (const line of tree) expect(columnsOf(line)).toBeLessThanOrEqual(columns);
  });
});

describe('a turn as a page', () => {
  const page = pageOf(ended, '1.2.3');

  it('is self-contained and runs nothing', () => {
    expect(page).not.toMatch(/<script|<link|<img|<iframe|https?:\/\/|url\(|@import/i);
    expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
  });

  it('has a title, a language, headings, and all of its rows as text', () => {
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(page).toContain('<title>Turn t: completed: end_turn</title>');
    expect(page.match(/<h[12]/g)).toHaveLength(4);
    expect(page).toContain(
      '<b>get_orders</b> <span class="dim">customer: 7</span><span class="hidden">, failed, 2 attempts, on the critical path, took </span>',
    );
    expect(page).toContain('<li>attempt 1 failed: about 2.00 s</li>');
    expect(page).toContain('<li>waits before the next attempt: about 2.00 s</li>');
  });

  it('closes every element that it opens, so that a browser need not guess', () => {
    for (const tag of [
      'details',
      'summary',
      'ol',
      'ul',
      'li',
      'section',
      'div',
      'span',
      'p',
      'dl',
    ]) {
      const opened = page.match(new RegExp(`<${tag}[ >]`, 'g'))?.length ?? 0;
      expect(`${tag} ${page.match(new RegExp(`</${tag}>`, 'g'))?.length ?? 0}`).toBe(
        `${tag} ${opened}`,
      );
    }
  });

  it('escapes everything that a model, a tool or a person wrote', () => {
    const evil = `"'><script>alert(1)</script>&\u202E\u0000`;
    const bad = row(evil, {
      id: evil,
      summary: evil,
      state: 'denied',
      message: evil,
      lastFailure: evil,
      attempts: 2,
      approval: { decision: 'denied', by: evil, reason: evil, at: evil },
      open: { taskQueue: evil, maximumAttempts: 1, startToCloseTimeout: 0, worker: evil },
    });
    const turn = { turnId: evil, agent: evil, asked: evil, message: evil, stopDetails: evil };
    for (const status of ['running', 'completed', 'failed'] as const) {
      const rows = [model([bad, { ...bad, state: 'running' }, { ...bad, state: 'retrying' }])];
      const text = pageOf(facts(rows, { ...turn, status }), evil);
      expect(text).not.toMatch(/<script/i);
      expect(text).not.toContain(`"'>`);
      expect(text).not.toContain('\u202E');
      expect(text).not.toContain('\u0000');
      expect(text).toContain('&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;');
    }
  });
});
