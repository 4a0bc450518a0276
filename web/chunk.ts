/**
 * A chunk of the AI SDK's UI message stream, version 1, as far as a turn needs them.
 * https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol
 */
export type MessageChunk =
  /** `messageId` is the id of the turn. */
  | { type: 'start'; messageId: string }
  | { type: 'start-step' | 'finish-step' }
  /** Drop the parts of the current step. */
  | { type: 'reset-step' }
  | { type: 'text-start' | 'text-end' | 'reasoning-start' | 'reasoning-end'; id: string }
  | { type: 'text-delta' | 'reasoning-delta'; id: string; delta: string }
  | (ToolInput & { type: 'tool-input-start' })
  | (ToolInput & { type: 'tool-input-available'; input: unknown })
  | (ToolInput & { type: 'tool-input-error'; input: unknown; errorText: string })
  | { type: 'tool-approval-request'; toolCallId: string; approvalId: string }
  | { type: 'tool-approval-response'; approvalId: string; approved: boolean }
  | { type: 'tool-output-available'; toolCallId: string; output: unknown }
  | { type: 'tool-output-error'; toolCallId: string; errorText: string }
  | { type: 'tool-output-denied'; toolCallId: string }
  | { type: 'error'; errorText: string }
  | { type: 'finish'; finishReason: FinishReason; messageMetadata?: { stopReason: string } };

interface ToolInput {
  toolCallId: string;
  toolName: string;
  /** The page need not know the tools. */
  dynamic: true;
  /** The page does not run the tool. */
  providerExecuted: true;
}

export type FinishReason = 'stop' | 'length' | 'content-filter' | 'tool-calls' | 'error' | 'other';
