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
  /** Default: made from the conversation, the same at every retry. */
  readonly id?: string;
  readonly caller?: ToolUseBlock['caller'];
  readonly toolset_name?: string;
  /** What a stream sends as the input's JSON instead of `input`, valid or not. */
  readonly rawInput?: string;
}

/** The API compacts the conversation; without a summary it tries to and fails. */
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

/** A content block as a script writes it: what is left out is filled in by the server. */
export type ScriptedBlock =
  | { readonly type: 'text'; readonly text: string; readonly citations?: TextBlock['citations'] }
  | { readonly type: 'thinking'; readonly thinking: string; readonly signature?: string }
  | { readonly type: 'redacted_thinking'; readonly data?: string }
  | ScriptedCompaction
  | ScriptedToolUse
  | Exclude<ContentBlock, { type: 'text' | 'thinking' | 'redacted_thinking' | 'tool_use' }>;

/** How fast a reply comes. Milliseconds, all 0 by default. */
export interface Pace {
  /** From the request to the first byte. */
  readonly firstByteMs?: number;
  /** Between two events of a stream. */
  readonly betweenEventsMs?: number;
}

/** A whole reply of the model. */
export interface MessageReply {
  readonly content: readonly ScriptedBlock[];
  /** Default: `tool_use` with any `tool_use` block, else `end_turn`. */
  readonly stop_reason?: StopReason | (string & {});
  readonly stop_sequence?: string;
  readonly stop_details?: RefusalStopDetails;
  /** The sandbox that the reply has begun or gone on with. */
  readonly container?: { readonly id: string; readonly expires_at: string };
  /** Overrides single fields of the estimate. */
  readonly usage?: Partial<Usage>;
  /** Overrides the server's pace. */
  readonly pace?: Pace;
}

/** What goes wrong with one response. Positions count the events of the stream. */
export type Fault =
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly error: ApiError;
      readonly headers: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'stallBeforeHeaders'; readonly forMs: number }
  | StreamFault;

export type StreamFault =
  | { readonly kind: 'stall'; readonly forMs: number; readonly afterEvents?: number }
  | { readonly kind: 'error'; readonly error: ApiError; readonly afterEvents?: number }
  | { readonly kind: 'unknownEvent'; readonly afterEvents?: number }
  | { readonly kind: 'end'; readonly afterEvents?: number }
  | { readonly kind: 'reset'; readonly afterEvents?: number };

export interface ApiError {
  readonly type: string;
  readonly message: string;
  readonly details?: { readonly error_code: string };
}

export interface FaultReply {
  readonly fault: Fault;
  /** The reply that the fault spoils. */
  readonly reply?: Reply;
}

/** A reply, a fault, or a function that decides by the request (and by nothing else). */
export type Reply =
  | MessageReply
  | FaultReply
  | ((request: ScriptRequest) => Reply | Promise<Reply>);
