/** Its rejection is found by whoever waits for it next, even if that is after it happened. */
export function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** The news, or `late` when there is none at the deadline; without a deadline it is waited for. */
export async function newsOr<T>(
  news: Promise<T>,
  deadline: number | undefined,
): Promise<T | 'late'> {
  if (deadline === undefined) return await news;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, deadline - Date.now(), 'late');
  });
  try {
    return await Promise.race([news, late]);
  } finally {
    clearTimeout(timer);
  }
}
