import { expect, test } from 'vitest';
import * as session from '../../../core/session/protocol.ts';
import * as turn from '../../../core/turn/protocol.ts';

// Recorded histories, running workflows and plain Temporal clients have these names.
test('the Signals, Queries and Updates of a turn keep their names', () => {
  expect({ ...turn }).toEqual({
    APPROVALS_QUERY: 'approvals',
    APPROVE_UPDATE: 'approve',
    DENY_UPDATE: 'deny',
    COMPLETE_CALL_UPDATE: 'completeToolCall',
    TURN_STATE_QUERY: 'turnState',
    STEER_SIGNAL: 'note',
  });
});

test('the Queries and Updates of a session keep their names', () => {
  expect({ ...session }).toMatchObject({
    SEND_UPDATE: 'send',
    CLOSE_UPDATE: 'close',
    DESCRIBE_QUERY: 'describe',
    TRANSCRIPT_QUERY: 'transcript',
  });
});
