import type { AgentLimits, PinnedAgent } from '../../../core/agent-spec.ts';
import type { Circumstances, ModelAnswer } from '../../../core/turn/decide.ts';
import type { ModelReply } from '../../../core/conversation/reply.ts';
import { toolCalls } from '../../../core/conversation/toolsets.ts';
import type { Room } from '../../../core/turn/payload-room.ts';

export function pinned(
  room: Room['type'],
  limits: Partial<AgentLimits> = {},
  parts: Partial<PinnedAgent> = {},
): PinnedAgent {
  return {
    name: 'support',
    spec:
      room === 'storage'
        ? { type: 'stored', digest: 'd', claim: {} }
        : { type: 'inline', digest: 'd', spec: { model: 'claude-opus-5-5', max_tokens: 1_000 } },
    policies: [],
    limits: { rounds: 50, concurrency: 500, ...limits },
    batch: { onToolFailure: 'report' },
    ...parts,
  };
}

/** A turn that has just begun, whose history is short. */
export function circumstances(parts: Partial<Circumstances> = {}): Circumstances {
  return {
    args: { agent: 'support', input: 'Begin' },
    time: 0,
    elapsed: 0,
    cancelled: false,
    history: { historyLength: 100, historySize: 10_000, continueAsNewSuggested: false },
    ...parts,
  };
}

/** The reply as its activity returns it: every call is ready to run. */
export function answered(
  agent: PinnedAgent,
  reply: ModelReply,
  parts: Partial<Extract<ModelAnswer, { type: 'reply' }>> = {},
): ModelAnswer {
  const prepared = toolCalls(reply.content).map(() => ({ type: 'ready' as const, summary: '' }));
  return { type: 'reply', agent, reply, prepared, ...parts };
}
