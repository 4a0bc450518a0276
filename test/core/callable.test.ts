import { runInNewContext } from 'node:vm';
import { describe, expect, test, vi } from 'vitest';
import { notCallable, notCallableAsSource } from '../../core/callable.ts';

class Base {
  id = 1;
}
class Derived extends Base {}
function plain() {
  return 1;
}
function* generate() {}
const arrow = () => 1;
const ran = vi.fn();
class Loud {
  constructor() {
    ran();
  }
  id = 1;
}
function loud() {
  ran();
}
const methods = {
  method(this: void) {
    return 1;
  },
  old: function (this: void) {
    return 1;
  },
};

const CLASSES: [string, object][] = [
  ['a class', Base],
  ['a class that extends another', Derived],
  ['a class of JavaScript', Map],
  ['a class of another realm', runInNewContext('(class {})') as object],
  ['a proxy of a class', new Proxy(Base, {})],
  ['a bound class', Base.bind(null)],
  ['a bound class that extends another', Derived.bind(null)],
  ['a class that is bound twice', Base.bind(null).bind(null)],
  ['a bound class of JavaScript', Map.bind(null)],
  ['a bound class of another realm', runInNewContext('(class {}).bind(null)') as object],
  ['a proxy of a bound class', new Proxy(Base.bind(null), {})],
  ['a bound proxy of a class', new Proxy(Base, {}).bind(null)],
];

const GENERATORS: [string, object][] = [
  ['a generator function', generate],
  ['an async generator function', async function* () {}],
  ['a bound generator function', generate.bind(null)],
];

describe('a function is rejected if a call would not run it:', () => {
  test.each(CLASSES)('%s', (_, value) => {
    expect(notCallable(value)).toBe('must not be a class, which needs new; use a function');
    expect(notCallableAsSource(value)).toBe(notCallable(value));
  });

  test.each(GENERATORS)('%s, unless it is a source', (_, value) => {
    expect(notCallable(value)).toMatch(/^must not be a generator function/);
    expect(notCallableAsSource(value)).toBeUndefined();
  });
});

test.each<[string, object]>([
  ['a function', plain],
  ['an arrow function', arrow],
  ['an async function', async () => 1],
  ['a method', methods.method],
  ['a function of an object', methods.old],
  ['a bound function', plain.bind(null)],
  ['a function that is bound twice', plain.bind(null).bind(null)],
  ['a bound arrow function', arrow.bind(null)],
  ['a bound method', methods.method.bind(undefined)],
  ['a bound function of an object', methods.old.bind(undefined)],
  ['a bound function of another realm', runInNewContext('(function () {}).bind(null)') as object],
  ['a proxy of a function', new Proxy(plain, {})],
  ['a proxy of a bound function', new Proxy(plain.bind(null), {})],
  ['a mock', vi.fn()],
])('a function is accepted: %s', (_, value) => {
  expect(notCallable(value)).toBeUndefined();
});

test('checking runs none of its code', () => {
  for (const value of [Loud, Loud.bind(null), loud, loud.bind(null)]) notCallable(value);

  expect(ran).not.toHaveBeenCalled();
});

test('without an inspector, a bound class is accepted, and the next one is checked again', () => {
  const builtin = vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined);
  expect(notCallable(Base.bind(null))).toBeUndefined();

  builtin.mockRestore();
  expect(notCallable(Base.bind(null))).toBeDefined();
});
