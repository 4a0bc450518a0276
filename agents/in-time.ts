import { setImmediate } from 'node:timers';
import { promiseHooks } from 'node:v8';
import { createContext, Script } from 'node:vm';
import { isRecord } from '../core/json.ts';

// Schemas and functions of a declaration check what a model, a client or an approver wrote. A regular
// expression may backtrack for hours over 33 letters, while the process sends no heartbeat and runs no other
// call. So V8 ends each check that takes too long.

/** How long a check may block the process, in milliseconds. */
export const MAX_BLOCKING_MS = 100;
/** How long a check may wait for others, such as a database, in milliseconds. */
export const MAX_WAITING_MS = 10_000;

/**
 * A check that ran out of time without using this much of the processor is tried again: a busy machine gave
 * the time to others.
 */
const ENOUGH_CPU_MS = 1.5 * MAX_BLOCKING_MS;
const MAX_ATTEMPTS = 8;

/** How long all checks together may block the process before everything else gets a turn, in milliseconds. */
const SHARE_MS = 20;

/** The check did not end within its time. */
export class OutOfTimeError extends Error {
  override readonly name = 'OutOfTimeError' as const;
  readonly milliseconds: number;

  constructor(milliseconds: number) {
    super(`not done within ${milliseconds} ms`);
    this.milliseconds = milliseconds;
  }
}

/**
 * What `check` returns, or an `OutOfTimeError`. It may run more than once. An asynchronous check cannot be
 * interrupted after its first `await`: then this only stops waiting for it.
 */
export async function inTime<T>(check: () => T | PromiseLike<T>): Promise<T> {
  const { value } = await begin(check);
  return isPromiseLike(value) ? await within(Promise.resolve(value), MAX_WAITING_MS) : value;
}

/** True also for a promise of another realm, and for what a query builder returns. */
function isPromiseLike<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return isRecord(value) && typeof value['then'] === 'function';
}

let share = 0;
let rest: Promise<void> | undefined;

/**
 * Runs a check without a time limit: one whose time is proportional to its input. Other work goes first if
 * checks have blocked the process for long.
 */
export async function inTurn<T>(check: () => T): Promise<T> {
  while (share >= SHARE_MS) await (rest ??= othersTurn());
  const from = performance.now();
  try {
    return check();
  } finally {
    share += performance.now() - from;
  }
}

/** Wrapped in an object, since the value may be a promise that must not be awaited here. */
async function begin<T>(check: () => T): Promise<{ value: T }> {
  let used = 0;
  for (let attempt = 1; ; attempt++) {
    let before: NodeJS.CpuUsage | undefined;
    try {
      return await inTurn(() => {
        before = process.cpuUsage();
        return { value: interruptibly(check) };
      });
    } catch (error) {
      if (!isInterruption(error)) throw error;
      const { user, system } = process.cpuUsage(before);
      used += (user + system) / 1_000;
      if (used >= ENOUGH_CPU_MS || attempt === MAX_ATTEMPTS) {
        throw new OutOfTimeError(MAX_BLOCKING_MS);
      }
    }
  }
}

/** Two rounds: timers and incoming data are handled between them. */
async function othersTurn(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(() => setImmediate(resolve));
  });
  share = 0;
  rest = undefined;
}

const slot: { check?: () => unknown } = {};
const context = createContext(slot);
const script = new Script('check()', { filename: 'plait-in-time.js' });

/** Only the call is made in the script's realm; the function stays in its own. */
function interruptibly<T>(check: () => T): T {
  const promises: Promise<unknown>[] = [];
  const stop = promiseHooks.onInit((promise) => promises.push(promise)) as () => void;
  slot.check = check;
  try {
    return script.runInContext(context, { timeout: MAX_BLOCKING_MS, displayErrors: false }) as T;
  } catch (error) {
    stop();
    forget(promises);
    throw error;
  } finally {
    stop();
    delete slot.check;
  }
}

/** Handles the rejections of what a failed check has started: an unhandled one would end the process. */
function forget(promises: readonly Promise<unknown>[]): void {
  for (const promise of promises) promise.catch(() => undefined);
}

/** Not `instanceof`: the error comes from the script's realm. */
function isInterruption(error: unknown): boolean {
  return isRecord(error) && error['code'] === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}

/** Settles like the work, or with an `OutOfTimeError`. The work itself goes on. */
export async function within<T>(work: Promise<T>, milliseconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new OutOfTimeError(milliseconds)), milliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
