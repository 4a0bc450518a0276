import { CancellationScope, log, scheduleActivity } from '@temporalio/workflow';
import { defined, jsonBytes } from '../core/json.ts';
import { WRITE_TRACE } from '../core/names.ts';
import type { TracedEnd, TracedPart } from '../core/trace/spans.ts';
import type { Pending } from './trace.ts';
import type { Turn } from './turn.ts';

/** The most that one activity gets, in bytes of JSON. */
const MAX_BYTES = 400_000;

/**
 * Makes a worker write what the turn has done since the last time, and the turn itself if it has `ended`.
 * Through an activity, because a killed worker loses what it remembers. Does not fail.
 */
export async function writeTrace(
  turn: Turn,
  ended?: Pick<TracedEnd, 'reason' | 'end' | 'failed'>,
): Promise<void> {
  const { state, args, owner, begunAt, trace } = turn;
  const pending = trace.take(state.calls, turn.agent);
  if (pending === undefined) return;
  const { rounds, calls, usage, costUSD } = state;
  const about = {
    agent: args.agent,
    ...defined({ sessionId: owner.sessionId, from: trace.from }),
  };
  const end: TracedEnd | undefined = ended && {
    ...ended,
    start: begunAt,
    rounds,
    calls: calls.length,
    usage,
    ...defined({ costUSD }),
  };
  const parts = inParts(pending);
  const last = parts.pop();
  await CancellationScope.nonCancellable(async () => {
    for (const [i, part] of [...parts, { ...last, ...defined({ ended: end }) }].entries()) {
      await write({ ...about, chats: [], calls: [], ...part }, i);
    }
  });
}

async function write(part: TracedPart, i: number): Promise<void> {
  try {
    await scheduleActivity<void>(WRITE_TRACE, [part], {
      activityId: i === 0 ? 'trace' : `trace.${i + 1}`,
      startToCloseTimeout: '10s',
      // A turn must not wait forever for what only describes it.
      scheduleToCloseTimeout: '2m',
      retry: { maximumAttempts: 5, initialInterval: '200ms', maximumInterval: '5s' },
    });
  } catch (error) {
    log.warn('The trace of a turn was not written', { sdkComponent: 'plait', error });
  }
}

/** In order, each as large as one payload may be. */
function inParts({ chats, calls }: Pending): Partial<Pending>[] {
  const parts: Partial<Pending>[] = [];
  let bytes = 0;
  const add = <K extends keyof Pending>(key: K, one: Pending[K][number]): void => {
    bytes += jsonBytes(one);
    if (parts.length === 0 || bytes > MAX_BYTES) {
      parts.push({});
      bytes = jsonBytes(one);
    }
    const part = parts.at(-1) as Partial<Record<K, unknown[]>>;
    (part[key] ??= []).push(one);
  };
  for (const chat of chats) add('chats', chat);
  for (const call of calls) add('calls', call);
  return parts;
}
