import { Context } from '@temporalio/activity';
import type { AgentRegistry } from '../../agents/agent-registry.ts';
import type { AgentDefinition } from '../../agents/define-agent.ts';
import type { AgentSpec, PinnedAgent, PinnedSpec } from '../../core/agent-spec.ts';
import {
  hasCompaction,
  segmentsSinceCompaction,
  sinceCompaction,
} from '../../core/conversation/compaction.ts';
import type { Message } from '../../core/conversation/messages.ts';
import type { ModelCallArgs, ModelCallResult } from '../../core/conversation/model-call.ts';
import { withoutRejected } from '../../core/conversation/rejected-files.ts';
import { toolCalls, toolsetOf } from '../../core/conversation/toolsets.ts';
import { defined } from '../../core/json.ts';
import { measured, record } from '../../core/metrics.ts';
import type { Traces } from '../../core/trace/traces.ts';
import type { TakenFallback } from '../../core/turn/fallback.ts';
import { nextFallback } from '../../core/turn/fallback.ts';
import { queueSeconds } from '../queue-seconds.ts';
import type { EarlyRuns } from '../tools/early-runs.ts';
import { prepareCalls } from '../tools/prepare-calls.ts';
import { sealTail, storeReplyData } from '../transcript/store-messages.ts';
import type { TranscriptStore } from '../transcript/store.ts';
import type { TurnDeadline } from '../turn/deadline.ts';
import { stopwatch, turnDeadline } from '../turn/deadline.ts';
import type { Served } from '../turn/served.ts';
import { agentOfTurn, agentToPin, invalidTurn, pinAgent } from '../turn/pin-agent.ts';
import type { ModelOptions } from './ask-model.ts';
import { askModel } from './ask-model.ts';
import { ChatLog } from './chat-log.ts';
import { checkOutput, ownOutput } from './check-output.ts';
import type { EarlyStarts } from './early-starts.ts';
import { earlyStarts } from './early-starts.ts';
import { announceReply } from './partial-reply.ts';
import type { ReplyPublisher } from './publish-reply.ts';
import type { OwnParams } from './request-params.ts';
import type { Secrets } from './secrets.ts';
import type { Answered } from './second-chances.ts';

interface CallModelOptions {
  authorize: boolean;
  earlyRuns: EarlyRuns;
  served: Served;
  /** Where the spans of requests are recorded. @default nowhere */
  traces?: Traces | undefined;
  /** Where replies are published while they come. @default their heartbeats */
  publisher?: ReplyPublisher | undefined;
}

