import { IDEMPOTENCY_KEY_LIMIT } from '../names.ts';
import { TURN_WAS_LOST } from '../calls/texts.ts';
import type { PinnedAgent } from '../agent-spec.ts';
import { addSpent, NOTHING_SPENT, remaining, spentOf, tighter } from '../turn/budget.ts';
import type { Budget, Spent } from '../turn/budget.ts';
import { SEND_REJECTED, SESSION_BUSY, SESSION_CLOSED } from '../failures.ts';
import { withoutBlankTexts } from '../conversation/acceptable.ts';
import { fingerprint } from '../fingerprint.ts';
import { defined, jsonBytes } from '../json.ts';
import type { SteeringMessage } from '../turn/steering.ts';
import type { TraceContext } from '../trace/context.ts';
import type { CallingTurn } from './calling-turn.ts';
import type { Close } from './protocol.ts';
import type {
  EndedTurn,
  Send,
  SendReceipt,
  SessionArgs,
  SessionInput,
  SessionState,
  WhenBusy,
} from './protocol.ts';
import {
  append,
  EMPTY_TRANSCRIPT,
  INLINE_BYTES,
  messageCount,
} from '../conversation/transcript.ts';
import type { SessionTurnProgress, SessionTurnResult } from '../turn/result.ts';
import type { Room } from '../turn/payload-room.ts';
import { fitsPayload, hasOutgrown, roomOf } from '../turn/payload-room.ts';
import type { Conversation } from '../turn/state.ts';
import { addUsage, NO_USAGE } from '../turn/usage.ts';
import type { Usage } from '../turn/usage.ts';

/** A message that has not become a turn yet. */
export interface WaitingTurn {
  turnId: string;
  input: SessionInput;
  /** It comes before those that merely wait. */
  urgent?: true;
  /** Overrides the session's. */
  stream?: boolean;
  /** The turn that waits for its answer, if it is the call of a sub-agent. */
  calledBy?: CallingTurn;
  /** The span in which it was sent, if there is one. */
  trace?: TraceContext;
}

/** An accepted message: `[key, fingerprint of the message, its turn, the turn that it may join]`. */
export type Receipt = [key: string, message: string, turnId: string, joins?: string];

/** Everything that a session remembers. Every function here returns a new one. */
export interface SessionMemory extends Conversation {
  /** Pinned by the first turn. */
  agent?: PinnedAgent;
  /** Number of the next turn, from 1. */
  next: number;
  waiting: WaitingTurn[];
  /** The newest is last. */
  receipts: Receipt[];
  turns: number;
  usage: Usage;
  spent: Spent;
  last?: EndedTurn;
  closing?: true;
}

/** The running turn, and the messages that were sent to it. */
export interface RunningTurn extends WaitingTurn {
  /** Milliseconds since the epoch. */
  startedAt: number;
  steering: readonly SteeringMessage[];
}

/** What a session must do after it has accepted a message. */
export type SendEffect =
  | { type: 'none' }
  /** Hand it to the running turn. */
  | { type: 'steer'; message: SteeringMessage }
  /** Cancel the running turn. */
  | { type: 'interrupt' };

/** How many keys are remembered, for senders that did not get their answer. */
const MAX_RECEIPTS = 500;
/** Messages beyond this are rejected: nobody waits for so many answers. */
const MAX_WAITING = 100;

export function beginSession({ messages = [] }: SessionArgs): SessionMemory {
  return {
    transcript: append(EMPTY_TRANSCRIPT, ...withoutBlankTexts(messages)),
    stored: [],
    next: 1,
    waiting: [],
    receipts: [],
    turns: 0,
    usage: NO_USAGE,
    spent: NOTHING_SPENT,
  };
}

/** Why a message is rejected: the type of the failure, and words for its sender. */
export interface SendRejection {
  type: typeof SEND_REJECTED | typeof SESSION_BUSY | typeof SESSION_CLOSED;
  reason: string;
}

