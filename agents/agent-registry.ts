import { isRecord } from '../core/json.ts';
import { declaring, shown } from './check-options.ts';
import { DeclarationError } from './declaration-error.ts';
import type { AgentDefinition } from './define-agent.ts';
import { isAgent } from './define-agent.ts';

/** The agents of one worker. */
export interface AgentRegistry {
  readonly names: readonly string[];
  /** The names of all their tools, each once. */
  readonly toolNames: readonly string[];
  agent(name: string): AgentDefinition | undefined;
}

/**
 * The agents among the options of a worker, and their sub-agents, each once. Throws a `DeclarationError` if
 * there are none.
 */
export function agentsOf(options: unknown): readonly AgentDefinition[] {
  return declaring('agents', () => {
    const agents = isRecord(options) ? options['agents'] : undefined;
    if (!Array.isArray(agents)) {
      throw new DeclarationError(
        `agents must be an array of what defineAgent returns; got ${shown(agents)}`,
      );
    }
    const given = Array.from(agents, (agent: unknown, i) => {
      if (isAgent(agent)) return agent;
      throw new DeclarationError(`agents[${i}] must come from defineAgent; got ${shown(agent)}`);
    });
    return withSubAgents(given);
  });
}

/** A worker that has an agent can also run its sub-agents, whether they were listed or not. */
function withSubAgents(agents: readonly AgentDefinition[]): AgentDefinition[] {
  const all = new Set(agents);
  // `all` grows during the loop, which then visits the additions too.
  for (const { tools } of all) {
    for (const { subAgent } of tools.values()) {
      if (isAgent(subAgent?.definition)) all.add(subAgent.definition);
    }
  }
  return [...all];
}

export function createAgentRegistry(agents: readonly AgentDefinition[]): AgentRegistry {
  const byName = new Map<string, AgentDefinition>();
  for (const agent of agents) {
    const known = byName.get(agent.name);
    if (known !== undefined && known !== agent) {
      throw new DeclarationError(
        `two agents are named ${agent.name}; a turn finds its agent by name, so give each its own name`,
      );
    }
    byName.set(agent.name, agent);
  }
  return {
    names: [...byName.keys()],
    toolNames: [...new Set([...byName.values()].flatMap((agent) => [...agent.tools.keys()]))],
    agent: (name) => byName.get(name),
  };
}
