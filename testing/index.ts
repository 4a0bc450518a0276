// The test kit: your agents on a real Temporal server, with a scripted model.

export { startTestEnvironment } from './environment.ts';
export type { TestEnvironment, TestEnvironmentOptions } from './environment.ts';

export { expectTurn } from './expect-turn.ts';
export type { CallMatch, TurnExpectation } from './expect-turn.ts';
export type { ObservedTurn } from './observed-turn.ts';

export {
  alwaysFail,
  delay,
  failTimes,
  firstAttempts,
  garbage,
  hang,
  withToolFaults,
  workerDies,
} from './tool-faults.ts';
export type { FaultyAttempt, ToolFault } from './tool-faults.ts';

export { recordHistory, ReplayFailedError, replayHistories } from './replay.ts';
export type { ReplayFailure, ReplayOptions } from './replay.ts';

export { startMessagesServer } from './messages-server.ts';
export type { MessagesServer, MessagesServerOptions } from './messages-server.ts';
export type { RecordedRequest } from './messages/exchange.ts';

export { conversation, script, UnscriptedError } from './script.ts';
export type { Script, UserMatch } from './script.ts';
export type { ScriptRequest } from './messages/request.ts';
export {
  callTools,
  compact,
  paced,
  pauseTurn,
  refuse,
  reply,
  say,
  sayNothing,
  stopWith,
  think,
  thinkRedacted,
} from './replies.ts';
export type { ScriptedCalls } from './replies.ts';
export type { FaultReply, MessageReply, Pace, Reply, ScriptedBlock } from './messages/reply.ts';
export { fault, times } from './faults.ts';
export { rejection } from './rejections.ts';

export { startTemporalServer } from './temporal-server.ts';
export type { TemporalServer } from './temporal-server.ts';
export type { TemporalServerOptions } from './temporal-server-options.ts';
export { findTemporalBinary } from './temporal-binary.ts';
export type { FindTemporalBinaryOptions, TemporalBinary } from './temporal-binary.ts';
