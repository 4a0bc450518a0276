import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as activities from '../activities/index.ts';
import * as client from '../client/index.ts';
import { SearchAttributeTypeError } from '../client/register-search-attributes.ts';
import { InvalidCallTokenError } from '../core/calls/token.ts';
import { PlaitError } from '../core/errors.ts';
import * as plait from '../index.ts';
import * as storage from '../storage/index.ts';
import * as testing from '../testing/index.ts';
import * as transport from '../transport/index.ts';
import * as worker from '../worker/index.ts';

const call = { turnId: 'turn-1', callId: 'toolu_1' };
const result = {} as plait.TurnResult;

// A code is part of the interface: callers branch on it. Add to this table, and change nothing in it.
const ERRORS: readonly [code: string, error: PlaitError][] = [
  ['COMPLETION_REJECTED', new client.CompletionRejectedError(call, 'why')],
  [
    'DECISION_REJECTED',
    new client.DecisionRejectedError({ ...call, reason: 'why', decision: 'denied' }),
  ],
  ['INVALID_CALL_TOKEN', new InvalidCallTokenError('why')],
  ['INVALID_DECLARATION', new plait.DeclarationError('why')],
  ['INVALID_OUTPUT', new client.InvalidOutputError('turn-1', 'why', result)],
  ['INVALID_SESSION', new client.InvalidSessionError('why')],
  ['INVALID_STORAGE', new storage.InvalidStorageError('why')],
  ['INVALID_TRANSPORT', new transport.InvalidTransportError('why')],
  ['INVALID_TURN', new client.InvalidTurnError('why')],
  ['NOTHING_NEEDED', new storage.NothingNeededError()],
  ['REPLAY_FAILED', new testing.ReplayFailedError([], 1)],
  ['SEARCH_ATTRIBUTE_TYPE', new SearchAttributeTypeError('Some', 'Text', 'default')],
  ['SEARCH_ATTRIBUTES_MISSING', new client.SearchAttributesMissingError('default', 'why')],
  ['SEND_REJECTED', new client.SendRejectedError('session-1', 'why')],
  ['SESSION_BUSY', new client.SessionBusyError('session-1', 'why')],
  ['SESSION_CLOSED', new client.SessionClosedError('session-1')],
  ['SESSION_ID_IN_USE', new client.SessionIdInUseError('session-1')],
  ['SESSION_NOT_FOUND', new client.SessionNotFoundError('session-1', 'default')],
  ['STORAGE_UNAVAILABLE', new storage.StorageUnavailableError('why')],
  ['TEMPORAL_UNAVAILABLE', new client.TemporalUnavailableError('why')],
  ['TRANSPORT_UNAVAILABLE', new transport.TransportUnavailableError('why')],
  ['TURN_FAILED', new client.TurnFailedError('turn-1', 'why', { type: 'Any', cause: undefined })],
  ['TURN_ID_IN_USE', new client.TurnIdInUseError('turn-1')],
  ['TURN_NOT_FOUND', new client.TurnNotFoundError('turn-1', 'default')],
  [
    'UNREADABLE_HISTORY',
    new storage.UnreadableHistoryError({
      what: 'workflow order-17',
      workflowType: 'Order',
      namespace: 'default',
      reason: 'why',
    }),
  ],
  ['UNREADABLE_PAYLOAD', new client.UnreadablePayloadError('default', 'why')],
  ['UNSCRIPTED', new testing.UnscriptedError('why')],
  ['WORKER_UNAVAILABLE', new client.WorkerUnavailableError(['turn-1'], 'why')],
];

test.for(ERRORS)('only the class of %s has this code, and it is a PlaitError', ([code, error]) => {
  expect(error).toBeInstanceOf(PlaitError);
  expect(error.code).toBe(code);
  expect(error.name).toBe(error.constructor.name);
  expect(error.message).not.toBe('');
  expect(ERRORS.filter(([other]) => other === code)).toHaveLength(1);
});

test('every error class that an entry point exports is in the table, except ToolError', () => {
  const exported = [plait, activities, client, storage, testing, worker].flatMap(Object.values);
  const classes = exported.filter(
    (value: unknown): value is typeof Error =>
      typeof value === 'function' && value.prototype instanceof Error,
  );
  const pinned = new Set(ERRORS.map(([, error]) => error.constructor.name));
  const missing = classes.map(({ name }) => name).filter((name) => !pinned.has(name));
  expect(new Set(missing)).toEqual(new Set(['PlaitError', 'ToolError']));
});

test('a caller of the client and an agent module compare with the same base class', () => {
  expect(client.PlaitError).toBe(plait.PlaitError);
});

test('the troubleshooting page says what to do about each error, and about no other', () => {
  const page = readFileSync(new URL('../docs/troubleshooting.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `([A-Z_]+)` +\| `(\w+)` +\|/gm)];
  const documented = rows.map(([, code, name]) => [code, name]);
  // The caller of the client never gets this one: it is the cause of a CompletionRejectedError.
  const thrown = ERRORS.filter(([code]) => code !== 'INVALID_CALL_TOKEN');
  expect(documented).toEqual(thrown.map(([code, error]) => [code, error.constructor.name]));
});
