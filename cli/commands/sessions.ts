import { AgentClient } from '../../client/agent-client.ts';
import type { ListedSession, ListSessionsOptions } from '../../client/lists.ts';
import type { ExitCode } from '../exit-codes.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { firstOf } from '../progress.ts';
import { configuredTarget, connectTo } from '../temporal-target.ts';
import { spanText } from '../text.ts';
import type { ListOptions } from './turns.ts';
import { sayList } from './turns.ts';

export interface SessionsCommandOptions extends ListOptions, ListSessionsOptions {}

const HEADINGS = ['SESSION', 'STATUS', 'AGENT', 'USER', 'ACTIVE'];

/** `plait sessions`: first those that take messages, then the newest end. */
export async function sessionsCommand(options: SessionsCommandOptions): Promise<ExitCode> {
  const { limit, json, ...wanted } = options;
  const client = await connectTo(configuredTarget());
  try {
    const sessions = new AgentClient({ client }).listSessions(wanted);
    const layout = { json, headings: HEADINGS, rowOf };
    sayList(await firstOf(sessions, limit, 'sessions'), 'session', layout);
    return EXIT_CODES.ok;
  } finally {
    await client.connection.close();
  }
}

function rowOf(session: ListedSession, now: number): string[] {
  const { sessionId, status, agent = '', user = '', startTime, closeTime = startTime } = session;
  return [sessionId, status, agent, user, `${spanText(now - closeTime.getTime())} ago`];
}
