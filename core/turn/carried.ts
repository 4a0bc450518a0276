import type {
  AgentLimits,
  AgentSpec,
  OutputSchema,
  PinnedAgent,
  PinnedSpec,
  SubAgentSpec,
} from '../agent-spec.ts';
import { FALLBACK_REASONS } from '../agent-spec.ts';
import type { BatchPolicy } from '../calls/batch-policy.ts';
import { ON_TOOL_FAILURE } from '../calls/batch-policy.ts';
import type { BackgroundCall, BackgroundPolicy } from '../calls/background.ts';
import { AT_END } from '../calls/background.ts';
import type { Access } from '../calls/order.ts';
import type { ApprovalRecord, OutcomeType, SettledCall } from '../calls/outcome.ts';
import { OUTCOME_TYPES, STORED_RESULT } from '../calls/outcome.ts';
import type { MissingCall, RecordedPreparedCall } from '../calls/prepared-call.ts';
import type { QuestionRecord } from '../calls/question.ts';
import type { CallRecord } from '../calls/record.ts';
import type { SubAgentTurn } from '../calls/sub-agent-turn.ts';
import type { ToolPolicy } from '../calls/tool-policy.ts';
import type { Message } from '../conversation/messages.ts';
import type { Container } from '../conversation/server-calls.ts';
import type { Segment, Transcript } from '../conversation/transcript.ts';
import { findTurnIdProblem, SESSION_ID_LIMIT, WORKFLOW_ID_LIMIT } from '../names.ts';
import { membersOf } from '../json.ts';
import type { Shape } from '../shape.ts';
import {
  anything,
  bool,
  byType,
  either,
  list,
  number,
  object,
  oneOf,
  optional,
  record,
  someText,
  text,
  tuple,
  whole,
} from '../shape.ts';
import type { Budget, Spent } from './budget.ts';
import { ON_LIMIT } from './budget.ts';
import type { TakenFallback } from './fallback.ts';
import type { Prices } from './prices.ts';
import type { AwaitedTurn } from './protocol.ts';
import type { SubAgentTurnProgress, SubAgentTurnResult } from './result.ts';
import type { TurnState } from './state.ts';
import type { StopReason } from './stop-reason.ts';
import type { SteeringMessage, SteeringStyle } from './steering.ts';
import type { TurnTimes } from './timing.ts';
import type { CacheCreation, ModelUsage, ServerToolUsage, Usage } from './usage.ts';

// The shapes of what one run hands on to another: a session to its turns, a run to the next one. A plain
// client may start a workflow with any other value. A shape must accept whatever an older version of Plait
// may have handed on, since the session would end otherwise, but be strict enough that no function of core/
// trips.

const count = whole();
const amount = number(0);
const time = number(0);

const CLAIM = record(text());

const BLOCK: Shape<Record<string, unknown>> = (value, at) => {
  const block = object<{ type: string }>({ type: text() });
  const problem = block(value, at);
  if (problem !== undefined) return problem;
  switch ((value as { type: string }).type) {
    case 'text':
      return object<{ text: string }>({ text: text() })(value, at);
    case 'tool_use':
      return object<{ id: string; name: string }>({ id: text(), name: text() })(value, at);
    default:
      return undefined;
  }
};

const MESSAGE = object<{ role: string; content: unknown }>({
  role: oneOf('user', 'assistant', 'system'),
  content: either(text(), list(BLOCK)),
}) as Shape<Message>;

const SEGMENT = object<Segment>({
  claim: CLAIM,
  digest: text(),
  messages: count,
  bytes: count,
  compacted: optional(oneOf(true)),
  files: optional(oneOf(true)),
});

const TRANSCRIPT = object<Transcript>({
  segments: list(SEGMENT),
  tail: list(MESSAGE),
  tailBytes: count,
  sealedMessages: optional(list(MESSAGE)),
});

const FALLBACK = object<TakenFallback>({ model: text(), because: oneOf(...FALLBACK_REASONS) });

const CONTAINER = object<Container>({ id: text(), expires_at: text() });

export const USAGE = object<Usage>({
  input_tokens: amount,
  output_tokens: amount,
  cache_creation_input_tokens: amount,
  cache_read_input_tokens: amount,
  cache_creation: optional(
    object<CacheCreation>({
      ephemeral_5m_input_tokens: amount,
      ephemeral_1h_input_tokens: amount,
    }),
  ),
  server_tool_use: optional(
    object<ServerToolUsage>({ web_search_requests: amount, web_fetch_requests: amount }),
  ),
});

const MODEL_USAGE = object<ModelUsage>({
  model: text(),
  replies: count,
  usage: USAGE,
  costUSD: optional(amount),
});

