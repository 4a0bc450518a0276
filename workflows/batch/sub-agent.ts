import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowFailure,
  isCancellation,
  rootCause,
  scheduleActivity,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { SubAgentSpec } from '../../core/agent-spec.ts';
import type { SettledCall } from '../../core/calls/outcome.ts';
import type { SubAgentEnding } from '../../core/calls/sub-agent.ts';
import {
  pathTo,
  subAgentInput,
  subAgentOutcome,
  subAgentTurnId,
  subAgentWords,
  waitingSessions,
} from '../../core/calls/sub-agent.ts';
import type { SubAgentTurn } from '../../core/calls/sub-agent-turn.ts';
import { RESULT_UNREADABLE } from '../../core/calls/texts.ts';
import { utf8Bytes } from '../../core/conversation/cut-result.ts';
import { defined, jsonBytes } from '../../core/json.ts';
import { AWAIT_TURN, READ_TURN, TURN_WORKFLOW } from '../../core/names.ts';
import { fits } from '../../core/shape.ts';
import type { TurnBeginning } from '../../core/turn/beginning.ts';
import type { Budget } from '../../core/turn/budget.ts';
import { spentOf } from '../../core/turn/budget.ts';
import { SUB_AGENT_PROGRESS, SUB_AGENT_RESULT } from '../../core/turn/carried.ts';
import type { TurnArgs } from '../../core/turn/input.ts';
import { MAX_RESULT_BYTES, maxResultBytes, roomOf } from '../../core/turn/payload-room.ts';
import type { AwaitedTurn } from '../../core/turn/protocol.ts';
import type { SessionTurnProgress, SubAgentTurnProgress } from '../../core/turn/result.ts';
import { askedWords, detailsOf, summaryOf } from '../../core/turn/static-details.ts';
import { NO_USAGE } from '../../core/turn/usage.ts';
import { MODEL_RETRY } from '../retry.ts';
import { attributesOfSubAgent } from '../search-attributes.ts';
import type { Batch, BatchCall } from './call.ts';
import { callSession } from './called-session.ts';
import type { CallEnd } from './ended.ts';
import { present } from './schedule.ts';

// A call whose tool is another agent. Its turn is a child workflow, the same `agentTurn`, whose result says
// what it has used and leaves out its conversation. If the agent has a memory of its own, it is the turn of a
// session.

type AgentTurn = (args: TurnArgs, beginning: TurnBeginning) => Promise<unknown>;

/** How the turn ended, and what it used, if known. */
interface Ran {
  ending: SubAgentEnding;
  /** The session's turn, if the session has started it. */
  sessionTurn?: { turnId: string; sessionId: string };
  progress?: Spending | undefined;
}

type Spending = Pick<SubAgentTurnProgress, 'rounds' | 'toolCalls' | 'usage' | 'costUSD' | 'models'>;

/** Runs a turn of the agent, and reports how it ended. `limits`: what is reserved for it. */
export function runSubAgent(
  batch: Batch,
  call: BatchCall,
  about: { spec: SubAgentSpec; limits: Budget },
  ended: (end: CallEnd) => void,
): void {
  const { spec } = about;
  const start = Date.now();
  const turnId = subAgentTurnId(workflowInfo().workflowId, call.use.id);
  const settle = ({ ending, progress, sessionTurn }: Ran): void => {
    const hasRun = ending.type !== 'never began' && ending.type !== 'rejected';
    const outcome = subAgentOutcome(spec.agent, ending, call.policy.repeatable);
    const turn = spec.session === true ? sessionTurn : { turnId };
    const subAgent =
      hasRun && turn !== undefined ? turnOf(turn, spec, ending, progress) : undefined;
    const settled: SettledCall = {
      outcome,
      attempts: hasRun ? 1 : 0,
      start,
      end: Date.now(),
      ...defined({ subAgent }),
    };
    if (outcome.type !== 'succeeded' || isShort(batch, spec, outcome.content as string)) {
      ended({ type: 'settled', settled });
      return;
    }
    present(batch, call, { value: outcome.content, from: 'a long answer' }, (end) =>
      ended(
        end.type === 'settled'
          ? { ...end, settled: { ...settled, ...end.settled, start, ...defined({ subAgent }) } }
          : end,
      ),
    );
  };
  const ran =
    spec.session === true
      ? runSessionTurn(batch, call, about)
      : runTurn(batch, call, turnId, about);
  ran.then(settle, (error: unknown) =>
    settle({ ending: { type: 'failed', message: rootCause(error) ?? String(error) } }),
  );
}

/** A worker names the session together with the reply, but not in an earlier version of Plait. */
const NOT_NAMED =
  'the worker that had the reply has an earlier version of Plait, which names no session';

/** Sends the call to its session, whose turn is not a child of this one. */
async function runSessionTurn(
  batch: Batch,
  call: BatchCall,
  about: { spec: SubAgentSpec; limits: Budget },
): Promise<Ran> {
  const { session: sessionId } = call.prepared;
  if (sessionId === undefined) return { ending: { type: 'failed', message: NOT_NAMED } };
  const called = await callSession(batch, call, sessionId, about);
  switch (called.type) {
    case 'rejected':
    case 'unanswered':
      return { ending: { ...called, sessionId } };
    case 'turn': {
      const { turnId, awaited } = called;
      const ran = await CancellationScope.nonCancellable(() =>
        endOfTurn(Promise.resolve(awaited), turnId, call.use.id),
      );
      return { ...ran, sessionTurn: { turnId, sessionId } };
    }
  }
}

