import type { TurnStreamEvent } from '../client/follow/stream-events.ts';
import { WAITS_FOR_APPROVAL } from '../client/follow/snapshot.ts';
import type { OutcomeType } from '../core/calls/outcome.ts';
import type { ToolResultContent } from '../core/conversation/messages.ts';
import { toolCalls } from '../core/conversation/toolsets.ts';
import type { StopReason } from '../core/turn/stop-reason.ts';
import { approvalIdOf } from './approval-id.ts';
import type { FinishReason, MessageChunk } from './chunk.ts';
import { shownOutput } from './output.ts';

// Translates a turn's events into the chunks of one message: each round is a step of it. The reasons of
// failed calls are left out, because they may hold what the page must not see.

/** What a page has of the message so far. */
export interface Draft {
  readonly turnId: string;
  /** The round of the newest step; 0 where none has begun. */
  readonly round: number;
  /** Whether the reply of this round is committed. */
  readonly isCommitted: boolean;
  /** The growing text or thinking. */
  readonly piece: { type: 'text' | 'reasoning'; id: string } | undefined;
  /** By their ids. */
  readonly calls: ReadonlyMap<string, CallPart>;
}

interface CallPart {
  name: string;
  round: number;
  /** `forming`: the model writes its input. `undecided`: the page was asked. */
  state: 'forming' | 'open' | 'undecided' | 'ended';
}

/** What to send, and what the page has after that. */
export interface Written {
  draft: Draft;
  chunks: MessageChunk[];
}

export interface ShownToPage {
  /** Whether the page is asked about calls that wait for a person. */
  asks: boolean;
  /** Whether it gets what the model wrote into calls. */
  inputs: boolean;
  /** Whether it gets what tools returned. */
  outputs: boolean;
}

type Event<Type extends TurnStreamEvent['type']> = Extract<TurnStreamEvent, { type: Type }>;
type CallEvent = Event<'callScheduled' | 'callWaiting' | 'callFinished'>;

/** The beginning of the message. */
export function begun(turnId: string): Written {
  return {
    draft: { turnId, round: 0, isCommitted: false, piece: undefined, calls: new Map() },
    chunks: [{ type: 'start', messageId: turnId }],
  };
}

/** What an event adds to the message. */
export function written(draft: Draft, event: TurnStreamEvent, shown: ShownToPage): Written {
  switch (event.type) {
    case 'notStreamed':
      return { draft, chunks: [] };
    case 'textDelta':
      return grown(draft, event, { type: 'text', delta: event.text });
    case 'thinkingDelta':
      return grown(draft, event, { type: 'reasoning', delta: event.thinking });
    case 'callForming':
      return forming(draft, event);
    case 'attemptRestarted':
      return event.round === draft.round ? dropped(draft) : { draft, chunks: [] };
    case 'replyCommitted':
      return committed(draft, event, shown);
    case 'callScheduled':
    case 'callWaiting':
    case 'callFinished':
      return ofCall(draft, event, shown);
    case 'turnEnded':
      return ended(draft, event);
  }
}

/** The calls that the page was asked about, if everything in the turn waits for them. */
export function undecided({ calls, round, isCommitted }: Draft): string[] {
  const open = [...calls].filter(([, call]) => call.round === round && call.state !== 'ended');
  const isHeldUp = isCommitted && open.every(([, { state }]) => state === 'undecided');
  return isHeldUp ? open.map(([callId]) => callId) : [];
}

/** The end of this answer: the page continues with its decisions. */
export function paused(draft: Draft): Written {
  const chunks: MessageChunk[] = [
    { type: 'finish-step' },
    { type: 'finish', finishReason: 'tool-calls' },
  ];
  return { draft, chunks };
}

