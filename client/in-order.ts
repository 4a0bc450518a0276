/** How many items are worked on at the same time. */
const AT_ONCE = 10;

/** Works on up to ten items at the same time, and yields the results in the items' order. */
export async function* inOrder<T, R>(
  items: AsyncIterable<T> | Iterable<T>,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const begun: Promise<R>[] = [];
  for await (const item of items) {
    const result = work(item);
    // The loop awaits it later, and gets the rejection then.
    result.catch(() => undefined);
    begun.push(result);
    const first = begun.length === AT_ONCE ? begun.shift() : undefined;
    if (first !== undefined) yield await first;
  }
  for (const result of begun) yield await result;
}