export function createCallModel(
  registry: AgentRegistry,
  store: TranscriptStore,
  model: ModelOptions,
  { authorize, earlyRuns, publisher, served, traces }: CallModelOptions,
) {
  /** Asks for one whole, valid reply, and decides what only worker code can decide about it. */
  return async function callModel(args: ModelCallArgs): Promise<ModelCallResult> {
    const elapsed = stopwatch();
    const activity = Context.current();
    const waited = queueSeconds(activity);
    const announcement = announceReply(activity, publisher);
    let deadline: TurnDeadline | undefined;
    let early: EarlyStarts | undefined;
    const heard: { firstToken?: number } = {};
    const log = new ChatLog(traces, activity, args.trace);
    try {
      // Find the agent. The first call of a turn pins it.
      const found = await findAgent(registry, { store, served }, args, model.secrets);
      const { pinned, pinnedSpec } = found;
      const of = { agent: found.agent.name };
      record(activity.metricMeter, measured('plait_model_call_queue_seconds', waited, of));
      const { stream = found.agent.stream } = args;
      const ownSchema = await ownOutput(args.output);

      // Load the conversation.
      const [spec, messages] = await Promise.all([
        store.specOf(pinnedSpec),
        loadMessages(store, args),
      ]);
      const agent = served.with(found.agent, spec);
      if (pinned !== undefined) {
        rejectCompaction(agent, messages);
        const { taskQueue } = activity.info;
        if ((pinned.modelTaskQueue ?? taskQueue) !== taskQueue) return { type: 'pinned', pinned };
      }

      // Ask. The tail is sealed beside the request, so that sealing costs no time.
      if (args.begun !== undefined) {
        const { wallTime } = agent.limits;
        deadline = turnDeadline(activity.info, args.begun.at, wallTime, elapsed());
      }
      const { model: asked = spec.model } = args;
      const first = { model: asked, messages, leftOut: [] };
      early = earlyStarts(activity, earlyRuns, { agent, args, secrets: model.secrets, traces });
      const own: OwnParams = {
        lastWord: args.lastWord === true,
        first: args.first === true,
        ...defined({ output: ownSchema?.config, container: args.container }),
      };
      const [answered, sealed] = await Promise.all([
        askModel(
          activity,
          {
            ...model,
            onReply(reply) {
              // A reply before this one could not be used.
              delete heard.firstToken;
              if (stream) announcement.begin(reply);
            },
            onContent: () => (heard.firstToken ??= Math.round(elapsed())),
            onBlock: early.onBlock,
          },
          {
            spec,
            first,
            tailLength: args.tail.length,
            dropped: countOf(args) - messages.length,
          },
          { agent, own, deadline, chats: log },
        ),
        sealTail(activity, store, args),
      ]);
      const { by, leftOut } = answered;
      const fallback = fallbackOfRefusal(spec, answered, args);
      if (fallback !== undefined) {
        // The content of a refusal is not kept, and might not fit into the result.
        const refused = { ...answered.reply, content: [] };
        const { chats } = log;
        return { type: 'refusal', refused, by, fallback, ...defined({ pinned, chats }) };
      }

      // Store what is large.
      const [reply, segments] = await Promise.all([
        storeReplyData(activity, store, answered.reply),
        leftOut.length === 0
          ? sealed
          : sealTail(activity, store, { ...args, tail: withoutRejected(args.tail, leftOut) }),
      ]);
      if (leftOut.length > 0) activity.log.warn('The API rejects files in results', { leftOut });

      // Prepare the calls, and check the answer.
      const { redact } = model.secrets;
      const calls = toolCalls(reply.content);
      const prepared = await prepareCalls(agent, calls, {
        turnId: activity.info.workflowExecution?.workflowId ?? '',
        ...defined({ user: args.user, sessionId: args.sessionId }),
        context: args.context,
        pinned: toolNames(spec),
        authorize,
        log: activity.log,
        redact,
      });
      const output = await checkOutput(reply, { spec, agent, own: ownSchema, redact });
      if (reply.stopReason === 'tool_use') early.keep(calls, prepared);
      return {
        type: 'reply',
        reply,
        prepared,
        ...defined({ output, segments, pinned, chats: log.chats }),
        ...heard,
        ...(leftOut.length === 0 ? {} : { leftOut }),
        ...(stream ? { streamed: true } : {}),
        ...(by === asked ? {} : { fallback: { model: by, because: 'overloaded' } }),
      };
    } finally {
      deadline?.stop();
      announcement.stop();
      early?.end();
    }
  };
}

interface FoundAgent {
  agent: AgentDefinition;
  pinnedSpec: PinnedSpec;
  /** Set by the call that has just pinned the agent. */
  pinned?: PinnedAgent;
}

async function findAgent(
  registry: AgentRegistry,
  sources: { store: TranscriptStore; served: Served },
  { agent: name, spec, context, user, tailBytes, begun }: ModelCallArgs,
  { redact }: Pick<Secrets, 'redact'>,
): Promise<FoundAgent> {
  if (spec !== undefined) return { agent: agentOfTurn(registry, name), pinnedSpec: spec };
  const agent = agentToPin(registry, name);
  const limits = begun?.limits;
  const options = { context, user, tailBytes, redact, ...defined({ limits }) };
  const pinned = await pinAgent(agent, sources, options);
  return { agent, pinned, pinnedSpec: pinned.spec };
}

/**
 * The conversation without what a summary has replaced, which the API ignores. So it is neither read nor
 * uploaded, and a conversation never grows beyond the largest request.
 */
async function loadMessages(
  store: TranscriptStore,
  { segments, tail }: ModelCallArgs,
): Promise<Message[]> {
  const earlier = await store.load(segmentsSinceCompaction(segments, tail));
  return await store.putBack(sinceCompaction([...earlier, ...tail]));
}

function countOf({ segments, tail }: ModelCallArgs): number {
  return segments.reduce((sum, segment) => sum + segment.messages, tail.length);
}

/** The API reads a summary only if the request says that it may compact. */
function rejectCompaction({ name, spec }: AgentDefinition, messages: readonly Message[]): void {
  if (spec.context_management !== undefined || !hasCompaction(messages)) return;
  throw invalidTurn(
    `The conversation has a compaction block, and agent ${JSON.stringify(name)} has no compaction. Give it \`compaction: {}\`, or begin with messages from before the block.`,
  );
}

/** The model to ask instead of one that has declined. No other model is asked for a last word. */
function fallbackOfRefusal(
  spec: AgentSpec,
  { reply, by }: Answered,
  { lastWord }: ModelCallArgs,
): TakenFallback | undefined {
  if (reply.stopReason !== 'refusal' || lastWord === true) return undefined;
  const model = nextFallback(spec, by, 'refusal');
  return model === undefined ? undefined : { model, because: 'refusal' };
}

function toolNames({ tools = [] }: AgentSpec): string[] {
  return tools.flatMap((tool) => ('name' in tool ? tool.name : (toolsetOf(tool) ?? [])));
}
