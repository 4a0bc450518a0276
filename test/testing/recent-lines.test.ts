import { expect, test } from 'vitest';
import { RecentLines } from '../../testing/recent-lines.ts';

const numbered = (count: number) => Array.from({ length: count }, (_, i) => `line ${i}`);

function kept(...lines: readonly string[]): readonly string[] {
  const recent = new RecentLines();
  for (const line of lines) recent.add(line);
  return recent.all;
}

test('the newest fifty lines are kept, without empty ones', () => {
  expect(kept('first', '', '  ', 'last')).toEqual(['first', 'last']);
  expect(kept(...numbered(120))).toEqual(numbered(120).slice(-50));
});

test.each(['panic: database is locked', 'fatal error: out of memory'])(
  'for a crash, %s and the lines right before and after it are kept',
  (cause) => {
    const lines = kept(...numbered(120), cause, ...numbered(300));
    expect(lines).toHaveLength(50);
    expect(lines.slice(23, 28)).toEqual(['line 118', 'line 119', cause, 'line 0', 'line 1']);
  },
);
