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
 * What every request says of an agent, under the API's names, and how. It is pinned
 * when a turn begins: the newest models bind their thinking to the whole prefix, so a system prompt or
 * a tool that changed between two requests of one conversation is a 400.
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
  /** `any` and `tool` are for the first reply of a turn. */
  tool_choice?: ToolChoice;
  stop_sequences?: string[];
  /** Not the API's: the `max_tokens` of a second request, when a reply was cut off. */
  max_tokens_retry?: number;
  /** Not the API's. Absent: as `DEFAULT_CACHE`. */
  cache?: CacheSpec;
  /** Not the API's, although it has one of this name: the models to go on with, in order. */
  fallbacks?: FallbackSpec[];
  /** Not the API's: those of `tools` that MCP servers have listed, by server. */
  served?: ServedTools[];
}

/** The tools of one server, as they were listed. */
export interface ServedTools {
  server: string;
  tools: ServedTool[];
}

/** What requests do not say of a tool. */
export interface ServedTool {
  /** As the model knows it. */
  name: string;
  /** As the server knows it. */
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

/** What a request to a fallback has of its own; `null` leaves out what the agent has. */
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

/** Where a pinned spec lies: in the storage, or inline where there is none. */
export type PinnedSpec =
  | { type: 'stored'; digest: string; claim: Record<string, string> }
  | { type: 'inline'; digest: string; spec: AgentSpec };

export interface AgentLimits extends Budget {
  /** Most replies of the model in one turn. */
  rounds: number;
  /** Most calls of one turn that run at once. */
  concurrency: number;
  /** Most levels of sub-agents below a turn. @default 3 */
  depth?: number;
  /** Most events of one run's history, where that is less than what Temporal suggests. */
  historyEvents?: number;
}

/** Another agent as a tool, as data. It is pinned by itself, when its turn begins. */
export interface SubAgentSpec {
  /** Its name, by which the workers of its task queue find it. */
  agent: string;
  /** The field of the input that is its message. @default the whole input, as JSON */
  field?: string;
  /** JSON Schema of its answer, instead of the agent's `output`. */
  output?: OutputSchema;
  /** What each of its turns may spend, beside the agent's own limits. */
  limits?: Budget;
  /** Where its turns run. @default the task queue of the calling turn */
  taskQueue?: string;
  /** Limit for its answer, in bytes of UTF-8; a longer one is cut. */
  maxResultBytes: number;
  /** Its calls are answered as soon as they have begun. */
  mode?: 'background';
  /** Each call becomes a turn of a session, whose id a worker names. */
  session?: true;
  /** The Temporal UI shows nothing of what it is asked. @default it does */
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
  /** Those of its tools that are agents. */
  subAgents?: [toolName: string, spec: SubAgentSpec][];
  /** Where calls may go on in the background; it then has `get_agent_result`, too. */
  background?: BackgroundPolicy;
  /** The agent has an `onApproval`, which is called for every call that waits for a person. */
  announcesApprovals?: true;
  /** @default 'stop' */
  onLimit?: OnLimit;
  prices?: Prices;
  /** Those of its fallbacks, where it has prices. */
  fallbackPrices?: [model: string, prices: Prices][];
  /** Where its model calls run. @default the task queue of the turn */
  modelTaskQueue?: string;
  /** How often an answer that does not match its schema is asked for again. @default 2 */
  outputRepairs?: number;
  /** The Temporal UI shows nothing of what people and the model write. @default it does */
  summaries?: false;
  /** How the model takes steering messages. Recorded histories have this name. @default 'user' */
  notes?: SteeringStyle;
}
