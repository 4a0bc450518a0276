import { DefaultLogger } from '@temporalio/worker';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { AbandonedTool } from '../../../activities/tools/attempt.ts';
import type { EarlyCall } from '../../../activities/tools/early-runs.ts';
import { EarlyRuns } from '../../../activities/tools/early-runs.ts';

const call: EarlyCall = {
  namespace: 'default',
  identity: { workflowId: 'turn-1', round: 1, tool: 'look', input: { id: 7 }, occurrence: 0 },
  given: { agent: 'tester', context: { tenant: 'acme' } },
};
const options = {
  callId: 'toolu_1',
  log: new DefaultLogger('ERROR'),
  timeLimit: 60_000,
  clean: (details: unknown) => details,
  left: () => undefined,
};

function withInput(id: number): EarlyCall {
  return { ...call, identity: { ...call.identity, input: { id } } };
}

/** A tool that ends when its signal aborts. */
const heeds = ({ signal }: { signal: AbortSignal }) =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error));
  });
const deaf = () => new Promise(() => undefined);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function runs({ max = 2 } = {}) {
  const abandoned = new Set<AbandonedTool>();
  return { abandoned, early: new EarlyRuns(max, abandoned) };
}

describe('an early run is found', () => {
  test.each<[what: string, other: EarlyCall, found: boolean]>([
    ['by the same call', structuredClone(call), true],
    ['not by one with another input', withInput(8), false],
    ['not by one of another namespace', { ...call, namespace: 'other' }, false],
    [
      'not by one with another context',
      { ...call, given: { agent: 'tester', context: { tenant: 'zoo' } } },
      false,
    ],
    ['not by one of another person', { ...call, given: { ...call.given, user: 'ana' } }, false],
  ])('%s', (_, other, found) => {
    const { early } = runs();
    const run = early.start(call, options, heeds);

    expect(early.find(other)).toBe(found ? run : undefined);
  });

  test('by one activity only', () => {
    const { early } = runs();
    early.start(call, options, heeds)?.take('toolu_2');

    expect(early.find(call)).toBeUndefined();
    expect(early.isEmpty).toBe(true);
  });

  test('and from then on its log names the call that joined it', () => {
    const { early } = runs();
    const logged: unknown[] = [];
    const log = new DefaultLogger('INFO', ({ meta }) => logged.push(meta));
    const run = early.start(call, { ...options, log }, heeds);
    run?.log.info('looking');
    run?.take('toolu_2');
    run?.log.info('looking');

    expect(logged).toEqual(
      ['toolu_1', 'toolu_2'].map((activityId) => ({
        activityId,
        activityType: 'look',
        attempt: 1,
      })),
    );
  });

  test('and is reported once: as joined, or as over', () => {
    const { early } = runs();
    const left = vi.fn<(state: string) => void>();
    early.start(call, { ...options, left }, heeds)?.take('toolu_2');
    const wasted = early.start(withInput(8), { ...options, left }, heeds);
    for (const _ of ['once', 'again']) wasted?.end('torn');

    expect(left.mock.calls).toEqual([['joined'], ['over']]);
  });

  test('even if the call is asked for again, and the tool does not run again', () => {
    const { early } = runs();
    const tool = vi.fn(heeds);
    const first = early.start(call, options, tool);

    expect(early.start(call, { ...options, callId: 'toolu_2' }, tool)).toBe(first);
    expect(tool).toHaveBeenCalledTimes(1);
  });
});

describe('an early run that nobody joins', () => {
  test.each<[when: string, limit: number, isWhole: boolean]>([
    ['when the time of its tool is up', 60_000, false],
    ['ten seconds after its reply was whole', 10_000, true],
  ])('ends %s', async (_, limit, isWhole) => {
    const { early } = runs();
    const run = early.start(call, options, heeds);
    if (isWhole) run?.keep();
    await vi.advanceTimersByTimeAsync(limit - 1);
    expect(run?.signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);

    expect(run?.signal.aborted).toBe(true);
    expect(early.isEmpty).toBe(true);
  });

  test('is forgotten if its tool has failed, or has returned an error', async () => {
    const { early } = runs();
    early.start(call, options, () => Promise.reject(new Error('no')));
    early.start(withInput(8), options, () => new Error('no'));
    await vi.advanceTimersByTimeAsync(0);

    expect(early.isEmpty).toBe(true);
  });

  test('counts as an abandoned tool while its tool ignores the signal', async () => {
    const { early, abandoned } = runs();
    let stop: ((value: string) => void) | undefined;
    const stubborn = () => new Promise<string>((resolve) => (stop = resolve));
    early.start(call, options, stubborn)?.end('torn');
    await vi.advanceTimersByTimeAsync(5_000);
    expect([...abandoned]).toEqual([{ tool: 'look', callId: 'toolu_1' }]);
    stop?.('late');
    await vi.advanceTimersByTimeAsync(0);

    expect(abandoned.size).toBe(0);
  });

  test('ends with its worker, which waits for it for a moment', async () => {
    const { early, abandoned } = runs();
    const heeding = early.start(call, options, heeds);
    early.start(withInput(8), options, deaf);
    let closed = false;
    void early.close().then(() => (closed = true));
    await vi.advanceTimersByTimeAsync(4_999);
    expect(heeding?.signal.aborted).toBe(true);
    expect(closed).toBe(false);
    await vi.advanceTimersByTimeAsync(1);

    expect(closed).toBe(true);
    expect(abandoned.size).toBe(1);
  });
});

test('calls of agents that do not decide start early only if the worker has nothing that this would bypass', () => {
  expect(runs().early.byDefault).toBe(false);
});

describe('a worker with as many early runs as it may have', () => {
  test('has room again for each that was joined', () => {
    const { early } = runs();
    const first = early.start(call, options, heeds);
    early.start(withInput(8), options, heeds);
    expect(early.start(withInput(9), options, heeds)).toBeUndefined();
    first?.take('toolu_1');

    expect(early.start(withInput(9), options, heeds)).toBeDefined();
  });

  test('has no room for others while an ended tool still runs', async () => {
    const { early } = runs({ max: 1 });
    early.start(call, options, deaf)?.end('torn');
    await vi.advanceTimersByTimeAsync(60_000);

    expect(early.start(withInput(8), options, heeds)).toBeUndefined();
  });

  test('keeps the slot of a finished run until it is joined or ends', async () => {
    const { early } = runs({ max: 1 });
    const done = early.start(call, options, () => 'done');
    await vi.advanceTimersByTimeAsync(0);
    expect(early.start(withInput(8), options, heeds)).toBeUndefined();
    done?.end('torn');

    expect(early.start(withInput(8), options, heeds)).toBeDefined();
  });
});
