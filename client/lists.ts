import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { TypedSearchAttributes } from '@temporalio/common';
import { given, optionalTextProblem, recordProblem, rejectIf } from '../core/arguments.ts';
import { defined } from '../core/json.ts';
import { InvalidTurnError } from '../core/turn/input.ts';
import { SESSION_WORKFLOW, TURN_WORKFLOW } from '../core/names.ts';
import type { KeywordKey } from '../core/search-attributes.ts';
import {
  AGENT_ATTRIBUTE,
  agentOf,
  STOP_REASON_ATTRIBUTE,
  USER_ATTRIBUTE,
} from '../core/search-attributes.ts';
import type { SessionStatus } from '../core/session/protocol.ts';
import type { StopReason } from '../core/turn/stop-reason.ts';
import type { Usage } from '../core/turn/usage.ts';
import { endOfTurn } from './end-of-turn.ts';
import { InvalidSessionError, SearchAttributesMissingError } from './errors.ts';
import type { TurnStatus } from './follow/events.ts';
import { inOrder } from './in-order.ts';
import { aboutServer, invalidArgument } from './temporal-errors.ts';

/** A list has only the last run of a turn, never one that has continued as new. */
export type ListedStatus = Exclude<TurnStatus, 'continuedAsNew'>;

export interface ListTurnsOptions {
  /** Name of the agent. @default any */
  agent?: string;
  /** The `user` that the turn was started with. @default any */
  user?: string;
  /** Why the turn ended; finds completed turns only. @default any, and none */
  stopReason?: StopReason;
  /** The status of the turn. @default any */
  status?: ListedStatus;
  /**
   * Also reads the end of each turn that has ended, for `usage`, `costUSD`, and a `stopReason` that needs no
   * search attribute. One more request for each, and no Action. @default false
   */
  usage?: boolean;
}

/** One turn of `listTurns`. */
export interface ListedTurn {
  turnId: string;
  /** Known where the turn was started by an `AgentClient`. */
  agent: string | undefined;
  /** `undefined` also where the search attributes were not registered when the turn was started. */
  user: string | undefined;
  /**
   * The first words of what it was asked, at most 200 characters. Absent where its agent has
   * `summaries: false`, and in turns of earlier versions.
   */
  asked?: string;
  status: ListedStatus;
  /** Of a completed turn that was started with search attributes, or that was listed with `usage`. */
  stopReason?: StopReason;
  /** With the option `usage`, of a completed or failed turn whose result can be read here. */
  usage?: Usage;
  /** The same in USD, where the agent has `prices`. */
  costUSD?: number;
  startTime: Date;
  closeTime?: Date;
}

export interface ListSessionsOptions {
  /** Name of the agent. @default any */
  agent?: string;
  /** The `user` that the session was created with. @default any */
  user?: string;
  /** What the session is doing. @default any */
  status?: SessionStatus;
}

/** One session of `listSessions`. */
export interface ListedSession {
  sessionId: string;
  /** Known where the session was created by an `AgentClient`. */
  agent: string | undefined;
  /** `undefined` also where the search attributes were not registered when the session was created. */
  user: string | undefined;
  /** `busy` while a turn of it runs; also `closed` for a session that was cancelled or terminated. */
  status: SessionStatus;
  /** When the session's newest run began: shortly before its newest turn, or when it became idle. */
  startTime: Date;
  closeTime?: Date;
}

/** A run as Temporal lists and describes it. */
type Run = Omit<WorkflowExecutionInfo, 'raw'>;

/** The names of the statuses in Temporal's lists. */
const STATUS_NAMES: Record<ListedStatus, string> = {
  running: 'Running',
  completed: 'Completed',
  failed: 'Failed',
  cancelled: 'Canceled',
  terminated: 'Terminated',
  timedOut: 'TimedOut',
};

