import type { AgentClient } from 'plait/client';
import { office } from './office.ts';

/** One turn with another choice than the agent's. */
export async function payAllOrStop(agents: AgentClient, text: string): Promise<string> {
  const { stopReason, stopDetails, messages } = await agents.execute(office, text, {
    onToolFailure: 'failTurn',
    batchTimeout: '10m',
  });
  // `messages` is valid: give it to a new turn to go on.
  return stopReason === 'tool_failure'
    ? `stopped after ${messages.length} messages: ${JSON.stringify(stopDetails)}`
    : stopReason;
}