function rejected(reason: string): SendRejection {
  return { type: SEND_REJECTED, reason };
}

/** `undefined` if the message is accepted. */
export function rejectSend(
  memory: SessionMemory,
  args: SessionArgs & { user?: string },
  send: Send,
  running: RunningTurn | undefined,
): SendRejection | undefined {
  const { idempotencyKey: key, agent, calledBy } = send;
  // A model may have chosen the id.
  if (calledBy !== undefined && calledBy.user !== args.user) {
    return rejected('it belongs to another user. Choose another session id.');
  }
  if (agent !== undefined && agent !== args.agent) {
    return rejected(
      `the session belongs to agent ${args.agent}, not to ${agent}. Choose another session id.`,
    );
  }
  if (typeof key !== 'string' || key === '' || key.length > IDEMPOTENCY_KEY_LIMIT) {
    return rejected(`idempotencyKey must be a text of 1 to ${IDEMPOTENCY_KEY_LIMIT} characters.`);
  }
  const receipt = memory.receipts.find(([used]) => used === key);
  if (receipt !== undefined) {
    if (receipt[1] === fingerprint(send.input)) return undefined;
    return rejected(
      `idempotencyKey ${key} was used for another message. Use a new key for a new message.`,
    );
  }
  if (memory.closing === true) return { type: SESSION_CLOSED, reason: 'it is closed.' };
  const isBusy = running !== undefined || memory.waiting.length > 0;
  if (wantedPolicy(send, args.whenBusy) === 'reject' && isBusy) {
    const turnId = running?.turnId ?? memory.waiting[0]?.turnId;
    const reason = `turn ${turnId} is running. Send again when it has ended.`;
    return { type: SESSION_BUSY, reason };
  }
  const { waiting } = memory;
  const steering = running?.steering ?? [];
  if (waiting.length + steering.length >= MAX_WAITING) {
    return rejected(
      `${MAX_WAITING} messages wait already. Send again when some of them have become turns.`,
    );
  }
  const bytes =
    jsonBytes([send.input, waiting, steering, running?.input]) + memory.transcript.tailBytes;
  if (hasOutgrown(roomFor(memory, args), bytes)) {
    return rejected(
      `the message does not fit beside the conversation and the messages that wait (${bytes} bytes together, of at most ${INLINE_BYTES}). Give the workers and the clients a \`storage\`, or send less.`,
    );
  }
  return undefined;
}

/** From the first turn on, the workers have said whether they have a storage; before that, the starter has. */
function roomFor({ agent }: SessionMemory, { storage = false }: SessionArgs): Room {
  return agent === undefined ? { type: storage ? 'storage' : 'payload' } : roomOf(agent);
}

/** Whether everything that the session remembers can be handed to a new run. */
export function fitsOnePayload(memory: SessionMemory, args: SessionArgs): boolean {
  return fitsPayload(roomFor(memory, args), memory);
}

/** Whether the message's turn can start with the conversation. */
export function turnFits(
  memory: SessionMemory,
  args: SessionArgs,
  { input }: WaitingTurn,
): boolean {
  const { transcript, stored, agent } = memory;
  return fitsPayload(roomFor(memory, args), [transcript, stored, agent, input]);
}

/** What happens to a message while a turn runs. The call of a sub-agent always waits for a turn of its own. */
function wantedPolicy({ calledBy, whenBusy: own }: Send, ofSession: WhenBusy = 'queue'): WhenBusy {
  return calledBy === undefined ? (own ?? ofSession) : 'queue';
}