/** The turns of the namespace, including those of sessions. */
export async function* listTurns(
  client: Client,
  options: ListTurnsOptions,
): AsyncGenerator<ListedTurn, void, undefined> {
  checkOptions(options, InvalidTurnError);
  const { agent, user, stopReason, status, usage } = options;
  if (usage !== undefined && typeof usage !== 'boolean') {
    throw new InvalidTurnError(`usage must be true or false; got ${given(usage)}`);
  }
  const wanted = [
    ...keyword(AGENT_ATTRIBUTE, agent),
    ...keyword(USER_ATTRIBUTE, user),
    ...keyword(STOP_REASON_ATTRIBUTE, stopReason),
  ];
  // Only completed turns have a stop reason, whatever the attribute says.
  if (stopReason !== undefined && status !== undefined && status !== 'completed') return;
  const wantedStatus = stopReason === undefined ? status : 'completed';
  const executionStatus = wantedStatus === undefined ? undefined : STATUS_NAMES[wantedStatus];
  const runs = listWorkflows(client, TURN_WORKFLOW, wanted, { status: executionStatus });
  if (usage === true) yield* inOrder(runs, (run) => withEnd(client, listedTurn(run), run));
  else for await (const run of runs) yield listedTurn(run);
}

async function withEnd(
  client: Client,
  turn: ListedTurn,
  { runId }: WorkflowExecutionInfo,
): Promise<ListedTurn> {
  const { status, turnId } = turn;
  if (status !== 'completed' && status !== 'failed') return turn;
  const { stopReason, usage, costUSD } = (await endOfTurn(client, turnId, runId)) ?? {};
  return { ...turn, ...defined({ stopReason, usage, costUSD }) };
}

/** The sessions of the namespace. */
export async function* listSessions(
  client: Client,
  options: ListSessionsOptions,
): AsyncGenerator<ListedSession, void, undefined> {
  checkOptions(options, InvalidSessionError);
  const { agent, user, status } = options;
  const wanted = [...keyword(AGENT_ATTRIBUTE, agent), ...keyword(USER_ATTRIBUTE, user)];
  const busy = new Set<string>();
  if (status !== 'closed') {
    for await (const sessionId of busySessions(client, wanted)) busy.add(sessionId);
  }
  const runs =
    status === 'busy'
      ? inOrder(busy, (sessionId) => describeSession(client, sessionId))
      : listWorkflows(client, SESSION_WORKFLOW, wanted, {
          status: status === 'idle' ? 'Running' : undefined,
        });
  for await (const run of runs) {
    if (run === undefined) continue;
    const session = listedSession(run, busy);
    if (status === undefined || session.status === status) yield session;
  }
}

/**
 * The sessions that run a turn, found by their turns. Recording the status in the session would cost two
 * Actions for each turn.
 */
async function* busySessions(client: Client, wanted: Wanted): AsyncGenerator<string> {
  for await (const { memo } of listWorkflows(client, TURN_WORKFLOW, wanted, {
    status: 'Running',
  })) {
    const sessionId = memo?.['sessionId'];
    if (typeof sessionId === 'string') yield sessionId;
  }
}

/** `undefined` if the session was terminated and forgotten while its turn still runs. */
async function describeSession(client: Client, sessionId: string): Promise<Run | undefined> {
  try {
    return await client.workflow.getHandle(sessionId).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw aboutServer(error, client.options.namespace);
  }
}

/** Every option except `usage` is a text. An empty text finds nothing, and is accepted. */
function checkOptions(options: object, Invalid: new (message: string) => Error): void {
  rejectIf(Invalid, recordProblem('options', options));
  for (const [name, value] of Object.entries(options)) {
    if (value !== '' && name !== 'usage') rejectIf(Invalid, optionalTextProblem(name, value));
  }
}

function listedTurn(run: WorkflowExecutionInfo): ListedTurn {
  const { startTime, closeTime, typedSearchAttributes, memo } = run;
  const status = turnStatus(run);
  const asked = typeof memo?.['asked'] === 'string' ? memo['asked'] : undefined;
  const value = typedSearchAttributes.get(STOP_REASON_ATTRIBUTE);
  const stopReason = status === 'completed' ? (value as StopReason | undefined) : undefined;
  return {
    turnId: run.workflowId,
    agent: agentOf(run),
    user: typedSearchAttributes.get(USER_ATTRIBUTE),
    ...defined({ asked }),
    status,
    ...defined({ stopReason }),
    startTime,
    ...defined({ closeTime }),
  };
}

function listedSession(run: Run, busy: ReadonlySet<string>): ListedSession {
  const { workflowId: sessionId, startTime, closeTime, typedSearchAttributes } = run;
  const status = busy.has(sessionId) ? 'busy' : 'idle';
  return {
    sessionId,
    agent: agentOf(run),
    user: typedSearchAttributes.get(USER_ATTRIBUTE),
    status: closeTime === undefined ? status : 'closed',
    startTime,
    ...defined({ closeTime }),
  };
}

