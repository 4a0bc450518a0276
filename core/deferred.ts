/** A promise with its `resolve` and `reject`. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/** Like `Promise.withResolvers`, which Node has from version 22 on. */
export function deferred<T>(): Deferred<T> {
  let resolve!: Deferred<T>['resolve'];
  let reject!: Deferred<T>['reject'];
  const promise = new Promise<T>((onLeave, onError) => {
    resolve = onLeave;
    reject = onError;
  });
  return { promise, resolve, reject };
}