/** If not, a worker cuts the answer and keeps the rest. */
function isShort({ agent, calls, maxTextBytes }: Batch, spec: SubAgentSpec, text: string): boolean {
  const most = maxResultBytes(roomOf(agent), calls.length) ?? MAX_RESULT_BYTES;
  const bytes = jsonBytes(text);
  return utf8Bytes(text) <= spec.maxResultBytes && bytes <= Math.min(most, maxTextBytes ?? most);
}

function turnOf(
  turn: { turnId: string; sessionId?: string },
  { agent }: SubAgentSpec,
  ending: SubAgentEnding,
  progress: Spending = { rounds: 0, toolCalls: 0, usage: NO_USAGE },
): SubAgentTurn {
  const { rounds, toolCalls, usage, costUSD, models } = progress;
  const stopReason = ending.type === 'ended' ? ending.result.stopReason : 'failed';
  return { ...turn, agent, stopReason, rounds, toolCalls, usage, ...defined({ costUSD, models }) };
}

async function runTurn(
  batch: Batch,
  call: BatchCall,
  turnId: string,
  { spec, limits }: { spec: SubAgentSpec; limits: Budget },
): Promise<Ran> {
  const { context, levels, owner } = batch;
  const { user, sessionId } = owner;
  const { agent, output, taskQueue } = spec;
  const { workflowId: parentTurnId, memo } = workflowInfo();
  const args: TurnArgs = {
    agent,
    input: subAgentInput(spec, call.input),
    ...defined({ context, output, limits: Object.keys(limits).length > 0 ? limits : undefined }),
  };
  const shown = spec.summaries === false ? undefined : subAgentWords(spec, call.prepared.summary);
  const asked = askedWords(shown);
  const path = pathTo(memo, batch.agent.name, agent);
  const sessions = waitingSessions(memo, sessionId);
  batch.traceCall(call.use.id, turnId);
  try {
    const turn = await startChild<AgentTurn>(TURN_WORKFLOW, {
      workflowId: turnId,
      args: [args, { type: 'sub-agent', levels: levels - 1 }],
      ...defined({ taskQueue }),
      // After a reset of this turn, it finds the turn that runs or has run.
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      // Wait even for a cancelled turn, because its result says what it has used.
      cancellationType: 'WAIT_CANCELLATION_COMPLETED',
      // Like this turn's activities, it ends with this turn. Terminating needs no worker.
      parentClosePolicy: 'TERMINATE',
      typedSearchAttributes: attributesOfSubAgent(agent),
      memo: {
        agent,
        ...defined({ user, asked }),
        parentTurnId,
        callId: call.use.id,
        path,
        ...(sessions.length === 0 ? {} : { sessions }),
      },
      staticSummary: summaryOf(agent, shown),
      staticDetails: detailsOf({ agent, user, callingTurn: parentTurnId, input: shown }),
    });
    return ended(await turn.result());
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) {
      return await endOfTurn(awaitTurn(turnId, call.use.id), turnId, call.use.id);
    }
    return await CancellationScope.nonCancellable(() => endingOf(error, turnId, call.use.id));
  }
}

function ended(result: unknown): Ran {
  return fits(SUB_AGENT_RESULT, result)
    ? { ending: { type: 'ended', result }, progress: result }
    : { ending: { type: 'lost', message: RESULT_UNREADABLE } };
}

function failed(message: string, details: unknown): Ran {
  const progress = fits(SUB_AGENT_PROGRESS, details) ? details : undefined;
  return { ending: { type: 'failed', message }, progress };
}

/** The turn began earlier: the calling turn was reset to before the call. */
function awaitTurn(turnId: string, callId: string): Promise<AwaitedTurn> {
  return scheduleActivity<AwaitedTurn>(AWAIT_TURN, [{ turnId }], {
    activityId: `turn.${callId}`,
    summary: `waits for turn ${turnId}`,
    // As long as a turn may take.
    startToCloseTimeout: '3650d',
    heartbeatTimeout: '30s',
    retry: { initialInterval: '1s', maximumInterval: '60s', backoffCoefficient: 2 },
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  });
}

async function endOfTurn(
  awaiting: Promise<AwaitedTurn>,
  turnId: string,
  callId: string,
): Promise<Ran> {
  const turn = await awaiting;
  switch (turn.type) {
    case 'ended':
      return ended(turn.result);
    case 'failed':
      return failed(turn.message, turn.progress);
    case 'lost':
      return await lost(turn.message, turnId, callId);
    case 'never began':
      return { ending: turn };
  }
}

async function endingOf(error: unknown, turnId: string, callId: string): Promise<Ran> {
  if (isCancellation(error)) return { ending: { type: 'never began' } };
  const cause = error instanceof ChildWorkflowFailure ? error.cause : error;
  const message = rootCause(error) ?? String(error);
  return cause instanceof ApplicationFailure
    ? failed(message, cause.details?.[0])
    : await lost(message, turnId, callId);
}

/** Terminated, or timed out: ask what it has used. */
async function lost(message: string, turnId: string, callId: string): Promise<Ran> {
  const ending = { type: 'lost', message } as const;
  try {
    const read = await scheduleActivity<SessionTurnProgress>(READ_TURN, [{ turnId }], {
      activityId: `turn.${callId}`,
      summary: `what turn ${turnId} has used up`,
      startToCloseTimeout: '1m',
      retry: MODEL_RETRY,
    });
    const progress = { ...read, toolCalls: spentOf(read, 0).toolCalls };
    return { ending, progress: fits(SUB_AGENT_PROGRESS, progress) ? progress : undefined };
  } catch {
    return { ending };
  }
}
