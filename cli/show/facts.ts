import type { Client } from '@temporalio/client';
import { turnWaterfall } from '../../client/follow/build-waterfall.ts';
import { readTurnTree } from '../../client/follow/read-turn.ts';
import type { Waterfall } from '../../client/follow/waterfall.ts';
import { allTurns, ownRows } from '../../client/follow/waterfall.ts';
import { defined } from '../../core/json.ts';
import type { ApprovalRequest } from '../../core/turn/protocol.ts';
import type { Usage } from '../../core/turn/usage.ts';
import type { TaskKind } from '../task-queue.ts';
import { describeQueue, identitiesOf } from '../task-queue.ts';
import { spentBy, waitingRequests } from '../turn-answers.ts';

/** Everything that is known of a turn at one moment. JSON. */
export interface TurnFacts {
  turn: Waterfall;
  usage?: Usage;
  costUSD?: number;
  /** Task queues in which something of the turn or of its sub-agents waits. */
  queues: WaitedQueue[];
  /** The calls that wait for a person; empty if no worker answers. */
  approvals: ApprovalRequest[];
}

/** A task queue in which something waits for a worker. */
export interface WaitedQueue {
  name: string;
  kind: TaskKind;
  /** How many workers poll it. */
  workers: number;
  /** About how many tasks wait in it. */
  backlog: number;
}

/** Reads a turn, and everything needed to say what is wrong with it. No worker is needed. */
export async function factsOf(client: Client, turnId: string): Promise<TurnFacts> {
  const turn = turnWaterfall(await readTurnTree(client, turnId));
  const running = allTurns(turn).filter(({ status }) => status === 'running');
  const asking = running.filter((one) => ownRows(one).some(({ state }) => state === 'waiting'));
  const [spent, requests, queues] = await Promise.all([
    spentBy(client, turnId, turn.status),
    Promise.all(asking.map((one) => waitingRequests(client, one.turnId))),
    waitedQueues(client, running),
  ]);
  const { usage, costUSD } = spent ?? {};
  const approvals = requests.flatMap((of) => of ?? []);
  return { turn, ...defined({ usage, costUSD }), queues, approvals };
}

async function waitedQueues(client: Client, turns: readonly Waterfall[]): Promise<WaitedQueue[]> {
  const workflows = turns.flatMap(({ workflowTask, taskQueue }) =>
    workflowTask?.isStarted === false ? taskQueue : [],
  );
  const activities = turns
    .flatMap(ownRows)
    .flatMap(({ open, turn, bars }) =>
      open !== undefined && turn === undefined && bars.at(-1)?.type === 'queue'
        ? open.taskQueue
        : [],
    );
  const queues = [
    ...[...new Set(workflows)].map((name) => ({ name, kind: 'workflows' as const })),
    ...[...new Set(activities)].map((name) => ({ name, kind: 'activities' as const })),
  ];
  // Some clients may not describe a queue.
  const known = queues.map((queue) => lookAt(client, queue).catch(() => []));
  return (await Promise.all(known)).flat();
}

async function lookAt(
  client: Client,
  { name, kind }: Pick<WaitedQueue, 'name' | 'kind'>,
): Promise<WaitedQueue[]> {
  const description = await describeQueue(client, name, kind, { whole: true });
  const workers = identitiesOf(description).length;
  const backlog = Number(description.stats?.approximateBacklogCount ?? 0);
  return [{ name, kind, workers, backlog }];
}
