import { setTimeout as sleep } from 'node:timers/promises';
import { activityInfo, Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { WorkflowFailedError, WorkflowNotFoundError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { TURN_STILL_RUNS } from '../../core/failures.ts';
import type { SessionState } from '../../core/session/protocol.ts';
import { DESCRIBE_QUERY, WITHDRAW_SIGNAL } from '../../core/session/protocol.ts';
import type { AwaitedTurn } from '../../core/turn/protocol.ts';
import { isSessionProgress, withoutConversation } from '../../core/turn/result.ts';
import { keepAlive } from '../heartbeat.ts';
import { endingOf } from './await-turn.ts';
import { findWorkflow } from './find-workflow.ts';

export interface AwaitSessionTurnArgs {
  sessionId: string;
  turnId: string;
  /** For clients that follow the calling turn. */
  agent: string;
  callId: string;
}

/** How soon to look again whether a turn that waits for its session has begun: more and more rarely. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
/** How long a worker may take to answer for the session. */
const ANSWER_MS = 10_000;
/** By how much two clocks may disagree about a deadline. */
const CLOCK_SLACK_MS = 100;

/**
 * Waits for the end of a session's turn that a call has started. Its heartbeats name the turn, for clients
 * that look for calls that wait for a person. When the calling turn is gone, nobody wants the answer, and the
 * turn is withdrawn.
 *
 * After half of its time an attempt gives up its activity slot to the next attempt. Otherwise many waiting
 * attempts would block the activities that they wait for.
 */
export async function awaitSessionTurn(turn: AwaitSessionTurnArgs): Promise<AwaitedTurn> {
  const activity = Context.current();
  const { client } = activity;
  const until = Date.now() + activity.info.startToCloseTimeoutMs / 2;
  const beats = keepAlive(activity, 'call', () => ({ turnId: turn.turnId }));
  beats.beat();
  const over = new AbortController();
  try {
    return await Promise.race([endOf(client, turn, until, over.signal), activity.cancelled]);
  } catch (error) {
    if (activity.cancellationDetails?.notFound === true) await withdraw(client, turn);
    throw error;
  } finally {
    over.abort();
    beats.stop();
  }
}

async function endOf(
  client: Client,
  turn: AwaitSessionTurnArgs,
  until: number,
  over: AbortSignal,
): Promise<AwaitedTurn> {
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    const ending = await endIfBegun(client, turn, until);
    if (ending !== undefined) return ending;
    // The session's last act may have been to start the turn.
    if (
      !(await mayBegin(client, turn)) &&
      (await findWorkflow(client, turn.turnId)) === undefined
    ) {
      return { type: 'never began' };
    }
    await sleep(pause, undefined, { signal: over });
    if (Date.now() >= until) throw stillRuns(turn);
  }
}

/** `undefined` where it has not begun. */
async function endIfBegun(
  client: Client,
  turn: AwaitSessionTurnArgs,
  until: number,
): Promise<AwaitedTurn | undefined> {
  try {
    const result: unknown = await client.withDeadline(until, () =>
      client.workflow.getHandle(turn.turnId).result(),
    );
    return {
      type: 'ended',
      result: isSessionProgress(result) ? withoutConversation(result) : result,
    };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    if (error instanceof WorkflowFailedError) return failureOf(error);
    throw Date.now() >= until - CLOCK_SLACK_MS ? stillRuns(turn) : error;
  }
}

function failureOf(error: WorkflowFailedError): AwaitedTurn {
  const ending = endingOf(error);
  if (ending.type !== 'failed' || !isSessionProgress(ending.progress)) return ending;
  return { ...ending, progress: withoutConversation(ending.progress) };
}

function stillRuns({ turnId }: AwaitSessionTurnArgs): ApplicationFailure {
  return ApplicationFailure.create({
    message: `Turn ${turnId} has not ended yet.`,
    type: TURN_STILL_RUNS,
    nextRetryDelay: '1s',
  });
}

/** Whether the session runs the turn now, or still has its message waiting. */
async function mayBegin(
  client: Client,
  { sessionId, turnId }: AwaitSessionTurnArgs,
): Promise<boolean> {
  const status = (await findWorkflow(client, sessionId))?.status.name;
  if (status !== 'RUNNING' && status !== 'CONTINUED_AS_NEW') return false;
  const { runningTurn, waitingTurns } = await client.withDeadline(Date.now() + ANSWER_MS, () =>
    client.workflow.getHandle(sessionId).query<SessionState>(DESCRIBE_QUERY),
  );
  return runningTurn === turnId || waitingTurns.includes(turnId);
}

/** If the calling turn was reset, it goes on in another run that waits for the same turn. */
async function withdraw(
  client: Client,
  { sessionId, turnId }: AwaitSessionTurnArgs,
): Promise<void> {
  const calling = activityInfo().workflowExecution?.workflowId ?? '';
  if ((await findWorkflow(client, calling))?.status.name === 'RUNNING') return;
  await client.workflow.getHandle(sessionId).signal(WITHDRAW_SIGNAL, { turnId });
}
