import { plainMarkdown } from '../markdown.ts';
import { clock } from '../turn/current-details.ts';
import { usageText } from '../turn/usage-text.ts';
import type { SessionState } from './protocol.ts';

/**
 * What the Temporal UI says a session has been doing since `time`, as Markdown. It names the agent, because a
 * run that continues another one has lost its summary.
 */
export function sessionText(state: SessionState, time: number): string {
  const { agent, runningTurn, waitingTurns, turns, usage, spent, lastTurn } = state;
  const doing =
    runningTurn === undefined
      ? '**Idle: waiting for a message**'
      : `**Turn ${plainMarkdown(runningTurn)} runs**`;
  const last =
    lastTurn === undefined
      ? []
      : [`Last turn: ${plainMarkdown(lastTurn.turnId)}, ${plainMarkdown(lastTurn.stopReason)}.`];
  return [
    `${doing}, since ${clock(time)}.`,
    `Agent ${plainMarkdown(agent)}. Turns: ${turns} ended, ${waitingTurns.length} waiting.`,
    ...last,
    `Used: ${usageText(usage, spent.costUSD)}.`,
  ].join('\n\n');
}
