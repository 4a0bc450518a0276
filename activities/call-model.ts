import type Anthropic from '@anthropic-ai/sdk';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { AgentRegistry } from '../agents/agent-registry.ts';
import type { AgentDefinition } from '../agents/define-agent.ts';
import type { AgentSpec, PinnedAgent, PinnedSpec } from '../core/agent-spec.ts';
import { causeChain, MODEL_CALL_FAILED, WORKER_SHUTDOWN } from '../core/failures.ts';
import type { Message } from '../core/messages.ts';
import { toolUses } from '../core/messages.ts';
import type { MissingCall, PreparedCall } from '../core/prepared-call.ts';
import type { ModelReply } from '../core/reply.ts';
import { findReplyProblem } from '../core/reply.ts';
import type { Segment } from '../core/transcript.ts';
import { SEAL_BYTES } from '../core/transcript.ts';
import { classifyModelError } from './classify-model-error.ts';
import { keepAlive } from './heartbeat.ts';
import { agentToPin, pinAgent, registeredAgent } from './pin-agent.ts';
import { prepareCalls } from './prepare-calls.ts';
import type { RequestParams } from './request-params.ts';
import { requestParams } from './request-params.ts';
import { requestReply } from './request-reply.ts';
import type { TranscriptStore } from './transcript-store.ts';

export interface ModelCallArgs {
  agent: string;
  /** Absent in the first call of a turn, which pins the agent. */
  spec?: PinnedSpec;
  /** The turn's, for approvals that depend on it. */
  context?: unknown;
  segments: Segment[];
  tail: Message[];
  tailBytes: number;
}

export interface ModelCall {
  reply: ModelReply;
  /** One per `tool_use` block of the reply. */
  prepared: (PreparedCall | MissingCall)[];
  /** When the tail was sealed: all messages that were sent, as segments. */
  segments?: Segment[];
  /** From the first call of a turn. */
  pinned?: PinnedAgent;
}

export interface ModelOptions {
  client: () => Anthropic;
  idleTimeoutMs: number;
}

/** An invalid reply is asked for again, but not for ever: each costs money. */
const MAX_INVALID_REPLIES = 3;

export function createCallModel(
  registry: AgentRegistry,
  store: TranscriptStore,
  model: ModelOptions,
) {
  /** Asks the model once. Returns one whole, valid reply with what only worker code can decide. */
  return async function callModel(args: ModelCallArgs): Promise<ModelCall> {
    const activity = Context.current();
    const stop = keepAlive(activity);
    try {
      const { agent, pinned, pinnedSpec } = await find(registry, store, args);
      const [spec, earlier] = await Promise.all([
        store.specOf(pinnedSpec),
        store.load(args.segments),
      ]);
      const messages = [...earlier, ...args.tail];
      // Beside the request, so that sealing costs no time.
      const [reply, segments] = await Promise.all([
        askUntilValid(activity, model, requestParams(spec, messages)),
        sealTail(activity, store, args),
      ]);
      const prepared = await prepareCalls(agent, toolUses(reply.content), {
        context: args.context,
        pinned: toolNames(spec),
      });
      return {
        reply,
        prepared,
        ...(segments === undefined ? {} : { segments }),
        ...(pinned === undefined ? {} : { pinned }),
      };
    } finally {
      stop();
    }
  };
}

/** Without those of the API's own tools, which have no schema of ours. */
function toolNames({ tools = [] }: AgentSpec): string[] {
  return tools.map(({ name }) => name);
}

interface FoundAgent {
  agent: AgentDefinition;
  pinnedSpec: PinnedSpec;
  /** Where it has just been pinned. */
  pinned?: PinnedAgent;
}

async function find(
  registry: AgentRegistry,
  store: TranscriptStore,
  { agent: name, spec, context, tailBytes }: ModelCallArgs,
): Promise<FoundAgent> {
  if (spec !== undefined) return { agent: registeredAgent(registry, name), pinnedSpec: spec };
  const agent = agentToPin(registry, name);
  const pinned = await pinAgent(agent, store, { context, tailBytes });
  return { agent, pinned, pinnedSpec: pinned.spec };
}

/**
 * Asks again while the reply is one that cannot be committed: it would make every later request of
 * the conversation a 400.
 */
async function askUntilValid(
  activity: Context,
  model: ModelOptions,
  params: RequestParams,
): Promise<ModelReply> {
  const earlierIds = new Set(
    params.messages
      .flatMap(({ content }) => (typeof content === 'string' ? [] : toolUses(content)))
      .map(({ id }) => id),
  );
  for (let asked = 1; ; asked += 1) {
    const reply = await ask(activity, model, params);
    const problem = findReplyProblem(reply, earlierIds);
    if (problem === undefined) return reply;
    activity.log.warn('The reply of the model cannot be used', { problem, asked });
    if (asked < MAX_INVALID_REPLIES) continue;
    const { requestId } = reply;
    const report = { type: 'invalid_reply', status: null, errorCode: null, requestId };
    const message = `The model's reply cannot be used: ${problem} (asked ${asked} times).`;
    throw ApplicationFailure.nonRetryable(message, MODEL_CALL_FAILED, report);
  }
}

async function ask(
  activity: Context,
  { client, idleTimeoutMs }: ModelOptions,
  params: RequestParams,
): Promise<ModelReply> {
  const signal = activity.cancellationSignal;
  try {
    return await requestReply(client(), params, { signal, idleTimeoutMs });
  } catch (error) {
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
    const { retryable, delayMs, message, report } = classifyModelError(error);
    throw ApplicationFailure.create({
      message,
      type: MODEL_CALL_FAILED,
      nonRetryable: !retryable,
      details: [report],
      ...(delayMs === undefined ? {} : { nextRetryDelay: delayMs }),
    });
  }
}

/** A tail that could not be sealed stays inline and is tried again with the next call. */
async function sealTail(
  activity: Context,
  store: TranscriptStore,
  { segments, tail, tailBytes }: ModelCallArgs,
): Promise<Segment[] | undefined> {
  if (!store.hasStorage || tailBytes <= SEAL_BYTES) return undefined;
  // A paused reply may hold open calls of the API's own tools. When the turn ends with it, they are
  // left out of the conversation, and of a segment nothing can be.
  if (tail.at(-1)?.role === 'assistant') return undefined;
  try {
    return await store.seal(segments, tail, tailBytes);
  } catch (error) {
    activity.log.warn('Could not write the transcript to the storage', {
      error: causeChain(error),
    });
    return undefined;
  }
}
