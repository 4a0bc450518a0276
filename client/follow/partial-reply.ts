import { defined } from '../../core/json.ts';
import type { PartialBlock, PartialReply } from '../../core/conversation/partial-reply.ts';
import { partialBlock } from '../../core/conversation/partial-reply.ts';
import type { ModelReply } from '../../core/conversation/reply.ts';
import type { TurnStreamEvent } from './stream-events.ts';

/** Why another reply of the same attempt forms. */
const NOT_USABLE = 'The reply could not be used, and the model is asked again.';
/** Why nothing of a reply is kept. */
const DECLINED = 'The model has declined to answer, and another model is asked.';

/**
 * Reads the reply of one round while it forms, and tells of it in order and without gaps. What it
 * could not see, it tells when the reply is committed.
 */
export class ReplyReader {
  readonly round: number;
  private attempt = 1;
  private request = 1;
  /** Told so far; texts from their beginning. */
  private told: PartialBlock[] = [];

  constructor(round: number) {
    this.round = round;
  }

  /** The model request is at this attempt. */
  reach(attempt: number, reason?: string): TurnStreamEvent[] {
    if (attempt <= this.attempt) return [];
    this.attempt = attempt;
    this.request = 1;
    return this.restart(reason);
  }

  read({ attempt, request, from, blocks }: PartialReply): TurnStreamEvent[] {
    const events = this.reach(attempt);
    // A heartbeat that was late, or one of an attempt that is over.
    if (attempt < this.attempt || request < this.request) return events;
    if (request > this.request) {
      this.request = request;
      events.push(...this.restart(NOT_USABLE));
    }
    return [...events, ...this.follow(from, blocks)];
  }

  /** `attempt` is the one that brought the reply. */
  commit(reply: ModelReply, attempt: number): TurnStreamEvent[] {
    const { round } = this;
    const events: TurnStreamEvent[] = [];
    if (reply.stopReason !== 'tool_use') {
      // A call that was cut off is left out of the reply.
      const ids = new Set(reply.content.map((block) => ('id' in block ? block.id : undefined)));
      this.told = this.told.filter((block) => block.type !== 'call' || ids.has(block.id));
    }
    const whole = reply.content.map((block) => partialBlock(block));
    const torn = attempt > this.attempt || !isBeginningOf(this.told, whole);
    this.attempt = attempt;
    if (torn && this.told.length > 0) events.push(...this.restart());
    const rest = this.follow(0, whole).filter(({ type }) => type !== 'callForming');
    return [...events, ...rest, { type: 'replyCommitted', round, reply }];
  }

  /** Nothing becomes of the reply. */
  giveUp(): TurnStreamEvent[] {
    return this.told.length === 0 ? [] : this.restart(DECLINED);
  }

  private restart(reason?: string): TurnStreamEvent[] {
    const { round, attempt } = this;
    this.told = [];
    return [{ type: 'attemptRestarted', round, attempt, ...defined({ reason }) }];
  }

  /** What the blocks have beyond what was told, as far as it follows upon that. */
  private follow(from: number, blocks: readonly PartialBlock[]): TurnStreamEvent[] {
    const { told } = this;
    // Whether the last block that was told of is whole can only be seen in the block itself.
    if (from > Math.max(0, told.length - 1)) return [];
    const events: TurnStreamEvent[] = [];
    for (const [i, block] of blocks.entries()) {
      const index = from + i;
      if (index < told.length - 1) continue;
      const before = told[index];
      const seen = before !== undefined && 'text' in before ? before.text.length : 0;
      if ('text' in block && block.offset > seen) break;
      events.push(...this.tell(index, before, block));
    }
    return events;
  }

  private tell(
    index: number,
    before: PartialBlock | undefined,
    block: PartialBlock,
  ): TurnStreamEvent[] {
    const { round, told } = this;
    switch (block.type) {
      case 'text':
      case 'thinking': {
        const known = before !== undefined && 'text' in before ? before.text : '';
        const text = block.text.slice(known.length - block.offset);
        told[index] = { type: block.type, offset: 0, text: known + text };
        if (text === '') return [];
        return block.type === 'text'
          ? [{ type: 'textDelta', round, block: index, text }]
          : [{ type: 'thinkingDelta', round, block: index, thinking: text }];
      }
      case 'call': {
        const { id, name, inputLength } = block;
        const known = before?.type === 'call' ? before.inputLength : -1;
        told[index] = block;
        if (inputLength <= known) return [];
        return [{ type: 'callForming', round, callId: id, name, inputLength }];
      }
      default:
        told[index] = block;
        return [];
    }
  }
}

/** Whether the blocks may have become these. */
function isBeginningOf(told: readonly PartialBlock[], whole: readonly PartialBlock[]): boolean {
  return told.every((block, i) => {
    const becomes = whole[i];
    if (becomes?.type !== block.type) return false;
    if (block.type === 'call' && becomes.type === 'call') return block.id === becomes.id;
    if (!('text' in block) || !('text' in becomes)) return true;
    return i < told.length - 1 ? block.text === becomes.text : becomes.text.startsWith(block.text);
  });
}
