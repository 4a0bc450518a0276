import type {
  BetaCompactionBlock,
  BetaIterationsUsage,
} from '@anthropic-ai/sdk/resources/beta/messages';
import type {
  ContentBlock,
  Message,
  RefusalStopDetails,
  StopReason,
  TextBlock,
  ToolUseBlock,
  Usage,
} from '@anthropic-ai/sdk/resources/messages';
import type { ScriptRequest } from './request.ts';

/** A `tool_use` block as a script writes it. */
export interface ScriptedToolUse {
  readonly type: 'tool_use';
  readonly name: string;
  readonly input: unknown;
  /** @default made from the conversation, so the same at every retry */
  readonly id?: string;
  readonly caller?: ToolUseBlock['caller'];
  readonly toolset_name?: string;
  /** What a stream sends in place of the JSON of `input`; it need not be valid. */
  readonly rawInput?: string;
}

/** The API compacts the conversation to `content`; with `null` it tries and fails. */
export interface ScriptedCompaction {
  readonly type: 'compaction';
  readonly content: string | null;
}

/** A message as it leaves the server. */
export interface ServedMessage extends Omit<Message, 'content' | 'usage'> {
  readonly content: readonly ServedBlock[];
  readonly usage: Usage & { readonly iterations?: BetaIterationsUsage };
}

export type ServedBlock = ContentBlock | BetaCompactionBlock;

/** A content block as a script writes it. The server fills in what is left out. */
export type ScriptedBlock =
  | { readonly type: 'text'; readonly text: string; readonly citations?: TextBlock['citations'] }
  | { readonly type: 'thinking'; readonly thinking: string; readonly signature?: string }
  | { readonly type: 'redacted_thinking'; readonly data?: string }
  | ScriptedCompaction
  | ScriptedToolUse
  | Exclude<ContentBlock, { type: 'text' | 'thinking' | 'redacted_thinking' | 'tool_use' }>;

/** How fast a reply comes. Times are in milliseconds, 0 by default. */
export interface Pace {
  /** From the request to the first byte. */
  readonly firstByteMs?: number;
  /** Between two events of a stream. */
  readonly betweenEventsMs?: number;
  /**
   * Called after each block of a stream, with its index from 0: what follows comes when the promise has
   * resolved. So a test can wait until a tool has begun early.
   */
  readonly afterBlock?: (index: number) => unknown;
}

/** A whole reply of the model. */
export interface MessageReply {
  readonly type?: 'message';
  readonly content: readonly ScriptedBlock[];
  /** @default `tool_use` with any `tool_use` block, else `end_turn` */
  readonly stop_reason?: StopReason | (string & {});
  readonly stop_sequence?: string;
  readonly stop_details?: RefusalStopDetails;
  /** The sandbox that the reply started or used again. */
  readonly container?: { readonly id: string; readonly expires_at: string };
  /** Replaces single fields of the estimate. */
  readonly usage?: Partial<Usage>;
  /** Replaces the server's pace. */
  readonly pace?: Pace;
}

/** What goes wrong with one response. `afterEvents` counts the events of the stream. */
export type Fault =
  | {
      readonly type: 'status';
      readonly status: number;
      readonly error: ApiError;
      readonly headers: Readonly<Record<string, string>>;
    }
  | { readonly type: 'stallBeforeHeaders'; readonly forMs: number }
  | StreamFault;

export type StreamFault =
  | { readonly type: 'stall'; readonly forMs: number; readonly afterEvents?: number }
  | { readonly type: 'error'; readonly error: ApiError; readonly afterEvents?: number }
  | { readonly type: 'unknownEvent'; readonly afterEvents?: number }
  | { readonly type: 'end'; readonly afterEvents?: number }
  | { readonly type: 'reset'; readonly afterEvents?: number };

export interface ApiError {
  readonly type: string;
  readonly message: string;
  readonly details?: { readonly error_code: string };
}

export interface FaultReply {
  readonly type: 'fault';
  readonly fault: Fault;
  /** The reply that the fault interrupts. */
  readonly reply?: Reply;
}

/** A reply, a fault, or a function that decides by the request and by nothing else. */
export type Reply =
  | MessageReply
  | FaultReply
  | ((request: ScriptRequest) => Reply | Promise<Reply>);
