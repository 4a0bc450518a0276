import type { SearchAttributePair } from '@temporalio/common';
import type { WorkflowInfo } from '@temporalio/workflow';
import { upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { TurnOwner } from '../core/calls/tool-call.ts';
import { defined } from '../core/json.ts';
import {
  AGENT_ATTRIBUTE,
  STATUS_ATTRIBUTE,
  sessionAttributes,
  STOP_REASON_ATTRIBUTE,
  stopAttributes,
  turnAttributes,
  USER_ATTRIBUTE,
} from '../core/search-attributes.ts';
import type { NOT_STOPPED } from '../core/search-attributes.ts';
import type { SessionState } from '../core/session/protocol.ts';
import type { StopReason } from '../core/turn/stop-reason.ts';

/**
 * Sets only attributes that this run was started with. Those are known to be registered; any other could fail
 * the workflow task forever.
 */
function updateAttributes(attributes: readonly SearchAttributePair[]): void {
  const present = attributes.filter(isPresent);
  if (present.length > 0) upsertSearchAttributes(present);
}

/**
 * Records why the turn ended, unless that is recorded since its start. Costs an Action, and an event in the
 * last workflow task.
 */
export function recordStopReason(reason: StopReason | typeof NOT_STOPPED): void {
  if (workflowInfo().typedSearchAttributes.get(STOP_REASON_ATTRIBUTE) === reason) return;
  updateAttributes(stopAttributes(reason));
}

/**
 * Records what a session is doing, if an earlier version started it: with a status that changes twice a turn.
 * The presence of the attribute decides, so this needs no `patched`.
 */
export function recordSessionStatus({ status, lastTurn }: SessionState): void {
  if (workflowInfo().typedSearchAttributes.get(STATUS_ATTRIBUTE) === undefined) return;
  updateAttributes([
    { key: STATUS_ATTRIBUTE, value: status },
    ...(lastTurn === undefined ? [] : [{ key: STOP_REASON_ATTRIBUTE, value: lastTurn.stopReason }]),
  ]);
}

/** The attributes of a session's turn; none if the session was started without. */
export function attributesOfTurn(): SearchAttributePair[] {
  const { typedSearchAttributes: own } = workflowInfo();
  const agent = own.get(AGENT_ATTRIBUTE);
  const user = own.get(USER_ATTRIBUTE);
  return agent === undefined ? [] : turnAttributes({ agent, user }).filter(isPresent);
}

/** The attributes of a sub-agent's turn; none if the calling turn was started without. */
export function attributesOfSubAgent(agent: string): SearchAttributePair[] {
  const { typedSearchAttributes: own } = workflowInfo();
  if (own.get(AGENT_ATTRIBUTE) === undefined) return [];
  return turnAttributes({ agent, user: own.get(USER_ATTRIBUTE) }).filter(isPresent);
}

/** The same for a session that a call of this turn creates. */
export function attributesOfCalledSession(agent: string): SearchAttributePair[] {
  const { typedSearchAttributes: own } = workflowInfo();
  if (own.get(AGENT_ATTRIBUTE) === undefined) return [];
  return sessionAttributes({ agent, user: own.get(USER_ATTRIBUTE) }).filter(isPresent);
}

/** For whom this turn or session runs. A namespace without the attributes still has the memo. */
export function ownerOf({ memo, parent, typedSearchAttributes }: WorkflowInfo): TurnOwner {
  // Another kind of workflow may have started the turn as its child.
  const isOfSession = parent !== undefined && memo?.['sessionId'] === parent.workflowId;
  return defined({
    user: asText(memo?.['user']) ?? typedSearchAttributes.get(USER_ATTRIBUTE),
    sessionId: isOfSession ? parent.workflowId : undefined,
  });
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function isPresent({ key }: SearchAttributePair): boolean {
  return workflowInfo().typedSearchAttributes.get(key) !== undefined;
}
