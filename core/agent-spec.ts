import type { Tool } from '@anthropic-ai/sdk/resources/messages';
import type { BatchPolicy } from './batch-policy.ts';
import type { NoteStyle } from './notes.ts';
import type { ToolPolicy } from './tool-policy.ts';

/**
 * What the model is told of an agent with every request, under the API's names, and how. It is pinned when a turn begins: the
 * newest models bind their thinking to the whole prefix, so a system prompt or a tool that changed
 * between two requests of one conversation is a 400.
 */
export interface AgentSpec {
  model: string;
  max_tokens: number;
  system?: string;
  tools?: Tool[];
  /** Absent: as `DEFAULT_CACHE`. */
  cache?: CacheSpec;
}

/** Whether requests ask for prompt caching, and how long an entry lives after its last use. */
export type CacheSpec = false | { ttl: '5m' | '1h' };

export const DEFAULT_CACHE = { ttl: '5m' } satisfies CacheSpec;

/** Where a pinned spec lies: in the storage, or inline where there is none. */
export type PinnedSpec =
  | { type: 'stored'; digest: string; claim: Record<string, string> }
  | { type: 'inline'; digest: string; spec: AgentSpec };

export interface AgentLimits {
  /** Most replies of the model in one turn. */
  rounds: number;
  /** Most calls of one turn that run at once. */
  concurrency: number;
  /** Most events of one run's history, where that is less than what Temporal suggests. */
  historyEvents?: number;
}

/** What the workflow knows of its agent: data, recorded once per turn. */
export interface PinnedAgent {
  name: string;
  spec: PinnedSpec;
  /** Pairs and not an object, since `constructor` and `__proto__` are legal tool names. */
  policies: [toolName: string, policy: ToolPolicy][];
  limits: AgentLimits;
  batch: BatchPolicy;
  /** The agent has an `onApproval`, which is called for every call that waits for a person. */
  announcesApprovals?: true;
  /** How the model takes what a person sends while it works. @default 'user' */
  notes?: NoteStyle;
}
