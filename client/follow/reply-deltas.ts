import type { PartialBlock, PartialReply } from '../../core/conversation/partial-reply.ts';
import { partialBlock } from '../../core/conversation/partial-reply.ts';
import type { ModelReply } from '../../core/conversation/reply.ts';
import { defined } from '../../core/json.ts';
import type { TurnStreamEvent } from './stream-events.ts';

/** Why the same attempt begins another reply. */
const NOT_USABLE = 'The reply could not be used, and the model is asked again.';
/** Why a partial reply is dropped. */
const DECLINED = 'The model has declined to answer, and another model is asked.';

/**
 * Turns the growing reply of one round into stream events, in order and without gaps. What no partial reply
 * contained follows when the reply is committed.
 */
export class ReplyDeltas {
  readonly round: number;
  private attempt = 1;
  private request = 1;
  /** The sum of the events so far; texts from their beginning. */
  private reported: PartialBlock[] = [];

  constructor(round: number) {
    this.round = round;
  }

  /** The model request has reached this attempt. Does nothing if that is known already. */
  startAttempt(attempt: number, reason?: string): TurnStreamEvent[] {
    if (attempt <= this.attempt) return [];
    this.attempt = attempt;
    this.request = 1;
    return this.restart(reason);
  }

  /** Adds what this partial reply has beyond what was reported. */
  add({ attempt, request, from, blocks }: PartialReply): TurnStreamEvent[] {
    const events = this.startAttempt(attempt);
    // A late heartbeat, or one of an earlier attempt.
    if (attempt < this.attempt || request < this.request) return events;
    if (request > this.request) {
      this.request = request;
      events.push(...this.restart(NOT_USABLE));
    }
    return [...events, ...this.follow(from, blocks)];
  }

  /** The model request ended with this reply, in this attempt. */
  commit(reply: ModelReply, attempt: number): TurnStreamEvent[] {
    const { round } = this;
    const events: TurnStreamEvent[] = [];
    if (reply.stopReason !== 'tool_use') {
      // A call that was cut off is not in the reply.
      const ids = new Set(reply.content.map((block) => ('id' in block ? block.id : undefined)));
      this.reported = this.reported.filter((block) => block.type !== 'call' || ids.has(block.id));
    }
    const whole = reply.content.map((block) => partialBlock(block));
    const torn = attempt > this.attempt || !isBeginningOf(this.reported, whole);
    this.attempt = attempt;
    if (torn && this.reported.length > 0) events.push(...this.restart());
    const rest = this.follow(0, whole).filter(({ type }) => type !== 'callForming');
    return [...events, ...rest, { type: 'replyCommitted', round, reply }];
  }

  /** The model request ended without a reply. */
  discard(): TurnStreamEvent[] {
    return this.reported.length === 0 ? [] : this.restart(DECLINED);
  }

  private restart(reason?: string): TurnStreamEvent[] {
    const { round, attempt } = this;
    this.reported = [];
    return [{ type: 'attemptRestarted', round, attempt, ...defined({ reason }) }];
  }

  /** What the blocks have beyond what was reported; nothing if there is a gap between the two. */
  private follow(from: number, blocks: readonly PartialBlock[]): TurnStreamEvent[] {
    const { reported } = this;
    // The last reported block may have grown: only a view of that block says whether it is whole.
    if (from > Math.max(0, reported.length - 1)) return [];
    const events: TurnStreamEvent[] = [];
    for (const [i, block] of blocks.entries()) {
      const index = from + i;
      if (index < reported.length - 1) continue;
      const before = reported[index];
      if (isText(block) && block.offset > textOf(before).length) break;
      events.push(...this.delta(index, before, block));
    }
    return events;
  }

  private delta(
    index: number,
    before: PartialBlock | undefined,
    block: PartialBlock,
  ): TurnStreamEvent[] {
    const { round, reported } = this;
    switch (block.type) {
      case 'text':
      case 'thinking': {
        const known = textOf(before);
        const text = block.text.slice(known.length - block.offset);
        reported[index] = { type: block.type, offset: 0, text: known + text };
        if (text === '') return [];
        return block.type === 'text'
          ? [{ type: 'textDelta', round, block: index, text }]
          : [{ type: 'thinkingDelta', round, block: index, thinking: text }];
      }
      case 'call': {
        const { id, name, inputLength } = block;
        const known = before?.type === 'call' ? before.inputLength : -1;
        if (inputLength <= known) return [];
        reported[index] = block;
        return [{ type: 'callForming', round, callId: id, name, inputLength }];
      }
      default:
        reported[index] = block;
        return [];
    }
  }
}

type TextBlock = Extract<PartialBlock, { text: string }>;

function isText(block: PartialBlock): block is TextBlock {
  return block.type === 'text' || block.type === 'thinking';
}

function textOf(block: PartialBlock | undefined): string {
  return block !== undefined && isText(block) ? block.text : '';
}

/** Whether these blocks may have grown into the whole ones. */
function isBeginningOf(reported: readonly PartialBlock[], whole: readonly PartialBlock[]): boolean {
  return reported.every((block, i) => {
    const becomes = whole[i];
    if (becomes?.type !== block.type) return false;
    if (block.type === 'call' && becomes.type === 'call') return block.id === becomes.id;
    if (!isText(block) || !isText(becomes)) return true;
    return i < reported.length - 1
      ? block.text === becomes.text
      : becomes.text.startsWith(block.text);
  });
}
