import type { AnsweredQuestions, AskedQuestion } from '../core/calls/question.ts';
import type { ServedSelection } from '../core/served-tools.ts';
import { isRecord } from '../core/json.ts';
import type { AccessOption } from './access-option.ts';
import type { Duration } from './check-options.ts';
import type {
  ToolActivityOptions,
  ToolAnnotations,
  ToolContext,
  ToolOptions,
} from './define-tool.ts';
import type { JsonSchema } from './input-schema.ts';

/** How calls of one tool of a server run. What is left out is as the server has it. */
export interface McpToolOptions<Context = unknown> {
  /**
   * What the tool does. Each hint replaces the server's own, which may be wrong. Without `readOnlyHint`
   * or `idempotentHint`, a call runs at most once. @default the server's
   */
  annotations?: ToolAnnotations;
  /** Time, attempts and task queue of a call; see `ToolOptions`. @default as the server's `activity` */
  activity?: ToolActivityOptions;
  /**
   * What a call touches. @default with `readOnlyHint` nothing; otherwise calls of all tools of this server
   * run in call order among themselves (`inOrder`)
   */
  access?: AccessOption;
  /** Most calls of this tool that run at once in one turn. @default the agent's `limits.concurrency` */
  concurrency?: number;
  /** Whether a person must allow a call before it runs; see `ToolOptions`. @default 'never' */
  approval?: ToolOptions<JsonSchema, Context>['approval'];
  /** How long a call waits for a person before it is denied. @default '7d' */
  approvalTimeout?: Duration;
  /** What people see of a call's arguments; see `ToolOptions`. @default the arguments, shortened */
  summary?: ToolOptions<JsonSchema, Context>['summary'];
  /**
   * Whether a call may start while the model's reply still comes. Only with `readOnlyHint`, and only where
   * you trust it: the call may belong to a reply that never counts. @default false
   */
  startCallsEarly?: boolean;
  /** Most text of a result that the model sees, in bytes. @default 100000, or as the server has it */
  maxResultBytes?: number;
  /**
   * The model sees the tool only after it has searched for it. The agent needs a `tool_search_tool` among
   * its `serverTools`. @default false, or as the server has it
   */
  deferLoading?: boolean;
}

/** Checked, with durations in milliseconds. */
export interface McpToolSettings extends Omit<
  McpToolOptions,
  'activity' | 'approvalTimeout' | 'approval' | 'summary'
> {
  activity?: object;
  approvalTimeout?: number;
  approval?: unknown;
  summary?: unknown;
}

/** For whom a server is asked. Data of a turn, never a secret. */
export interface McpCaller<Context = unknown> {
  /** Name of the agent. */
  readonly agent: string;
  /** The `user` that the turn or its session was started with. */
  readonly user?: string;
  /** The turn's `context`. */
  readonly context: Context;
}

/** A tool as a server lists it. */
export interface ListedTool {
  name: string;
  title?: string | undefined;
  description?: string | undefined;
  inputSchema: unknown;
  outputSchema?: unknown;
  annotations?: unknown;
  /** Says whether the tool runs as a task. */
  execution?: unknown;
}

/** The tool that is called, as it was listed. */
export interface CalledTool {
  /** The name on the server. */
  tool: string;
  inputSchema: Record<string, unknown>;
  outputSchema?: Record<string, unknown>;
  /** Whether another attempt is harmless. */
  repeatable: boolean;
}

export interface ServedResult {
  type: 'result';
  /** What the model reads, in the form in which a tool of the agent's own would return it. */
  value: unknown;
  /** The value to check against `outputSchema`; absent if the server sent none. */
  structured?: unknown;
}

/** The server needs an answer from a person first. */
export interface ServedQuestions {
  type: 'asks';
  questions: AskedQuestion[];
  /** The server wants this back with the answers. */
  state?: string;
}

/** The connections of one worker to a server: one for each caller that the server can distinguish. */
export interface McpConnections {
  /** Rejects if the server cannot be reached. */
  list(caller: McpCaller, signal: AbortSignal): Promise<readonly ListedTool[]>;
  /** `answered`: set when the call goes on after questions of the server. */
  call(
    tool: CalledTool,
    input: unknown,
    ctx: ToolContext,
    answered?: AnsweredQuestions,
  ): Promise<ServedResult | ServedQuestions>;
  /** Ends what runs. */
  close(): Promise<void>;
}

/** What a worker gives to the connections that it opens. */
export interface McpWorker {
  /** Registers a text that must not appear in failures and logs. */
  readonly secret: (value: string) => void;
  readonly log: (level: 'info' | 'warn', message: string, details: Record<string, unknown>) => void;
}

/** An MCP server whose tools an agent has: what `mcpServer` of `plait/mcp` returns. */
export interface McpServer {
  readonly type: 'mcpServer';
  readonly name: string;
  readonly selection: ServedSelection;
  /** For all of its tools. */
  readonly defaults: Pick<McpToolSettings, 'activity' | 'deferLoading' | 'maxResultBytes'>;
  /** By the server's names. */
  readonly tools: ReadonlyMap<string, McpToolSettings>;
  readonly onUnavailable: 'absent' | 'fail';
  /** Task queues that its calls name. */
  readonly taskQueues: readonly string[];
  /** How it is reached, as the spans of its calls say it. */
  readonly spanAttributes?: Readonly<Record<string, string | number>>;
  /** Opens nothing before it is used. */
  readonly connections: (worker: McpWorker) => McpConnections;
}

/** Recognized by its shape: it may come from another copy of Plait. */
export function isMcpServer(value: unknown): value is McpServer {
  return (
    isRecord(value) &&
    value['type'] === 'mcpServer' &&
    typeof value['name'] === 'string' &&
    value['tools'] instanceof Map &&
    typeof value['connections'] === 'function'
  );
}
