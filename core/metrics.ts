import type { MetricMeter } from '@temporalio/common';

// Every metric of Plait. docs/observability.md lists them; dashboards and alerts are made of them, so a name
// stays as it is. Units stand in the names: the exporter of the SDK adds its own only where it is asked to.

interface Metric {
  type: 'counter' | 'histogram';
  description: string;
  /** Each has few values: no ids, no users, nothing that the model or a person has written. */
  labels: readonly string[];
  /** Of a histogram: the upper bounds of its buckets. */
  buckets?: readonly number[];
}

const OF_A_WAIT = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const OF_A_CALL = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600];
const OF_A_TURN = [0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3_600, 14_400, 86_400];
const OF_A_PERSON = [1, 10, 60, 300, 900, 3_600, 14_400, 86_400, 604_800];
const OF_A_COUNT = [1, 2, 3, 5, 8, 13, 20, 50, 100, 500];
const OF_A_PRICE = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export const METRICS = {
  plait_turn_duration_seconds: {
    type: 'histogram',
    description: 'Time from the start of a turn to its end',
    labels: ['agent', 'stop_reason'],
    buckets: OF_A_TURN,
  },
  plait_turn_rounds: {
    type: 'histogram',
    description: 'Replies of the model in a turn that has ended',
    labels: ['agent'],
    buckets: OF_A_COUNT,
  },
  plait_model_call_duration_seconds: {
    type: 'histogram',
    description: 'Time from asking for a reply until it was whole, with all attempts',
    labels: ['agent', 'model', 'stop_reason'],
    buckets: OF_A_CALL,
  },
  plait_model_call_queue_seconds: {
    type: 'histogram',
    description: 'Time that an attempt to ask the model waited for a worker',
    labels: ['agent'],
    buckets: OF_A_WAIT,
  },
  plait_model_request_failures: {
    type: 'counter',
    description: 'Requests to the Messages API that failed',
    labels: ['agent', 'status'],
  },
  plait_model_tokens: {
    type: 'counter',
    description: 'Tokens of replies and of what they answer',
    labels: ['agent', 'model', 'type'],
  },
  // The SDK has no counter for fractions.
  plait_reply_cost_usd: {
    type: 'histogram',
    description: 'Cost of a reply in US dollars',
    labels: ['agent', 'model'],
    buckets: OF_A_PRICE,
  },
  plait_batch_calls: {
    type: 'histogram',
    description: 'Calls in a reply that has calls',
    labels: ['agent'],
    buckets: OF_A_COUNT,
  },
  plait_call_duration_seconds: {
    type: 'histogram',
    description: 'Time that a call took, with all attempts; 0 if it did not run',
    labels: ['agent', 'tool', 'outcome'],
    buckets: OF_A_CALL,
  },
  plait_call_attempts: {
    type: 'counter',
    description: 'Attempts of calls that have ended',
    labels: ['agent', 'tool'],
  },
  plait_call_queue_seconds: {
    type: 'histogram',
    description: 'Time that an attempt of a call waited for a worker',
    labels: ['agent', 'tool'],
    buckets: OF_A_WAIT,
  },
  plait_approval_wait_seconds: {
    type: 'histogram',
    description: 'Time that a call waited for the decision of a person',
    labels: ['agent', 'tool', 'decision'],
    buckets: OF_A_PERSON,
  },
  plait_early_runs: {
    type: 'counter',
    description: 'Runs of tools that began while the reply came',
    labels: ['agent', 'tool', 'result'],
  },
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof METRICS;

type LabelOf<Name extends MetricName> = (typeof METRICS)[Name]['labels'][number];

/** A value to add to a metric. */
export interface Measurement {
  metric: MetricName;
  value: number;
  labels: Readonly<Record<string, string>>;
}

export function measured<Name extends MetricName>(
  metric: Name,
  value: number,
  labels: Readonly<Record<LabelOf<Name>, string>>,
): Measurement {
  return { metric, value, labels };
}

/** Clocks differ: a time that would be negative counts as 0. */
export function seconds(milliseconds: number): number {
  return Math.max(0, milliseconds) / 1_000;
}

/**
 * Adds a value to its metric, in a workflow or in an activity: each has a meter of its own. The meter throws for
 * a negative value, which must not stop a turn.
 */
export function record(meter: MetricMeter, { metric, value, labels }: Measurement): void {
  if (!Number.isFinite(value) || value < 0) return;
  const { type, description } = METRICS[metric];
  if (type === 'counter') meter.createCounter(metric, undefined, description).add(value, labels);
  else meter.createHistogram(metric, 'float', undefined, description).record(value, labels);
}

/** The buckets of all histograms, as the SDK's exporters take them. */
export function bucketsByName(): Record<string, number[]> {
  return Object.fromEntries(
    Object.entries<Metric>(METRICS).flatMap(([name, { buckets }]) =>
      buckets === undefined ? [] : [[name, [...buckets]]],
    ),
  );
}
