export { AgentClient } from './agent-client.ts';
export type { AgentClientOptions, StartTurnOptions } from './agent-client.ts';
export type { PendingCall, TurnDescription } from './describe-turn.ts';
export {
  TemporalUnavailableError,
  TurnFailedError,
  TurnIdInUseError,
  TurnNotFoundError,
} from './errors.ts';
export { TurnHandle } from './turn-handle.ts';
export type {
  CallSnapshot,
  RoundSnapshot,
  StepSnapshot,
  StepState,
  TurnSnapshot,
  TurnStatus,
} from './turn-snapshot.ts';
export type { WatchOptions } from './watch.ts';
export { InvalidTurnError } from '../core/turn-input.ts';
export type {
  CallRecord,
  StopReason,
  TurnArgs,
  TurnInput,
  TurnProgress,
  TurnResult,
} from '../core/turn.ts';
