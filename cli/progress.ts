/** In milliseconds; reads that take longer report their progress. */
const QUIET_MS = 500;
const EVERY_MS = 100;

export interface Progress {
  /** Replaces the line. */
  show(text: string): void;
  /** Removes the line. */
  clear(): void;
}

/** One line on a terminal that overwrites itself. Silent elsewhere, and for short work. */
export function progressOn(
  out: Pick<NodeJS.WriteStream, 'isTTY' | 'write'>,
  now: () => number = Date.now,
): Progress {
  const start = now();
  let shownAt: number | undefined;
  return {
    show(text) {
      const time = now();
      if (!out.isTTY || time - start < QUIET_MS || time - (shownAt ?? 0) < EVERY_MS) return;
      shownAt = time;
      out.write(`\r\u001B[K${text}`);
    },
    clear() {
      if (shownAt !== undefined) out.write('\r\u001B[K');
      shownAt = undefined;
    },
  };
}

/** The first items of a list, and whether there are more. Shows the count while it reads. */
export async function firstOf<T>(
  items: AsyncIterable<T>,
  limit: number,
  what: string,
  progress: Progress = progressOn(process.stderr),
): Promise<{ items: T[]; more: boolean }> {
  const first: T[] = [];
  try {
    for await (const item of items) {
      if (first.length === limit) return { items: first, more: true };
      first.push(item);
      progress.show(`${first.length} ${what} …`);
    }
    return { items: first, more: false };
  } finally {
    progress.clear();
  }
}
