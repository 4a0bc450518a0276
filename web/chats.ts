import type { AgentDefinition } from '../agents/define-agent.ts';
import type { Caller } from '../callers/caller.ts';
import { idFor, ownerOf } from '../callers/caller.ts';
import { mayReach } from '../callers/reach.ts';
import type { AgentClient } from '../client/agent-client.ts';
import { DecisionRejectedError, SessionNotFoundError } from '../client/errors.ts';
import { turnInput } from '../client/follow/turn-input.ts';
import type { SessionDescription, SessionHandle } from '../client/session-handle.ts';
import type { TurnHandle } from '../client/turn-handle.ts';
import { defined } from '../core/json.ts';
import { TURN_WORKFLOW } from '../core/names.ts';
import type { SessionInput, WhenBusy } from '../core/session/protocol.ts';
import { approvalIdOf } from './approval-id.ts';
import type { AgUiRun, AgUiStep } from './ag-ui.ts';
import { agUiMessages, runBegun, runEnded, runEvents, runWith } from './ag-ui.ts';
import type { AgUiInput, Decision, Said } from './body.ts';
import { isRunInput, readChatBody, readDecision, readRunInput } from './body.ts';
import type { Written } from './draft.ts';
import { begun, paused, undecided, written } from './draft.ts';
import type { Sent } from './event-stream.ts';
import { eventStream } from './event-stream.ts';
import { HttpError } from './http-error.ts';
import type { Seen } from './rest.ts';
import { restOf } from './rest.ts';
import type { Route } from './route.ts';
import type { ChatMessage } from './ui-messages.ts';
import { chatMessages } from './ui-messages.ts';

export interface ChatsOptions {
  client: AgentClient;
  agent: AgentDefinition;
  whenBusy: Exclude<WhenBusy, 'steer'>;
  /** Whether pages get what the model wrote into calls. */
  inputs: boolean;
  /** Whether pages get what tools returned. */
  outputs: boolean;
  /** Called with errors that pages do not see. */
  onError: (error: unknown) => void;
}

/** A page that loads its messages while a turn ends would get the answer in neither of its two requests. */
const RECENT_MS = 60_000;

/** How often to read a conversation again that goes on meanwhile. */
const MOST_READINGS = 5;

/** In the id of the last event of a turn, instead of a round. */
const ENDED = 'ended';

interface Following {
  caller: Caller;
  /** What the page has. */
  seen?: Seen;
  /** Whether to end the answer where the turn waits for the page, as `useChat` expects it. */
  pauses: boolean;
}

/** A call that waits for a person. */
interface Asking {
  approvalId: string;
  toolCallId: string;
  toolName: string;
  input: unknown;
  /** Names of the agents, from the one of the chat to the one that asks. */
  agents: string[];
  /** ISO 8601. */
  expiresAt: string;
}

/** The chats of all callers. Each is a session, whose id follows from the caller and the page's id of the chat. */
export class Chats {
  private readonly options: ChatsOptions;
  private readonly closing = new AbortController();

  constructor(options: ChatsOptions) {
    this.options = options;
  }

  /** Ends all answers that are under way. Their turns go on. */
  close(): void {
    this.closing.abort();
  }

  /** Answers a request. Throws an `HttpError`, and what the client throws. */
  async answer(route: Route, request: Request, caller: Caller): Promise<Response> {
    switch (route.type) {
      case 'send': {
        const body = await jsonOf(request);
        if (isRunInput(body)) return await this.runAgUi(readRunInput(body), caller);
        const { chatId, said } = readChatBody(body);
        const { turn, ...following } = await this.say(chatId, said, caller);
        return this.follow(turn, following);
      }
      case 'decide': {
        const decision = readDecision(await jsonOf(request));
        await this.decide(decision.turnId, [decision], caller);
        return new Response(null, { status: 204 });
      }
      case 'follow chat':
        return await this.comeBack(route.chatId, request, caller);
      case 'follow turn': {
        const seen = readEventId(request.headers.get('last-event-id') ?? '');
        if (seen?.round === ENDED) return new Response(null, { status: 204 });
        const turn = await this.reach(route.turnId, caller);
        return this.follow(turn, { caller, pauses: false, ...seenPart(seen?.round) });
      }
      case 'read chat':
        return Response.json({ messages: await this.read(route.chatId, caller) });
      case 'read approvals':
        return Response.json({ approvals: await this.approvals(route.chatId, caller) });
      case 'stop chat': {
        await this.stop(route.chatId, caller);
        return new Response(null, { status: 204 });
      }
    }
  }

