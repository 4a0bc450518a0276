export { AgentClient } from './agent-client.ts';
export type { AgentClientOptions } from './agent-client.ts';
export type {
  GetTurnOptions,
  OpenSessionOptions,
  StartSessionOptions,
  StartTurnOptions,
  TurnLimitOptions,
} from './options.ts';
export type { PendingCall, TurnDescription } from './follow/description.ts';
export {
  DecisionRejectedError,
  CompletionRejectedError,
  InvalidOutputError,
  SearchAttributesMissingError,
  InvalidSessionError,
  SendRejectedError,
  SessionBusyError,
  SessionClosedError,
  SessionIdInUseError,
  SessionNotFoundError,
  TemporalUnavailableError,
  TurnFailedError,
  TurnIdInUseError,
  TurnNotFoundError,
  WorkerUnavailableError,
} from './errors.ts';
export type { ListedStatus, ListedTurn, ListTurnsOptions } from './lists.ts';
export type { ListedSession, ListSessionsOptions } from './lists.ts';
export type { MessageRange } from './client-storage.ts';
export { SessionHandle } from './session-handle.ts';
export type { SendOptions, SessionDescription, TranscriptPage } from './session-handle.ts';
export { SessionTurnHandle } from './session-handle.ts';
export type { StreamOptions } from './follow/stream.ts';
export type {
  AttemptRestarted,
  CallFinished,
  CallForming,
  CallScheduled,
  CallWaiting,
  ReplyCommitted,
  TextDelta,
  ThinkingDelta,
  TurnEnded,
  TurnStreamEvent,
} from './follow/stream-events.ts';
export { TurnHandle } from './turn-handle.ts';
export type { ApproveOptions, DenyOptions } from './turn-handle.ts';
export type {
  CallSnapshot,
  RoundSnapshot,
  ActivitySnapshot,
  ActivityState,
  TurnSnapshot,
} from './follow/snapshot.ts';
export type { ApprovalsOptions, WaitingCall } from './waiting-calls.ts';
export type { TurnStatus } from './follow/events.ts';
export type { WatchOptions } from './follow/watch.ts';
export { PlaitError } from '../core/errors.ts';
export type { PlaitErrorCode } from '../core/errors.ts';
export { InvalidTurnError } from '../core/turn/input.ts';
export type { ApprovalRequest } from '../core/turn/protocol.ts';
export type { CallRecord } from '../core/calls/record.ts';
export type { StopReason } from '../core/turn/stop-reason.ts';
export type { TurnArgs, TurnInput } from '../core/turn/input.ts';
export type { TurnProgress, TurnResult } from '../core/turn/result.ts';
export type { StoredData } from '../core/conversation/stored-data.ts';
export type {
  EndedTurn,
  SessionArgs,
  SessionInput,
  SessionState,
  SessionStatus,
  WhenBusy,
} from '../core/session/protocol.ts';
