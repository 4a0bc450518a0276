import type { AgentClient } from 'plait/client';
import { office } from './office.ts';

/** Overrides the agent's choice for one turn. */
export async function payAllOrStop(agents: AgentClient, text: string): Promise<string> {
  const { stopReason, stopDetails, messages } = await agents.execute(office, text, {
    onToolFailure: 'failTurn',
    batchTimeout: '10m',
  });
  // `messages` is valid: start a new turn with it to go on.
  return stopReason === 'tool_failure'
    ? `stopped after ${messages.length} messages: ${JSON.stringify(stopDetails)}`
    : stopReason;
}