  /** Takes what the page says. Its answer is that of a turn, or the rest of one. */
  private async say(
    chatId: string,
    said: Said,
    caller: Caller,
  ): Promise<Following & { turn: TurnHandle }> {
    if (said.type === 'decisions') {
      const [{ turnId, round }] = said.decisions;
      const turn = await this.decide(turnId, said.decisions, caller);
      const seen = { type: 'whole step', round } as const;
      return { turn, caller, seen, pauses: true };
    }
    const { client, agent, whenBusy } = this.options;
    const session = client.openSession(agent, this.sessionId(chatId, caller), {
      ...ownerOf(caller),
      stream: true,
    });
    const turn = await session.send(said.input, { idempotencyKey: said.key, whenBusy });
    return { turn, caller, pauses: true };
  }

  /** Answers in AG-UI: with the turn of a message, or with what was said, and the turn that runs. */
  private async runAgUi({ run, messages, said }: AgUiInput, caller: Caller): Promise<Response> {
    const { threadId } = run;
    if (said.type !== 'join') {
      const { turn, ...following } = await this.say(threadId, said, caller);
      return this.streamed('ag-ui', (signal) =>
        this.runOf(runBegun(run, messages), turn, following, signal),
      );
    }
    const session = this.session(threadId, caller);
    const { runningTurn, waitingTurns = [] } = (await describeIfThere(session)) ?? {};
    const shown = await this.read(threadId, caller);
    const open = runningTurn ?? waitingTurns[0];
    // It may have ended in between.
    const turn =
      open === undefined || shown.at(-1)?.id === open ? undefined : session.getTurn(open);
    const begun = runBegun(run, []);
    const whole = runWith(begun.run, agUiMessages(shown));
    const step = { run: whole.run, events: [...begun.events, ...whole.events] };
    return this.streamed('ag-ui', (signal) =>
      this.runOf(step, turn, { caller, pauses: true }, signal),
    );
  }

  private async *runOf(
    begun: AgUiStep,
    turn: TurnHandle | undefined,
    following: Following,
    signal: AbortSignal,
  ): AsyncGenerator<Sent, void, undefined> {
    let { run }: { run: AgUiRun } = begun;
    const sent = (step: AgUiStep): Sent[] => {
      ({ run } = step);
      return step.events.map((chunk) => ({ chunk }));
    };
    yield* sent(begun);
    if (turn === undefined) {
      yield* sent(runEnded(run));
      return;
    }
    for await (const { draft, chunks } of this.writtenOf(turn, following, signal)) {
      for (const chunk of chunks) {
        const step = runEvents(run, chunk, draft);
        yield* sent(step);
      }
    }
  }

  /** Sends the newest turn from its beginning; or, to a client that says what it has, the rest of that turn. */
  private async comeBack(chatId: string, request: Request, caller: Caller): Promise<Response> {
    const seen = readEventId(request.headers.get('last-event-id') ?? '');
    if (seen?.round === ENDED) return new Response(null, { status: 204 });
    if (seen !== undefined) {
      const turn = await this.reach(seen.turnId, caller);
      return this.follow(turn, { caller, pauses: false, ...seenPart(seen.round) });
    }
    const session = this.session(chatId, caller);
    const turnId = newestTurn(await describeIfThere(session), Date.now());
    if (turnId === undefined) return new Response(null, { status: 204 });
    return this.follow(session.getTurn(turnId), { caller, pauses: true });
  }

