import { defined } from '../../core/json.ts';
import type { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { ModelErrorReport } from '../../core/failures.ts';
import { MODEL_CALL_FAILED, WORKER_SHUTDOWN } from '../../core/failures.ts';
import { toolUses } from '../../core/conversation/messages.ts';
import type { ModelReply } from '../../core/conversation/reply.ts';
import { findReplyProblem } from '../../core/conversation/reply.ts';
import type { Usage } from '../../core/turn/usage.ts';
import { textsBeforeCalls } from '../../core/conversation/texts-before-calls.ts';
import { addUsage } from '../../core/turn/usage.ts';
import { classifyModelError, withoutSecrets } from './classify-error.ts';
import type { ModelClient } from './client.ts';
import type { RequestOptions } from './request-reply.ts';
import type { RequestParams } from './request-params.ts';
import { requestReply } from './request-reply.ts';
import type { Secrets } from '../secrets.ts';
import type { TurnDeadline } from '../turn/deadline.ts';

export interface ModelOptions {
  client: () => ModelClient;
  secrets: Secrets;
  idleTimeoutMs: number;
}

/** Why a request for a reply has failed, where it has. */
export interface ModelFailure {
  message: string;
  report: ModelErrorReport;
  /** No other attempt follows. */
  final: boolean;
}

/** What `askWithRoom` has rejected with; `undefined` for what has nothing to do with the API's answer. */
export function modelFailure(error: unknown): ModelFailure | undefined {
  if (!(error instanceof ApplicationFailure) || error.type !== MODEL_CALL_FAILED) return undefined;
  const report = error.details?.[0] as ModelErrorReport;
  return { message: error.message, report, final: error.nonRetryable === true };
}

/** How one call of the activity asks. */
type Asking = ModelOptions & Required<Pick<RequestOptions, 'onReply'>>;

/** An invalid reply is asked for again, but not for ever: each costs money. */
const MAX_INVALID_REPLIES = 3;

/** Asks once more, with more room, where a reply was cut off and the agent says so. */
export async function askWithRoom(
  activity: Context,
  model: Asking,
  { params, retry }: { params: RequestParams; retry: number | undefined },
  deadline: TurnDeadline | undefined,
): Promise<ModelReply> {
  const reply = await askUntilValid(activity, model, params, deadline);
  if (retry === undefined || reply.stopReason !== 'max_tokens') return reply;
  activity.log.info('The reply was cut off by max_tokens', { asking: retry });
  const longer = { ...params, max_tokens: retry };
  const next = await askUntilValid(activity, model, longer, deadline);
  return { ...next, usage: addUsage(reply.usage, next.usage) };
}

/**
 * Asks again while the reply is one that cannot be committed: it would make every later request of
 * the conversation a 400.
 */
async function askUntilValid(
  activity: Context,
  model: Asking,
  params: RequestParams,
  deadline: TurnDeadline | undefined,
): Promise<ModelReply> {
  let wasted: Usage | undefined;
  const earlierIds = new Set(
    params.messages
      .flatMap(({ content }) => (typeof content === 'string' ? [] : toolUses(content)))
      .map(({ id }) => id),
  );
  for (let asked = 1; ; asked += 1) {
    const reply = await askInOrder(activity, model, params, deadline);
    const problem = findReplyProblem(reply, earlierIds);
    // What is thrown away is paid for too.
    const usage = wasted === undefined ? reply.usage : addUsage(wasted, reply.usage);
    if (problem === undefined) return { ...reply, usage };
    wasted = usage;
    activity.log.warn('The reply of the model cannot be used', { problem, asked });
    if (asked < MAX_INVALID_REPLIES) continue;
    const { requestId } = reply;
    const report = { type: 'invalid_reply', status: null, errorCode: null, requestId };
    const message = `The model's reply cannot be used: ${problem} (asked ${asked} times).`;
    throw ApplicationFailure.nonRetryable(message, MODEL_CALL_FAILED, report);
  }
}

/**
 * What a model sends goes back as it came. Where the API does not take the order of that, it is sent once
 * more in one that it takes; what is kept does not change.
 */
async function askInOrder(
  activity: Context,
  model: Asking,
  params: RequestParams,
  deadline: TurnDeadline | undefined,
): Promise<ModelReply> {
  try {
    return await ask(activity, model, params, deadline);
  } catch (error) {
    const failure = modelFailure(error);
    const messages = failure && textsBeforeCalls(params.messages, failure.message);
    if (messages === undefined) throw error;
    activity.log.info('The API refuses texts behind calls; asking with them before the calls');
    return await ask(activity, model, { ...params, messages }, deadline);
  }
}

async function ask(
  activity: Context,
  { client, secrets, idleTimeoutMs, onReply }: Asking,
  params: RequestParams,
  deadline: TurnDeadline | undefined,
): Promise<ModelReply> {
  const signal = activity.cancellationSignal;
  const either = deadline === undefined ? signal : AbortSignal.any([signal, deadline.signal]);
  try {
    const request = { signal: either, idleTimeoutMs, secrets, onReply };
    return await requestReply(client(), params, request);
  } catch (error) {
    if (deadline?.signal.aborted === true) throw deadline.signal.reason;
    if (signal.aborted) {
      // Not the turn was cancelled but this worker stops: another one asks again.
      if ((signal.reason as Error).message === 'WORKER_SHUTDOWN') {
        throw ApplicationFailure.retryable(
          'The worker shut down during a model call.',
          WORKER_SHUTDOWN,
        );
      }
      throw signal.reason;
    }
    const { retryable, delayMs, message, report } = withoutSecrets(
      classifyModelError(error),
      secrets,
    );
    throw ApplicationFailure.create({
      message,
      type: MODEL_CALL_FAILED,
      nonRetryable: !retryable,
      details: [report],
      ...defined({ nextRetryDelay: delayMs }),
    });
  }
}
