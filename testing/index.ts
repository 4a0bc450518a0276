/**
 * The test kit: your agents on a real Temporal server, with a scripted model.
 *
 * @module plait/testing
 */

export { startTestEnvironment } from './environment.ts';
export type { TestEnvironment, TestEnvironmentOptions } from './environment.ts';
export { expectTurn } from './expect-turn.ts';

export { defineEval } from './evals/define-eval.ts';
export type { Eval, EvalCase, EvalOptions } from './evals/define-eval.ts';
export { defineJudge } from './evals/judge.ts';
export { runEval } from './evals/run-eval.ts';
export type { EvalReport } from './evals/report.ts';

export { conversation, forAgent, script, UnscriptedError } from './script.ts';
export type { Script } from './script.ts';
export type { ScriptRequest } from './messages/request.ts';
export {
  callTools,
  compact,
  paced,
  pauseTurn,
  refuse,
  reply,
  say,
  stopWith,
  think,
} from './replies.ts';
export type { MessageReply, Reply } from './messages/reply.ts';
export { fault, times } from './faults.ts';

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
export type { ToolFault } from './tool-faults.ts';

export { recordHistory, ReplayFailedError, replayHistories } from './replay.ts';

export { startMessagesServer } from './messages-server.ts';
export type { MessagesServer } from './messages-server.ts';
export { rejection } from './rejections.ts';
export { startMcpServer } from './mcp-server.ts';
export type { McpServerScript, ScriptedMcpServer, ScriptedMcpTool } from './mcp-server.ts';
export { startTemporalServer } from './temporal-server.ts';
export type { TemporalServer } from './temporal-server.ts';
export type { TemporalServerOptions } from './temporal-server-options.ts';
