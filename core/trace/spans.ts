import type { OutcomeType } from '../calls/outcome.ts';
import { OUTCOME_TYPES, OUTCOMES } from '../calls/outcome.ts';
import type { CallRecord } from '../calls/record.ts';
import { defined } from '../json.ts';
import type { Usage } from '../turn/usage.ts';
import { inputTokens } from '../turn/usage.ts';
import type { Attributes, Chat } from './chat.ts';
import type { SpanRef, TraceContext } from './context.ts';
import { spanInTurn, spanOf } from './context.ts';
import type { TurnKey } from './ids.ts';

// The spans of a turn, made from what it remembers.
// https://github.com/open-telemetry/semantic-conventions-genai

/** What a turn gives to the activity that writes its spans. It is recorded in histories. */
export interface TracedPart {
  agent: string;
  sessionId?: string;
  /** The span that started the turn, if there is one. */
  from?: TraceContext;
  /** Requests and calls that have ended but have not been written yet. */
  chats: readonly Chat[];
  calls: readonly TracedCall[];
  /** Present once the turn has ended. */
  ended?: TracedEnd;
}

export interface TracedCall extends Pick<
  CallRecord,
  'id' | 'name' | 'outcome' | 'round' | 'attempts' | 'start' | 'end' | 'startedEarly' | 'late'
> {
  /** What a person has decided. */
  decision?: string;
  /** The MCP server of the tool. */
  server?: string;
  /** If the tool is another agent: that agent and its turn. */
  subAgent?: { agent: string; turnId: string };
}

export interface TracedEnd {
  /** Milliseconds since the epoch: when the turn's first run began, and when it ended. */
  start: number;
  end: number;
  /** Why it ended; the type of the failure if it failed. */
  reason: string;
  failed?: true;
  rounds: number;
  calls: number;
  usage: Usage;
  costUSD?: number;
}

/** A span to write. */
export interface SpanData {
  span: SpanRef;
  /** Absent for the first span of its trace. */
  parent?: SpanRef;
  name: string;
  kind: 'internal' | 'client';
  /** Milliseconds since the epoch. */
  start: number;
  end: number;
  attributes: Attributes;
  scope?: [name: string, version: string];
  /** Set if what it is about failed: why, in a word. */
  error?: string;
}

/** How the server of a tool is reached: `mcp.*`, `network.*` and `server.*` attributes. */
export type ServerAttributes = (server: string) => Attributes;

/** The attributes with what was said, for the span with this id. */
export type ContentAttributes = (spanId: string) => Attributes | undefined;

/** The spans of what a turn has done; first its own, if it has ended. */
export function spansOf(
  turn: TurnKey,
  part: TracedPart,
  serverAttributes: ServerAttributes = () => ({}),
  content: ContentAttributes = () => undefined,
): SpanData[] {
  const parent = spanInTurn(turn, part.from, '');
  const about: Attributes = {
    'gen_ai.agent.name': part.agent,
    ...defined({ 'gen_ai.conversation.id': part.sessionId }),
  };
  const spans = [
    ...(part.ended === undefined ? [] : [turnSpan(turn, part, part.ended, about)]),
    ...part.chats.map((chat) => chatSpan(chat, parent, about)),
    ...part.calls.map((call) => callSpan(turn, part, call, { parent, about, serverAttributes })),
  ];
  return spans.map((data) => ({
    ...data,
    attributes: { ...data.attributes, ...content(data.span.spanId) },
  }));
}

function turnSpan(
  turn: TurnKey,
  { agent, from, chats }: TracedPart,
  { start, end, reason, failed, rounds, calls, usage, costUSD }: TracedEnd,
  about: Attributes,
): SpanData {
  const { 'gen_ai.request.model': model, 'gen_ai.provider.name': provider = 'anthropic' } =
    chats.at(-1)?.attributes ?? {};
  return {
    span: spanInTurn(turn, from, ''),
    ...defined({ parent: from && spanOf(from) }),
    name: `invoke_agent ${agent}`,
    kind: 'internal',
    start,
    end: Math.max(start, end),
    attributes: {
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.provider.name': provider,
      ...about,
      ...defined({ 'gen_ai.request.model': model }),
      'gen_ai.usage.input_tokens': inputTokens(usage),
      'gen_ai.usage.output_tokens': usage.output_tokens,
      'gen_ai.usage.cache_read.input_tokens': usage.cache_read_input_tokens,
      'gen_ai.usage.cache_write.input_tokens': usage.cache_creation_input_tokens,
      'plait.turn.id': turn.turnId,
      'plait.turn.stop_reason': reason,
      'plait.turn.rounds': rounds,
      'plait.turn.calls': calls,
      ...defined({ 'plait.turn.cost_usd': costUSD }),
      ...(failed === true ? { 'error.type': reason } : {}),
    },
    ...(failed === true ? { error: reason } : {}),
  };
}

function chatSpan(chat: Chat, parent: SpanRef, about: Attributes): SpanData {
  const { id, start, end, scope, error } = chat;
  const attributes = { ...about, ...chat.attributes };
  return {
    span: { ...parent, spanId: id },
    parent,
    name: `chat ${String(attributes['gen_ai.request.model'])}`,
    kind: 'client',
    start,
    end: Math.max(start, end),
    attributes,
    ...defined({ scope, error }),
  };
}

/** Denied, skipped and cancelled calls have not failed. */
const FAILED: ReadonlySet<OutcomeType> = new Set(
  OUTCOME_TYPES.filter((type) => OUTCOMES[type].isFailure),
);

function callSpan(
  turn: TurnKey,
  { from }: TracedPart,
  call: TracedCall,
  shared: { parent: SpanRef; about: Attributes; serverAttributes: ServerAttributes },
): SpanData {
  const { id, name, outcome, round, attempts, server, decision, subAgent } = call;
  const { parent, about, serverAttributes } = shared;
  const start = Date.parse(call.start);
  const failed = FAILED.has(outcome);
  return {
    span: spanInTurn(turn, from, id),
    parent,
    name: `execute_tool ${name}`,
    kind: 'internal',
    start,
    end: Math.max(start, Date.parse(call.end)),
    attributes: {
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': name,
      'gen_ai.tool.call.id': id,
      'gen_ai.tool.type': server === undefined ? 'function' : 'extension',
      ...about,
      'plait.call.outcome': outcome,
      'plait.call.round': round,
      'plait.call.attempts': attempts,
      ...defined({
        'plait.call.started_early': call.startedEarly,
        'plait.call.in_background': call.late,
        'plait.call.decision': decision,
        'plait.call.sub_agent': subAgent?.agent,
        'plait.call.sub_agent_turn_id': subAgent?.turnId,
      }),
      ...(server === undefined
        ? {}
        : { 'mcp.method.name': 'tools/call', ...serverAttributes(server) }),
      ...(failed ? { 'error.type': outcome } : {}),
    },
    ...(failed ? { error: outcome } : {}),
  };
}

/** The part of a record that is written, without arguments and results. */
export function tracedCall(record: CallRecord, server: string | undefined): TracedCall {
  const { id, name, outcome, round, attempts, start, end, startedEarly, late } = record;
  const { approval, subAgent } = record;
  return {
    id,
    name,
    outcome,
    round,
    attempts,
    start,
    end,
    ...defined({
      startedEarly,
      late,
      server,
      decision: approval?.decision,
      subAgent: subAgent && { agent: subAgent.agent, turnId: subAgent.turnId },
    }),
  };
}
