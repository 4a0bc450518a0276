import type { CallRecord, TurnResult } from 'plait';

/** What the tool calls of a turn took, in milliseconds, as its result records them. */
export interface Figures {
  /** Of each call, in the order in which the model asked. */
  calls: number[];
  /** One after the other they would have taken this. */
  sum: number;
  /** From the first start to the last end. */
  wall: number;
  /** How many times as fast as the sum. */
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
