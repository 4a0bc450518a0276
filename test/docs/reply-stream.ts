import type { AgentClient, TurnStreamEvent } from 'plait/client';

/** What a browser shows: the answer as it grows, and the calls that it is waiting for. */
export class Reply {
  #committed = '';
  #forming = '';
  readonly calls = new Map<string, string>();
  /** The last round whose reply is complete. */
  round = 0;

  get text(): string {
    return this.#committed + this.#forming;
  }

  /** Before it is followed again: what was not committed is told anew. */
  resume(): void {
    this.#forming = '';
  }

  take(event: TurnStreamEvent): void {
    switch (event.type) {
      case 'textDelta':
        this.#forming += event.text;
        break;
      case 'attemptRestarted':
        this.#forming = ''; // the model is asked again: drop what it had begun to say
        break;
      case 'replyCommitted':
        this.#committed = this.text;
        this.#forming = '';
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
        this.#forming = ''; // of a reply that was never complete
        break;
      default: // thinkingDelta, callForming
        break;
    }
  }
}

/** Follows a turn into a reply that is shown. Called again after a lost connection, it goes on. */
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
