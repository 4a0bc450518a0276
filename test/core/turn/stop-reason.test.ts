import { expect, test } from 'vitest';
import type { StopKind, StopReason } from '../../../core/turn/stop-reason.ts';
import { stopKind } from '../../../core/turn/stop-reason.ts';

test.for<[StopReason, StopKind]>([
  ['end_turn', 'answered'],
  ['stop_sequence', 'answered'],
  ['refusal', 'declined'],
  ['cancelled', 'cancelled'],
  ['invalid_output', 'failed'],
  ['tool_failure', 'failed'],
  ['max_tokens', 'unfinished'],
  ['max_wall_time', 'unfinished'],
  ['turn_too_large', 'unfinished'],
  ['a reason of a later version' as StopReason, 'unfinished'],
])('a turn that stopped with %s has %s', ([reason, kind]) => {
  expect(stopKind(reason)).toBe(kind);
});
