import type { AgentClient, SessionHandle } from 'plait/client';
import { support } from './support.ts';

/** Continues the conversation with the agent as it is declared today. The old session is closed. */
export async function moveToNewVersion(agents: AgentClient, old: string): Promise<SessionHandle> {
  const session = agents.getSession(old);
  await session.close();
  await session.workflow.result(); // until the running and the waiting turns have ended
  const { messages } = await session.transcript();
  return await agents.startSession(support, { sessionId: `${old}-v2`, messages });
}
