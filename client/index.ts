/**
 * The entry point for programs that start turns and sessions, follow them and decide about their calls.
 * The data of a turn (`TurnInput`, `TurnResult`, …) is exported by `plait`.
 *
 * @module plait/client
 */

export { AgentClient } from './agent-client.ts';
export type { AgentClientOptions } from './agent-client.ts';
export type { OpenSessionOptions, StartSessionOptions, StartTurnOptions } from './options.ts';

export type { TurnHandle } from './turn-handle.ts';
export type { SessionHandle, SessionTurnHandle } from './session-handle.ts';
export type { SendOptions, SessionDescription, TranscriptPage } from './session-handle.ts';
export type { TurnDescription } from './follow/describe-turn.ts';
export type {
  ActivitySnapshot,
  CallSnapshot,
  RoundSnapshot,
  TurnSnapshot,
} from './follow/snapshot.ts';
export type { TurnStreamEvent } from './follow/stream-events.ts';
export type { ListedSession, ListedTurn } from './lists.ts';
export type { WaitingCall } from './waiting-calls.ts';
export type { ApprovalRequest } from '../core/turn/protocol.ts';

export { PlaitError } from '../core/errors.ts';
export type { PlaitErrorCode } from '../core/errors.ts';
export { InvalidTurnError } from '../core/turn/input.ts';
export {
  CompletionRejectedError,
  DecisionRejectedError,
  InvalidOutputError,
  InvalidSessionError,
  SearchAttributesMissingError,
  SendRejectedError,
  SessionBusyError,
  SessionClosedError,
  SessionIdInUseError,
  SessionNotFoundError,
  TemporalUnavailableError,
  TurnFailedError,
  TurnIdInUseError,
  TurnNotFoundError,
  UnreadablePayloadError,
  WorkerUnavailableError,
} from './errors.ts';
