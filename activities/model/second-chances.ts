import type { Logger } from '@temporalio/common';
import { ApplicationFailure } from '@temporalio/common';
import type { AgentSpec } from '../../core/agent-spec.ts';
import type { Message } from '../../core/conversation/messages.ts';
import type { RejectedFile } from '../../core/conversation/rejected-files.ts';
import {
  earlierFileText,
  isAboutFiles,
  rejectedFiles,
  withoutRejected,
} from '../../core/conversation/rejected-files.ts';
import type { ModelReply } from '../../core/conversation/reply.ts';
import { textsBeforeCalls } from '../../core/conversation/sendable.ts';
import type { ModelErrorReport } from '../../core/failures.ts';
import { isOverloaded, MODEL_CALL_FAILED } from '../../core/failures.ts';
import { defined } from '../../core/json.ts';
import { nextFallback, specFor } from '../../core/turn/fallback.ts';
import type { Usage } from '../../core/turn/usage.ts';
import { addUsage } from '../../core/turn/usage.ts';
import type { ModelErrorVerdict } from './classify-error.ts';

// The model is asked again at once, within one attempt of the activity, where one of these rows says so.
// Where none does, the reply is returned, or the attempt fails: Temporal retries what may pass
// (`MODEL_RETRY`). A model that declines to answer is not asked again here: the turn asks its fallback.

/** What a second chance can change about a request. */
export interface ModelRequest {
  model: string;
  messages: Message[];
  /** Instead of the model's own `max_tokens`. */
  maxTokens?: number;
  /** Files in the newest results that the API has rejected. Texts stand in their place. */
  leftOut: readonly RejectedFile[];
  /** The sandbox of the turn is left out: the API does not have it any more. */
  withoutContainer?: true;
  /** What replies have cost that led to this request and were thrown away. */
  paid?: Usage;
}

/** What came back for a request. */
export type ModelResponse = { type: 'reply'; reply: ModelReply } | InvalidReply | Failure;

/** What came cannot be committed, or is not a reply of the API at all. */
export interface InvalidReply extends Pick<ModelReply, 'usage' | 'requestId'> {
  type: 'invalid reply';
  problem: string;
}

export interface Failure extends ModelErrorVerdict {
  type: 'failure';
  /** The API has rejected the credentials, and the next request fetches new ones. */
  staleCredentials: boolean;
}

/** What stays the same while one attempt of the activity asks. */
export interface Circumstances {
  spec: AgentSpec;
  /** The request to begin with. */
  first: ModelRequest;
  /** How many of the last messages, or more, are the tail. */
  tailLength: number;
  /** How many messages came before, which a summary has replaced. */
  dropped: number;
  /** Of the activity, from 1. */
  attempt: number;
}

interface Seen extends Circumstances {
  response: ModelResponse;
  /** The request that was sent. */
  request: ModelRequest;
  /** How often the row has been used. */
  times: number;
}

interface Chance {
  /** What the next request has other than this one. */
  change: Partial<ModelRequest>;
  log?: LogEntry;
}

type LogEntry = [level: 'info' | 'warn', message: string, fields?: Record<string, unknown>];

export interface SecondChance {
  name: string;
  reason: string;
  /** How often. Where it is not a number, the row comes to its end by itself. */
  limit: number | 'one for each fallback' | 'one for each file';
  /** `undefined` for a response that the row is not for. */
  next: (seen: Seen) => Chance | undefined;
}

/** Each reply costs money. */
const MAX_INVALID_REPLIES = 3;

/**
 * Attempts before an overloaded model is left. Mostly it passes, and another model has nothing of the
 * conversation in its cache.
 */
const PATIENT_ATTEMPTS = 2;

/**
 * In the order in which they are asked. A row that is used begins anew with all rows above it: what they
 * have changed is undone, and they may be used as often as their limit says.
 */
