import type { Client } from '@temporalio/client';
import type { TurnSnapshot } from '../client/follow/snapshot.ts';
import type { TurnHandle } from '../client/turn-handle.ts';
import { AGENT_NOT_REGISTERED } from '../core/failures.ts';
import { CliError, EXIT_CODES } from './exit-codes.ts';
import { hasOneWorker } from './task-queue.ts';

/**
 * The same snapshots, without the attempts to find the agent on other workers. If there is only one worker,
 * it cancels the turn and throws a `CliError` that names the available agents.
 */
export async function* withAgent(
  client: Client,
  turn: TurnHandle,
  taskQueue: string,
  snapshots: AsyncIterable<TurnSnapshot>,
): AsyncGenerator<TurnSnapshot, void, undefined> {
  for await (const snapshot of snapshots) {
    const problem = isRetryingFirst(snapshot) ? await agentProblem(turn) : undefined;
    if (problem === undefined) yield snapshot;
    else if (await hasOneWorker(client, taskQueue)) {
      await turn.cancel();
      throw new CliError(EXIT_CODES.turnFailed, problem);
    }
  }
}

function isRetryingFirst({ rounds: [first, ...others] }: TurnSnapshot): boolean {
  return others.length === 0 && first?.model.state === 'retrying';
}

/** What the worker without the agent said; `undefined` if the model could not be asked for another reason. */
async function agentProblem({ workflow }: TurnHandle): Promise<string | undefined> {
  const { raw } = await workflow.describe();
  const failures = (raw.pendingActivities ?? []).map(({ lastFailure }) => lastFailure);
  const failure = failures.find(
    (one) => one?.applicationFailureInfo?.type === AGENT_NOT_REGISTERED,
  );
  return failure?.message ?? undefined;
}
