import type { AgentDefinition } from '../agents/define-agent.ts';
import { isRecord, shorten } from '../core/json.ts';
import type { ToolUse } from '../core/messages.ts';
import type { PreparedCall } from '../core/prepared-call.ts';

/** Decides, for every call of a reply, what workflow code cannot: it has no schemas. */
export function prepareCalls(
  agent: AgentDefinition,
  calls: readonly ToolUse[],
): Promise<PreparedCall[]> {
  return Promise.all(calls.map((call) => prepareCall(agent, call)));
}

async function prepareCall(agent: AgentDefinition, call: ToolUse): Promise<PreparedCall> {
  const tool = agent.tools.get(call.name);
  if (tool === undefined) {
    const known = [...agent.tools.keys()].join(', ') || 'none';
    return {
      type: 'refused',
      message: `There is no tool named ${call.name}. Available tools: ${known}.`,
    };
  }
  const parsed = await tool.parse(call.input);
  if (!parsed.ok) return { type: 'refused', message: invalidInput(call.name, parsed.problem) };
  return { type: 'ready', summary: summarize(call.input) };
}

export function invalidInput(name: string, problem: string): string {
  return `The input does not match the schema of ${name}, so the tool did not run:\n${shorten(problem, 2_000)}`;
}

/** The arguments in a line: `customer_id: 1234, plan: pro`. */
export function summarize(input: unknown): string {
  if (!isRecord(input)) return '';
  const fields = Object.entries(input).map(([key, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return `${key}: ${shorten(text.replaceAll(/\s+/g, ' '), 40)}`;
  });
  return shorten(fields.join(', '), 120);
}