function grown(
  draft: Draft,
  { round, block }: { round: number; block: number },
  { type, delta }: { type: 'text' | 'reasoning'; delta: string },
): Written {
  const id = `${round}.${block}`;
  const chunk: MessageChunk = { type: `${type}-delta`, id, delta };
  if (draft.piece?.id === id) return { draft, chunks: [chunk] };
  const step = inStep(draft, round);
  return {
    draft: { ...step.draft, piece: { type, id } },
    chunks: [...step.chunks, { type: `${type}-start`, id }, chunk],
  };
}

function forming(draft: Draft, { round, callId, name }: Event<'callForming'>): Written {
  if (draft.calls.has(callId)) return { draft, chunks: [] };
  const step = inStep(draft, round);
  return {
    draft: withCall(step.draft, callId, { name, round, state: 'forming' }),
    chunks: [...step.chunks, { type: 'tool-input-start', ...tool(callId, name) }],
  };
}

/** Drops what has come of the uncommitted reply. */
function dropped(draft: Draft): Written {
  const step = inStep(draft, draft.round);
  const calls = new Map([...draft.calls].filter(([, { state }]) => state !== 'forming'));
  return {
    draft: { ...step.draft, calls },
    chunks: [...step.chunks, { type: 'reset-step' }],
  };
}

function committed(
  draft: Draft,
  { round, reply }: Event<'replyCommitted'>,
  { inputs }: ShownToPage,
): Written {
  const step = inStep(draft, round);
  // For any other stop reason the calls are cut off, and do not count.
  const asked = reply.stopReason === 'tool_use' ? toolCalls(reply.content) : [];
  const ids = new Set(asked.map(({ id }) => id));
  const cut = [...draft.calls].filter(([id, { state }]) => state === 'forming' && !ids.has(id));
  const calls = new Map(step.draft.calls);
  for (const [id, call] of cut) calls.set(id, { ...call, state: 'ended' });
  for (const { id, name } of asked) calls.set(id, { name, round, state: 'open' });
  return {
    draft: { ...step.draft, isCommitted: true, calls },
    chunks: [
      ...step.chunks,
      ...cut.map(([id, { name }]): MessageChunk => ({
        type: 'tool-input-error',
        ...tool(id, name),
        input: {},
        errorText: 'The call was cut off.',
      })),
      ...asked.map(({ id, name, input }): MessageChunk => ({
        type: 'tool-input-available',
        ...tool(id, name),
        input: inputs ? input : {},
      })),
    ],
  };
}

function ofCall(before: Draft, event: CallEvent, { asks, outputs }: ShownToPage): Written {
  const { callId } = event;
  const { draft, chunks } = withPart(before, event);
  const { turnId } = draft;
  const call = draft.calls.get(callId) as CallPart;
  if (call.state === 'ended') return { draft, chunks };
  const approvalId = approvalIdOf({ turnId, round: event.round, callId });
  const isUndecided = call.state === 'undecided';
  const add = (state: CallPart['state'], ...more: MessageChunk[]): Written => ({
    draft: withCall(draft, callId, { ...call, state }),
    chunks: [...chunks, ...more],
  });
  const response = (approved: boolean): MessageChunk[] =>
    isUndecided ? [{ type: 'tool-approval-response', approvalId, approved }] : [];
  switch (event.type) {
    case 'callScheduled':
      return add('open', ...response(true));
    case 'callWaiting':
      return asks && event.message === WAITS_FOR_APPROVAL
        ? add('undecided', { type: 'tool-approval-request', toolCallId: callId, approvalId })
        : add('open');
    case 'callFinished': {
      const { outcome, approval, result } = event;
      const isApproved = approval?.decision === 'approved';
      const decided = isApproved || outcome === 'denied' ? response(isApproved) : [];
      return add('ended', ...decided, outcomeChunk(callId, outcome, outputs ? result : undefined));
    }
  }
}

