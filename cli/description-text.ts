import type { SessionDescription } from '../client/session-handle.ts';
import type { CallSnapshot, TurnSnapshot } from '../client/follow/snapshot.ts';
import { isSettled } from '../client/follow/snapshot.ts';
import type { ApprovalRequest } from '../core/turn/protocol.ts';
import type { Usage } from '../core/turn/usage.ts';
import type { Style } from './style.ts';
import { durationText, oneLine, spanText } from './text.ts';
import { usageText } from '../core/turn/usage-text.ts';
import { blockedText } from './live-tree.ts';
import { waitingText } from './waiting-table.ts';
import { field } from './worker-report.ts';

/** What `plait describe` knows of a turn. JSON. */
export interface DescribedTurn extends TurnSnapshot {
  usage?: Usage;
  costUSD?: number;
  /** The calls that wait for a person. */
  approvals: ApprovalRequest[];
}

export interface DescriptionOptions {
  /** Milliseconds since the epoch. */
  now: number;
  style: Style;
}

/** What a turn is doing, and what to type where it waits for a person. Pure. */
export function turnLines(turn: DescribedTurn, { now, style }: DescriptionOptions): string[] {
  const { turnId, agent, status, stopReason, message, blocked, start, end, rounds } = turn;
  const why = [stopReason, message].flatMap((text) => (text === undefined ? [] : oneLine(text)));
  const line = (label: string, value: string) => field(label, value, style);
  return [
    style.bold(`turn ${oneLine(turnId)}`),
    line('agent', oneLine(agent ?? 'unknown')),
    line('status', [status, ...why].join(': ')),
    ...(start === undefined ? [] : [line('started', sinceText(start, now))]),
    ...(start === undefined || end === undefined ? [] : [line('took', durationText(end - start))]),
    line('rounds', `${rounds.length}`),
    line('used', usedText(turn)),
    ...(blocked === undefined ? [] : [`  ${blockedText(blocked)}`]),
    ...openLines(turn, now).map((text) => `  ${text}`),
  ];
}

function usedText({ usage, costUSD, status }: DescribedTurn): string {
  if (usage !== undefined) return usageText(usage, costUSD);
  return status === 'running' ? 'not known: no worker answers' : 'not known';
}

/**
 * What the turn waits for (the model request, or its calls, including those in the background) and the
 * decisions about them.
 */
function openLines({ turnId, status, rounds, approvals }: DescribedTurn, now: number): string[] {
  const last = rounds.at(-1);
  if (status !== 'running' || last === undefined) return [];
  const { model, round } = last;
  const open = rounds.flatMap(({ calls }) => calls).filter(({ state }) => !isSettled(state));
  if (!isSettled(model.state))
    return [`waits for the model in round ${round}: ${stateOf(model, now)}`];
  return open.flatMap((call) => {
    const name = `${oneLine(call.name)}(${oneLine(call.summary)})`;
    const requests = approvals.filter((request) => isOf(request, call));
    const { subAgent } = call;
    return [
      `${name}: ${stateOf(call, now)}`,
      ...(subAgent === undefined ? [] : [`  runs turn ${oneLine(subAgent.turnId)}`]),
      ...requests.flatMap((request) => decisionLines(oneLine(turnId), request, now)),
    ];
  });
}

/** Whether the request is about this call, or about a sub-agent that it runs, at any level. */
function isOf({ callId, subAgent: asking }: ApprovalRequest, { id }: CallSnapshot): boolean {
  return (asking === undefined ? callId : asking.callId) === id;
}

function stateOf(
  step: Omit<CallSnapshot, 'id' | 'name' | 'summary' | 'subAgent'>,
  now: number,
): string {
  const { state, attempt, start, message } = step;
  const since = start === undefined ? '' : ` for ${spanText(now - start)}`;
  const times = attempt > 1 ? `, attempt ${attempt}` : '';
  return `${state}${since}${times}${message === undefined ? '' : `: ${oneLine(message)}`}`;
}

function decisionLines(turnId: string, request: ApprovalRequest, now: number): string[] {
  const { callId, requestedAt, expiresAt } = request;
  const asker = request.subAgent === undefined ? [] : [`  ${waitingText(request)} waits`];
  const waits = spanText(now - Date.parse(requestedAt));
  const left = spanText(Date.parse(expiresAt) - now);
  return [
    ...asker,
    `  since ${waits}; denied in ${left} unless somebody decides:`,
    `  plait approve ${turnId} ${oneLine(callId)}`,
    `  plait deny ${turnId} ${oneLine(callId)} --reason "…"`,
  ];
}

/** What a session is doing. Pure. */
export function sessionLines(
  session: SessionDescription,
  { now, style }: DescriptionOptions,
): string[] {
  const { sessionId, agent, status, turns, messages, usage, spent } = session;
  const { runningTurn, waitingTurns, lastTurn } = session;
  const line = (label: string, value: string) => field(label, oneLine(value), style);
  return [
    style.bold(`session ${oneLine(sessionId)}`),
    line('agent', agent),
    line('status', status),
    line('turns', `${turns} ended, ${waitingTurns.length} waiting`),
    line('messages', `${messages}`),
    line('used', usageText(usage, spent.costUSD)),
    ...(runningTurn === undefined ? [] : [line('runs', runningTurn)]),
    ...waitingTurns.map((turnId) => line('next', turnId)),
    ...(lastTurn === undefined ? [] : [line('last turn', lastTurnText(lastTurn, now))]),
  ];
}

function lastTurnText(
  { turnId, stopReason, endedAt, message }: NonNullable<SessionDescription['lastTurn']>,
  now: number,
): string {
  const why = message === undefined ? '' : `: ${message}`;
  return `${turnId}, ${stopReason}, ${sinceText(Date.parse(endedAt), now)}${why}`;
}

function sinceText(time: number, now: number): string {
  return `${spanText(now - time)} ago`;
}
