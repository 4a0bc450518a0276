import type { RawMessageStreamEvent } from '@anthropic-ai/sdk/resources/messages';
import type { ReplyBlock } from '../../core/conversation/messages.ts';
import type { ModelReply } from '../../core/conversation/reply.ts';
import type { Container } from '../../core/conversation/server-calls.ts';
import { beginningOf, defined } from '../../core/json.ts';
import type { Usage } from '../../core/turn/usage.ts';
import type { Delta } from './reply-blocks.ts';
import { ReplyBlocks } from './reply-blocks.ts';
import { TornReplyError, UnusableReplyError } from './reply-errors.ts';
import { ReplyUsage } from './reply-usage.ts';

/** An event of a reply's stream, those of the compaction's beta included. */
export type ReplyEvent =
  | Exclude<RawMessageStreamEvent, { type: 'content_block_start' | 'content_block_delta' }>
  | { type: 'content_block_start'; index: number; content_block: ReplyBlock }
  | { type: 'content_block_delta'; index: number; delta: Delta };

/** The stop reasons of replies whose calls are all whole. */
const COMPLETE: ReadonlySet<string> = new Set(['tool_use', 'end_turn', 'pause_turn']);

/** Collects the events of one reply. */
export class ReplyAssembly {
  readonly blocks = new ReplyBlocks();
  private readonly counts = new ReplyUsage();
  private head: Pick<ModelReply, 'id' | 'model'> | undefined;
  private stop: Stop | undefined;
  private container: Container | undefined;
  private hasEnded = false;
  private count = 0;

  /** How many events have come. */
  get events(): number {
    return this.count;
  }

  /** `message_stop` has come: whatever follows is not part of the reply. */
  get isWhole(): boolean {
    return this.hasEnded;
  }

  /** What the reply has cost, as far as the stream has said. */
  get usage(): Usage {
    return this.counts.total;
  }

  /**
   * `data` is the JSON that the event was read from. Throws an `UnusableReplyError` for an event that is
   * not one of the API's.
   */
  add(event: ReplyEvent, data?: string): void {
    this.count += 1;
    try {
      this.take(event, data);
    } catch (error) {
      if (error instanceof UnusableReplyError) throw error;
      // A field is missing or has another type.
      const shown = beginningOf(data ?? JSON.stringify(event));
      throw new UnusableReplyError(`an event of its stream is not the API's: ${shown}`, {
        cause: error,
      });
    }
  }

  private take(event: ReplyEvent, data: string | undefined): void {
    switch (event.type) {
      case 'message_start': {
        // A gateway that asked again sends a second message in the same stream.
        const { id, model, content, usage, stop_reason: stopReason } = event.message;
        this.head = { id, model };
        this.counts.add(usage);
        this.container = containerOf(event.message) ?? this.container;
        this.blocks.beginMessage(content, data);
        // A reply that was made before the stream began comes whole.
        const isDone = stopReason !== null && stopReason !== undefined;
        this.stop = isDone ? stopOf(event.message) : undefined;
        break;
      }
      case 'content_block_start':
        this.blocks.begin(event.index, event.content_block, data);
        break;
      case 'content_block_delta':
        this.blocks.extend(event.index, event.delta);
        break;
      case 'content_block_stop':
        this.blocks.end(event.index);
        break;
      case 'message_delta': {
        const { delta, usage } = event;
        // A later delta may leave out what an earlier one said.
        if (delta.stop_reason != null || this.stop === undefined) this.stop = stopOf(delta);
        this.container = containerOf(delta) ?? this.container;
        this.counts.add(usage);
        break;
      }
      case 'message_stop':
        this.hasEnded = true;
        break;
      default:
        // The API announces that it may add kinds of events.
        break;
    }
  }

  /**
   * The whole reply. Throws a `TornReplyError` when it is not whole, and an `UnusableReplyError` when it is
   * not a reply.
   */
  finish(requestId: string | null): ModelReply {
    const { head, stop, container, usage } = this;
    if (!this.isWhole) throw new TornReplyError('the stream ended before the reply was whole');
    if (head === undefined || stop === undefined) {
      const missing = head === undefined ? 'message_start' : 'message_delta';
      throw new UnusableReplyError(`its stream has no ${missing}`);
    }
    // A call that was cut off with its reply is left out: it has no input that could be sent back.
    const { content, problem } = this.blocks.finish();
    if (problem !== undefined && COMPLETE.has(stop.stopReason)) {
      throw new UnusableReplyError(problem);
    }
    return { ...head, content, ...stop, usage, ...defined({ container }), requestId };
  }
}

type Stop = Pick<ModelReply, 'stopReason' | 'stopSequence' | 'stopDetails'>;

function stopOf(
  said: Pick<RawMessageDelta, 'stop_reason' | 'stop_sequence' | 'stop_details'>,
): Stop {
  return {
    stopReason: said.stop_reason ?? 'unknown',
    stopSequence: said.stop_sequence ?? null,
    stopDetails: said.stop_details ?? null,
  };
}

/** Without its skills: nothing here needs them. */
function containerOf({ container }: { container?: Container | null }): Container | undefined {
  if (container === null || container === undefined) return undefined;
  const { id, expires_at } = container;
  return typeof id === 'string' && typeof expires_at === 'string' ? { id, expires_at } : undefined;
}

type RawMessageDelta = Extract<RawMessageStreamEvent, { type: 'message_delta' }>['delta'];
