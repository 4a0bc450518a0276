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

/** The open model request. */
interface OpenRequest {
  key: string;
  activityId: string;
  /** The name of the request in pieces. */
  name: string;
  deltas: ReplyDeltas;
  attempt: number;
}

const NOT_STREAMED =
  'Nobody asked for a stream of this turn, so each reply comes when it is committed. To follow replies while the model writes them, give `stream: true` to the agent, to the start of the turn or session, or to `send`.';

/** How many pieces are kept for a request that history does not show yet. */
const MOST_EARLY = 100;

/**
 * Translates a turn's history into stream events, and what descriptions and pieces say of its model requests.
 * Only history decides which request is open and what is committed.
 */
export class EventTranslator {
  private readonly draft;
  /** The last event of each call, by its id. */
  private readonly reported = new Map<string, 'scheduled' | 'waiting' | 'finished'>();
  /** Index of the first round whose calls may still be unfinished. */
  private firstOpenRound = 0;
  private request: OpenRequest | undefined;
  private early: ReplyPiece[] = [];
  private saysHowItStreams = false;
  /** Results of calls that were not reported as finished yet, by id; `undefined` if nobody asked for results. */
  private readonly results: Map<string, ToolResultContent> | undefined;

  /** @param results whether `callFinished` includes what the tool returned */
  constructor(turnId: string, { results = false }: { results?: boolean } = {}) {
    this.draft = newDraft(turnId);
    this.results = results ? new Map() : undefined;
  }

  /** Whether a model request is open; a description says more about it than history. */
  get asksModel(): boolean {
    return this.request !== undefined;
  }

  fromDescription({ activityId, attempt, lastFailure, partial }: ModelRequest): TurnStreamEvent[] {
    // Ignore other requests: a description may be older or newer than the history read so far.
    if (this.request?.activityId !== activityId) return [];
    const { deltas } = this.request;
    const events = deltas.startAttempt(attempt, lastFailure);
    return partial === undefined ? events : [...events, ...deltas.add(partial)];
  }

  /** A transport may be faster or slower than history. */
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
    // A cancelled call without a message is not reported yet: why it was cancelled, or whether it timed out,
    // is known only when all calls have ended.
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
