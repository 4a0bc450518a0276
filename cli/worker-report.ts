import type { AgentDefinition } from '../agents/define-agent.ts';
import type { Style } from './style.ts';
import { cutTo } from './text.ts';

const LABEL_COLUMNS = 12;

/** A line of a report: `  Temporal   127.0.0.1:7233`. */
export function field(label: string, value: string, style: Style): string {
  return `  ${style.dim(label.padEnd(LABEL_COLUMNS))}${value}`;
}

/** A line for each agent, with its tools. */
export function agentFields(agents: readonly AgentDefinition[], style: Style): string[] {
  return agents.map(({ name, tools, servers = [] }) => {
    const served = servers.map((server) => `the tools of ${server.name}`);
    const names = [...tools.keys(), ...served].join(', ') || 'no tools';
    return field('agent', `${style.bold(name)} with ${cutTo(names, 200)}`, style);
  });
}