  private async read(chatId: string, caller: Caller): Promise<ChatMessage[]> {
    const { client, inputs, outputs } = this.options;
    const session = this.session(chatId, caller);
    if ((await describeIfThere(session)) === undefined) return [];
    for (let reading = 1; ; reading += 1) {
      const { messages, total } = await session.transcript();
      const { messages: count, runningTurn, lastTurn } = await session.describe();
      // A turn has ended in between.
      if (count !== total && reading < MOST_READINGS) continue;
      const shown = chatMessages(messages, { inputs, outputs, lastTurnId: lastTurn?.turnId });
      if (runningTurn === undefined) return shown;
      const input = await turnInput(client.client, runningTurn);
      if (input === undefined) return shown;
      // A turn of a session has one message.
      const message = { role: 'user', content: input as SessionInput } as const;
      const [asked] = chatMessages([message], { inputs, outputs });
      return asked === undefined ? shown : [...shown, { ...asked, id: `message-${total}` }];
    }
  }

  /** The calls that wait for a person, those of sub-agents included, which are not in the stream. */
  private async approvals(chatId: string, caller: Caller): Promise<Asking[]> {
    const { agent, inputs } = this.options;
    const session = this.session(chatId, caller);
    const { runningTurn } = (await describeIfThere(session)) ?? {};
    if (runningTurn === undefined || caller.decides === undefined) return [];
    const requests = await session.getTurn(runningTurn).approvals();
    // A question of an MCP server needs more than a yes or no.
    const asking = requests.filter(({ question }) => question === undefined);
    return asking.map(({ callId, round, tool, input, expiresAt, subAgent }) => ({
      approvalId: approvalIdOf({ turnId: runningTurn, round, callId }),
      toolCallId: callId,
      toolName: tool,
      input: inputs ? input : {},
      agents: subAgent?.path ?? [agent.name],
      expiresAt,
    }));
  }

  private async stop(chatId: string, caller: Caller): Promise<void> {
    const session = this.session(chatId, caller);
    const { runningTurn } = (await describeIfThere(session)) ?? {};
    if (runningTurn === undefined) return;
    const turn = session.getTurn(runningTurn);
    // It may be about to begin.
    for await (const _ of turn.watch()) break;
    await turn.cancel();
  }

  private async decide(
    turnId: string,
    decisions: readonly Decision[],
    caller: Caller,
  ): Promise<TurnHandle> {
    const { decides } = caller;
    if (decides === undefined) throw new HttpError(403, 'You may not decide about calls.');
    const turn = await this.reach(turnId, caller);
    // A call that was decided already is skipped: the page learns the outcome.
    const waiting = new Set((await turn.approvals()).map(({ callId }) => callId));
    for (const { callId, approved, reason } of decisions) {
      if (!waiting.has(callId)) continue;
      const decision = { ...decides, ...defined({ reason }) };
      try {
        await (approved ? turn.approve(callId, decision) : turn.deny(callId, decision));
      } catch (error) {
        if (!(error instanceof DecisionRejectedError)) throw error;
        throw new HttpError(409, `The decision was rejected: ${error.reason}`, { cause: error });
      }
    }
    return turn;
  }

  /** A turn of the caller. Those of others do not exist for it. */
  private async reach(turnId: string, caller: Caller): Promise<TurnHandle> {
    const { client, agent } = this.options;
    const turn = client.getTurn(turnId);
    const reached = await mayReach(
      turn.workflow,
      TURN_WORKFLOW,
      caller,
      (name) => name === agent.name,
    );
    if (reached === undefined) throw new HttpError(404, 'There is no such turn.');
    return turn;
  }

  private session(chatId: string, caller: Caller): SessionHandle {
    return this.options.client.getSession(this.sessionId(chatId, caller));
  }

  private sessionId(chatId: string, caller: Caller): string {
    return idFor(this.options.agent.name, caller, `chat ${chatId}`);
  }

  private follow(turn: TurnHandle, following: Following): Response {
    return this.streamed('ui messages', (signal) => this.chunks(turn, following, signal));
  }

  private streamed(
    protocol: 'ui messages' | 'ag-ui',
    events: (signal: AbortSignal) => AsyncGenerator<Sent, void, undefined>,
  ): Response {
    const leaving = new AbortController();
    const signal = AbortSignal.any([leaving.signal, this.closing.signal]);
    return eventStream(events(signal), {
      protocol,
      closing: this.closing.signal,
      onLeave: () => leaving.abort(),
    });
  }

