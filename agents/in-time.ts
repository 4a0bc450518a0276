import { setImmediate } from 'node:timers';
import { promiseHooks } from 'node:v8';
import { createContext, Script } from 'node:vm';
import { isRecord } from '../core/json.ts';

// Schemas and functions of a declaration meet what a model, a client or an approver wrote. A regular
// expression may backtrack for hours over 33 letters, and meanwhile the process would do nothing else: no
// heartbeat, and no other call. So each check gets so much time, and V8 ends it then.

/** The longest that a check may hold the process up, in milliseconds. */
export const MAX_BLOCKING_MS = 100;
/** The longest that it may wait for others, such as a database. */
export const MAX_WAITING_MS = 10_000;

/** A busy machine may have given the time to others. What used so much of the processor itself is too slow. */
const ENOUGH_CPU_MS = 1.5 * MAX_BLOCKING_MS;
const MAX_ATTEMPTS = 8;

/** How long checks may hold the process up together before everything else gets its turn. */
const SHARE_MS = 20;

/** It did not end within its time. */
export class OutOfTimeError extends Error {
  override readonly name = 'OutOfTimeError' as const;
  readonly milliseconds: number;

  constructor(milliseconds: number) {
    super(`not done within ${milliseconds} ms`);
    this.milliseconds = milliseconds;
  }
}

/**
 * What `check` returns, or an `OutOfTimeError`. It may run more than once. What an asynchronous check does
 * after its first `await` cannot be interrupted: then it is only no longer waited for.
 */
export async function inTime<T>(check: () => T | PromiseLike<T>): Promise<T> {
  const { value } = await begin(check);
  return isPromiseLike(value) ? await within(Promise.resolve(value), MAX_WAITING_MS) : value;
}

/** Also a promise of another realm, and what a query builder returns: it is awaited as well. */
function isPromiseLike<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return isRecord(value) && typeof value['then'] === 'function';
}

let share = 0;
let rest: Promise<void> | undefined;

/**
 * Runs a check without a time limit: one that takes time in proportion to its input. Other work goes first if
 * checks have held the process up for long.
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

/** In an object, since the value may be a promise that is not to be awaited here. */
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

/** Timers and what has arrived come between the first and the second. */
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

/** The function stays in its own realm: only the call to it is in the script's. */
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

/** Nobody waits for what a failed check has begun, and a rejection that nobody handles would end the process. */
function forget(promises: readonly Promise<unknown>[]): void {
  for (const promise of promises) promise.catch(() => undefined);
}

/** Not by `instanceof`: the error is of the script's realm. */
function isInterruption(error: unknown): boolean {
  return isRecord(error) && error['code'] === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}

/** Settles as the work does, or with an `OutOfTimeError`. The work goes on. */
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
