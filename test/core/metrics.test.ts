import { describe, expect, test, vi } from 'vitest';
import type { MetricMeter } from '@temporalio/common';
import { bucketsByName, measured, METRICS, record, seconds } from '../../core/metrics.ts';

/** A meter that remembers what it was given. */
function meter() {
  const add = vi.fn<(value: number, labels: object) => void>();
  const recorded = vi.fn<(value: number, labels: object) => void>();
  const createCounter = vi.fn(() => ({ add }));
  const createHistogram = vi.fn(() => ({ record: recorded }));
  const fake = { createCounter, createHistogram } as unknown as MetricMeter;
  return { fake, add, recorded, createCounter, createHistogram };
}

const labels = { agent: 'support', tool: 'pay' };

test('a value is added to its metric, without a unit that exporters could put into the name', () => {
  const { fake, add, recorded, createCounter, createHistogram } = meter();
  record(fake, measured('plait_call_attempts', 2, labels));
  record(fake, measured('plait_call_queue_seconds', 0.5, labels));

  const { description: attempts } = METRICS.plait_call_attempts;
  const { description: queue } = METRICS.plait_call_queue_seconds;
  expect(createCounter).toHaveBeenCalledWith('plait_call_attempts', undefined, attempts);
  expect(createHistogram).toHaveBeenCalledWith(
    'plait_call_queue_seconds',
    'float',
    undefined,
    queue,
  );
  expect(add).toHaveBeenCalledWith(2, labels);
  expect(recorded).toHaveBeenCalledWith(0.5, labels);
});

test.each([-1, Number.NaN, Number.POSITIVE_INFINITY])(
  'a value of %d, which would make a meter throw or go wrong, is left out',
  (value) => {
    const { fake, createCounter } = meter();
    record(fake, measured('plait_call_attempts', value, labels));

    expect(createCounter).not.toHaveBeenCalled();
  },
);

test('seconds are never negative, although clocks differ', () => {
  expect([1_500, 0, -20].map(seconds)).toEqual([1.5, 0, 0]);
});

describe('every metric', () => {
  test.each(Object.entries(METRICS))(
    '%s has a name that says its unit, and a type',
    (name, metric) => {
      expect(name).toMatch(/^plait_[a-z]+(_[a-z]+)*$/);
      // The exporter adds this one.
      expect(name).not.toMatch(/_total$/);
      expect('buckets' in metric).toBe(metric.type === 'histogram');
      if (/duration|wait|queue/.test(name)) expect(name).toMatch(/_seconds$/);
    },
  );

  test('has labels of few values', () => {
    const used = new Set(Object.values(METRICS).flatMap(({ labels: own }): string[] => [...own]));
    expect([...used].toSorted()).toEqual([
      'agent',
      'decision',
      'model',
      'outcome',
      'result',
      'status',
      'stop_reason',
      'tool',
      'type',
    ]);
  });

  test('has buckets in ascending order, if it has any', () => {
    const buckets = Object.entries(bucketsByName());
    expect(buckets.map(([name]) => name)).toContain('plait_turn_rounds');
    for (const [, bounds] of buckets) {
      expect(bounds).toEqual([...new Set(bounds)].toSorted((a, b) => a - b));
    }
  });
});
