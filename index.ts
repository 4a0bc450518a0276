/**
 * The entry point for an agent's module: what declares agents and tools, and the data of a turn. Workers,
 * clients, workflows and the test kit have entry points of their own, so that importing one does not load
 * the others. Types that you reach from these are not exported: write `ToolOptions['activity']`.
 *
 * @module plait
 */

export { defineAgent } from './agents/define-agent.ts';
export type { Agent, AgentOptions } from './agents/define-agent.ts';
export { agentTool } from './agents/agent-tool.ts';
export type { AgentToolOptions } from './agents/agent-tool.ts';
export { defineTool } from './agents/define-tool.ts';
export type {
  ApprovalContext,
  Later,
  Tool,
  ToolContext,
  ToolOptions,
} from './agents/define-tool.ts';
export { DeclarationError } from './agents/declaration-error.ts';
export { ToolError } from './agents/tool-error.ts';
export { PlaitError } from './core/errors.ts';
export type { PlaitErrorCode } from './core/errors.ts';

export { examplePrices } from './core/turn/prices.ts';
export type { Prices } from './core/turn/prices.ts';

export type { StoredData } from './core/conversation/stored-data.ts';
export type { OutcomeType } from './core/calls/outcome.ts';
export type { CallRecord } from './core/calls/record.ts';
export type { SessionArgs } from './core/session/protocol.ts';
export type { TurnArgs, TurnInput } from './core/turn/input.ts';
export type { TurnResult } from './core/turn/result.ts';
export type { StopReason } from './core/turn/stop-reason.ts';
export type { Usage } from './core/turn/usage.ts';
