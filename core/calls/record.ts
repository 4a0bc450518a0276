import type { ToolUse } from '../conversation/messages.ts';
import { defined } from '../json.ts';
import type { ApprovalRecord, OutcomeType, SettledCall } from './outcome.ts';
import type { QuestionRecord } from './question.ts';
import type { SubAgentTurn } from './sub-agent-turn.ts';

/** One tool call of a turn. */
export interface CallRecord {
  /** The id of its `tool_use` block, and of its activity. */
  id: string;
  /** The tool. For an action of the browser or the computer, the toolset; `input.action` is the action. */
  name: string;
  /** As the model wrote it; `approval.input` is what a person made of it. */
  input: unknown;
  outcome: OutcomeType;
  /** What the model reads, for every outcome but `succeeded`. */
  message?: string;
  /** The round whose reply asked for it, from 1. */
  round: number;
  /** Attempts that were started; 0 when none was, or none was running when it was cancelled. */
  attempts: number;
  /** ISO 8601. After a retry it is when the first attempt was scheduled. */
  start: string;
  /** ISO 8601. */
  end: string;
  /** The tool began while the model's reply was still coming, at `start`. */
  startedEarly?: true;
  /**
   * It is on the critical path: with less time for this call, the turn would have ended sooner. It was the last
   * of its reply to end, or such a call waited for it.
   */
  critical?: true;
  /** What was decided about it, where a person was asked. */
  approval?: ApprovalRecord;
  /** What the MCP server asked before it went on with the call, and who answered. Without the answers. */
  questions?: QuestionRecord[];
  /** The turn that it ran, where its tool is another agent. */
  subAgent?: SubAgentTurn;
  /**
   * It went on in the background: the model had an answer before it ended. While it runs, `outcome` is
   * `succeeded`.
   */
  late?: true;
}

export function callRecord(call: ToolUse, settled: SettledCall, round: number): CallRecord {
  const {
    outcome,
    attempts,
    start,
    end,
    startedEarly,
    critical,
    approval,
    questions,
    subAgent,
    late,
  } = settled;
  return {
    id: call.id,
    name: call.name,
    input: call.input,
    outcome: outcome.type,
    ...(outcome.type === 'succeeded' ? {} : { message: outcome.message }),
    round,
    attempts,
    start: new Date(start).toISOString(),
    end: new Date(end).toISOString(),
    ...defined({ startedEarly, critical, approval, questions, subAgent, late }),
  };
}

/** The record of a call in the background once it has ended. */
export function lateRecord(record: CallRecord, settled: SettledCall): CallRecord {
  const { id, name, input, round } = record;
  const { message: _, ...answered } = record;
  return { ...answered, ...callRecord({ id, name, input } as ToolUse, settled, round), late: true };
}
