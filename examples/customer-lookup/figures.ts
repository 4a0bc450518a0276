import type { CallRecord, TurnResult } from 'plait';

/** The durations of a turn's tool calls in milliseconds, from its result. */
export interface Figures {
  /** The duration of each call, in the order in which the model asked. */
  calls: number[];
  /** The duration if they had run one after the other. */
  sum: number;
  /** The time from the first start to the last end. */
  wall: number;
  /** How many times as long the sum is. */
  ratio: number;
}

export function figuresOf({ calls }: Pick<TurnResult, 'calls'>): Figures {
  const times = calls.map(({ start, end }) => Date.parse(end) - Date.parse(start));
  const sum = times.reduce((total, time) => total + time, 0);
  const wall = Math.max(...calls.map(endOf)) - Math.min(...calls.map(startOf));
  return { calls: times, sum, wall, ratio: sum / wall };
}

function startOf({ start }: CallRecord): number {
  return Date.parse(start);
}

function endOf({ end }: CallRecord): number {
  return Date.parse(end);
}
