import type { AgentClient, TurnStreamEvent } from 'plait/client';

/** What a browser shows: the answer as it grows, and the calls. */
export class Reply {
  #committed = '';
  #partial = '';
  readonly calls = new Map<string, string>();
  /** The last round whose reply is complete. */
  round = 0;

  get text(): string {
    return this.#committed + this.#partial;
  }

  /** Call this before you follow the turn again: what was not committed arrives again. */
  resume(): void {
    this.#partial = '';
  }

  take(event: TurnStreamEvent): void {
    switch (event.type) {
      case 'textDelta':
        this.#partial += event.text;
        break;
      case 'attemptRestarted':
        this.#partial = ''; // the model is asked again: drop what it has said so far
        break;
      case 'replyCommitted':
        this.#committed = this.text;
        this.#partial = '';
        this.round = event.round;
        break;
      case 'callScheduled':
        this.calls.set(event.callId, `${event.name}(${event.summary}) …`);
        break;
      case 'callWaiting':
        this.calls.set(event.callId, `${event.name}(${event.summary}) ${event.message}`);
        break;
      case 'callFinished':
        this.calls.set(event.callId, `${event.name}: ${event.outcome}`);
        break;
      case 'turnEnded':
        this.#partial = ''; // it belongs to a reply that was never complete
        break;
      default: // thinkingDelta, callForming, notStreamed
        break;
    }
  }
}

/** Follows a turn into `reply`. After a lost connection, call it again: it goes on. */
export async function follow(
  agents: AgentClient,
  turnId: string,
  reply: Reply,
  signal: AbortSignal,
) {
  reply.resume();
  const events = agents.getTurn(turnId).stream({ signal, afterReply: reply.round });
  for await (const event of events) reply.take(event);
}
