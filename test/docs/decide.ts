import type { AgentClient } from 'plait/client';

/** Decides about the waiting calls of all turns. */
export async function decideAll(agents: AgentClient, by: string): Promise<void> {
  for await (const { turnId, callId, tool, input } of agents.approvals()) {
    if (tool !== 'pay') continue;
    const turn = agents.getTurn(turnId);
    const { invoice, cents } = input as { invoice: string; cents: number };
    if (cents > 1_000_000) {
      await turn.deny(callId, { by, reason: 'Ask the board.' });
    } else if (cents > 100_000) {
      // The call runs with another input, and the model reads that.
      await turn.approve(callId, { by, input: { invoice, cents: 100_000 } });
    } else {
      await turn.approve(callId, { by });
    }
  }
}