  private async *chunks(
    turn: TurnHandle,
    following: Following,
    signal: AbortSignal,
  ): AsyncGenerator<Sent, void, undefined> {
    for await (const one of this.writtenOf(turn, following, signal)) yield* sentOf(one);
  }

  /** What a page is to get of the turn, without what it has. */
  private async *writtenOf(
    turn: TurnHandle,
    { caller, seen, pauses }: Following,
    signal: AbortSignal,
  ): AsyncGenerator<Written, void, undefined> {
    const { inputs, outputs, onError } = this.options;
    const shown = { asks: caller.decides !== undefined, inputs, outputs };
    let now = begun(turn.turnId);
    try {
      yield unseen(now, seen);
      for await (const event of turn.stream({ signal, results: outputs })) {
        now = written(now.draft, event, shown);
        yield unseen(now, seen);
        const calls = pauses ? undecided(now.draft) : [];
        if (calls.length === 0 || !(await stillWait(turn, calls, signal))) continue;
        yield unseen(paused(now.draft), seen);
        return;
      }
    } catch (error) {
      if (signal.aborted) return;
      onError(error);
      yield { draft: now.draft, chunks: [{ type: 'error', errorText: AWAY }] };
    }
  }
}

/** What a page reads about trouble that is not its own. */
export const AWAY = 'The agent cannot be reached at the moment. Try again later.';

/** What is read again was waited for once, and may have been decided since. */
async function stillWait(
  turn: TurnHandle,
  callIds: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  for await (const { rounds } of turn.watch({ signal })) {
    const waiting = rounds
      .flatMap(({ calls }) => calls)
      .filter(({ state }) => state === 'waiting')
      .map(({ id }) => id);
    return callIds.every((id) => waiting.includes(id));
  }
  return false;
}

function unseen({ draft, chunks }: Written, seen: Seen | undefined): Written {
  if (seen === undefined) return { draft, chunks };
  return { draft, chunks: chunks.flatMap((one) => restOf(one, draft.round, seen)) };
}

function sentOf({ draft: { turnId, round }, chunks }: Written): Sent[] {
  return chunks.map((chunk) => {
    switch (chunk.type) {
      case 'start-step':
      case 'reset-step':
        return { chunk, id: eventId(turnId, round) };
      case 'finish':
        // One that is only paused goes on where its last step began.
        return chunk.finishReason === 'tool-calls'
          ? { chunk }
          : { chunk, id: eventId(turnId, ENDED) };
      default:
        return { chunk };
    }
  });
}

function eventId(turnId: string, place: number | typeof ENDED): string {
  return `${encodeURIComponent(turnId)}/${place}`;
}

function readEventId(id: string): { turnId: string; round: number | typeof ENDED } | undefined {
  const [, turnId, place] = /^([^/]+)\/(\d{1,9}|ended)$/.exec(id) ?? [];
  if (turnId === undefined) return undefined;
  try {
    return {
      turnId: decodeURIComponent(turnId),
      round: place === ENDED ? ENDED : Number(place),
    };
  } catch {
    return undefined;
  }
}

function seenPart(round: number | undefined): { seen?: Seen } {
  return round === undefined ? {} : { seen: { type: 'part of step', round } };
}

/** The turn whose answer a page that was just loaded does not have. */
function newestTurn(state: SessionDescription | undefined, now: number): string | undefined {
  if (state === undefined) return undefined;
  const { runningTurn, waitingTurns, lastTurn } = state;
  const open = runningTurn ?? waitingTurns[0];
  if (open !== undefined || lastTurn === undefined) return open;
  return now - Date.parse(lastTurn.endedAt) < RECENT_MS ? lastTurn.turnId : undefined;
}

async function describeIfThere(session: SessionHandle): Promise<SessionDescription | undefined> {
  try {
    return await session.describe();
  } catch (error) {
    if (error instanceof SessionNotFoundError) return undefined;
    throw error;
  }
}

async function jsonOf(request: Request): Promise<unknown> {
  // A form of another site could send anything else without a question to this one.
  if (!/^application\/json\b/i.test(request.headers.get('content-type') ?? '')) {
    throw new HttpError(415, 'The body of the request must be application/json.');
  }
  try {
    return await request.json();
  } catch {
    throw new HttpError(400, 'The body of the request must be JSON.');
  }
}