/** Accepts a message that `rejectSend` does not reject. */
export function takeSend(
  memory: SessionMemory,
  { sessionId, whenBusy }: { sessionId: string; whenBusy?: WhenBusy },
  send: Send,
  running: RunningTurn | undefined,
  trace?: TraceContext,
): { memory: SessionMemory; receipt: SendReceipt; effect: SendEffect } {
  const { idempotencyKey: key, input, stream, calledBy } = send;
  const known = memory.receipts.find(([used]) => used === key);
  if (known !== undefined) {
    return { memory, receipt: asReceipt(known), effect: { type: 'none' } };
  }
  const turnId = `${sessionId}.turn-${memory.next}`;
  const wanted = wantedPolicy(send, whenBusy);
  // Without a running turn there is nothing to join.
  const policy = wanted === 'steer' && running === undefined ? 'queue' : wanted;
  const message = fingerprint(input);
  const receipt: Receipt =
    policy === 'steer' ? [key, message, turnId, running?.turnId as string] : [key, message, turnId];
  const received = {
    ...memory,
    next: memory.next + 1,
    receipts: [...memory.receipts, receipt].slice(-MAX_RECEIPTS),
  };
  const from = trace ?? calledBy?.trace;
  const turn: WaitingTurn = { turnId, input, ...defined({ stream, calledBy, trace: from }) };
  const waits = (waiting: WaitingTurn) => ({
    ...received,
    waiting: insert(memory.waiting, waiting),
  });
  switch (policy) {
    case 'steer': {
      const effect: SendEffect = { type: 'steer', message: turn };
      return { memory: received, receipt: asReceipt(receipt), effect };
    }
    case 'interrupt': {
      const effect: SendEffect = { type: 'interrupt' };
      const urgent = waits({ ...turn, urgent: true });
      return { memory: urgent, receipt: asReceipt(receipt), effect };
    }
    // Nothing runs and nothing waits, or it would have been rejected.
    case 'reject':
    case 'queue': {
      const effect: SendEffect = { type: 'none' };
      return { memory: waits(turn), receipt: asReceipt(receipt), effect };
    }
  }
}

function asReceipt([, , turnId, joins]: Receipt): SendReceipt {
  return { turnId, ...defined({ joins }) };
}

/** Urgent ones first; otherwise in the order in which they were sent. */
function insert(waiting: readonly WaitingTurn[], ...turns: readonly WaitingTurn[]): WaitingTurn[] {
  const rank = ({ urgent }: WaitingTurn) => (urgent === true ? 0 : 1);
  return [...waiting, ...turns].toSorted(
    (a, b) => rank(a) - rank(b) || numberOf(a.turnId) - numberOf(b.turnId),
  );
}

function numberOf(turnId: string): number {
  return Number(turnId.slice(turnId.lastIndexOf('-') + 1));
}

/** The next turn, if one waits. */
export function takeTurn(
  memory: SessionMemory,
): { memory: SessionMemory; turn: WaitingTurn } | undefined {
  const [turn, ...waiting] = memory.waiting;
  return turn === undefined ? undefined : { memory: { ...memory, waiting }, turn };
}

/**
 * The sender no longer wants the answer of this turn. Forgets a turn that waits; `isRunning` says that the
 * turn runs and must be cancelled. Nothing changes for a turn that has ended or never existed.
 */
export function withdrawTurn(
  memory: SessionMemory,
  turnId: string,
  running: RunningTurn | undefined,
): { memory: SessionMemory; isRunning: boolean } {
  const waiting = memory.waiting.filter((turn) => turn.turnId !== turnId);
  return { memory: { ...memory, waiting }, isRunning: running?.turnId === turnId };
}

/** What a turn may spend: what the session has left, and what a calling turn has reserved for it. */
export function limitsOfTurn(
  { limits }: Pick<SessionArgs, 'limits'>,
  { spent }: Pick<SessionMemory, 'spent'>,
  { calledBy }: Pick<WaitingTurn, 'calledBy'>,
): Budget | undefined {
  const left = limits === undefined ? undefined : remaining(limits, spent);
  const reserved = calledBy?.limits;
  if (left === undefined || reserved === undefined) return left ?? reserved;
  return tighter(left, reserved);
}

