import { activityInfo, getClient as activityClient } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { AgentRegistry } from '../agents/agent-registry.ts';
import type { AgentDefinition } from '../agents/define-agent.ts';
import type { PinnedAgent } from '../core/agent-spec.ts';
import { AGENT_NOT_REGISTERED, INVALID_TURN } from '../core/failures.ts';
import type { TurnArgs } from '../core/turn.ts';
import type { TranscriptStore } from './transcript-store.ts';

export function createLoadAgent(registry: AgentRegistry, store: TranscriptStore) {
  /** Pins what the turn will need of its agent, and checks the turn's context. */
  return async function loadAgent(args: TurnArgs): Promise<PinnedAgent> {
    const agent = registeredAgent(registry, args.agent);
    await agent.parseContext(args.context).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      throw ApplicationFailure.nonRetryable(message, INVALID_TURN);
    });
    refuseHalfStorage(store);
    return {
      name: agent.name,
      spec: await store.pin(agent.spec),
      policies: [...agent.tools.values()].map(({ name, policy }) => [name, policy]),
      limits: agent.limits,
    };
  };
}

/** With a storage nothing is kept small, so large payloads must have a way into it. */
function refuseHalfStorage(store: TranscriptStore): void {
  const { externalStorage } = activityClient().options.loadedDataConverter;
  if (!store.hasStorage || externalStorage !== undefined) return;
  const message =
    'createActivities was given a `storage`, but the data converter of the worker has none: give Worker.create `dataConverter: withStorage(undefined, storage)` from plait/storage, and every client too.';
  throw ApplicationFailure.nonRetryable(message, INVALID_TURN);
}

/** Another worker of the queue may have the agent, so its absence here is worth another attempt. */
export function registeredAgent(registry: AgentRegistry, name: string): AgentDefinition {
  const agent = registry.agent(name);
  if (agent !== undefined) return agent;
  const known = registry.names.join(', ') || 'none';
  const message = `No agent is named ${JSON.stringify(name)} on the workers of task queue ${JSON.stringify(activityInfo().taskQueue)} (known: ${known}). Check the name, or start a worker that has it.`;
  throw ApplicationFailure.create({ message, type: AGENT_NOT_REGISTERED });
}
