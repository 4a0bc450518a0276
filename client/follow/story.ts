import { defined, isRecord } from '../../core/json.ts';
import { CALL_MODEL } from '../../core/names.ts';
import type { ModelReply } from '../../core/conversation/reply.ts';
import type { ModelRequest } from './model-request.ts';
import { ReplyReader } from './partial-reply.ts';
import type { TurnStreamEvent } from './stream-events.ts';
import type { Ending, TurnEvent } from './events.ts';
import type { CallSnapshot } from './snapshot.ts';
import { isSettled } from './snapshot.ts';
import { applyEvent, bringsNoReply, newTree } from './tree.ts';

/** The model request that is open. */
interface OpenRequest {
  key: string;
  activityId: string;
  reader: ReplyReader;
  attempt: number;
}

/** Tells a turn, event by event, from its history and from what a description says of a reply. */
export class TurnStory {
  private readonly tree;
  private readonly told = new Map<string, 'scheduled' | 'waiting' | 'finished'>();
  /** All calls of the rounds before it have finished. */
  private firstOpenRound = 0;
  private request: OpenRequest | undefined;

  constructor(turnId: string) {
    this.tree = newTree(turnId);
  }

  /** Whether a description can say more than history. */
  get asksModel(): boolean {
    return this.request !== undefined;
  }

  /** What a description says of the model request. */
  hear({ activityId, attempt, lastFailure, forming }: ModelRequest): TurnStreamEvent[] {
    // History decides what is open: a description may be older, or newer, than what was read of it.
    if (this.request?.activityId !== activityId) return [];
    const { reader } = this.request;
    const events = reader.reach(attempt, lastFailure);
    return forming === undefined ? events : [...events, ...reader.read(forming)];
  }

  /** What history says next. */
  take(event: TurnEvent): TurnStreamEvent[] {
    applyEvent(this.tree, event);
    const events = [...this.ofModel(event), ...this.ofCalls()];
    if (event.type !== 'turnClosed') return events;
    const { stopReason, message } = this.tree.turn;
    const ended: TurnStreamEvent = {
      type: 'turnEnded',
      status: event.status,
      ...defined({ stopReason, message }),
    };
    return [...events, ended];
  }

  private ofModel(event: TurnEvent): TurnStreamEvent[] {
    if (event.type === 'scheduled' && event.activityType === CALL_MODEL) {
      const reader = new ReplyReader(this.tree.turn.rounds.length);
      this.request = { key: event.key, activityId: event.id, reader, attempt: 1 };
      return [];
    }
    const { request } = this;
    if (request === undefined || !('key' in event) || event.key !== request.key) return [];
    if (event.type === 'started') request.attempt = event.attempt;
    if (event.type !== 'ended') return [];
    this.request = undefined;
    if (bringsNoReply(event.ending)) return request.reader.giveUp();
    const reply = replyIn(event.ending);
    return reply === undefined ? [] : request.reader.commit(reply, request.attempt);
  }

  private ofCalls(): TurnStreamEvent[] {
    const { rounds } = this.tree.turn;
    const events: TurnStreamEvent[] = [];
    for (const { round, calls } of rounds.slice(this.firstOpenRound)) {
      for (const call of calls) events.push(...this.ofCall(round, call));
      const isOpen = calls.some(({ id }) => this.told.get(id) !== 'finished');
      if (!isOpen && round < rounds.length && round === this.firstOpenRound + 1) {
        this.firstOpenRound = round;
      }
    }
    return events;
  }

  private ofCall(round: number, call: CallSnapshot): TurnStreamEvent[] {
    const { id: callId, name, summary, state, message } = call;
    const stands = isSettled(state) ? 'finished' : state === 'waiting' ? 'waiting' : 'scheduled';
    const before = this.told.get(callId);
    if (stands === before || before === 'finished') return [];
    this.told.set(callId, stands);
    const about = { round, callId, name };
    if (isSettled(state)) {
      const why = message === undefined ? {} : { message };
      return [{ type: 'callFinished', ...about, outcome: state, ...why }];
    }
    return stands === 'waiting'
      ? [{ type: 'callWaiting', ...about, summary, message: message ?? '' }]
      : [{ type: 'callScheduled', ...about, summary }];
  }
}

function replyIn(ending: Ending): ModelReply | undefined {
  const result = ending.type === 'completed' ? ending.result : undefined;
  const reply = isRecord(result) ? result['reply'] : undefined;
  return isRecord(reply) ? (reply as unknown as ModelReply) : undefined;
}
