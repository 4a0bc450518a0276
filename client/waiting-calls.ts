import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';
import { optionalTextProblem, recordProblem, rejectIf } from '../core/arguments.ts';
import { defined } from '../core/json.ts';
import { TURN_WORKFLOW } from '../core/names.ts';
import type { ApprovalRequest, AskingAgent } from '../core/turn/protocol.ts';
import { APPROVALS_QUERY } from '../core/turn/protocol.ts';
import { InvalidTurnError } from '../core/turn/input.ts';
import { queryTurn } from './ask-turn.ts';
import { TurnNotFoundError, WorkerUnavailableError } from './errors.ts';
import { awaitedTurns } from './follow/description.ts';
import { inOrder } from './in-order.ts';
import { aboutServer, aboutTurn, invalidArgument, ranOutOfTime } from './temporal-errors.ts';

export interface ApprovalsOptions {
  /**
   * Which turns, in the language of Temporal's lists, for example `TaskQueue = "billing"`.
   * https://docs.temporal.io/list-filter
   * @default all that run
   */
  query?: string;
}

/** A call that waits for a person, with its turn. */
export interface WaitingCall extends ApprovalRequest {
  turnId: string;
  /** Known where the turn was started by an `AgentClient`. */
  agent: string | undefined;
}

/** The calls of one turn and its sub-agents that wait for a person; empty if the turn has ended. */
export async function approvalRequests(client: Client, turnId: string): Promise<ApprovalRequest[]> {
  const turns = await subAgentTurns(client, turnId);
  const [own, ...inner] = await Promise.all([
    ownRequests(client, turnId),
    ...turns.map((inside) => ifItRuns(client, inside)),
  ]);
  return [...own, ...inner.flat()];
}

async function ifItRuns(client: Client, turnId: string): Promise<ApprovalRequest[]> {
  try {
    const { memo } = await client.workflow.getHandle(turnId).describe();
    const subAgent = askingAgent(turnId, memo);
    const requests = await approvalRequests(client, turnId);
    const callId = typeof memo?.['callId'] === 'string' ? memo['callId'] : undefined;
    return requests.map((request) => seenFromAbove(request, subAgent, callId));
  } catch (error) {
    // It has ended since it was listed.
    if (error instanceof TurnNotFoundError || error instanceof WorkflowNotFoundError) return [];
    throw error;
  }
}

/**
 * A request of a sub-agent's turn (or of one below it) as a request of the calling turn. Only the sub-agent
 * itself has a call in the calling turn, so requests from further down are listed under that call.
 *
 * @param callId the call of the calling turn
 */
function seenFromAbove(
  { subAgent, ...request }: ApprovalRequest,
  called: AskingAgent | undefined,
  callId: string | undefined,
): ApprovalRequest {
  const asking = subAgent ?? called;
  return { ...request, ...(asking && { subAgent: { ...asking, ...defined({ callId }) } }) };
}

/**
 * The running turns of its sub-agents: its children, turns of sessions (which may still wait), and turns that
 * began before this one was reset. The server knows them without a worker.
 */
export async function subAgentTurns(client: Client, turnId: string): Promise<string[]> {
  const { raw } = await aboutTurn(turnId, client.options.namespace, () =>
    client.workflow.getHandle(turnId).describe(),
  );
  const children = (raw.pendingChildren ?? []).flatMap(({ workflowId, workflowTypeName }) =>
    workflowTypeName === TURN_WORKFLOW && workflowId ? [workflowId] : [],
  );
  return [...children, ...(await awaitedTurns(raw, client.options.loadedDataConverter))];
}

function askingAgent(
  turnId: string,
  memo: Record<string, unknown> | undefined,
): AskingAgent | undefined {
  const path = memo?.['path'];
  return Array.isArray(path) ? { turnId, path: path.map(String) } : undefined;
}

async function ownRequests(client: Client, turnId: string): Promise<ApprovalRequest[]> {
  return ((await queryTurn(client, turnId, APPROVALS_QUERY)) ?? []) as ApprovalRequest[];
}

/**
 * The calls of all running turns that wait for a person. At the end it throws a `WorkerUnavailableError` for
 * the turns that could not be asked.
 */
export async function* waitingCalls(
  client: Client,
  options: ApprovalsOptions,
): AsyncGenerator<WaitingCall, void, undefined> {
  rejectIf(
    InvalidTurnError,
    recordProblem('options', options),
    options?.query === '' ? undefined : optionalTextProblem('query', options?.query),
  );
  const unanswered: { turnId: string; error: WorkerUnavailableError }[] = [];
  const silent = new SilentQueues();
  const ask = async (turn: WorkflowExecutionInfo): Promise<WaitingCall[]> => {
    const { workflowId: turnId, memo, taskQueue } = turn;
    const agent = typeof memo?.['agent'] === 'string' ? memo['agent'] : undefined;
    try {
      const requests = await silent.unless(taskQueue, () => ownRequests(client, turnId));
      const subAgent = askingAgent(turnId, memo);
      return requests.map((request) => ({ turnId, agent, ...defined({ subAgent }), ...request }));
    } catch (error) {
      if (error instanceof WorkerUnavailableError) unanswered.push({ turnId, error });
      // The turn has ended since it was listed, and its retention is over.
      else if (!(error instanceof TurnNotFoundError)) throw error;
      return [];
    }
  };
  for await (const calls of inOrder(waitingTurns(client, options), ask)) yield* calls;
  throwIfAny(unanswered);
}

async function* waitingTurns(
  client: Client,
  { query }: ApprovalsOptions,
): AsyncGenerator<WorkflowExecutionInfo> {
  const running = `WorkflowType = "${TURN_WORKFLOW}" AND ExecutionStatus = "Running"`;
  const listed = client.workflow.list({
    query: query === undefined ? running : `${running} AND (${query})`,
  });
  try {
    // The memo in the list says whether any call waits, so other turns are not asked.
    for await (const turn of listed) if (Number(turn.memo?.['approvals']) > 0) yield turn;
  } catch (error) {
    const problem = query === undefined ? undefined : invalidArgument(error);
    if (problem === undefined) throw aboutServer(error, client.options.namespace);
    throw new TypeError(`The server cannot read the query ${JSON.stringify(query)}: ${problem}`, {
      cause: error,
    });
  }
}

/**
 * Remembers the task queues without a worker. Otherwise each of many turns on such a queue would wait for its
 * deadline in vain.
 */
class SilentQueues {
  private readonly answered = new Set<string>();
  private readonly silent = new Map<string, WorkerUnavailableError>();

  async unless<T>(taskQueue: string, request: () => Promise<T>): Promise<T> {
    const silence = this.silent.get(taskQueue);
    if (silence !== undefined && !this.answered.has(taskQueue)) throw silence;
    try {
      const answer = await request();
      this.answered.add(taskQueue);
      return answer;
    } catch (error) {
      // The requests that run at the same time had the same chance to show that the queue has a worker.
      if (error instanceof WorkerUnavailableError && ranOutOfTime(error)) {
        this.silent.set(taskQueue, error);
      }
      throw error;
    }
  }
}

function throwIfAny(
  unanswered: readonly { turnId: string; error: WorkerUnavailableError }[],
): void {
  const [first, ...others] = unanswered;
  if (first === undefined) return;
  if (others.length === 0) throw first.error;
  throw new WorkerUnavailableError(
    unanswered.map(({ turnId }) => turnId),
    `${unanswered.length} turns with waiting calls could not be asked. The first: ${first.error.message}`,
    { cause: first.error },
  );
}
