import type { StopReason } from '../turn/stop-reason.ts';
import type { ModelUsage, Usage } from '../turn/usage.ts';

/** The turn of a sub-agent that ran for a call. What it has used up includes its own sub-agents. */
export interface SubAgentTurn {
  /** Also the id of its workflow. */
  turnId: string;
  /** Name of the agent. */
  agent: string;
  /** The session whose turn it was, where the sub-agent has a memory of its own. */
  sessionId?: string;
  /** Why it ended; `failed` where it failed, was terminated, or never began. */
  stopReason: StopReason | 'failed';
  /** Replies of the model that its turn has committed. */
  rounds: number;
  /** Tool calls, as `limits.toolCalls` counts them. */
  toolCalls: number;
  /** Tokens. They are also part of the calling turn's `usage`. */
  usage: Usage;
  /** The cost, if its agent has `prices`. It is also part of the calling turn's. */
  costUSD?: number;
  /** Both by model. They are also part of the calling turn's. */
  models?: ModelUsage[];
}
