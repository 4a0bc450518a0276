import type { ReplyPiece } from '../../core/conversation/partial-reply.ts';
import { pieceRequest } from '../../core/conversation/partial-reply.ts';
import type { ToolResultContent } from '../../core/conversation/messages.ts';
import { defined } from '../../core/json.ts';
import { CALL_MODEL } from '../../core/names.ts';
import { answerOf, applyEvent, newDraft, resultIn } from './build-snapshot.ts';
import type { ModelRequest } from './description.ts';
import type { TurnEvent } from './events.ts';
import { ReplyDeltas } from './reply-deltas.ts';
import type { CallSnapshot } from './snapshot.ts';
import { isSettled } from './snapshot.ts';
import type { TurnStreamEvent } from './stream-events.ts';

/** The model request that is open. */
interface OpenRequest {
  key: string;
  activityId: string;
  /** Its name in pieces. */
  name: string;
  deltas: ReplyDeltas;
  attempt: number;
}

const NOT_STREAMED =
  'Nobody asked for a stream of this turn, so each reply comes when it is committed. To follow replies while the model writes them, give `stream: true` to the agent, to the start of the turn or session, or to `send`.';

/** Most pieces that are kept of a request that history does not show yet. */
const MOST_EARLY = 100;

/**
 * Translates the history of a turn, and what descriptions and pieces say of its model requests, into stream
 * events. History alone decides which request is open, and what is committed.
 */
export class EventTranslator {
  private readonly draft;
  /** The last event of each call, by its id. */
  private readonly reported = new Map<string, 'scheduled' | 'waiting' | 'finished'>();
  /** Index of the first round that may have calls that have not finished. */
  private firstOpenRound = 0;
  private request: OpenRequest | undefined;
  private early: ReplyPiece[] = [];
  private saysHowItStreams = false;
  /** What calls returned that have not been reported as finished, by their ids; `undefined` where nobody asks. */
  private readonly results: Map<string, ToolResultContent> | undefined;

  /** @param results whether `callFinished` has what the tool returned */
  constructor(turnId: string, { results = false }: { results?: boolean } = {}) {
    this.draft = newDraft(turnId);
    this.results = results ? new Map() : undefined;
  }

  /** Whether a model request is open, of which a description says more than history. */
  get asksModel(): boolean {
    return this.request !== undefined;
  }

  fromDescription({ activityId, attempt, lastFailure, partial }: ModelRequest): TurnStreamEvent[] {
    // History decides which request is open: a description may be older or newer than what was read.
    if (this.request?.activityId !== activityId) return [];
    const { deltas } = this.request;
    const events = deltas.startAttempt(attempt, lastFailure);
    return partial === undefined ? events : [...events, ...deltas.add(partial)];
  }

  /** A transport may be faster than history, or slower. */
  fromPiece(piece: ReplyPiece): TurnStreamEvent[] {
    if (this.request?.name === piece.request) return this.request.deltas.add(piece.partial);
    this.early.push(piece);
    if (this.early.length > MOST_EARLY) this.early.shift();
    return [];
  }

  fromHistory(event: TurnEvent): TurnStreamEvent[] {
    const returned = this.results && resultIn(this.draft, event);
    if (returned !== undefined) this.results?.set(returned.callId, returned.content);
    applyEvent(this.draft, event);
    const events = [...this.ofModel(event), ...this.ofCalls()];
    if (event.type !== 'turnClosed') return events;
    const { stopReason, message } = this.draft.turn;
    const { status } = event;
    return [...events, { type: 'turnEnded', status, ...defined({ stopReason, message }) }];
  }

  private ofModel(event: TurnEvent): TurnStreamEvent[] {
    if (event.type === 'scheduled' && event.activityType === CALL_MODEL) {
      const deltas = new ReplyDeltas(this.draft.turn.rounds.length);
      const name = pieceRequest(event.id, event.at);
      this.request = { key: event.key, activityId: event.id, name, deltas, attempt: 1 };
      const early = this.early.filter(({ request }) => request === name);
      this.early = [];
      return early.flatMap(({ partial }) => deltas.add(partial));
    }
    const { request } = this;
    if (request === undefined) return [];
    if (event.type === 'started' && event.key === request.key) request.attempt = event.attempt;
    if (event.type !== 'ended' || event.key !== request.key) return [];
    this.request = undefined;
    const answer = answerOf(event.ending);
    if (answer === undefined) return [];
    if (answer.type !== 'reply') return request.deltas.discard();
    const events = request.deltas.commit(answer.reply, request.attempt);
    if (this.saysHowItStreams || answer.streamed === true) return events;
    this.saysHowItStreams = true;
    const { round } = request.deltas;
    return [{ type: 'notStreamed', round, message: NOT_STREAMED }, ...events];
  }

  private ofCalls(): TurnStreamEvent[] {
    const { rounds } = this.draft.turn;
    const events: TurnStreamEvent[] = [];
    for (const { round, calls } of rounds.slice(this.firstOpenRound)) {
      for (const call of calls) events.push(...this.ofCall(round, call));
      const isOpen = calls.some(({ id }) => this.reported.get(id) !== 'finished');
      if (!isOpen && round < rounds.length && round === this.firstOpenRound + 1) {
        this.firstOpenRound = round;
      }
    }
    return events;
  }

  private ofCall(round: number, call: CallSnapshot): TurnStreamEvent[] {
    const { id: callId, name, summary, state, message, approval } = call;
    // Why it was cancelled, and whether that was a time limit, is known when all calls have ended.
    const isFinished = isSettled(state) && !(state === 'cancelled' && message === undefined);
    const now = isFinished ? 'finished' : state === 'waiting' ? 'waiting' : 'scheduled';
    const before = this.reported.get(callId);
    if (now === before || before === 'finished') return [];
    if (now === 'scheduled' && before !== undefined && isSettled(state)) return [];
    this.reported.set(callId, now);
    const about = { round, callId, name };
    if (isFinished) {
      const returned = this.results?.get(callId);
      this.results?.delete(callId);
      const result = state === 'succeeded' ? returned : undefined;
      return [
        {
          type: 'callFinished',
          ...about,
          outcome: state,
          ...defined({ message, result, approval }),
        },
      ];
    }
    return now === 'waiting'
      ? [{ type: 'callWaiting', ...about, summary, message: message ?? '' }]
      : [{ type: 'callScheduled', ...about, summary }];
  }
}
