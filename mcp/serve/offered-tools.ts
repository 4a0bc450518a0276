import { DeclarationError } from '../../agents/declaration-error.ts';
import type { AgentDefinition } from '../../agents/define-agent.ts';
import { defined } from '../../core/json.ts';

/** The tools besides those of the agents. */
const CONTROLS = [
  'turn_start',
  'turn_result',
  'turn_approvals',
  'turn_approve',
  'turn_deny',
  'turn_cancel',
  'session_send',
] as const;

/** The agents by the names of their tools. Clients take letters, digits, `_` and `-`. */
export function toolsOf(agents: readonly AgentDefinition[]): Map<string, AgentDefinition> {
  const tools = new Map<string, AgentDefinition>();
  for (const agent of agents) {
    const name = agent.name.replaceAll('.', '_');
    if (tools.has(name) || CONTROLS.some((control) => control === name)) {
      throw new DeclarationError(
        `the tool ${name} of the agent ${agent.name} would have the name of another tool: rename the agent`,
      );
    }
    tools.set(name, agent);
  }
  return tools;
}

/** The agent's answer, or the id of a turn that goes on. Definitions stay at the top, where references point. */
export function answerSchema(schema: Record<string, unknown>): Record<string, unknown> {
  const { $defs, definitions, $schema: _, ...answer } = schema;
  return {
    type: 'object',
    anyOf: [answer, GOES_ON],
    ...defined({ $defs, definitions }),
  };
}

const GOES_ON = {
  type: 'object',
  description: 'The turn has not ended yet.',
  properties: {
    turnId: { type: 'string' },
    status: { const: 'running' },
    next: { type: 'string', description: 'What to do next.' },
  },
  required: ['turnId', 'status', 'next'],
};
