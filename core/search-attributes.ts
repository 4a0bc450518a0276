import type { SearchAttributePair, TypedSearchAttributes } from '@temporalio/common';
import type { StopReason } from './turn/stop-reason.ts';

// What Temporal's lists find turns and sessions by. The server keeps names and values as plain text,
// whatever codec the payloads have.

/** What the SDK's `defineSearchAttributeKey` makes, which `core/` does not import. */
export interface KeywordKey {
  name: string;
  type: 'KEYWORD';
}

/** Name of the agent. */
export const AGENT_ATTRIBUTE: KeywordKey = { name: 'PlaitAgent', type: 'KEYWORD' };
/** Who it is for, where the caller has said it. */
export const USER_ATTRIBUTE: KeywordKey = { name: 'PlaitUser', type: 'KEYWORD' };
/**
 * What a session is doing, a `SessionStatus`: of sessions that were started by an earlier version, which
 * record it twice a turn. Of others the lists conclude it from the turns that run.
 */
export const STATUS_ATTRIBUTE: KeywordKey = { name: 'PlaitStatus', type: 'KEYWORD' };
/**
 * Why the turn ended: a `StopReason`, or `NOT_STOPPED`. To set it again costs an Action, so a turn has the
 * usual reason from its start: it counts once Temporal's status is completed.
 */
export const STOP_REASON_ATTRIBUTE: KeywordKey = { name: 'PlaitStopReason', type: 'KEYWORD' };

/** All that `plait setup` registers: their types by their names. */
export const SEARCH_ATTRIBUTES: Readonly<Record<string, 'Keyword'>> = Object.fromEntries(
  [AGENT_ATTRIBUTE, USER_ATTRIBUTE, STOP_REASON_ATTRIBUTE].map(
    ({ name }) => [name, 'Keyword'] as const,
  ),
);

/**
 * Instead of a stop reason, of sessions and of turns that failed. Earlier versions started turns with it.
 */
export const NOT_STOPPED = 'none';

const USUAL_STOP: StopReason = 'end_turn';

/** Who runs, and for whom. */
export interface Belonging {
  agent: string;
  user?: string | undefined;
}

// A start names every attribute that the workflow may set later. The server checks them, so that what
// it has accepted once can never wedge a workflow task.

/** What a turn is started with. */
export function turnAttributes(belonging: Belonging): SearchAttributePair[] {
  return [...belongingAttributes(belonging), ...stopAttributes(USUAL_STOP)];
}

/** What a session is started with. It hands them on to its turns, hence the stop reason. */
export function sessionAttributes(belonging: Belonging): SearchAttributePair[] {
  return [...belongingAttributes(belonging), ...stopAttributes(NOT_STOPPED)];
}

function belongingAttributes({ agent, user }: Belonging): SearchAttributePair[] {
  return [
    { key: AGENT_ATTRIBUTE, value: agent },
    ...(user === undefined ? [] : [{ key: USER_ATTRIBUTE, value: user }]),
  ];
}

/** When a turn has ended. */
export function stopAttributes(reason: StopReason | typeof NOT_STOPPED): SearchAttributePair[] {
  return [{ key: STOP_REASON_ATTRIBUTE, value: reason }];
}

/** The longest value that PostgreSQL and MySQL can index, in characters. */
const VALUE_LIMIT = 255;

/** What is wrong with the name of a user, if anything: the end of a sentence. */
export function userProblem(user: unknown): string | undefined {
  if (typeof user !== 'string') return 'is not a text';
  if (user === '') return 'is empty';
  // PostgreSQL cannot store a NUL, and would drop the turn from every list without a word.
  if (/\p{Cc}/u.test(user)) return 'holds control characters';
  if (!user.isWellFormed()) return 'holds half a character';
  if (user.length > VALUE_LIMIT) return `is longer than ${VALUE_LIMIT} characters`;
  return undefined;
}

/** A turn or a session as Temporal lists and describes it. */
interface Started {
  memo?: Record<string, unknown> | undefined;
  typedSearchAttributes: Pick<TypedSearchAttributes, 'get'>;
}

/** As the search attributes say, or the memo where the namespace lacks them. */
export function userOf({ memo, typedSearchAttributes }: Started): string | undefined {
  const user = typedSearchAttributes.get(USER_ATTRIBUTE) ?? memo?.['user'];
  return typeof user === 'string' ? user : undefined;
}

/** Likewise. */
export function agentOf({ memo, typedSearchAttributes }: Started): string | undefined {
  const agent = typedSearchAttributes.get(AGENT_ATTRIBUTE) ?? memo?.['agent'];
  return typeof agent === 'string' ? agent : undefined;
}
