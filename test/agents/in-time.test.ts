import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { inTime, MAX_WAITING_MS, OutOfTimeError } from '../../agents/in-time.ts';

afterEach(() => {
  vi.useRealTimers();
});

/** Takes years: each letter doubles the ways to take the text apart. */
const backtrack = () => /^(\w+\s?)*$/.test(`${'a'.repeat(60)}!`);

function busy(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

async function fails(): Promise<never> {
  await sleep(1);
  throw new Error('the database is away');
}

/** For the check that waits: it may have let others go first. */
async function timeIsUp(): Promise<void> {
  while (vi.getTimerCount() === 0) await new Promise(setImmediate);
  await vi.advanceTimersByTimeAsync(MAX_WAITING_MS);
}

describe('a check', () => {
  test('has its value, even if that is promised', async () => {
    expect(await inTime(() => 7)).toBe(7);
    expect(await inTime(async () => await sleep(5, 'later'))).toBe('later');
    expect(await inTime(() => undefined)).toBeUndefined();
  });

  test('fails with the error that it throws, in this realm', async () => {
    const error = new TypeError('no');

    await expect(inTime((): unknown => JSON.parse('{'))).rejects.toBeInstanceOf(SyntaxError);
    await expect(inTime(() => Promise.reject(error))).rejects.toBe(error);
  });

  test.for([
    ['a regular expression that backtracks', backtrack],
    [
      'an endless loop',
      () => {
        for (;;);
      },
    ],
    [
      'an endless recursion that catches its errors',
      () => {
        const again = (): void => {
          for (;;) {
            try {
              again();
            } catch {
              continue;
            }
          }
        };
        again();
      },
    ],
    [
      'one call into V8 that does not end',
      () => '1'.padEnd(30_000_000, '1 ').split(' ').toSorted().join(),
    ],
    ['the beginning of an asynchronous function', async () => backtrack()],
  ] as [string, () => unknown][])('of %s is stopped', async ([, check]) => {
    await expect(inTime(check)).rejects.toEqual(new OutOfTimeError(100));
  });

  test('may use another check within it', async () => {
    expect(await inTime(() => inTime(() => 'inner'))).toBe('inner');
    await expect(inTime(() => inTime(backtrack))).rejects.toBeInstanceOf(OutOfTimeError);
    expect(await inTime(() => 'still works')).toBe('still works');
  });

  test('is no longer waited for when the answer does not come', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const late = inTime(() => new Promise<never>(() => undefined));
    const caught = expect(late).rejects.toEqual(new OutOfTimeError(MAX_WAITING_MS));

    await timeIsUp();

    await caught;
  });

  test.each<[what: string, answer: () => PromiseLike<unknown>]>([
    ['a promise of another realm', () => runInNewContext('new Promise(() => 0)') as never],
    // oxlint-disable-next-line unicorn/no-thenable -- as query builders have one
    ['what is like a promise', () => ({ then: () => new Promise<never>(() => undefined) })],
  ])('is no longer waited for when its answer is %s', async (_, answer) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const caught = expect(inTime(answer)).rejects.toEqual(new OutOfTimeError(MAX_WAITING_MS));

    await timeIsUp();

    await caught;
  });

  test('that fails after it was stopped leaves no unhandled rejection', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const emitter = new EventEmitter();
    const late = inTime(() => once(emitter, 'answer'));
    const caught = expect(late).rejects.toBeInstanceOf(OutOfTimeError);
    await timeIsUp();
    await caught;
    vi.useRealTimers();

    emitter.emit('error', new Error('too late'));

    // An unhandled rejection would fail the run.
    await sleep(10);
  });

  test('leaves no unhandled rejection when it is interrupted', async () => {
    await expect(inTime(() => [fails(), backtrack()])).rejects.toBeInstanceOf(OutOfTimeError);

    await sleep(10);
  });

  test('leaves no unhandled rejection when it throws', async () => {
    await expect(inTime(() => [fails(), JSON.parse('{') as unknown])).rejects.toThrow(SyntaxError);

    await sleep(10);
  });

  test('runs again if the machine had no time for it', async () => {
    let attempts = 0;
    const cpuUsage = vi.spyOn(process, 'cpuUsage').mockReturnValue({ user: 0, system: 0 });
    try {
      const value = await inTime(() => {
        attempts += 1;
        if (attempts < 4) busy(10_000);
        return 'at last';
      });

      expect([value, attempts]).toEqual(['at last', 4]);
    } finally {
      cpuUsage.mockRestore();
    }
  });
});

describe('the process goes on', () => {
  test('while many checks are stopped', async () => {
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 10);
    const continued: number[] = [];
    const other = async (id: number) => {
      for (let i = 0; i < 1_000; i++) await Promise.resolve();
      continued.push(id);
    };
    const others = Array.from({ length: 20 }, (_, id) => other(id));

    const checks = Array.from({ length: 6 }, () => inTime(backtrack));
    const ended = await Promise.allSettled(checks);
    clearInterval(timer);
    await Promise.all(others);

    expect(ended.every(({ status }) => status === 'rejected')).toBe(true);
    // At least between every two of them, and each ran twice or more often.
    expect(ticks).toBeGreaterThanOrEqual(11);
    expect(continued).toHaveLength(20);
  });

  test('between many checks that each use their time', async () => {
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 1);

    const checks = Array.from({ length: 60 }, () => inTime(() => busy(10)));
    await Promise.all(checks);
    clearInterval(timer);

    // After every second or third of them.
    expect(ticks).toBeGreaterThanOrEqual(20);
  });
});