/** If the reply could not be read, its calls become known only now. */
function withPart(draft: Draft, { round, callId, name }: CallEvent): Written {
  if (draft.calls.has(callId)) return { draft, chunks: [] };
  const step = inStep(draft, Math.max(draft.round, round));
  return {
    draft: withCall(step.draft, callId, { name, round, state: 'open' }),
    chunks: [...step.chunks, { type: 'tool-input-available', ...tool(callId, name), input: {} }],
  };
}

function ended(draft: Draft, { status, stopReason }: Event<'turnEnded'>): Written {
  const isTorn = draft.round > 0 && !draft.isCommitted;
  const whole = isTorn ? dropped(draft) : inStep(draft, draft.round);
  const open = [...whole.draft.calls].filter(([, { state }]) => state !== 'ended');
  const calls = new Map(whole.draft.calls);
  for (const [id, call] of open) calls.set(id, { ...call, state: 'ended' });
  const finish: MessageChunk = {
    type: 'finish',
    finishReason: status === 'completed' ? finishReason(stopReason) : 'error',
    ...(stopReason === undefined ? {} : { messageMetadata: { stopReason } }),
  };
  return {
    draft: { ...whole.draft, calls },
    chunks: [
      ...whole.chunks,
      ...open.map(([id]) => outcomeChunk(id, 'unknown')),
      ...(draft.round === 0 ? [] : [{ type: 'finish-step' } as const]),
      ...(status === 'completed' ? [] : [{ type: 'error', errorText: NO_ANSWER } as const]),
      finish,
    ],
  };
}

/** What a page shows for a failed turn. */
export const NO_ANSWER = 'The agent could not answer.';

/** Starts the step of this round if needed, and ends what was growing. */
function inStep(draft: Draft, round: number): Written {
  const { piece } = draft;
  const chunks: MessageChunk[] =
    piece === undefined ? [] : [{ type: `${piece.type}-end`, id: piece.id }];
  const still = { ...draft, piece: undefined };
  if (round === draft.round) return { draft: still, chunks };
  if (draft.round > 0) chunks.push({ type: 'finish-step' });
  return {
    draft: { ...still, round, isCommitted: false },
    chunks: [...chunks, { type: 'start-step' }],
  };
}

function withCall(draft: Draft, callId: string, call: CallPart): Draft {
  return { ...draft, calls: new Map([...draft.calls, [callId, call]]) };
}

function tool(toolCallId: string, toolName: string) {
  return { toolCallId, toolName, dynamic: true, providerExecuted: true } as const;
}

const NOT_SUCCEEDED: Record<Exclude<OutcomeType, 'succeeded' | 'denied'>, string> = {
  failed: 'The call failed.',
  timedOut: 'The call took too long.',
  unknown: 'It is not known whether the call took effect.',
  cancelled: 'The call was cancelled.',
  skipped: 'The call was not run.',
};

function outcomeChunk(
  toolCallId: string,
  outcome: OutcomeType,
  result?: ToolResultContent,
): MessageChunk {
  switch (outcome) {
    case 'succeeded':
      return { type: 'tool-output-available', toolCallId, output: shownOutput(result) };
    case 'denied':
      return { type: 'tool-output-denied', toolCallId };
    default:
      return { type: 'tool-output-error', toolCallId, errorText: NOT_SUCCEEDED[outcome] };
  }
}

/** Also for a reason that only a later version knows. */
function finishReason(stopReason: StopReason | undefined): FinishReason {
  switch (stopReason) {
    case 'end_turn':
    case 'stop_sequence':
      return 'stop';
    case 'max_tokens':
    case 'max_input_tokens':
    case 'max_output_tokens':
    case 'model_context_window_exceeded':
      return 'length';
    case 'refusal':
      return 'content-filter';
    case 'invalid_output':
    case 'tool_failure':
    case 'turn_too_large':
      return 'error';
    case 'max_rounds':
    case 'max_tool_calls':
    case 'max_cost':
    case 'max_wall_time':
    case 'cancelled':
    case 'unknown':
    case undefined:
  }
  return 'other';
}
