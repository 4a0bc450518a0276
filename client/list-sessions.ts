import { defined } from '../core/json.ts';
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { SESSION_WORKFLOW } from '../core/names.ts';
import { AGENT_ATTRIBUTE, STATUS_ATTRIBUTE, USER_ATTRIBUTE } from '../core/search-attributes.ts';
import type { SessionStatus } from '../core/session/protocol.ts';
import { listed } from './listed.ts';
import { keyword } from './visibility-query.ts';

export interface ListSessionsOptions {
  /** Name of the agent. @default any */
  agent?: string;
  /** The `user` that the session was created with. @default any */
  user?: string;
  /** What it is doing. @default any */
  status?: SessionStatus;
}

export interface ListedSession {
  sessionId: string;
  /** Known where the session was created by an `AgentClient`. */
  agent: string | undefined;
  /** `undefined` also where the search attributes were not registered then. */
  user: string | undefined;
  /** `closed` for one that was cancelled or terminated, too; otherwise as `user`. */
  status: SessionStatus | undefined;
  /** When its newest run began: that is not long before its newest turn, or when it became idle. */
  startTime: Date;
  closeTime?: Date;
}

/** The sessions of the namespace. */
export async function* listSessions(
  client: Client,
  { agent, user, status }: ListSessionsOptions,
): AsyncGenerator<ListedSession, void, undefined> {
  const wanted = [...keyword(AGENT_ATTRIBUTE, agent), ...keyword(USER_ATTRIBUTE, user)];
  // One that was terminated could not say that it is closed.
  const isOpen = status !== undefined && status !== 'closed';
  const runs = listed(
    client,
    SESSION_WORKFLOW,
    isOpen ? [...wanted, ...keyword(STATUS_ATTRIBUTE, status)] : wanted,
    isOpen ? 'Running' : undefined,
  );
  for await (const run of runs) {
    const session = listedSession(run);
    if (status === undefined || session.status === status) yield session;
  }
}

function listedSession(run: WorkflowExecutionInfo): ListedSession {
  const { workflowId: sessionId, memo, startTime, closeTime, typedSearchAttributes } = run;
  const agent = typedSearchAttributes.get(AGENT_ATTRIBUTE) ?? memo?.['agent'];
  const status = typedSearchAttributes.get(STATUS_ATTRIBUTE) as SessionStatus | undefined;
  return {
    sessionId,
    agent: typeof agent === 'string' ? agent : undefined,
    user: typedSearchAttributes.get(USER_ATTRIBUTE),
    status: closeTime === undefined ? status : 'closed',
    startTime,
    ...defined({ closeTime }),
  };
}