export const SECOND_CHANCES: readonly SecondChance[] = [
  {
    name: 'fetch new credentials',
    reason: 'the key may have been rotated',
    limit: 1,
    next: ({ response }) =>
      response.type === 'failure' && response.staleCredentials ? { change: {} } : undefined,
  },
  {
    name: 'send texts before calls',
    reason: 'the API rejects a text between a call and its result',
    limit: 1,
    next({ response, request }) {
      if (response.type !== 'failure') return undefined;
      const messages = textsBeforeCalls(request.messages, response.message);
      const text = 'The API rejects texts behind calls; asking with them before the calls';
      return messages && { change: { messages }, log: ['info', text] };
    },
  },
  {
    name: 'leave out the sandbox',
    reason: "it has expired by the API's clock, which may not be that of the worker",
    limit: 1,
    next({ response }) {
      if (response.type !== 'failure' || !isAboutContainer(response)) return undefined;
      const text = 'The API no longer has the sandbox of the conversation; asking without it';
      return { change: { withoutContainer: true }, log: ['info', text] };
    },
  },
  {
    name: 'ask for a valid reply',
    reason: 'an invalid reply would make every later request of the conversation a 400',
    limit: MAX_INVALID_REPLIES - 1,
    next({ response, request, times }) {
      if (response.type !== 'invalid reply') return undefined;
      const log = invalidReply(response.problem, times + 1);
      return { change: { paid: costSoFar(request, response) }, log };
    },
  },
  {
    name: 'give the reply more room',
    reason: 'it was cut off by max_tokens, and the agent has maxTokensRetry',
    limit: 1,
    next({ response, request, spec }) {
      if (response.type !== 'reply' || response.reply.stopReason !== 'max_tokens') return undefined;
      const maxTokens = specFor(spec, request.model).max_tokens_retry;
      if (maxTokens === undefined) return undefined;
      return {
        change: { maxTokens, paid: costSoFar(request, response.reply) },
        log: ['info', 'The reply was cut off by max_tokens', { asking: maxTokens }],
      };
    },
  },
  {
    name: 'ask the fallback model',
    reason: `the model is still overloaded after ${PATIENT_ATTEMPTS} attempts, or no attempt follows`,
    limit: 'one for each fallback',
    next({ response, request, spec, attempt }) {
      if (response.type !== 'failure' || !isOverloaded(response.report)) return undefined;
      if (attempt <= PATIENT_ATTEMPTS && response.retryable) return undefined;
      const { model } = request;
      const fallback = nextFallback(spec, model, 'overloaded');
      if (fallback === undefined) return undefined;
      const text = 'The model is overloaded, so its fallback is asked';
      return { change: { model: fallback }, log: ['warn', text, { model, fallback }] };
    },
  },
  {
    // Those in what a person has said are not replaced: their turn fails, and its session forgets the
    // message.
    name: 'leave out files',
    reason:
      'a file in the newest results that the API rejects would make every later request a 400',
    limit: 'one for each file',
    next({ response, request, first, tailLength }) {
      if (response.type !== 'failure' || !isAboutFiles(response.report, response.message)) {
        return undefined;
      }
      const files = rejectedFiles(request.messages, tailLength, response.message);
      if (files.length === 0) return undefined;
      const leftOut = [...request.leftOut, ...files];
      const offset = first.messages.length - tailLength;
      const places = leftOut.map((file) => ({ ...file, message: file.message + offset }));
      return { change: { leftOut, messages: withoutRejected(first.messages, places) } };
    },
  },
];

/** That none was given, where code waits in one, is another error, and leaving it out does not help. */
function isAboutContainer({ report, message }: Failure): boolean {
  const { status } = report;
  const isRejected = status === 400 || status === 404;
  return isRejected && /\bcontainer\b/i.test(message) && !/\brequired\b/i.test(message);
}

function invalidReply(problem: string, asked: number): LogEntry {
  return ['warn', 'The reply of the model cannot be used', { problem, asked }];
}

