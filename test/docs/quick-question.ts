import type { AgentClient } from 'plait/client';
import { researcher } from './thrifty.ts';

/** A turn that may spend less than the agent allows. */
export async function quickQuestion(agents: AgentClient, text: string) {
  const {
    text: answer,
    stopReason,
    stopDetails,
    costUSD,
  } = await agents.execute(researcher, text, {
    limits: { toolCalls: 2, wallTime: '30s' },
  });
  return stopReason === 'end_turn' ? answer : `${answer} (${String(stopDetails)} $${costUSD})`;
}
