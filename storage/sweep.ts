import { types } from 'node:util';
import {
  functionProblem,
  given,
  optionalBooleanProblem,
  optionalFunctionProblem,
  recordProblem,
  rejectIf,
  sourceProblem,
} from '../core/arguments.ts';
import { InvalidStorageError } from './errors.ts';
import { NothingNeededError } from './errors.ts';
import type { CollectableStorage } from './plait-storage.ts';

export interface SweepOptions {
  /**
   * The keys of all objects that are still needed. Called after the objects were listed. Keys of other
   * storages may be among them, and a key may come several times. When it throws, nothing is removed.
   */
  live: () => AsyncIterable<string>;
  /**
   * Only objects that were last written before this are removed: no workflow names an object that was
   * written a moment ago. Keep objects for a day at least.
   */
  writtenBefore: Date;
  /**
   * Remove even when nothing in the storage is needed. Otherwise that is an error: most likely `live` asked
   * the wrong server. @default false
   */
  removeAll?: boolean;
  /** Remove nothing, and report what would be removed. @default false */
  dryRun?: boolean;
  /** Called again and again with how many objects have been listed, and then removed. */
  onProgress?: (progress: { listed: number; removed: number }) => void;
}

export interface Tally {
  objects: number;
  bytes: number;
}

/** What `sweep` found, and what it removed. */
export interface SweepReport {
  /** In a dry run: what would be removed. */
  removed: Tally;
  /** Old, and still needed. */
  needed: Tally;
  /** Too young to be removed, or written again since it was listed. */
  young: Tally;
}

const BATCH = 500;

/**
 * Removes objects that are old and not needed. You may run it at any time, and several at once.
 *
 * Throws a `NothingNeededError` before it removes everything.
 */
export async function sweep(
  storage: CollectableStorage,
  options: SweepOptions,
): Promise<SweepReport> {
  rejectIf(
    InvalidStorageError,
    recordProblem('sweep: the storage', storage),
    recordProblem('sweep: the options', options),
  );
  rejectIf(
    InvalidStorageError,
    sourceProblem('sweep: storage.list', Reflect.get(storage, 'list')),
    functionProblem('sweep: storage.remove', Reflect.get(storage, 'remove')),
    sourceProblem('sweep: live', options.live),
    dateProblem('sweep: writtenBefore', options.writtenBefore),
    optionalBooleanProblem('sweep: removeAll', options.removeAll),
    optionalBooleanProblem('sweep: dryRun', options.dryRun),
    optionalFunctionProblem('sweep: onProgress', options.onProgress),
  );
  const { live, writtenBefore, removeAll = false, dryRun = false, onProgress } = options;
  const report = { removed: tally(), needed: tally(), young: tally() };
  // Listed before `live` is called: what is written from now on is young.
  const old = new Map<string, number>();
  const young = new Set<string>();
  for await (const { key, bytes, writtenAt } of storage.list()) {
    if (writtenAt < writtenBefore) old.set(key, bytes);
    else {
      young.add(key);
      count(report.young, bytes);
    }
    onProgress?.({ listed: old.size + young.size, removed: 0 });
  }
  const listed = old.size + young.size;
  let needed = false;
  for await (const key of live()) {
    needed ||= young.has(key);
    const bytes = old.get(key);
    if (bytes === undefined) continue;
    needed = true;
    old.delete(key);
    count(report.needed, bytes);
  }
  if (!needed && !removeAll && old.size > 0) throw new NothingNeededError();
  const keys = [...old.keys()];
  for (let from = 0; from < keys.length; from += BATCH) {
    const batch = keys.slice(from, from + BATCH);
    const removed = new Set(dryRun ? batch : await storage.remove(batch, writtenBefore));
    for (const key of batch) {
      count(removed.has(key) ? report.removed : report.young, old.get(key) ?? 0);
    }
    onProgress?.({ listed, removed: report.removed.objects });
  }
  return report;
}

/** Any other value would make every object young, or every object old. */
function dateProblem(name: string, value: unknown): string | undefined {
  const isDate = types.isDate(value) && !Number.isNaN(value.getTime());
  return isDate ? undefined : `${name} must be a Date; got ${given(value)}`;
}

const tally = (): Tally => ({ objects: 0, bytes: 0 });

function count(tally: Tally, bytes: number): void {
  tally.objects += 1;
  tally.bytes += bytes;
}
