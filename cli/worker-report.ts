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
  return agents.map(({ name, tools }) => {
    const names = [...tools.keys()].join(', ') || 'no tools';
    return field('agent', `${style.bold(name)} with ${cutTo(names, 200)}`, style);
  });
}

/** Whether the environment has a key for the Messages API. */
export function hasKey(env = process.env): boolean {
  return ['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN'].some((name) => (env[name] ?? '') !== '');
}

export const NO_KEY_WARNING =
  'ANTHROPIC_API_KEY is not set. To go on without a key: plait dev <module> --model scripted';
