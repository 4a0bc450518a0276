import { describe, expect, test } from 'vitest';
import {
  agentOf,
  SEARCH_ATTRIBUTES,
  sessionAttributes,
  stopAttributes,
  turnAttributes,
  USER_ATTRIBUTE,
  userOf,
  userProblem,
} from '../../core/search-attributes.ts';

const values = (pairs: ReturnType<typeof turnAttributes>) =>
  Object.fromEntries(pairs.map(({ key, value }) => [key.name, value]));

describe('search attributes', () => {
  test('are all set at the start if the workflow may set them later, so that the server checks them first', () => {
    expect(values(turnAttributes({ agent: 'support', user: 'u-1' }))).toEqual({
      PlaitAgent: 'support',
      PlaitUser: 'u-1',
      PlaitStopReason: 'end_turn',
    });
    expect(values(sessionAttributes({ agent: 'support' }))).toEqual({
      PlaitAgent: 'support',
      PlaitStopReason: 'none',
    });
    expect(values(stopAttributes('cancelled'))).toEqual({ PlaitStopReason: 'cancelled' });
  });

  test('are all registered, as keywords', () => {
    const all = sessionAttributes({ agent: 'support', user: 'u-1' });
    expect(Object.keys(SEARCH_ATTRIBUTES).toSorted()).toEqual(Object.keys(values(all)).toSorted());
    expect(new Set(Object.values(SEARCH_ATTRIBUTES))).toEqual(new Set(['Keyword']));
  });
});

test.each([
  ['u-1', undefined],
  ['CORP\\ada "the" o\'neill', undefined],
  ['x'.repeat(255), undefined],
  ['x'.repeat(256), 'is longer than 255 characters'],
  ['', 'is empty'],
  ['a\u0000b', 'holds control characters'],
  ['a\ud83d', 'holds half a character'],
  [17, 'is not a text'],
])('whether %j can name a user: %s', (user, problem) => {
  expect(userProblem(user)).toBe(problem);
});

const registered = (values: Record<string, string>) => ({
  get: (key: { name: string }) => values[key.name] as never,
});

test('the agent and the user of a run come from its search attributes, or from its memo if there are none', () => {
  const none = registered({});
  const both = registered({ PlaitAgent: 'support', [USER_ATTRIBUTE.name]: 'u-1' });
  expect(agentOf({ typedSearchAttributes: both })).toBe('support');
  expect(userOf({ typedSearchAttributes: both, memo: { user: 'u-2' } })).toBe('u-1');
  expect(agentOf({ typedSearchAttributes: none, memo: { agent: 'billing' } })).toBe('billing');
  expect(userOf({ typedSearchAttributes: none, memo: { user: 7 } })).toBeUndefined();
  expect(agentOf({ typedSearchAttributes: none })).toBeUndefined();
});
