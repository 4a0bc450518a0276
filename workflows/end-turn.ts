import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  isCancellation,
  proxyActivities,
  rootCause,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { PlaitActivities } from '../activities/create-activities.ts';
import type { Message } from '../core/conversation/messages.ts';
import type { Transcript } from '../core/conversation/transcript.ts';
import { allMessages } from '../core/conversation/transcript.ts';
import { INTERNAL_ERROR, MODEL_CALL_FAILED, STORAGE_FAILED, TIME_IS_UP } from '../core/failures.ts';
import { shorten } from '../core/json.ts';
import { CALL_MODEL, READ_TRANSCRIPT } from '../core/names.ts';
import { NOT_STOPPED } from '../core/search-attributes.ts';
import { outOfTime } from '../core/turn/budget.ts';
import { endText, failureText } from '../core/turn/current-details.ts';
import { budgetOf } from '../core/turn/decide.ts';
import { roomOf } from '../core/turn/payload-room.ts';
import type { SessionTurnResult, SubAgentTurnResult, TurnResult } from '../core/turn/result.ts';
import {
  sessionTurnResult,
  subAgentTurnProgress,
  subAgentTurnResult,
  turnProgress,
  turnResult,
} from '../core/turn/result.ts';
import { answerLostCalls, answerOpenCalls } from '../core/turn/state.ts';
import type { Stop } from '../core/turn/stop-reason.ts';
import { MODEL_RETRY } from './retry.ts';
import { recordStopReason } from './search-attributes.ts';
import type { Turn } from './turn.ts';
import { allAnswered } from './updates.ts';
import { writeTrace } from './write-trace.ts';

const activities = proxyActivities<PlaitActivities>({
  activityId: 'transcript',
  startToCloseTimeout: '1m',
  // The work is done, and must not be lost because a storage is away for some minutes.
  retry: MODEL_RETRY,
});

/** What the workflow of a turn returns to a client, to its session, or to the turn that has called it. */
export type EndedTurn = TurnResult | SessionTurnResult | SubAgentTurnResult;

/** The turn's result, with every call answered. */
export async function endTurn(turn: Turn, stop: Stop): Promise<EndedTurn> {
  const { agent } = turn.args;
  await turn.background.stop();
  turn.answer(answerOpenCalls(roomOf(turn.agent), turn.state, stop.reason, Date.now()));
  const { transcript } = turn.state;
  const messages =
    turn.caller === 'client' ? (allMessages(transcript) ?? (await readTranscript(transcript))) : [];
  const { begunAt, summaries } = turn;
  const { elapsed } = turn.now();
  await writeTrace(turn, { reason: stop.reason, end: begunAt + elapsed });
  await allAnswered();
  recordStopReason(stop.reason);
  const { state } = turn;
  turn.show(endText(state, stop, { begunAt, time: begunAt + elapsed, summaries }));
  turn.report({ type: 'turn ended', state, reason: stop.reason, milliseconds: elapsed });
  switch (turn.caller) {
    case 'client':
      return turnResult(agent, state, messages, stop, elapsed);
    case 'session':
      return sessionTurnResult(agent, state, turn.newlyPinned, stop, elapsed);
    case 'turn':
      return subAgentTurnResult(agent, state, stop, elapsed);
  }
}

/** If the turn ends validly despite this error: because it was cancelled, or its time is up. */
export function stopDespite({ args, agent }: Turn, error: unknown): Stop | undefined {
  if (isCancellation(error)) return { type: 'stop', reason: 'cancelled' };
  const limit = timeThatIsUp(error, budgetOf(args, agent).wallTime);
  return limit === undefined ? undefined : outOfTime(limit);
}

/** The failure of the run: the root cause, with what was done before. */
export async function turnFailure(turn: Turn, error: unknown): Promise<ApplicationFailure> {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  const failure = cause instanceof ApplicationFailure ? cause : undefined;
  const type =
    failure?.type ?? (error instanceof ActivityFailure ? MODEL_CALL_FAILED : INTERNAL_ERROR);
  recordStopReason(NOT_STOPPED);
  await turn.background.stop();
  turn.answer(answerLostCalls(turn.state, Date.now()));
  const progress = await progressFor(turn, type);
  const message = shorten(messageOf(error, cause), MAX_MESSAGE);
  const time = Date.now();
  turn.show(failureText(turn.summaries ? message : type, time));
  const milliseconds = time - turn.begunAt;
  turn.report({ type: 'turn failed', state: turn.state, failure: type, milliseconds });
  await writeTrace(turn, { reason: type, end: time, failed: true });
  return ApplicationFailure.create({
    message,
    type,
    nonRetryable: true,
    details: [progress, ...(failure?.details ?? [])],
  });
}

/** In characters: the server rejects failures of some megabytes, and nobody reads them. */
const MAX_MESSAGE = 4_000;

function messageOf(error: unknown, cause: unknown): string {
  const text = rootCause(error) ?? String(error);
  if (!(cause instanceof TimeoutFailure)) return text;
  return `The model could not be asked: the workers that tried were lost or too slow (${text}).`;
}

async function progressFor(turn: Turn, failureType: string) {
  switch (turn.caller) {
    case 'client':
      return await progressWithMessages(turn, failureType);
    case 'session':
      return turn.progress();
    case 'turn':
      return subAgentTurnProgress(turn.args.agent, turn.state, turn.now().elapsed);
  }
}

async function progressWithMessages(turn: Turn, failureType: string) {
  const { state } = turn;
  const { transcript } = state;
  // Do not read again from a storage that has just failed for long enough.
  const messages =
    failureType === STORAGE_FAILED
      ? transcript.tail
      : await readTranscript(transcript).catch(() => transcript.tail);
  return turnProgress(turn.args.agent, state, messages, turn.now().elapsed);
}

/** The turn's time limit, if a model call was given up because it was over. */
function timeThatIsUp(error: unknown, wallTime: number | undefined): number | undefined {
  if (!(error instanceof ActivityFailure) || error.activityType !== CALL_MODEL) return undefined;
  const { cause, retryState } = error;
  if (cause instanceof ApplicationFailure && cause.type === TIME_IS_UP) {
    return cause.details?.[0] as number;
  }
  // If too little time is left for another attempt, the failure of the last one comes at once.
  const isOver =
    retryState === 'TIMEOUT' ||
    (cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_CLOSE');
  return isOver ? wallTime : undefined;
}

/** All messages of a transcript. Costs nothing while there are few. */
async function readTranscript(transcript: Transcript): Promise<Message[]> {
  const known = allMessages(transcript);
  if (known !== undefined) return known;
  const { segments, tail } = transcript;
  try {
    // A cancelled turn still reports what it did.
    const earlier = await CancellationScope.nonCancellable(() =>
      activities[READ_TRANSCRIPT](segments),
    );
    return [...earlier, ...tail];
  } catch (error) {
    // As the failure of the run, it must say what happened instead of "Activity task failed".
    throw error instanceof ActivityFailure && error.cause ? error.cause : error;
  }
}
