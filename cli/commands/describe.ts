import type { Client } from '@temporalio/client';
import { AgentClient } from '../../client/agent-client.ts';
import { turnSnapshot } from '../../client/follow/build-snapshot.ts';
import { readTurn } from '../../client/follow/read-turn.ts';
import { isSettled } from '../../client/follow/snapshot.ts';
import { defined } from '../../core/json.ts';
import type { DescribedTurn } from '../description-text.ts';
import { sessionLines, turnLines } from '../description-text.ts';
import type { ExitCode } from '../exit-codes.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { say } from '../say.ts';
import { clientStorage } from '../storage-setting.ts';
import { styleFor } from '../style.ts';
import { configuredTarget, connectTo } from '../temporal-target.ts';
import { visibleJson } from '../text.ts';
import { spentBy } from '../turn-answers.ts';
import { kindOf } from '../workflow-kind.ts';

export interface DescribeOptions {
  json?: boolean;
  storage?: string;
}

/** `plait describe`: what a turn or a session is doing. */
export async function describeCommand(
  id: string,
  { json, storage }: DescribeOptions,
): Promise<ExitCode> {
  const client = await connectTo(configuredTarget(), clientStorage(storage));
  try {
    const options = { now: Date.now(), style: styleFor(process.stdout) };
    const kind = await kindOf(client, id);
    if (kind === 'turn') {
      const turn = await describedTurn(client, id);
      for (const line of json ? [visibleJson(turn, 2)] : turnLines(turn, options)) say(line);
    } else {
      const session = await new AgentClient({ client }).getSession(id).describe();
      for (const line of json ? [visibleJson(session, 2)] : sessionLines(session, options))
        say(line);
    }
    return EXIT_CODES.ok;
  } finally {
    await client.connection.close();
  }
}

async function describedTurn(client: Client, turnId: string): Promise<DescribedTurn> {
  const turn = new AgentClient({ client }).getTurn(turnId);
  const { events, pending } = await readTurn(client, turnId);
  const snapshot = turnSnapshot(turnId, events, pending);
  // A sub-agent may wait as well.
  const waits = snapshot.rounds.some(({ calls }) =>
    calls.some(({ state, subAgent }) => state === 'waiting' || (subAgent && !isSettled(state))),
  );
  const [spent, approvals] = await Promise.all([
    spentBy(client, turnId, snapshot.status),
    waits ? turn.approvals() : [],
  ]);
  const { usage, costUSD } = spent ?? {};
  return { ...snapshot, ...defined({ usage, costUSD }), approvals };
}
