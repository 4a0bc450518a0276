import type { RefusalAnswer, ReplyAnswer } from '../core/conversation/model-call.ts';
import type { PinnedAgent } from '../core/agent-spec.ts';
import type { Prices } from '../core/turn/prices.ts';
import type { TurnState } from '../core/turn/state.ts';
import { commitCost, commitFallback, commitRefusal, commitReply } from '../core/turn/state.ts';

/** The reply becomes part of the conversation, with what it cost and the model that gave it. */
export function commitCall(
  before: TurnState,
  call: ReplyAnswer & { agent: PinnedAgent },
): TurnState {
  const { reply, fallback, agent } = call;
  const state = commitFallback(commitReply(before, reply, call), fallback);
  return commitCost(state, reply, pricesOf(agent, state.fallback?.model));
}

/** Nothing of a refusal becomes part of the conversation, and another model is asked. */
export function refusedBy(
  before: TurnState,
  { refused, by, fallback, agent }: RefusalAnswer & { agent: PinnedAgent },
): TurnState {
  const state = commitCost(commitRefusal(before, refused), refused, pricesOf(agent, by));
  return commitFallback(state, fallback);
}

/** Of a fallback, or of the agent's own model. */
function pricesOf(agent: PinnedAgent, model: string | undefined): Prices | undefined {
  return agent.fallbackPrices?.find(([fallback]) => fallback === model)?.[1] ?? agent.prices;
}
