import { activityInfo, getClient as activityClient } from '@temporalio/activity';
import type { ApplicationFailureOptions } from '@temporalio/common';
import { ApplicationFailure } from '@temporalio/common';
import type { AgentRegistry } from '../../agents/agent-registry.ts';
import type { AgentDefinition } from '../../agents/define-agent.ts';
import { takesSystemMessages } from '../../agents/model-features.ts';
import type { AgentSpec, PinnedAgent, SubAgentSpec } from '../../core/agent-spec.ts';
import { INLINE_BYTES } from '../../core/conversation/transcript.ts';
import { closest } from '../../core/closest.ts';
import { AGENT_NOT_REGISTERED, causeChain, INVALID_TURN } from '../../core/failures.ts';
import type { EveryField } from '../../core/json.ts';
import { defined } from '../../core/json.ts';
import type { Budget } from '../../core/turn/budget.ts';
import type { Secrets } from '../model/secrets.ts';
import type { TranscriptStore } from '../transcript/store.ts';
import type { Served } from './served.ts';

/**
 * Pins what a turn needs of its agent: its prompt, its tools and their policies. Throws before the model is
 * asked if the turn cannot succeed.
 */
export async function pinAgent(
  agent: AgentDefinition,
  { store, served }: { store: TranscriptStore; served: Served },
  { context, user, tailBytes, limits, redact }: PinOptions,
): Promise<PinnedAgent> {
  const parsed = await agent.parseContext(context).catch((error: unknown) => {
    throw invalidTurn(redact(causeChain(error)));
  });
  rejectHalfStorage(store);
  if (limits?.costUSD !== undefined && agent.prices === undefined) {
    throw invalidTurn(
      `limits.costUSD needs prices, and the agent ${agent.name} has no \`prices\`.`,
    );
  }
  const unpriced = [...agent.tools.values()].find(({ subAgent }) => subAgent?.hasPrices === false);
  if (limits?.costUSD !== undefined && unpriced !== undefined) {
    throw invalidTurn(
      `limits.costUSD needs prices of every sub-agent too, and the agent of tool ${unpriced.name} has none.`,
    );
  }
  if (!store.hasStorage && tailBytes > INLINE_BYTES) {
    throw invalidTurn(
      `The input of ${tailBytes} bytes does not fit into one payload. Give the worker and the client a \`storage\`.`,
    );
  }
  const subAgents = [...agent.tools.values()].flatMap(({ name, subAgent }) =>
    subAgent === undefined ? [] : [[name, subAgent.spec] as [string, SubAgentSpec]],
  );
  const spec = await served.list(agent, {
    agent: agent.name,
    ...defined({ user }),
    context: parsed,
  });
  const tools = [...served.with(agent, spec).tools.values()];
  const pinned: EveryField<PinnedAgent> = {
    name: agent.name,
    spec: await store.pin(spec),
    policies: tools.map(({ name, policy }) => [name, policy]),
    limits: agent.limits,
    batch: agent.batch,
    subAgents: subAgents.length === 0 ? undefined : subAgents,
    background: agent.background,
    announcesApprovals: agent.onApproval === undefined ? undefined : true,
    onLimit: agent.onLimit === 'stop' ? undefined : agent.onLimit,
    summaries: agent.summaries ? undefined : false,
    prices: agent.prices,
    fallbackPrices: agent.fallbackPrices,
    modelTaskQueue: agent.modelTaskQueue,
    outputRepairs: agent.outputRepairs,
    notes: modelsOf(agent.spec).every(takesSystemMessages) ? 'system' : undefined,
  };
  return defined(pinned);
}

interface PinOptions {
  context: unknown;
  user: string | undefined;
  tailBytes: number;
  limits?: Budget;
  redact: Secrets['redact'];
}

function modelsOf({ model, fallbacks = [] }: AgentSpec): string[] {
  return [model, ...fallbacks.map((fallback) => fallback.model)];
}

/** With a storage, payloads are not kept small, so the data converter must be able to store large ones. */
function rejectHalfStorage(store: TranscriptStore): void {
  const { externalStorage } = activityClient().options.loadedDataConverter;
  if (!store.hasStorage || externalStorage !== undefined) return;
  throw invalidTurn(
    'createActivities was given a `storage`, but the data converter of the worker has none: give Worker.create `dataConverter: withStorage(undefined, storage)` from plait/storage, and every client too.',
  );
}

export function invalidTurn(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, INVALID_TURN);
}

/** May be retried: another worker of the queue may have the agent. */
export function registeredAgent(
  registry: AgentRegistry,
  name: string,
  retry: Pick<ApplicationFailureOptions, 'nonRetryable' | 'nextRetryDelay'> = {},
): AgentDefinition {
  const agent = registry.agent(name);
  if (agent !== undefined) return agent;
  throw ApplicationFailure.create({
    message: notRegistered(registry, name),
    type: AGENT_NOT_REGISTERED,
    ...retry,
  });
}

/**
 * Attempts to find an agent on workers that may lack it. Many, and soon after each other: while a new
 * version rolls out, most workers of the queue may be the wrong ones.
 */
const LOOKUP_ATTEMPTS = 10;
const LOOKUP_DELAY = '500ms';

/**
 * For a turn that begins. While a new version is rolled out, old workers do not know its agents yet: about
 * five seconds of attempts on other workers bridge that. A wrong name is still reported soon.
 */
export function agentToPin(registry: AgentRegistry, name: string): AgentDefinition {
  const nonRetryable = activityInfo().attempt >= LOOKUP_ATTEMPTS;
  return registeredAgent(registry, name, { nonRetryable, nextRetryDelay: LOOKUP_DELAY });
}

/**
 * For a turn that runs. The first attempts follow each other as quickly, and later ones wait as long as for a
 * model call.
 */
export function agentOfTurn(registry: AgentRegistry, name: string): AgentDefinition {
  const soon = activityInfo().attempt < LOOKUP_ATTEMPTS;
  return registeredAgent(registry, name, soon ? { nextRetryDelay: LOOKUP_DELAY } : {});
}

function notRegistered(registry: AgentRegistry, name: string): string {
  const known = registry.names.join(', ') || 'none';
  const meant = closest(name, registry.names);
  const hint = meant === undefined ? '' : ` Did you mean ${meant}?`;
  return `No agent is named ${JSON.stringify(name)} on the workers of task queue ${JSON.stringify(activityInfo().taskQueue)} (known: ${known}).${hint} Check the name, or start a worker that has it.`;
}