const APPROVAL = object<ApprovalRecord>({
  decision: oneOf(
    ...membersOf<ApprovalRecord['decision']>({ approved: true, denied: true, expired: true }),
  ),
  by: optional(text()),
  reason: optional(text()),
  input: anything,
  at: text(),
});

const QUESTION = object<QuestionRecord>({
  number: count,
  message: text(),
  decision: oneOf(
    ...membersOf<QuestionRecord['decision']>({
      answered: true,
      declined: true,
      dismissed: true,
      expired: true,
    }),
  ),
  by: optional(text()),
  reason: optional(text()),
  askedAt: text(),
  at: text(),
});

const SUB_AGENT_TURN = object<SubAgentTurn>({
  turnId: text(),
  agent: text(),
  stopReason: text() as Shape<StopReason>,
  rounds: amount,
  toolCalls: amount,
  usage: USAGE,
  costUSD: optional(amount),
  models: optional(list(MODEL_USAGE)),
  sessionId: optional(text()),
});

const CALL = object<CallRecord>({
  id: text(),
  name: text(),
  input: anything,
  outcome: oneOf(...OUTCOME_TYPES),
  message: optional(text()),
  round: count,
  attempts: amount,
  start: text(),
  end: text(),
  startedEarly: optional(oneOf(true)),
  critical: optional(oneOf(true)),
  approval: optional(APPROVAL),
  questions: optional(list(QUESTION)),
  subAgent: optional(SUB_AGENT_TURN),
  late: optional(oneOf(true)),
});

/** What the conversation already holds looks the same, and is not examined either. */
const OUTCOME = object<{ type: OutcomeType; message?: string; content?: unknown }>({
  type: oneOf(...OUTCOME_TYPES),
  message: optional(text()),
  content: optional(either(text(), list(BLOCK))),
}) as Shape<SettledCall['outcome']>;

/** In a new run of the turn, such a call no longer runs. */
const BACKGROUND_CALL = object<Pick<BackgroundCall, 'callId' | 'tool' | 'since' | 'ended'>>({
  callId: text(),
  tool: text(),
  since: time,
  ended: object<Pick<SettledCall, 'outcome'>>({ outcome: OUTCOME }) as Shape<SettledCall>,
});

const TIMES = object<TurnTimes>({
  model: time,
  tools: time,
  people: time,
  calls: time,
  width: count,
});

/** It is, or becomes, the id of a workflow. */
export const TURN_ID: Shape<string> = (value, at) => {
  const problem = findTurnIdProblem(value);
  return problem === undefined ? undefined : `${at} ${problem}`;
};

export const INPUT = either(text(), list(BLOCK)) as Shape<SteeringMessage['input']>;

const STEERING = object<SteeringMessage>({
  turnId: text(),
  input: INPUT,
  stream: optional(bool),
});

const PRICES = object<Prices>({
  input: amount,
  output: amount,
  cacheWrite5m: optional(amount),
  cacheWrite1h: optional(amount),
  cacheRead: optional(amount),
});

/** The server rejects any other, and the whole workflow task with it. */
const QUEUE = someText(WORKFLOW_ID_LIMIT);

/** No maximum: an agent may have been pinned before there was one. */
const duration = number(Number.MIN_VALUE);

const BATCH = object<BatchPolicy>({
  onToolFailure: oneOf(...ON_TOOL_FAILURE),
  batchTimeout: optional(duration),
});

const POLICY = object<ToolPolicy>({
  repeatable: bool,
  startToCloseTimeout: duration,
  heartbeatTimeout: duration,
  scheduleToStartTimeout: optional(duration),
  scheduleToCloseTimeout: optional(duration),
  taskQueue: optional(QUEUE),
  execution: optional(oneOf('local')),
  // With 0, a call would wait forever.
  concurrency: optional(whole(1)),
  approvalTimeout: optional(duration),
  server: optional(text()),
  retry: object<ToolPolicy['retry']>({
    maximumAttempts: count,
    initialInterval: duration,
    maximumInterval: duration,
    backoffCoefficient: number(1),
    nonRetryableErrorTypes: list(text()),
  }),
});

const BUDGET = {
  toolCalls: optional(amount),
  inputTokens: optional(amount),
  outputTokens: optional(amount),
  costUSD: optional(amount),
  wallTime: optional(amount),
};

const LIMITS = object<AgentLimits>({
  ...BUDGET,
  rounds: amount,
  concurrency: whole(1),
  depth: optional(count),
  historyEvents: optional(amount),
});

