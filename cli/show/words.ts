import type { Bar, Wait } from '../../client/follow/waterfall.ts';
import { isWork, WAITS } from '../../client/follow/waterfall.ts';
import type { TimeShares } from '../../core/turn/timing.ts';
import { inputTokens } from '../../core/turn/usage.ts';
import { durationText } from '../text.ts';
import { usageText } from '../../core/turn/usage-text.ts';
import type { TurnFacts } from './facts.ts';

/** The kind of a bar, as the legend names it. */
export type Look = Bar['type'] | 'failed';

export function lookOf({ type, failed }: Bar): Look {
  return failed === true ? 'failed' : type;
}

export const LOOKS: Record<Look, { character: string; label: string }> = {
  attempt: { character: '━', label: 'runs' },
  reply: { character: '█', label: 'the reply comes' },
  early: { character: '╍', label: 'runs while the reply still comes' },
  failed: { character: '╳', label: 'an attempt that failed' },
  queue: { character: '·', label: 'waits for a worker' },
  backoff: { character: '~', label: 'waits before the next attempt' },
  approval: { character: '?', label: 'waits for a person' },
  conflict: { character: '<', label: 'waits for earlier calls' },
  limit: { character: '=', label: 'waits for room under a limit' },
  outside: { character: '○', label: 'waits to be completed from outside' },
};

/** One bar in words: `attempt 2 failed, 1.2 s`. */
export function barText(bar: Bar): string {
  const { type, start, end, attempt = 1, failed, estimated } = bar;
  const number = isWork(type) && attempt > 1 ? ` (attempt ${attempt})` : '';
  const what = failed === true ? `attempt ${attempt} failed` : `${LOOKS[type].label}${number}`;
  return `${what}: ${estimated === true ? 'about ' : ''}${durationText(end - start)}`;
}

export const SHARES: readonly { share: keyof TimeShares; label: string }[] = [
  { share: 'model', label: 'model' },
  { share: 'tools', label: 'tools' },
  { share: 'people', label: 'people' },
  { share: 'temporal', label: 'task queues and Temporal' },
];

/** A figure with its name. */
export interface Figure {
  label: string;
  value: string;
  explanation?: string;
}

/** The figures of a turn, in the order in which they are read. Pure. */
export function figuresOf({ turn, usage, costUSD }: TurnFacts): Figure[] {
  const { timing, waits } = turn;
  const { wallTime, oneAfterAnother, speedUp, width } = timing;
  const waited = WAITS.filter((wait) => waits[wait] > 0);
  return [
    { label: turn.status === 'running' ? 'so far' : 'took', value: durationText(wallTime) },
    ...(speedUp > 1
      ? [
          {
            label: 'parallel',
            value: `${speedUp.toFixed(2)} times as fast`,
            explanation: `${durationText(oneAfterAnother)} with the calls of each reply one after another; at most ${width} at once`,
          },
        ]
      : []),
    { label: 'spent on', value: sharesText(timing.shares, wallTime) },
    ...(waited.length === 0
      ? []
      : [
          {
            label: 'waited',
            value: waited
              .map((wait) => `${WAIT_NAMES[wait]} ${durationText(waits[wait])}`)
              .join(', '),
            explanation: 'all calls and requests together',
          },
        ]),
    ...(usage === undefined
      ? []
      : [{ label: 'used', value: usageText(usage, costUSD), ...fromCache(usage) }]),
  ];
}

const WAIT_NAMES: Record<Wait, string> = {
  approval: 'for people',
  conflict: 'for earlier calls',
  limit: 'for room',
  queue: 'for workers',
  backoff: 'before attempts',
  outside: 'for completion from outside',
};

export function sharesText(shares: TimeShares, wallTime: number): string {
  return SHARES.filter(({ share }) => shares[share] > 0)
    .map(({ share, label }) => `${label} ${percent(shares[share], wallTime)}`)
    .join(', ');
}

export function percent(part: number, whole: number): string {
  const rounded = whole === 0 ? 0 : Math.round((100 * part) / whole);
  return part > 0 && rounded === 0 ? 'under 1 %' : `${rounded} %`;
}

function fromCache(usage: NonNullable<TurnFacts['usage']>): { explanation?: string } {
  const { cache_read_input_tokens: cached } = usage;
  return cached === 0
    ? {}
    : { explanation: `${percent(cached, inputTokens(usage))} of the input from the cache` };
}
