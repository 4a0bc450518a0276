import type {
  OutputConfig,
  ThinkingConfigParam,
  ToolChoice,
  ToolUnion,
} from '@anthropic-ai/sdk/resources/messages';
import type { BackgroundPolicy } from './calls/background.ts';
import type { BatchPolicy } from './calls/batch-policy.ts';
import type { Budget, OnLimit } from './turn/budget.ts';
import type { CompactionParams } from './conversation/compaction.ts';
import type { SteeringStyle } from './turn/steering.ts';
import type { Prices } from './turn/prices.ts';
import type { ToolPolicy } from './calls/tool-policy.ts';
import { membersOf } from './json.ts';

/** A JSON Schema (draft 2020-12) of an object. */
export type OutputSchema = Record<string, unknown>;

/**
 * What every request says of an agent to the model, under the API's names. It is pinned when a turn begins:
 * the newest models bind their thinking to the whole prefix, so a system prompt or a tool that changes
 * between two requests of a conversation is a 400.
 */
export interface AgentSpec extends CompactionParams {
  model: string;
  max_tokens: number;
  system?: string;
  tools?: ToolUnion[];
  output_config?: {
    format?: { type: 'json_schema'; schema: OutputSchema };
    effort?: NonNullable<OutputConfig['effort']>;
  };
  thinking?: ThinkingConfigParam;
  /** `any` and `tool` apply to the first reply of a turn. */
  tool_choice?: ToolChoice;
  stop_sequences?: string[];
  /** Not sent to the API: the `max_tokens` of a second request after a reply was cut off. */
  max_tokens_retry?: number;
  /** Not sent to the API. Absent: `DEFAULT_CACHE`. */
  cache?: CacheSpec;
  /** Not sent, although the API has a field of this name: the models to fall back to, in order. */
  fallbacks?: FallbackSpec[];
  /** Not sent to the API: which of `tools` were listed by MCP servers. */
  served?: ServedTools[];
}

/** The tools of one server, as they were listed. */
export interface ServedTools {
  server: string;
  tools: ServedTool[];
}

/** What is known of a server's tool besides what the API gets. */
export interface ServedTool {
  /** The name that the model uses. */
  name: string;
  /** The name on the server. */
  tool: string;
  annotations?: ServedAnnotations;
  outputSchema?: Record<string, unknown>;
}

/** MCP's hints about what a tool does. */
export interface ServedAnnotations {
  title?: string;
  readOnlyHint?: boolean;
  destructiveHint?: boolean;
  idempotentHint?: boolean;
  openWorldHint?: boolean;
}

/** Why a turn goes on with another model: the one before was overloaded, or declined to answer. */
export type FallbackReason = 'overloaded' | 'refusal';

export const FALLBACK_REASONS = membersOf<FallbackReason>({ overloaded: true, refusal: true });

/** How a request to a fallback differs; `null` omits an option of the agent. */
export interface FallbackSpec {
  model: string;
  on: FallbackReason[];
  max_tokens?: number;
  thinking?: ThinkingConfigParam | null;
  effort?: NonNullable<OutputConfig['effort']> | null;
}

/** Whether requests ask for prompt caching, and how long an entry lives after its last use. */
export type CacheSpec = false | { ttl: '5m' | '1h' };

export const DEFAULT_CACHE = { ttl: '5m' } satisfies CacheSpec;

/** Where a pinned spec is: in the storage, or inline if there is none. */
export type PinnedSpec =
  | { type: 'stored'; digest: string; claim: Record<string, string> }
  | { type: 'inline'; digest: string; spec: AgentSpec };

export interface AgentLimits extends Budget {
  /** Most replies of the model in one turn. */
  rounds: number;
  /** How many calls of one turn run at once. */
  concurrency: number;
  /** Most levels of sub-agents below a turn. @default 3 */
  depth?: number;
  /** How many events a run's history may have, if fewer than Temporal suggests. */
  historyEvents?: number;
}

/** Another agent as a tool, as data. That agent is pinned when its own turn begins. */
export interface SubAgentSpec {
  /** The name by which the workers of its task queue find it. */
  agent: string;
  /** The field of the input that is its message. @default the whole input, as JSON */
  field?: string;
  /** JSON Schema of its answer, instead of the agent's `output`. */
  output?: OutputSchema;
  /** What each of its turns may spend, beside the agent's own limits. */
  limits?: Budget;
  /** The task queue of its turns. @default that of the calling turn */
  taskQueue?: string;
  /** Limit for its answer, in bytes of UTF-8; a longer one is cut. */
  maxResultBytes: number;
  /** Its calls run in the background from the beginning. */
  mode?: 'background';
  /** Each call becomes a turn of a session, whose id a worker names. */
  session?: true;
  /** Set if the Temporal UI must show nothing of its input. */
  summaries?: false;
}

/** What the workflow knows of its agent: data, recorded once per turn. */
export interface PinnedAgent {
  name: string;
  spec: PinnedSpec;
  /** Pairs and not an object, since `constructor` and `__proto__` are legal tool names. */
  policies: [toolName: string, policy: ToolPolicy][];
  limits: AgentLimits;
  batch: BatchPolicy;
  /** The tools that are agents. */
  subAgents?: [toolName: string, spec: SubAgentSpec][];
  /** Set if calls may go on in the background; the agent then also has `get_agent_result`. */
  background?: BackgroundPolicy;
  /** The agent has an `onApproval`, which must be called for every call that waits for a person. */
  announcesApprovals?: true;
  /** @default 'stop' */
  onLimit?: OnLimit;
  prices?: Prices;
  /** The prices of those fallbacks that have some. */
  fallbackPrices?: [model: string, prices: Prices][];
  /** The task queue of its model calls. @default that of the turn */
  modelTaskQueue?: string;
  /** How often an answer that does not match its schema is asked for again. @default 2 */
  outputRepairs?: number;
  /** Set if the Temporal UI must show nothing of what people and the model write. */
  summaries?: false;
  /** How the model takes steering messages. Recorded histories have this name. @default 'user' */
  notes?: SteeringStyle;
}