/** What is thrown away is paid for too. */
function costSoFar({ paid }: ModelRequest, { usage }: Pick<ModelReply, 'usage'>): Usage {
  return paid === undefined ? usage : addUsage(paid, usage);
}

/** A request, and the rows that led to it, each at its place in the list. */
export interface Asking {
  request: ModelRequest;
  used: readonly (Used | undefined)[];
}

interface Used {
  times: number;
  change: Partial<ModelRequest>;
}

/** The next request; `undefined` where what came back is the end. */
export function secondChance(
  response: ModelResponse,
  { request, used }: Asking,
  circumstances: Circumstances,
): { asking: Asking; log?: LogEntry } | undefined {
  for (const [i, { limit, next }] of SECOND_CHANCES.entries()) {
    const times = used[i]?.times ?? 0;
    if (typeof limit === 'number' && times >= limit) continue;
    const chance = next({ response, request, times, ...circumstances });
    if (chance === undefined) continue;
    const below = SECOND_CHANCES.map((_, j) => (j > i ? used[j] : undefined));
    const now = below.with(i, { times: times + 1, change: chance.change });
    const changed = now.reduceRight<ModelRequest>(
      (before, row) => ({ ...before, ...row?.change }),
      circumstances.first,
    );
    return { asking: { request: changed, used: now }, ...defined({ log: chance.log }) };
  }
  return undefined;
}

export interface Answered {
  reply: ModelReply;
  /** The model that gave it. */
  by: string;
  leftOut: readonly RejectedFile[];
}

/** Asks until there is a reply, or until no row has another chance: then it throws. */
export async function askWithSecondChances(
  send: (request: ModelRequest) => Promise<ModelResponse>,
  circumstances: Circumstances,
  log: Pick<Logger, 'info' | 'warn'>,
): Promise<Answered> {
  let asking: Asking = { request: circumstances.first, used: [] };
  for (;;) {
    const { request } = asking;
    const response = await send(request);
    const next = secondChance(response, asking, circumstances);
    if (next?.log !== undefined) write(log, next.log);
    if (next !== undefined) {
      asking = next.asking;
      continue;
    }
    if (response.type === 'failure') {
      throw modelCallFailed(withPlace(response, request, circumstances));
    }
    if (response.type === 'invalid reply') {
      write(log, invalidReply(response.problem, MAX_INVALID_REPLIES));
      throw cannotBeUsed(response);
    }
    const { reply } = response;
    const usage = costSoFar(request, reply);
    return { reply: { ...reply, usage }, by: request.model, leftOut: request.leftOut };
  }
}

function write(log: Pick<Logger, 'info' | 'warn'>, [level, message, fields]: LogEntry): void {
  log[level](message, fields);
}

/** The API names a file by an index that nobody sees. */
function withPlace(
  failure: Failure,
  { messages }: ModelRequest,
  { dropped }: Circumstances,
): Failure {
  const { report, message } = failure;
  const place = isAboutFiles(report, message)
    ? earlierFileText(messages, message, dropped)
    : undefined;
  return place === undefined
    ? failure
    : { ...failure, message: `${message.replace(/\.?$/, '.')} ${place}` };
}

function modelCallFailed({ message, report, retryable, delayMs }: Failure): ApplicationFailure {
  return ApplicationFailure.create({
    message,
    type: MODEL_CALL_FAILED,
    nonRetryable: !retryable,
    details: [report],
    ...defined({ nextRetryDelay: delayMs }),
  });
}

function cannotBeUsed({ problem, requestId }: InvalidReply): ApplicationFailure {
  const report: ModelErrorReport = {
    type: 'invalid_reply',
    status: null,
    errorCode: null,
    requestId,
  };
  const message = `The model's reply cannot be used: ${problem} (asked ${MAX_INVALID_REPLIES} times).`;
  return ApplicationFailure.nonRetryable(message, MODEL_CALL_FAILED, report);
}
