import { expect, test } from 'vitest';
import type { CpuProfile } from '../../bench/profile/flame-graph.ts';
import { flameGraph, mergeProfiles, topFunctions } from '../../bench/profile/flame-graph.ts';

const frame = (functionName: string, url = '') => ({ functionName, url });

/** `run` takes 30 µs itself, `hash` 10 µs in it, and the thread waits for 100 µs. */
const profile: CpuProfile = {
  nodes: [
    { id: 1, callFrame: frame('(root)'), children: [2, 4] },
    {
      id: 2,
      callFrame: frame('run', 'file:///a/node_modules/@scope/name/lib/x.js'),
      children: [3],
    },
    { id: 3, callFrame: frame('', 'file:///a/work/<hash>.ts') },
    { id: 4, callFrame: frame('(idle)') },
  ],
  startTime: 1_000,
  samples: [2, 3, 4, 2],
  timeDeltas: [0, 20, 10, 100, 10],
};

test('profiles of threads are added up, without the time in which they wait', () => {
  const root = mergeProfiles([profile, profile]);
  expect(root.total).toBe(80);
  const run = root.children.get('run (@scope/name)');
  expect(run).toMatchObject({ total: 80, self: 60 });
  expect(run?.children.get('(anonymous) (work/<hash>.ts)')).toMatchObject({ total: 20, self: 20 });
});

test('what was before the given time is left out', () => {
  expect(mergeProfiles([profile], 1_020).total).toBe(20);
});

test('the functions that take the most time are listed with their share', () => {
  expect(topFunctions(mergeProfiles([profile]), 2)).toEqual([
    { name: 'run (@scope/name)', share: 0.75 },
    { name: '(anonymous) (work/<hash>.ts)', share: 0.25 },
  ]);
});

test('a flame graph has a box for each function below its callers, as wide as its time', () => {
  const svg = flameGraph('A & B', mergeProfiles([profile]));
  expect(svg).toContain('A &amp; B');
  expect(svg).toContain(
    '<title>run (@scope/name): 100.0 %</title><rect x="0.0" y="41" width="1200.0"',
  );
  expect(svg).toContain(
    '(anonymous) (work/&lt;hash&gt;.ts): 25.0 %</title><rect x="0.0" y="58" width="300.0"',
  );
  expect(svg).not.toContain('idle');
});
