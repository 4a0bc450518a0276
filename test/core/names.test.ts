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
      names.PRESENT_RESULT,
    ]) {
      expect(own).not.toMatch(names.TOOL_NAME_PATTERN);
    }
  });
});