const SUB_AGENT = object<SubAgentSpec>({
  agent: text(),
  field: optional(text()),
  output: optional(record(anything) as Shape<unknown> as Shape<OutputSchema>),
  limits: optional(object<Budget>({ ...BUDGET, rounds: optional(amount) })),
  taskQueue: optional(QUEUE),
  maxResultBytes: count,
  mode: optional(oneOf('background')),
  session: optional(oneOf(true)),
  summaries: optional(oneOf(false)),
});

const BACKGROUND = object<BackgroundPolicy>({
  atEnd: oneOf(...AT_END),
  onTimeout: optional(oneOf('continue')),
});

const SPEC = byType<PinnedSpec>({
  stored: { digest: text(), claim: CLAIM },
  inline: { digest: text(), spec: record(anything) as Shape<unknown> as Shape<AgentSpec> },
});

export const PINNED_AGENT = object<PinnedAgent>({
  name: text(),
  spec: SPEC,
  policies: list(tuple<[string, ToolPolicy]>(text(), POLICY)),
  limits: LIMITS,
  batch: BATCH,
  subAgents: optional(list(tuple<[string, SubAgentSpec]>(text(), SUB_AGENT))),
  background: optional(BACKGROUND),
  announcesApprovals: optional(oneOf(true)),
  onLimit: optional(oneOf(...ON_LIMIT)),
  prices: optional(PRICES),
  fallbackPrices: optional(list(tuple<[string, Prices]>(text(), PRICES))),
  modelTaskQueue: optional(QUEUE),
  outputRepairs: optional(count),
  summaries: optional(oneOf(false)),
  notes: optional(oneOf(...membersOf<SteeringStyle>({ system: true, user: true }))),
});

const ACCESS: Shape<Access> = either(
  oneOf('exclusive'),
  object<Exclude<Access, string>>({
    reads: optional(list(text())),
    writes: optional(list(text())),
    inOrder: optional(list(text())),
  }),
);

/** The server rejects a longer one, and the whole workflow task with it. */
const MAX_SUMMARY = 1_000;

export const PREPARED_CALL = byType<RecordedPreparedCall | MissingCall>({
  ready: {
    summary: text(MAX_SUMMARY),
    access: optional(ACCESS),
    approval: optional(oneOf(true)),
    authorize: optional(oneOf(true)),
    session: optional(text(SESSION_ID_LIMIT)),
  },
  invalid: { message: text(), access: optional(ACCESS) },
  refused: { message: text(), access: optional(ACCESS) },
  missing: {},
});

export const CONVERSATION_FIELDS = {
  transcript: TRANSCRIPT,
  stored: list(STORED_RESULT),
  fallback: optional(FALLBACK),
  container: optional(CONTAINER),
};

/** Steering messages are optional: histories may have them beside the state. */
export const STATE = object<Omit<TurnState, 'steering'> & { steering?: SteeringMessage[] }>({
  ...CONVERSATION_FIELDS,
  rounds: count,
  text: text(),
  usage: USAGE,
  calls: list(CALL),
  callBytes: count,
  before: count,
  steering: optional(list(STEERING)),
  joined: list(text()),
  unread: count,
  repairs: count,
  output: anything,
  costUSD: optional(amount),
  times: optional(TIMES),
  models: optional(list(MODEL_USAGE)),
  background: optional(list(BACKGROUND_CALL)),
  refusalFallback: optional(FALLBACK),
});

const SPENDING = {
  rounds: amount,
  toolCalls: amount,
  usage: USAGE,
  costUSD: optional(amount),
  models: optional(list(MODEL_USAGE)),
};

/** What the turn of a sub-agent has used; its other fields are only for people. */
export const SUB_AGENT_PROGRESS =
  object<Pick<SubAgentTurnProgress, 'rounds' | 'toolCalls' | 'usage' | 'costUSD'>>(SPENDING);

export const SUB_AGENT_RESULT = object<
  Pick<
    SubAgentTurnResult,
    'stopReason' | 'text' | 'rounds' | 'toolCalls' | 'usage' | 'costUSD' | 'models'
  >
>({
  ...SPENDING,
  stopReason: text() as Shape<StopReason>,
  text: text(),
}) as Shape<SubAgentTurnResult>;

/** As the activity that has waited for the turn reports it. */
export const AWAITED_TURN = byType<AwaitedTurn>({
  ended: { result: anything },
  failed: { message: text(), progress: anything },
  lost: { message: text() },
  'never began': {},
});

export const STEERINGS = list(STEERING);

export const SPENT = object<Spent>({
  rounds: amount,
  toolCalls: amount,
  inputTokens: amount,
  outputTokens: amount,
  wallTime: time,
  costUSD: optional(amount),
});
