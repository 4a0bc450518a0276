import type { SearchAttributePair, TypedSearchAttributes } from '@temporalio/common';
import type { StopReason } from './turn/stop-reason.ts';

// By these, Temporal's lists find turns and sessions. The server keeps names and values in plain text, even
// if a codec encrypts the payloads.

/** What the SDK's `defineSearchAttributeKey` makes, which `core/` does not import. */
export interface KeywordKey {
  name: string;
  type: 'KEYWORD';
}

/** Name of the agent. */
export const AGENT_ATTRIBUTE: KeywordKey = { name: 'PlaitAgent', type: 'KEYWORD' };
/** For whom it runs, if the caller has said so. */
export const USER_ATTRIBUTE: KeywordKey = { name: 'PlaitUser', type: 'KEYWORD' };
/**
 * What a session is doing, a `SessionStatus`. Only sessions of an earlier version record it, twice a turn;
 * for others the lists derive it from the turns that run.
 */
export const STATUS_ATTRIBUTE: KeywordKey = { name: 'PlaitStatus', type: 'KEYWORD' };
/**
 * Why the turn ended: a `StopReason`, or `NOT_STOPPED`. Changing it costs an Action, so a turn starts with
 * the usual reason, which counts once Temporal's status is completed.
 */
export const STOP_REASON_ATTRIBUTE: KeywordKey = { name: 'PlaitStopReason', type: 'KEYWORD' };

/** All attributes that `plait setup` registers: the types by name. */
export const SEARCH_ATTRIBUTES: Readonly<Record<string, 'Keyword'>> = Object.fromEntries(
  [AGENT_ATTRIBUTE, USER_ATTRIBUTE, STOP_REASON_ATTRIBUTE].map(
    ({ name }) => [name, 'Keyword'] as const,
  ),
);

/** The stop reason of sessions and of failed turns. Turns of earlier versions started with it. */
export const NOT_STOPPED = 'none';

const USUAL_STOP: StopReason = 'end_turn';

/** Who runs, and for whom. */
export interface Belonging {
  agent: string;
  user?: string | undefined;
}

// A start sets every attribute that the workflow may set later. The server checks them then, so none can
// wedge a workflow task.

/** The attributes with which a turn starts. */
export function turnAttributes(belonging: Belonging): SearchAttributePair[] {
  return [...belongingAttributes(belonging), ...stopAttributes(USUAL_STOP)];
}

/** The attributes with which a session starts. It passes them to its turns, hence the stop reason. */
export function sessionAttributes(belonging: Belonging): SearchAttributePair[] {
  return [...belongingAttributes(belonging), ...stopAttributes(NOT_STOPPED)];
}

function belongingAttributes({ agent, user }: Belonging): SearchAttributePair[] {
  return [
    { key: AGENT_ATTRIBUTE, value: agent },
    ...(user === undefined ? [] : [{ key: USER_ATTRIBUTE, value: user }]),
  ];
}

/** The attributes to set when a turn has ended. */
export function stopAttributes(reason: StopReason | typeof NOT_STOPPED): SearchAttributePair[] {
  return [{ key: STOP_REASON_ATTRIBUTE, value: reason }];
}

/** The longest value that PostgreSQL and MySQL can index, in characters. */
const VALUE_LIMIT = 255;

/** What is wrong with the name of a user, as the end of a sentence; `undefined` if nothing is. */
export function userProblem(user: unknown): string | undefined {
  if (typeof user !== 'string') return 'is not a text';
  if (user === '') return 'is empty';
  // PostgreSQL cannot store a NUL, and would silently drop the turn from every list.
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

/** From the search attributes, or from the memo if the namespace lacks them. */
export function userOf({ memo, typedSearchAttributes }: Started): string | undefined {
  const user = typedSearchAttributes.get(USER_ATTRIBUTE) ?? memo?.['user'];
  return typeof user === 'string' ? user : undefined;
}

/** From the same places. */
export function agentOf({ memo, typedSearchAttributes }: Started): string | undefined {
  const agent = typedSearchAttributes.get(AGENT_ATTRIBUTE) ?? memo?.['agent'];
  return typeof agent === 'string' ? agent : undefined;
}
