import { defined } from '../../core/json.ts';
import { Context } from '@temporalio/activity';
import type { AgentRegistry } from '../../agents/agent-registry.ts';
import type { AgentDefinition } from '../../agents/define-agent.ts';
import type { AgentSpec, PinnedAgent, PinnedSpec } from '../../core/agent-spec.ts';
import {
  hasCompaction,
  segmentsSinceCompaction,
  sinceCompaction,
} from '../../core/conversation/compaction.ts';
import type { TakenFallback } from '../../core/turn/fallback.ts';
import { nextFallback, specFor } from '../../core/turn/fallback.ts';
import type { Message } from '../../core/conversation/messages.ts';
import { toolCalls, toolsetOf } from '../../core/conversation/toolsets.ts';
import type { ModelCallArgs, ModelCallResult } from '../../core/conversation/model-call.ts';
import type { ModelReply } from '../../core/conversation/reply.ts';
import { withoutRejected } from '../../core/conversation/rejected-files.ts';
import { askFallbacks } from './ask-fallbacks.ts';
import type { ModelOptions } from './ask-model.ts';
import { askWithRoom } from './ask-model.ts';
import { checkOutput, ownOutput } from './check-output.ts';
import { announceReply } from './partial-reply.ts';
import { leaveOutRejected } from './leave-out-files.ts';
import { agentOfTurn, agentToPin, invalidTurn, pinAgent } from '../turn/pin-agent.ts';
import { prepareCalls } from '../tools/prepare-calls.ts';
import { requestParams } from './request-params.ts';
import { sealTail } from '../transcript/seal-tail.ts';
import { storeReplyData } from './store-reply-data.ts';
import type { TranscriptStore } from '../transcript/store.ts';
import type { TurnDeadline } from '../turn/deadline.ts';
import { turnDeadline } from '../turn/deadline.ts';

export function createCallModel(
  registry: AgentRegistry,
  store: TranscriptStore,
  model: ModelOptions,
) {
  /** Asks the model once. Returns one whole, valid reply with what only worker code can decide. */
  return async function callModel(args: ModelCallArgs): Promise<ModelCallResult> {
    const activity = Context.current();
    const announcement = announceReply(activity);
    let deadline: TurnDeadline | undefined;
    try {
      const { agent, pinned, pinnedSpec } = await find(registry, store, args);
      const own = ownOutput(args.output);
      const [spec, earlier] = await Promise.all([
        store.specOf(pinnedSpec),
        store.load(segmentsSinceCompaction(args.segments, args.tail)),
      ]);
      // The API ignores what a summary has replaced. Left out here, it is neither read nor uploaded, and
      // a conversation never grows beyond the largest request.
      const messages = await store.putBack(sinceCompaction([...earlier, ...args.tail]));
      if (pinned !== undefined) refuseCompaction(agent, messages);
      const { modelTaskQueue = activity.info.taskQueue } = pinned ?? {};
      if (pinned !== undefined && modelTaskQueue !== activity.info.taskQueue) {
        return { type: 'pinned', pinned };
      }
      if (args.begun !== undefined) deadline = turnDeadline(args.begun.at, agent.limits.wallTime);
      const asking = { ...model, onReply: announcement.begin };
      const ask = (sent: Message[], name: string): Promise<ModelReply> => {
        const told = specFor(spec, name);
        const params = requestParams(told, sent, {
          ...(own === undefined ? {} : { output: own.config }),
          lastWord: args.lastWord === true,
          first: args.first === true,
          ...defined({ container: args.container }),
        });
        const retry = told.max_tokens_retry;
        return askWithRoom(activity, asking, { params, retry }, deadline);
      };
      const { model: first = spec.model } = args;
      // Beside the request, so that sealing costs no time.
      const [{ answer, refused }, sealed] = await Promise.all([
        leaveOutRejected(messages, args.tail.length, (sent) =>
          askFallbacks(activity, spec, first, (name) => ask(sent, name)),
        ),
        sealTail(activity, store, args),
      ]);
      const { by } = answer;
      const fallback = afterRefusal(spec, answer, args);
      if (fallback !== undefined) {
        // What it had said is kept nowhere, and might not fit into the result.
        const declined = { ...answer.reply, content: [] };
        return { type: 'refusal', refused: declined, by, fallback, ...defined({ pinned }) };
      }
      const [reply, segments] = await Promise.all([
        storeReplyData(activity, store, answer.reply),
        refused.length === 0
          ? sealed
          : sealTail(activity, store, { ...args, tail: withoutRejected(args.tail, refused) }),
      ]);
      if (refused.length > 0) activity.log.warn('The API refuses files in results', { refused });
      const prepared = await prepareCalls(agent, toolCalls(reply.content), {
        context: args.context,
        pinned: toolNames(spec),
      });
      const output = await checkOutput(reply, { spec, agent, own });
      return {
        type: 'reply',
        reply,
        prepared,
        ...defined({ output, segments }),
        ...(refused.length === 0 ? {} : { leftOut: refused }),
        ...defined({ pinned }),
        ...(by === first ? {} : { fallback: { model: by, because: 'overloaded' } }),
      };
    } finally {
      deadline?.stop();
      announcement.stop();
    }
  };
}

/** The model to ask instead of one that has declined. For a last word nobody else is asked. */
function afterRefusal(
  spec: AgentSpec,
  { reply, by }: { reply: ModelReply; by: string },
  { lastWord }: ModelCallArgs,
): TakenFallback | undefined {
  if (reply.stopReason !== 'refusal' || lastWord === true) return undefined;
  const model = nextFallback(spec, by, 'refusal');
  return model === undefined ? undefined : { model, because: 'refusal' };
}

/** The API reads a summary only where the request says that it may compact. */
function refuseCompaction({ name, spec }: AgentDefinition, messages: readonly Message[]): void {
  if (spec.context_management !== undefined || !hasCompaction(messages)) return;
  throw invalidTurn(
    `The conversation has a compaction block, and agent ${JSON.stringify(name)} has no compaction. Give it \`compaction: {}\`, or begin with messages from before the block.`,
  );
}

function toolNames({ tools = [] }: AgentSpec): string[] {
  return tools.flatMap((tool) => ('name' in tool ? tool.name : (toolsetOf(tool) ?? [])));
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
  { agent: name, spec, context, tailBytes, begun }: ModelCallArgs,
): Promise<FoundAgent> {
  if (spec !== undefined) return { agent: agentOfTurn(registry, name), pinnedSpec: spec };
  const agent = agentToPin(registry, name);
  const limits = begun?.limits;
  const pinned = await pinAgent(agent, store, {
    context,
    tailBytes,
    ...defined({ limits }),
  });
  return { agent, pinned, pinnedSpec: pinned.spec };
}
