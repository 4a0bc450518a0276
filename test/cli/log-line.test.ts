import { describe, expect, test } from 'vitest';
import { PLAIN } from '../../cli/style.ts';
import { logLine } from '../../cli/temporal-runtime.ts';

const lineOf = (meta: Record<string, unknown>) =>
  logLine({ level: 'WARN', timestampNanos: 0n, message: 'A tool failed', meta }, PLAIN);

describe('a line of the log', () => {
  test('has the fields of the tool, the call, and the error', () => {
    const meta = { sdkComponent: 'worker', activityType: 'pay', attempt: 2, workflowId: 'turn-1' };
    expect(lineOf({ ...meta, amount: 7, error: new Error('down\nagain') })).toBe(
      '00:00:00.000 WARN  A tool failed amount=7: down again (pay, attempt 2, turn-1)',
    );
  });

  test("has the stack of a tool's error on the lines below, with every character visible", () => {
    const error = 'Error: down\u001B[2J\n    at pay (tools.ts:3:9)';
    expect(lineOf({ error })).toBe(
      '00:00:00.000 WARN  A tool failed\n  Error: down\\u{1B}[2J\n      at pay (tools.ts:3:9)',
    );
  });
});