function turnStatus({ status: { name } }: WorkflowExecutionInfo): ListedStatus {
  switch (name) {
    case 'COMPLETED':
      return 'completed';
    case 'FAILED':
      return 'failed';
    case 'CANCELLED':
      return 'cancelled';
    case 'TERMINATED':
      return 'terminated';
    case 'TIMED_OUT':
      return 'timedOut';
    default:
      return 'running';
  }
}

/**
 * The workflows of a type that have the wanted keywords: first those that run, then the newest by end.
 *
 * Throws a `SearchAttributesMissingError`, a `TemporalUnavailableError`, an `UnreadablePayloadError`.
 */
export async function* listWorkflows(
  client: Client,
  type: string,
  wanted: Wanted,
  filter: RunFilter = {},
): AsyncGenerator<WorkflowExecutionInfo, void, undefined> {
  const { namespace } = client.options;
  const query = visibilityQuery(type, wanted, filter);
  const found = client.workflow.list({ query })[Symbol.asyncIterator]();
  for (;;) {
    let next: IteratorResult<WorkflowExecutionInfo>;
    try {
      next = await found.next();
    } catch (error) {
      throw aboutList(error, namespace, wanted);
    }
    if (next.done === true) return;
    if (hasWanted(next.value.typedSearchAttributes, wanted)) yield next.value;
  }
}

/**
 * How many workflows `listWorkflows` would list, or a few more: see `visibilityQuery`. Throws a
 * `TemporalUnavailableError`, and a `SearchAttributesMissingError` if the server lacks a wanted attribute.
 */
export async function countWorkflows(
  client: Client,
  type: string,
  wanted: Wanted,
  filter: RunFilter,
): Promise<number> {
  const { namespace } = client.options;
  try {
    return (await client.workflow.count(visibilityQuery(type, wanted, filter))).count;
  } catch (error) {
    throw aboutList(error, namespace, wanted);
  }
}

function aboutList(error: unknown, namespace: string, wanted: Wanted): unknown {
  const problem = invalidArgument(error);
  if (problem === undefined || wanted.length === 0) return aboutServer(error, namespace);
  return new SearchAttributesMissingError(namespace, problem, { cause: error });
}

/** Filters runs. Runs that continued as new are always left out: they are not the end of their workflow. */
export interface RunFilter {
  /** As Temporal's lists call it. @default any */
  status?: string | undefined;
  /** Ended at this time or later. @default also those that run */
  closedSince?: Date;
}

/** Keywords that a listed workflow must have. */
export type Wanted = readonly { key: KeywordKey; value: string }[];

/** The keyword that an option asks for; none if the option is left out. */
export function keyword(key: KeywordKey, value: string | undefined): Wanted {
  return value === undefined ? [] : [{ key, value }];
}

/**
 * The query for workflows of a type, in the language of Temporal's lists. It finds all that have the
 * wanted keywords, and maybe others: check each with `hasWanted`.
 */
export function visibilityQuery(
  type: string,
  wanted: Wanted,
  { status, closedSince }: RunFilter = {},
): string {
  return [
    `WorkflowType = ${literal(type)}`,
    `ExecutionStatus ${status === undefined ? '!= "ContinuedAsNew"' : `= ${literal(status)}`}`,
    ...(closedSince === undefined ? [] : [`CloseTime >= ${literal(closedSince.toISOString())}`]),
    ...wanted.map(({ key, value }) => condition(key.name, value)),
  ].join(' AND ');
}

/**
 * Whether a listed workflow has exactly the wanted keywords: some databases ignore case, and a query cannot
 * express every value.
 */
export function hasWanted(attributes: TypedSearchAttributes, wanted: Wanted): boolean {
  return wanted.every(({ key, value }) => attributes.get(key) === value);
}

/**
 * The part of a text before the first character that the server handles wrongly: it escapes these a second
 * time, compares with the escaped text, and drops a quote at either end.
 */
const UNSAFE = /['"\\\p{Cc}]/u;

function condition(name: string, value: string): string {
  const safe = value.slice(0, UNSAFE.exec(value)?.index);
  if (safe === value) return `${name} = ${literal(value)}`;
  return safe === '' ? `${name} IS NOT NULL` : `${name} STARTS_WITH ${literal(safe)}`;
}

/** `text` must hold nothing to escape. */
function literal(text: string): string {
  return `'${text}'`;
}
