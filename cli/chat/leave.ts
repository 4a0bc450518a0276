/** Resolved when somebody leaves, rejected when nothing can go on. */
export interface Leave<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/** What `Promise.withResolvers` does from Node 22 on. */
export function createLeave<T>(): Leave<T> {
  let resolve!: Leave<T>['resolve'];
  let reject!: Leave<T>['reject'];
  const promise = new Promise<T>((onLeave, onError) => {
    resolve = onLeave;
    reject = onError;
  });
  return { promise, resolve, reject };
}
