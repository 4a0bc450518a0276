import type { Client } from '@temporalio/client';
import { AgentClient } from '../../client/agent-client.ts';
import type { ExitCode } from '../exit-codes.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { say } from '../say.ts';
import { configuredTarget, connectTo } from '../temporal-target.ts';
import { oneLine } from '../text.ts';
import { kindOf } from '../workflow-kind.ts';

/** `plait cancel`: asks a turn to stop, or the turn that a session runs. Returns before it has. */
export async function cancelCommand(id: string): Promise<ExitCode> {
  const client = await connectTo(configuredTarget());
  try {
    const kind = await kindOf(client, id);
    say(
      oneLine(kind === 'turn' ? await cancelTurn(client, id) : await cancelOfSession(client, id)),
    );
    return EXIT_CODES.ok;
  } finally {
    await client.connection.close();
  }
}

async function cancelTurn(client: Client, turnId: string): Promise<string> {
  const turn = new AgentClient({ client }).getTurn(turnId);
  const { status } = await turn.describe();
  if (status !== 'RUNNING') return `Turn ${turnId} has ended already.`;
  await turn.cancel();
  return `Asked turn ${turnId} to stop. See its result with: plait run --turn-id ${turnId}`;
}

async function cancelOfSession(client: Client, sessionId: string): Promise<string> {
  const { runningTurn } = await new AgentClient({ client }).getSession(sessionId).describe();
  if (runningTurn === undefined) return `Session ${sessionId} runs no turn.`;
  return `${await cancelTurn(client, runningTurn)} Session ${sessionId} goes on.`;
}
