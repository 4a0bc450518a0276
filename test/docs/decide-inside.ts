import type { TurnHandle } from 'plait/client';

/** Allows everything that the sub-agents of a turn ask for, and nothing else. */
export async function allowInside(turn: TurnHandle, by: string): Promise<string[]> {
  const asked: string[] = [];
  for (const { callId, tool, subAgent } of await turn.approvals()) {
    if (subAgent === undefined) continue; // the turn itself asks
    await turn.approve(callId, { by });
    asked.push(`${subAgent.path.join(' › ')}: ${tool}`);
  }
  return asked;
}
