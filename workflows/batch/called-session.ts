import {
  ActivityFailure,
  CancellationScope,
  getExternalWorkflowHandle,
  rootCause,
  scheduleActivity,
  workflowInfo,
} from '@temporalio/workflow';
import type { AwaitSessionTurnArgs } from '../../activities/turn/await-session-turn.ts';
import type { SendToSessionArgs } from '../../activities/turn/send-to-session.ts';
import type { SubAgentSpec } from '../../core/agent-spec.ts';
import {
  pathTo,
  subAgentInput,
  subAgentMessageKey,
  waitingSessions,
} from '../../core/calls/sub-agent.ts';
import { RECEIPT_UNREADABLE, SESSION_WAITS_FOR_CALL } from '../../core/calls/texts.ts';
import { defined } from '../../core/json.ts';
import { AWAIT_SESSION_TURN, SEND_TO_SESSION } from '../../core/names.ts';
import { fits } from '../../core/shape.ts';
import { SENT_MESSAGE } from '../../core/session/calling-turn.ts';
import type { SentMessage } from '../../core/session/calling-turn.ts';
import { WITHDRAW_SIGNAL } from '../../core/session/protocol.ts';
import type { Budget } from '../../core/turn/budget.ts';
import type { AwaitedTurn } from '../../core/turn/protocol.ts';
import { MODEL_RETRY } from '../retry.ts';
import { attributesOfCalledSession } from '../search-attributes.ts';
import type { Batch, BatchCall } from './call.ts';

// A call whose tool is an agent with a memory of its own. It sends a message to a session through an
// activity, since a workflow cannot send an Update. The message becomes a turn, a child of the session, which
// outlives the call.

/** Whether the message was accepted, and how its turn ended. */
export type CalledSession =
  | { type: 'rejected'; message: string }
  /** Whether the session has the message is not known. */
  | { type: 'unanswered'; message: string }
  | { type: 'turn'; turnId: string; awaited: AwaitedTurn };

/** Sends the call to its session, and waits for the answer. */
export async function callSession(
  batch: Batch,
  call: BatchCall,
  sessionId: string,
  { spec, limits }: { spec: SubAgentSpec; limits: Budget },
): Promise<CalledSession> {
  const { workflowId, memo } = workflowInfo();
  const sessions = waitingSessions(memo, batch.owner.sessionId);
  if (sessions.includes(sessionId)) return { type: 'rejected', message: SESSION_WAITS_FOR_CALL };
  const calledBy = {
    turnId: workflowId,
    callId: call.use.id,
    ...defined({ user: batch.owner.user }),
    path: pathTo(memo, batch.agent.name, spec.agent),
    sessions,
    levels: batch.levels - 1,
    ...defined({
      limits: Object.keys(limits).length > 0 ? limits : undefined,
      trace: batch.traceCall(call.use.id),
    }),
  };
  const args: SendToSessionArgs = {
    sessionId,
    message: {
      agent: spec.agent,
      input: subAgentInput(spec, call.input),
      idempotencyKey: subAgentMessageKey(workflowId, call.use.id),
      calledBy,
    },
    taskQueue: spec.taskQueue ?? workflowInfo().taskQueue,
    attributes: attributesOfCalledSession(spec.agent),
    ...defined({
      context: batch.context,
      user: batch.owner.user,
      summaries: spec.summaries,
    }),
  };
  const outer = CancellationScope.current();
  // Not cancellable: a sent message has to be withdrawn, and the turn's answer says what it has used.
  return await CancellationScope.nonCancellable(async () => {
    const sent = await send(call, args);
    if (sent.type !== 'sent') return sent;
    const { turnId } = sent;
    let hasEnded = false;
    const withdraw = () => {
      if (!hasEnded) withdrawTurn(sessionId, turnId);
    };
    if (outer.consideredCancelled) withdraw();
    else outer.cancelRequested.catch(withdraw);
    const awaited = await awaitTurn(call, { sessionId, turnId, agent: spec.agent });
    hasEnded = true;
    return { type: 'turn', turnId, awaited };
  });
}

async function send(
  { use }: BatchCall,
  args: SendToSessionArgs,
): Promise<SentMessage | { type: 'unanswered'; message: string }> {
  try {
    const sent = await scheduleActivity<SentMessage>(SEND_TO_SESSION, [args], {
      activityId: `send.${use.id}`,
      summary: `${use.name}: to session ${args.sessionId}`,
      startToCloseTimeout: '30s',
      // The message has a key, so it is accepted only once.
      retry: MODEL_RETRY,
    });
    return fits(SENT_MESSAGE, sent) ? sent : { type: 'unanswered', message: RECEIPT_UNREADABLE };
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    return { type: 'unanswered', message: rootCause(error) ?? error.message };
  }
}

/** The session cancels the turn, or forgets it if it has not begun. A session that has ended takes no Signal. */
function withdrawTurn(sessionId: string, turnId: string): void {
  getExternalWorkflowHandle(sessionId)
    .signal(WITHDRAW_SIGNAL, { turnId })
    .catch(() => undefined);
}

async function awaitTurn(
  { use }: BatchCall,
  turn: Omit<AwaitSessionTurnArgs, 'callId'>,
): Promise<AwaitedTurn> {
  return await scheduleActivity<AwaitedTurn>(
    AWAIT_SESSION_TURN,
    [{ ...turn, callId: use.id } satisfies AwaitSessionTurnArgs],
    {
      activityId: `turn.${use.id}`,
      summary: `waits for turn ${turn.turnId}`,
      // An attempt ends itself after half of this: see `awaitSessionTurn`.
      startToCloseTimeout: '10m',
      heartbeatTimeout: '30s',
      // Without a limit, since a turn may take any time.
      retry: { initialInterval: '1s', maximumInterval: '60s', backoffCoefficient: 2 },
    },
  );
}
