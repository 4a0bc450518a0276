import type { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { AgentDefinition } from '../../agents/define-agent.ts';
import { duration } from '../../core/calls/texts.ts';
import { blocksOf, toolUses } from '../../core/conversation/messages.ts';
import type { ModelReply } from '../../core/conversation/reply.ts';
import { findReplyProblem } from '../../core/conversation/reply.ts';
import { WORKER_SHUTDOWN } from '../../core/failures.ts';
import { defined } from '../../core/json.ts';
import { measured, record } from '../../core/metrics.ts';
import { specFor } from '../../core/turn/fallback.ts';
import type { TurnDeadline } from '../turn/deadline.ts';
import { UnusableReplyError } from './reply-errors.ts';
import { classifyModelError, withoutSecrets } from './classify-error.ts';
import type { ChatLog } from './chat-log.ts';
import type { ModelClient } from './client.ts';
import type { OwnParams, RequestParams } from './request-params.ts';
import { requestParams } from './request-params.ts';
import type { RequestOptions } from './request-reply.ts';
import { hasStaleCredentials, requestReply } from './request-reply.ts';
import type {
  Answered,
  Circumstances,
  Failure,
  ModelRequest,
  ModelResponse,
} from './second-chances.ts';
import { askWithSecondChances } from './second-chances.ts';
import type { Secrets } from './secrets.ts';

export interface ModelOptions {
  client: () => ModelClient;
  secrets: Secrets;
  idleTimeoutMs: number;
}

/** Who asks. */
interface Asker {
  agent: Pick<AgentDefinition, 'name' | 'maxRetryAfter'>;
  own: OwnParams;
  deadline: TurnDeadline | undefined;
  chats: ChatLog;
}

/** Asks for one whole, valid reply, as often as `SECOND_CHANCES` allow. */
export async function askModel(
  activity: Context,
  model: ModelOptions & Required<Pick<RequestOptions, 'onReply' | 'onContent' | 'onBlock'>>,
  question: Omit<Circumstances, 'attempt'>,
  { own, deadline, agent, chats }: Asker,
): Promise<Answered> {
  const { spec, first } = question;
  const earlierIds = new Set(toolUses(first.messages.flatMap(blocksOf)).map(({ id }) => id));
  const cancelled = activity.cancellationSignal;
  const signal = deadline === undefined ? cancelled : AbortSignal.any([cancelled, deadline.signal]);
  const send = async (request: ModelRequest): Promise<ModelResponse> => {
    const toAsk = {
      ...specFor(spec, request.model),
      ...defined({ max_tokens: request.maxTokens }),
    };
    const { container: _, ...others } = own;
    const asked = request.withoutContainer === true ? others : own;
    const params = requestParams(toAsk, request.messages, asked);
    const response = await chats.add(params.model, () =>
      sendRequest({ ...model, signal }, params, earlierIds),
    );
    if (response.type !== 'failure') return response;
    throwIfStopped(activity, deadline);
    const status = String(response.report.status ?? 'none');
    const of = { agent: agent.name, status };
    record(activity.metricMeter, measured('plait_model_request_failures', 1, of));
    return withinPatience(response, agent, deadline);
  };
  const circumstances = { ...question, attempt: activity.info.attempt };
  return await askWithSecondChances(send, circumstances, activity.log);
}

/** One request, and what came back for it. Does not reject. */
export async function sendRequest(
  {
    client,
    secrets,
    ...options
  }: ModelOptions & Pick<RequestOptions, 'signal' | 'onReply' | 'onContent' | 'onBlock'>,
  params: RequestParams,
  earlierIds: ReadonlySet<string> = new Set(),
): Promise<ModelResponse> {
  let reply: ModelReply;
  try {
    reply = await requestReply(client(), params, { secrets, ...options });
  } catch (error) {
    if (error instanceof UnusableReplyError) {
      const { message, usage, requestId } = error;
      return { type: 'invalid reply', problem: secrets.redact(message), usage, requestId };
    }
    const verdict = withoutSecrets(classifyModelError(error), secrets);
    return { type: 'failure', ...verdict, staleCredentials: hasStaleCredentials(error, client) };
  }
  const problem = findReplyProblem(reply, earlierIds);
  if (problem === undefined) return { type: 'reply', reply };
  const { usage, requestId } = reply;
  return { type: 'invalid reply', problem: secrets.redact(problem), usage, requestId };
}

/** A turn waits no longer than its agent allows, whatever the API asks for. */
function withinPatience(
  failure: Failure,
  { name, maxRetryAfter }: Asker['agent'],
  deadline: TurnDeadline | undefined,
): Failure {
  const { delayMs, message, ...rest } = failure;
  if (delayMs === undefined) return failure;
  if (delayMs > maxRetryAfter) {
    const wait = `It asks to wait ${duration(delayMs)} before the next request, and agent ${name} waits at most ${duration(maxRetryAfter)} (maxRetryAfter).`;
    return { ...rest, message: `${message.replace(/\.?$/, '.')} ${wait}`, retryable: false };
  }
  // The next attempt then sees that the turn's time is up.
  const left = deadline?.left() ?? Infinity;
  return { ...failure, delayMs: Math.max(1, Math.min(delayMs, left)) };
}

/** A request that this side ended has not failed. */
function throwIfStopped(
  { cancellationSignal: cancelled }: Context,
  deadline: TurnDeadline | undefined,
): void {
  deadline?.signal.throwIfAborted();
  if (!cancelled.aborted) return;
  // The turn is not cancelled: this worker stops, and another one asks again.
  if ((cancelled.reason as Error).message === 'WORKER_SHUTDOWN') {
    throw ApplicationFailure.retryable(
      'The worker shut down during a model call.',
      WORKER_SHUTDOWN,
    );
  }
  throw cancelled.reason;
}
