import { defineAgent } from 'plait';
import type { AgentClient } from 'plait/client';
import { z } from 'zod';
import { readNote } from './files.ts';

const ticket = z.object({
  topic: z.enum(['billing', 'outage', 'other']),
  urgency: z.int().min(1).max(5),
  contacts: z.array(z.string()).refine((names) => new Set(names).size === names.length, {
    error: 'name every contact once',
  }),
  due: z.iso.date().transform((day) => new Date(day)),
});

export const triage = defineAgent({
  name: 'triage',
  model: 'claude-opus-5-5',
  tools: [readNote],
  output: ticket,
});

export async function dueDate(agents: AgentClient, mail: string): Promise<Date | undefined> {
  const { output } = await agents.execute(triage, mail);
  return output?.due;
}

/** The same agent, with another kind of answer. */
export async function isUrgent(agents: AgentClient, mail: string): Promise<boolean> {
  const output = z.object({ urgent: z.boolean() });
  const result = await agents.execute(triage, mail, { output });
  return result.output?.urgent ?? true;
}
