// The front door: what an agent's module needs. Workers, clients, workflows and the test kit have
// doors of their own, so that importing one does not drag in the others.

export { defineAgent } from './agents/define-agent.ts';
export type { AccessOption, DeclaredAccess, Fields, Key } from './agents/access-option.ts';
export type { Agent, AgentOptions, AnnouncedApproval } from './agents/define-agent.ts';
export type { ModelFallback } from './agents/fallbacks.ts';
export type { AgentModelOptions, Effort, Thinking, ToolChoice } from './agents/model-options.ts';
export type { ServerTool } from './agents/server-tools.ts';
export { defineTool } from './agents/define-tool.ts';
export type {
  ApprovalContext,
  Later,
  LaterOptions,
  Tool,
  ToolActivityOptions,
  ToolAnnotations,
  ToolContext,
  ToolOptions,
} from './agents/define-tool.ts';
export { DeclarationError } from './agents/declaration-error.ts';
export type { InputOf, InputSchema, JsonSchema } from './agents/input-schema.ts';
export { PlaitError } from './core/errors.ts';
export type { PlaitErrorCode } from './core/errors.ts';
export { ToolError } from './agents/tool-error.ts';
export type { ToolErrorOptions } from './agents/tool-error.ts';

export { examplePrices } from './core/turn/prices.ts';
export type { Prices } from './core/turn/prices.ts';
export type { OutputOption } from './agents/output-schema.ts';
export type { OnLimit } from './core/turn/budget.ts';
export type { FallbackReason } from './core/agent-spec.ts';
export type { TakenFallback } from './core/turn/fallback.ts';
export type { OnToolFailure } from './core/calls/batch-policy.ts';
export type { ApprovalRecord, OutcomeType } from './core/calls/outcome.ts';
export type { CallRecord } from './core/calls/record.ts';
export type { StopReason } from './core/turn/stop-reason.ts';
export type { TurnArgs, TurnInput } from './core/turn/input.ts';
export type { TurnResult } from './core/turn/result.ts';
export type { Usage } from './core/turn/usage.ts';
