import type { PinnedAgent } from '../agent-spec.ts';
import type { ModelStopReason } from '../conversation/messages.ts';
import { toolCalls } from '../conversation/toolsets.ts';
import { AGENT_NOT_REGISTERED } from '../failures.ts';
import type { Measurement } from '../metrics.ts';
import { measured, seconds } from '../metrics.ts';
import type { TurnEvent } from './events.ts';
import type { Usage } from './usage.ts';

/** The label for unknown names, of which there could be any number. */
const UNKNOWN = 'unknown';

/** Whose turn it is. */
export interface MeasuredTurn {
  /** Its agent's name, which the starter of a turn can choose freely. */
  agent: string;
  /** `undefined` until a worker has said that this agent exists. */
  pinned: Pick<PinnedAgent, 'policies'> | undefined;
}

/**
 * The values to measure for an event. A sub-agent's turn measures its own, so that sums over all agents count
 * every reply and every call once.
 */
export function measurementsOf(event: TurnEvent, turn: MeasuredTurn): Measurement[] {
  const agent = agentLabel(event, turn);
  switch (event.type) {
    case 'turn began':
    case 'approval requested':
      return [];
    case 'model replied': {
      const { reply, milliseconds, costUSD } = event;
      const { model, usage, content, stopReason } = reply;
      // The calls of a refusal do not count.
      const calls = stopReason === 'refusal' ? 0 : toolCalls(content).length;
      const stop_reason = Object.hasOwn(MODEL_STOPS, stopReason) ? stopReason : UNKNOWN;
      const took = seconds(milliseconds);
      return [
        measured('plait_model_call_duration_seconds', took, { agent, model, stop_reason }),
        ...tokensOf(usage).map(([type, tokens]) =>
          measured('plait_model_tokens', tokens, { agent, model, type }),
        ),
        ...(costUSD === undefined
          ? []
          : [measured('plait_reply_cost_usd', costUSD, { agent, model })]),
        ...(calls === 0 ? [] : [measured('plait_batch_calls', calls, { agent })]),
      ];
    }
    case 'approval decided': {
      const { call, approval, milliseconds } = event;
      const about = { agent, tool: toolLabel(call, turn), decision: approval.decision };
      return [measured('plait_approval_wait_seconds', seconds(milliseconds), about)];
    }
    case 'call ended': {
      const { outcome, attempts, start, end } = event.settled;
      const tool = toolLabel(event.call, turn);
      const about = { agent, tool, outcome: outcome.type };
      return [
        measured('plait_call_duration_seconds', seconds(end - start), about),
        measured('plait_call_attempts', attempts, { agent, tool }),
      ];
    }
    case 'turn ended':
    case 'turn failed': {
      const { state, milliseconds } = event;
      const stop_reason = event.type === 'turn ended' ? event.reason : 'failed';
      return [
        measured('plait_turn_duration_seconds', seconds(milliseconds), { agent, stop_reason }),
        measured('plait_turn_rounds', state.rounds, { agent }),
      ];
    }
  }
}

/** As the Messages API documents them. A newer API may send others. */
const MODEL_STOPS: Readonly<Record<ModelStopReason | 'compaction', true>> = {
  end_turn: true,
  max_tokens: true,
  stop_sequence: true,
  tool_use: true,
  pause_turn: true,
  refusal: true,
  model_context_window_exceeded: true,
  compaction: true,
};

/** Each token has one type, so that the values add up. */
function tokensOf(usage: Usage): [type: string, tokens: number][] {
  return [
    ['input', usage.input_tokens],
    ['cache_write', usage.cache_creation_input_tokens],
    ['cache_read', usage.cache_read_input_tokens],
    ['output', usage.output_tokens],
  ];
}

/** Anyone can start a turn of an agent that does not exist. */
function agentLabel(event: TurnEvent, { agent, pinned }: MeasuredTurn): string {
  return pinned !== undefined || wasFound(event) ? agent : UNKNOWN;
}

/** Whether the turn's end shows that a worker has its agent, although it is not pinned. */
function wasFound(event: TurnEvent): boolean {
  if (event.type === 'turn failed') return event.failure !== AGENT_NOT_REGISTERED;
  return event.type === 'turn ended' && event.reason !== 'cancelled';
}

/** The model may ask for tools that do not exist. */
function toolLabel({ name }: { name: string }, { pinned }: MeasuredTurn): string {
  return pinned?.policies.some(([tool]) => tool === name) === true ? name : UNKNOWN;
}
