import type { CancellationScope } from '@temporalio/workflow';
import type { PinnedAgent, PinnedSpec, SubAgentSpec } from '../../core/agent-spec.ts';
import { mayGoOn } from '../../core/calls/background.ts';
import type { AskedCall } from '../../core/calls/asked-call.ts';
import type { BatchPolicy } from '../../core/calls/batch-policy.ts';
import { occurrences } from '../../core/calls/occurrences.ts';
import { originOf } from '../../core/calls/origin.ts';
import type { ApprovalRecord, SettledCall, StoredResult } from '../../core/calls/outcome.ts';
import type { PreparedCall, ReadyCall } from '../../core/calls/prepared-call.ts';
import { tooDeepAgentText, unknownToolText } from '../../core/calls/texts.ts';
import type { AnsweredQuestions } from '../../core/calls/question.ts';
import type { ToolCallArgs, TurnOwner } from '../../core/calls/tool-call.ts';
import type { ToolPolicy } from '../../core/calls/tool-policy.ts';
import { DEFAULT_WAIT } from '../../core/calls/tool-policy.ts';
import type { ToolUse } from '../../core/conversation/messages.ts';
import { defined, isRecord } from '../../core/json.ts';
import { GET_AGENT_RESULT, READ_RESULT } from '../../core/names.ts';
import { specOfCall } from '../../core/served-tools.ts';
import type { TraceContext } from '../../core/trace/context.ts';
import type { Budget, Spent } from '../../core/turn/budget.ts';
import { maxResultBytes, roomOf } from '../../core/turn/payload-room.ts';

/** The calls of one reply, and what they share. */
export interface Batch {
  agent: PinnedAgent;
  policy: BatchPolicy;
  /** The turn's total time and what is left of it, in milliseconds, if it is limited. */
  turnTime: { limit: number; left: number } | undefined;
  round: number;
  calls: readonly ToolUse[];
  /** One per call. */
  prepared: readonly PreparedCall[];
  /** Given to every tool, never to the model. */
  context: unknown;
  owner: TurnOwner;
  /** Limit for the text of each result, if it is below the tool's. */
  maxTextBytes: number | undefined;
  /** How many levels of sub-agents the turn may have below it. */
  levels: number;
  /** The turn's budget and what it has spent: its sub-agents get parts of the rest. */
  budget: { limits: Budget; spent: Spent };
  /** Cut results of earlier rounds, for `read_result`. */
  stored: readonly StoredResult[];
  /** The span that started the turn, if there is one. */
  trace: TraceContext | undefined;
  /**
   * The span of a call, if its turn has a trace. `turnId`: of a turn that is about to start as a child
   * workflow.
   */
  traceCall: (callId: string, turnId?: string) => TraceContext | undefined;
}

/** One call on its way through `BatchRun`. */
export interface BatchCall {
  /** Its index in the reply. */
  readonly index: number;
  readonly use: ToolUse;
  readonly policy: ToolPolicy;
  /** Set if its tool is another agent. */
  readonly subAgent: SubAgentSpec | undefined;
  /** Whether it is Plait's own `get_agent_result`, which needs no activity. */
  readonly readsResult: boolean;
  /** The pinned spec, if an MCP server has listed its tool. */
  readonly spec: PinnedSpec | undefined;
  occurrence: number;
  prepared: ReadyCall;
  /** The input that it runs with: the model's, or an approver's. */
  input: unknown;
  /**
   * - `held`: an earlier call or a person comes first
   * - `queued`: the limiter has no room yet
   * - `running`: its activity is scheduled
   * - `awaitingCompletion`: its tool has returned `ctx.later()`, and somebody is to complete it
   * - `awaitingAnswer`: its server asks a person, or has its answers and waits for room
   * - `awaitingResult`: it is `get_agent_result`, and the call that it asks for runs
   */
  state: 'held' | 'queued' | 'running' | 'awaitingCompletion' | 'awaitingAnswer' | 'awaitingResult';
  /**
   * - `batch`: its batch waits for it
   * - `none`: it has begun and goes on by itself; it is answered when the others have ended
   * - `turn`: its batch is over, and the model gets its result later
   */
  awaitedBy: 'batch' | 'none' | 'turn';
  /** Its own scope, if it may outlast its batch. */
  scope?: CancellationScope;
  /** Whether a person has yet to decide about it, or to answer its server. */
  asked: boolean;
  approval?: ApprovalRecord;
  /** How its tool ran; known once it awaits its completion. */
  begun?: Pick<SettledCall, 'attempts' | 'start' | 'startedEarly'>;
  /** Set if its server has asked a person. */
  questions?: AskedCall;
  /** What the next activity sends to its server. */
  answered?: AnsweredQuestions;
  /** How often its worker was lost. */
  lostWorkers?: number;
}

/** The calls of a reply; `undefined` for each that cannot run. */
export function batchCalls({ agent, calls, prepared, levels }: Batch): (BatchCall | undefined)[] {
  const policies = new Map(agent.policies);
  const subAgents = new Map(agent.subAgents);
  const repeated = occurrences(calls);
  return calls.map((use, index) => {
    const policy = policies.get(use.name);
    const ready = prepared[index];
    const subAgent = subAgents.get(use.name);
    if (ready?.type !== 'ready' || policy === undefined) return undefined;
    if (subAgent !== undefined && levels < 1) return undefined;
    return {
      index,
      use,
      policy,
      subAgent,
      readsResult: agent.background !== undefined && use.name === GET_AGENT_RESULT,
      spec: specOfCall(agent, use.name),
      occurrence: repeated[index] ?? 0,
      prepared: ready,
      input: use.input,
      state: 'held',
      awaitedBy: 'batch',
      asked: ready.approval === true,
    };
  });
}

/** Why a call cannot run, for the model. */
export function invalidText({ agent, calls, prepared }: Batch, index: number): string {
  const one = prepared[index];
  if (one?.type === 'invalid') return one.message;
  const name = calls[index]?.name ?? '';
  const subAgent = new Map(agent.subAgents).get(name);
  return subAgent === undefined ? unknownToolText(name) : tooDeepAgentText(subAgent.agent);
}

/** Whether a call may outlast its batch: from the beginning, or when the batch is out of time. */
export function mayOutlast({ agent: { background } }: Batch, call: BatchCall): boolean {
  const { subAgent, use, prepared } = call;
  if (background === undefined || call.readsResult) return false;
  if (subAgent?.mode === 'background') return true;
  return background.onTimeout === 'continue' && mayGoOn(use, prepared.access);
}

/** How long a call waits for a person, in milliseconds. */
export function approvalTimeout({ policy }: BatchCall): number {
  return policy.approvalTimeout ?? DEFAULT_WAIT;
}

/** What the activity of a call gets besides its input. */
export function toolCallArgs(
  batch: Batch,
  { use, occurrence, input, spec, answered }: BatchCall,
): ToolCallArgs {
  const { agent, round, calls, context, owner, stored, maxTextBytes, trace } = batch;
  const origin = originOf(use);
  const limit = maxResultBytes(roomOf(agent), calls.length);
  const named = isRecord(input) ? input['id'] : undefined;
  const part = use.name === READ_RESULT ? stored.find(({ callId }) => callId === named) : undefined;
  return {
    agent: agent.name,
    round,
    occurrence,
    ...origin,
    ...owner,
    ...defined({
      maxResultBytes: limit,
      maxTextBytes,
      context,
      stored: part,
      spec,
      answered,
      trace,
    }),
    // Code in a sandbox must not ask: its container ends long before a person has answered.
    ...(spec !== undefined && origin.byCode !== true ? { mayAsk: true } : {}),
  };
}
