import { describe, expect, test } from 'vitest';
import * as names from '../../core/names.ts';

describe('the name of a tool', () => {
  test.for(['get_orders', 'constructor', '__proto__', 'default', 'a', '-', 'x'.repeat(64)])(
    'may be %s',
    (name) => {
      expect(names.TOOL_NAME_PATTERN.test(name)).toBe(true);
    },
  );

  test.for(['', 'get orders', 'get.orders', 'größe', 'x'.repeat(65), 'a\n'])(
    'may not be %j',
    (name) => {
      expect(names.TOOL_NAME_PATTERN.test(name)).toBe(false);
    },
  );

  test("can never be that of one of Plait's own activities", () => {
    for (const own of [
      names.CALL_MODEL,
      names.READ_TRANSCRIPT,
      names.PREPARE_CALL,
      names.ANNOUNCE_APPROVAL,
      names.AUTHORIZE_DECISION,
      names.PRESENT_RESULT,
    ]) {
      expect(own).not.toMatch(names.TOOL_NAME_PATTERN);
    }
  });
});

describe('the id of a turn or a session', () => {
  const { findNewSessionIdProblem, findSessionIdProblem, findTurnIdProblem } = names;

  test.for<[id: unknown, problem: string | undefined]>([
    ['ticket-88', undefined],
    ['x'.repeat(1_000), undefined],
    ['', 'must be a text that is not empty'],
    [7n, 'must be a text that is not empty'],
    ['half \ud83d', 'must not hold half of an emoji or of another pair of characters'],
    ['x'.repeat(2_000), 'must have at most 1000 bytes; it has 2000'],
    ['€'.repeat(400), 'must have at most 1000 bytes; it has 1200'],
  ])('%o', ([id, problem]) => {
    expect(findTurnIdProblem(id)).toBe(problem);
  });

  test('leaves room for the ids of its turns', () => {
    expect(findSessionIdProblem('x'.repeat(980))).toBeUndefined();
    expect(findSessionIdProblem('x'.repeat(981))).toBe('must have at most 980 bytes; it has 981');
  });

  test('of a new session is short enough for every server', () => {
    expect(findNewSessionIdProblem('x'.repeat(200))).toBeUndefined();
    expect(findNewSessionIdProblem('x'.repeat(201))).toBe(
      'must have at most 200 characters; it has 201',
    );
    expect(findNewSessionIdProblem(7)).toBe('must be a text that is not empty');
  });
});
