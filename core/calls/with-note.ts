import type { ToolOutcome } from './outcome.ts';

/** Puts a sentence before what the model is told of a call. */
export function withNote(outcome: ToolOutcome, note: string): ToolOutcome {
  if (outcome.type !== 'succeeded') return { ...outcome, message: `${note}\n\n${outcome.message}` };
  const { content } = outcome;
  return {
    ...outcome,
    content:
      typeof content === 'string'
        ? `${note}\n\n${content}`
        : [{ type: 'text', text: note }, ...content],
  };
}
