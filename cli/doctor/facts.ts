/** What `plait doctor` has found out, as plain data: what follows from it is decided in `findings.ts`. */
export interface Facts {
  address: string;
  namespace: string;
  /** The agents of the given module; empty without one. */
  agents: AgentFacts[];
  versions: VersionFacts;
  server: ServerFacts | Unreachable;
  model: ModelFacts;
  storage: StorageFacts;
  transport: TransportFacts;
}

/** What the server must be able to hold for an agent. */
export interface AgentFacts {
  name: string;
  tools: { name: string; maxResultBytes: number }[];
}

export interface VersionFacts {
  plait: string;
  node: string;
  /** All versions of each package of Temporal's that Plait or this directory would load. */
  temporal: Record<string, readonly string[]>;
}

export interface Unreachable {
  type: 'unreachable';
  /** The server answers, but has no such namespace. */
  lacksNamespace: boolean;
  /** What is wrong, and what to do. */
  problem: string;
}

export interface ServerFacts {
  type: 'reached';
  version: string;
  /** How long one request took, in milliseconds. */
  roundTripMs: number;
  /** `undefined` where the server does not say. */
  retentionMs: number | undefined;
  /** In bytes; `undefined` where the server does not say, or has no limit. */
  limits: { payload: number | undefined; workflowTask: number | undefined };
  attributes: AttributeFacts;
  queues: QueueFacts[];
  /** How far this machine's clock is ahead of the server's, in milliseconds. */
  clock: { type: 'compared'; aheadMs: number } | { type: 'unknown'; problem: string };
}

export type AttributeFacts =
  /** Temporal's names of the types, by the attributes' names; `undefined` for one that is missing. */
  | { type: 'known'; types: Record<string, string | undefined> }
  /** The server only says which of them can be used. */
  | { type: 'usable'; names: string[] }
  | { type: 'unknown'; problem: string };

export interface QueueFacts {
  name: string;
  /** What needs it, such as `turns` or `tool send_mail`. */
  usedBy: string[];
  /** `undefined` if only activities are scheduled there. */
  workflows: QueueState | undefined;
  activities: QueueState;
  /** How many open turns and sessions run there. */
  open: number;
}

export interface QueueState {
  /** How many workers have polled within the last minute. */
  workers: number;
  /** Their build ids, each once. */
  builds: string[];
  /** How many tasks wait, and how long the oldest has waited. */
  backlog: number;
  oldestMs: number;
  /** The most tasks per second that the server starts; `undefined` without a limit. */
  perSecond: number | undefined;
}

export interface ModelFacts {
  hasCredential: boolean;
  /** The address from ANTHROPIC_BASE_URL. */
  baseURL: string | undefined;
  /** One for each model that was asked; empty without `--ask-model`. */
  asked: ModelAnswer[];
}

export type ModelAnswer =
  | { type: 'answered'; model: string; milliseconds: number }
  | { type: 'failed'; model: string; problem: string };

export type StorageFacts =
  | { type: 'none' }
  | { type: 'usable'; location: string }
  | { type: 'unusable'; problem: string };

export type TransportFacts = StorageFacts;
