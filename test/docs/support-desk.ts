import type { AgentClient } from 'plait/client';
import { SessionBusyError } from 'plait/client';
import { support } from './support.ts';

/** A web request calls this with a customer's message. */
export async function onMessage(agents: AgentClient, ticket: string, text: string, id: string) {
  const session = agents.openSession(support, ticket);
  const turn = await session.send(text, { idempotencyKey: id });
  return (await turn.result()).text;
}

/** The customer has pressed "stop, and do this". */
export async function onInterrupt(agents: AgentClient, ticket: string, text: string) {
  const turn = await agents.getSession(ticket).send(text, { whenBusy: 'interrupt' });
  return (await turn.result()).text;
}

/** A reminder that is dropped when the agent is busy. */
export async function remind(agents: AgentClient, ticket: string) {
  try {
    await agents.getSession(ticket).send('Is anything still open?', { whenBusy: 'reject' });
    return true;
  } catch (error) {
    if (error instanceof SessionBusyError) return false;
    throw error;
  }
}