/** No more messages are accepted; with `interrupt`, waiting messages are forgotten. */
export function closeSession(memory: SessionMemory, { interrupt = false }: Close): SessionMemory {
  return { ...memory, closing: true, ...(interrupt ? { waiting: [] } : {}) };
}

/** How a turn ended, as the session sees it. */
export type TurnOutcome =
  | { type: 'ended'; result: SessionTurnResult }
  | { type: 'failed'; message: string; progress: SessionTurnProgress }
  /** What it has done is not known. */
  | { type: 'lost'; message: string };

/** Takes over what the turn has added to the conversation. */
export function turnEnded(
  memory: SessionMemory,
  running: RunningTurn,
  outcome: TurnOutcome,
  now: number,
): SessionMemory {
  const { turnId, steering } = running;
  const known = outcome.type === 'ended' ? outcome.result : progressOf(outcome);
  const joined = new Set(known?.joined);
  // Messages that the turn did not take in come next, in the order in which they were sent.
  const left = steering.filter((message) => !joined.has(message.turnId));
  const again = left.map((message): WaitingTurn => ({ ...message, urgent: true }));
  const pinned = known?.end.agent ?? memory.agent;
  return {
    ...memory,
    ...conversationAfter(memory, running, outcome),
    ...defined({ agent: pinned }),
    waiting: insert(memory.waiting, ...again),
    turns: memory.turns + 1,
    usage: known === undefined ? memory.usage : addUsage(memory.usage, known.usage),
    spent: addSpent(memory.spent, spentOf(known ?? UNKNOWN, now - running.startedAt)),
    last: {
      turnId,
      stopReason: outcome.type === 'ended' ? outcome.result.stopReason : 'failed',
      endedAt: new Date(now).toISOString(),
      ...(outcome.type === 'ended' ? {} : { message: outcome.message }),
    },
  };
}

/** Counted for a lost turn, besides its time. */
const UNKNOWN = { rounds: 0, usage: NO_USAGE, calls: [] };

function progressOf(outcome: TurnOutcome): SessionTurnProgress | undefined {
  return outcome.type === 'failed' ? outcome.progress : undefined;
}

function conversationAfter(
  { transcript, stored }: SessionMemory,
  { input }: RunningTurn,
  outcome: TurnOutcome,
): Conversation {
  switch (outcome.type) {
    case 'ended':
      return conversationOf(outcome.result);
    case 'failed':
      // Before its first reply a turn has done nothing, and the API may have rejected its message: keeping
      // that would make every later turn fail as well.
      return outcome.progress.rounds === 0
        ? { transcript, stored }
        : conversationOf(outcome.progress);
    case 'lost': {
      const blocks = typeof input === 'string' ? [{ type: 'text' as const, text: input }] : input;
      const content = [...blocks, { type: 'text' as const, text: TURN_WAS_LOST }];
      return { transcript: append(transcript, { role: 'user', content }), stored };
    }
  }
}

/** How many results `read_result` finds. The model no longer reads older ones. */
const MAX_STORED = 100;

function conversationOf({ end }: SessionTurnProgress): Conversation {
  const { transcript, stored, container, fallback } = end;
  return {
    transcript,
    stored: stored.slice(-MAX_STORED),
    ...defined({ container, fallback }),
  };
}

export function describeSession(
  { agent }: SessionArgs,
  memory: SessionMemory,
  running: RunningTurn | undefined,
): SessionState {
  const { waiting, transcript, turns, usage, spent, last, closing } = memory;
  const isBusy = running !== undefined || waiting.length > 0;
  return {
    agent,
    status: isBusy ? 'busy' : closing === true ? 'closed' : 'idle',
    ...defined({ runningTurn: running?.turnId }),
    waitingTurns: waiting.map(({ turnId }) => turnId),
    turns,
    messages: messageCount(transcript),
    usage,
    spent,
    ...defined({ lastTurn: last }),
  };
}
