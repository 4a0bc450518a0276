// What a caller gives as a function may not run when it is called: a class needs `new`, and a generator
// function only makes a generator. Both have the type `function`.

/** Why calling it would not run it, as the end of a sentence; `undefined` where it would. */
export function notCallable(value: object): string | undefined {
  if (isGenerator(value)) return NO_GENERATOR;
  return isClass(value) ? NO_CLASS : undefined;
}

/** The same of a function that may return a generator. */
export function notCallableAsSource(value: object): string | undefined {
  return isClass(value) ? NO_CLASS : undefined;
}

const NO_GENERATOR =
  'must not be a generator function, whose body would never run; use a function that returns a value or a promise';

const NO_CLASS = 'must not be a class, which needs new; use a function';

/** Also one that is bound: it has the prototype of what it was made of. */
function isGenerator(value: object): boolean {
  return /Generator/.test(Object.prototype.toString.call(value));
}

/** The `prototype` of a class cannot be replaced. A bound class has none, like every bound function. */
function isClass(value: object): boolean {
  const own = Object.getOwnPropertyDescriptor(value, 'prototype');
  if (own !== undefined) return own.writable === false;
  return isConstructor(value) && isBoundClass(value);
}

/** Runs nothing of it. Methods, arrow functions and async functions are not constructors. */
function isConstructor(value: object): boolean {
  try {
    Reflect.construct(Object, [], value as new () => object);
    return true;
  } catch {
    return false;
  }
}

/** The part of `node:inspector` that is used. */
interface Inspector {
  Session: new () => {
    connect(): void;
    disconnect(): void;
    post(method: string, params: object, done: (error: unknown, answer: never) => void): void;
  };
  [LOOKED_AT]?: object;
}

interface Evaluated {
  result: { objectId: string };
}

interface Properties {
  result: { name: string; writable?: boolean }[];
  internalProperties: { name: string; value: { objectId: string } }[];
}

const LOOKED_AT = Symbol.for('plait.callable');

/** In the realm of the process: test runners have others. */
const EXPRESSION = `process.getBuiltinModule('node:inspector')[Symbol.for('plait.callable')]`;

/**
 * The language does not say what a function is bound to, but the inspector does, in some milliseconds. Where
 * it cannot be used, the first call says it.
 */
function isBoundClass(value: object): boolean {
  try {
    // Workflows have neither functions of users nor this.
    // oxlint-disable-next-line no-restricted-globals
    const inspector = process.getBuiltinModule('node:inspector') as unknown as Inspector;
    const session = new inspector.Session();
    session.connect();
    inspector[LOOKED_AT] = value;
    try {
      return hasFixedPrototype((method, params) => {
        let answer: unknown;
        // Within a thread it answers before it returns.
        session.post(method, params, (_, result) => {
          answer = result;
        });
        return answer;
      });
    } finally {
      delete inspector[LOOKED_AT];
      session.disconnect();
    }
  } catch {
    return false;
  }
}

/** Of what the function is bound to, which may be bound as well. Throws where it is not found. */
function hasFixedPrototype(ask: (method: string, params: object) => unknown): boolean {
  let { objectId } = (ask('Runtime.evaluate', { expression: EXPRESSION }) as Evaluated).result;
  for (;;) {
    const params = { objectId, ownProperties: true };
    const { result, internalProperties } = ask('Runtime.getProperties', params) as Properties;
    const own = result.find(({ name }) => name === 'prototype');
    if (own !== undefined) return own.writable === false;
    // That of a bound function, or of a proxy.
    const target = internalProperties.find(({ name }) => name.startsWith('[[Target'));
    ({ objectId } = (target as Properties['internalProperties'][0]).value);
  }
}
