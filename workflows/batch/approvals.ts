import type { ActivityOptions } from '@temporalio/common';
import {
  ApplicationFailure,
  CancellationScope,
  defineQuery,
  defineUpdate,
  isCancellation,
  log,
  scheduleActivity,
  setHandler,
  sleep,
  upsertMemo,
} from '@temporalio/workflow';
import type { PinnedSpec } from '../../core/agent-spec.ts';
import type { ApprovalRecord } from '../../core/calls/outcome.ts';
import type { ReadyCall } from '../../core/calls/prepared-call.ts';
import type { QuestionAnswer } from '../../core/calls/question.ts';
import { acceptedAnswer, findAnswerProblem } from '../../core/calls/question.ts';
import type { TurnOwner } from '../../core/calls/tool-call.ts';
import type { ToolUse } from '../../core/conversation/messages.ts';
import { MAX_DURATION } from '../../core/duration.ts';
import { DECISION_REJECTED } from '../../core/failures.ts';
import { canonicalJson, defined, jsonBytes } from '../../core/json.ts';
import { ANNOUNCE_APPROVAL } from '../../core/names.ts';
import { findApproveProblem, findDenyProblem } from '../../core/turn/doors.ts';
import type { ApprovalRequest, Approve, Deny, NumberedQuestion } from '../../core/turn/protocol.ts';
import { APPROVALS_QUERY, APPROVE_UPDATE, DENY_UPDATE } from '../../core/turn/protocol.ts';
import type { SeenUpdates } from '../updates.ts';
import { othersFirst } from '../updates.ts';
import { findAuthorizationProblem } from './authorize.ts';
import { prepareEdited } from './prepare.ts';
import { withArguments } from './schedule.ts';

const approvalsQuery = defineQuery<ApprovalRequest[]>(APPROVALS_QUERY);
const approveUpdate = defineUpdate<void, [Approve]>(APPROVE_UPDATE);
const denyUpdate = defineUpdate<void, [Deny]>(DENY_UPDATE);

/** A call that a person has to decide about. */
export interface ApprovalQuestion {
  agent: string;
  /** Where an MCP server has listed the tool. */
  spec?: PinnedSpec;
  owner: TurnOwner;
  /** Where the call has a session, what a worker names that of an edited call by. */
  edited?: TurnOwner & { context?: unknown };
  call: ToolUse;
  /** The short arguments; empty where nobody is to see them. */
  summary: string;
  /** Whether the Temporal UI may show who decides. */
  summaries: boolean;
  round: number;
  /** In milliseconds. */
  timeout: number;
  /** Whether the agent has an `onApproval`. */
  announce: boolean;
  /** Whether a decision counts only if the worker's `authorizeDecision` accepts it. */
  authorize: boolean;
  /** What the server of its tool asks, where the call has begun. */
  asked?: NumberedQuestion;
  /** How large an edited input may be now, in bytes of JSON. */
  roomForInput: () => number;
  /** Called once, unless the question is withdrawn. */
  decided: (record: ApprovalRecord, more: Decided) => void;
}

/** What a decision brings with it. */
interface Decided {
  /** Where the input was edited. */
  prepared?: ReadyCall;
  /** For the server, where it has asked and somebody has decided. */
  answer?: QuestionAnswer;
}

interface Waiting {
  question: ApprovalQuestion;
  request: ApprovalRequest;
  /** Who is about to decide, while an edited input or the decision itself is checked. */
  deciding?: string;
  /** Of its timer, and of what is checked about a decision: they end when the call waits no more. */
  scope: CancellationScope;
}

const ANNOUNCEMENT: ActivityOptions = {
  startToCloseTimeout: '1m',
  retry: { maximumAttempts: 5, maximumInterval: '30s' },
  cancellationType: 'TRY_CANCEL',
};

/**
 * The calls of a turn that wait for a person. Waiting costs no worker and no connection: it is state
 * of the workflow, and a decision is an Update, rejected before it is accepted where that is possible.
 */
export class Approvals {
  private readonly waiting = new Map<string, Waiting>();
  /** Why a call does not wait any more, for those who decide too late. */
  private readonly closed = new Map<string, string>();
  private readonly seen: SeenUpdates;
  private published = 0;

  constructor(seen: SeenUpdates) {
    this.seen = seen;
    setHandler(approvalsQuery, () => [...this.waiting.values()].map(({ request }) => request));
    setHandler(approveUpdate, (approve) => this.approve(approve), {
      validator: (approve: Approve) => {
        rejectMisfit(findApproveProblem(approve));
        if (seen.has(APPROVE_UPDATE, approve) || this.mayCome(approve)) return;
        const { question } = this.find(approve);
        rejectUnanswered(question, approve);
        rejectTooLarge(approve.input, question);
      },
    });
    setHandler(denyUpdate, (deny) => this.deny(deny), {
      validator: (deny: Deny) => {
        rejectMisfit(findDenyProblem(deny));
        if (deny.dismiss === true && deny.question === undefined) {
          throw rejected('dismiss is for the question of a server: name its number as `question`.');
        }
        if (!seen.has(DENY_UPDATE, deny) && !this.mayCome(deny)) this.find(deny);
      },
    });
  }

  ask(question: ApprovalQuestion): void {
    const { call, round, timeout, summary, asked } = question;
    const now = Date.now();
    const request: ApprovalRequest = {
      callId: call.id,
      tool: call.name,
      input: call.input,
      round,
      requestedAt: new Date(now).toISOString(),
      // A turn may have begun with an agent that had no limit.
      expiresAt: new Date(now + Math.min(timeout, MAX_DURATION)).toISOString(),
      ...defined({ question: asked }),
    };
    const scope = new CancellationScope();
    this.waiting.set(call.id, { question, request, scope });
    scope
      .run(() =>
        sleep(Math.min(timeout, MAX_DURATION), {
          summary: withArguments(waitsText(question), summary),
        }),
      )
      .then(
        () => this.close(call.id, { decision: 'expired' }, 'its time to be decided was up'),
        // Decided, withdrawn, or the turn was cancelled, which withdraws it.
        () => undefined,
      );
    if (question.announce) this.announce(question, request);
  }

  /** The call was answered otherwise: a decision about it is rejected from now on. */
  withdraw(callId: string, because: string): void {
    const waiting = this.waiting.get(callId);
    if (waiting === undefined) return;
    this.waiting.delete(callId);
    this.closed.set(keyOf({ callId, question: waiting.question.asked?.number }), because);
    waiting.scope.cancel();
  }

  /** Lets lists of turns show how many calls wait. An event in history only when that has changed. */
  publish(): boolean {
    if (this.waiting.size === this.published) return false;
    this.published = this.waiting.size;
    upsertMemo({ approvals: this.published });
    return true;
  }

  private announce(question: ApprovalQuestion, request: ApprovalRequest): void {
    const { agent, owner, asked } = question;
    const suffix = asked === undefined ? '' : `.${asked.number}`;
    scheduleActivity(ANNOUNCE_APPROVAL, [agent, request, owner], {
      ...ANNOUNCEMENT,
      activityId: `approval.${request.callId}${suffix}`,
      summary: waitsText(question),
    }).catch((error: unknown) => {
      // The turn was cancelled, so there is nothing to decide any more.
      if (isCancellation(error)) return;
      // The call waits on: it can be found without having been announced.
      log.warn('onApproval failed', { callId: request.callId, error });
    });
  }

  /**
   * The reply that asks for the call may have come together with the decision, as somebody who follows the
   * turn sees it before a worker does. A validator would reject what its handler accepts.
   */
  private mayCome(decision: Approve | Deny): boolean {
    return !this.waiting.has(decision.callId) && !this.closed.has(keyOf(decision));
  }

  /** Throws where a decision must be rejected. Also the validator, so that rejecting leaves no trace. */
  private find(decision: Approve | Deny): Waiting {
    const { callId } = decision;
    const waiting = this.waiting.get(callId);
    if (waiting === undefined || waiting.question.asked?.number !== decision.question) {
      this.rejectClosed(decision);
      if (waiting !== undefined) throw rejected(otherQuestionText(waiting, decision));
      const ids = [...this.waiting.keys()].join(', ') || 'none';
      throw rejected(`No call ${callId} of this turn waits for approval (waiting: ${ids}).`);
    }
    if (waiting.deciding !== undefined) {
      throw rejected(`${callId} is being decided by ${waiting.deciding}.`);
    }
    return waiting;
  }

  private rejectClosed(decision: Approve | Deny): void {
    const because = this.closed.get(keyOf(decision));
    if (because === undefined) return;
    const { callId, question } = decision;
    const what = question === undefined ? callId : `Question ${question} of ${callId}`;
    throw rejected(`${what} no longer waits: ${because}.`);
  }

  private async approve(approve: Approve): Promise<void> {
    await othersFirst();
    if (this.seen.has(APPROVE_UPDATE, approve)) return;
    const waiting = this.find(approve);
    const { by, reason, input, answer } = approve;
    const written = canonicalJson(waiting.request.input);
    // Forms send the whole input back, changed or not.
    const isEdited = input !== undefined && canonicalJson(input) !== written;
    const edited = isEdited ? input : undefined;
    const { question } = waiting;
    rejectUnanswered(question, approve);
    let prepared: ReadyCall | undefined;
    if (isEdited || question.authorize) {
      await this.whileDeciding(waiting, approve, async () => {
        if (isEdited) prepared = await prepare(waiting, approve, input);
        if (question.authorize) await authorize(waiting, 'approved', approve);
      });
    }
    this.rejectClosed(approve);
    // Others may have been edited meanwhile.
    if (isEdited) rejectTooLarge(input, question);
    const record = { decision: 'approved', by, ...defined({ reason, input: edited }) } as const;
    this.seen.add(APPROVE_UPDATE, approve);
    const { asked } = question;
    const done = asked === undefined ? 'approved' : 'answered';
    this.close(approve.callId, record, `it was ${done} by ${by}`, {
      ...defined({ prepared }),
      ...(asked === undefined ? {} : { answer: acceptedAnswer(asked, answer) }),
    });
  }

  private async deny(deny: Deny): Promise<void> {
    await othersFirst();
    if (this.seen.has(DENY_UPDATE, deny)) return;
    const waiting = this.find(deny);
    if (waiting.question.authorize) {
      await this.whileDeciding(waiting, deny, () => authorize(waiting, 'denied', deny));
      this.rejectClosed(deny);
    }
    this.seen.add(DENY_UPDATE, deny);
    const { callId, by, reason, dismiss } = deny;
    const record = { decision: 'denied', by, ...defined({ reason }) } as const;
    this.close(callId, record, `it was denied by ${by}`, {
      answer: { action: dismiss === true ? 'cancel' : 'decline' },
    });
  }

  /**
   * Checks a decision; others about the call are rejected meanwhile. Afterwards its time may be up all the
   * same, in the task in which the check came back: look at `rejectClosed` again.
   */
  private async whileDeciding(
    waiting: Waiting,
    decision: Approve | Deny,
    check: () => Promise<void>,
  ): Promise<void> {
    const { callId, by } = decision;
    waiting.deciding = by;
    try {
      await waiting.scope.run(check);
    } catch (error) {
      this.rejectClosed(decision);
      if (isCancellation(error)) throw rejected(`${callId} no longer waits: it was cancelled.`);
      throw error;
    } finally {
      delete waiting.deciding;
    }
  }

  private close(
    callId: string,
    decision: Omit<ApprovalRecord, 'at'>,
    because: string,
    more: Decided = {},
  ): void {
    const waiting = this.waiting.get(callId);
    if (waiting === undefined) return;
    this.withdraw(callId, because);
    waiting.question.decided({ ...decision, at: new Date().toISOString() }, more);
  }
}

/** One call may be asked several questions. */
function keyOf({ callId, question }: { callId: string; question?: number | undefined }): string {
  return question === undefined ? callId : `${callId}#${question}`;
}

function waitsText({ call, asked }: ApprovalQuestion): string {
  return asked === undefined
    ? `${call.name} waits for a person`
    : `${call.name} waits for the answer to question ${asked.number}`;
}

/** A person who takes a question for an approval would send a server an answer that nobody has given. */
function otherQuestionText({ question, request }: Waiting, decision: Approve | Deny): string {
  const { callId } = request;
  const { asked } = question;
  if (asked === undefined) {
    return `${callId} waits for approval, and not for an answer: leave out question.`;
  }
  const { number, server } = asked;
  const what = `${callId} waits for the answer to question ${number} of the server ${server}`;
  return decision.question === undefined
    ? `${what}, and not for approval: see its \`question\`, and send question: ${number}.`
    : `${what}, and not to question ${decision.question}.`;
}

/** Before it is accepted, so that a wrong answer loses nothing. */
function rejectUnanswered({ asked }: ApprovalQuestion, { input, answer }: Approve): void {
  if (asked === undefined) {
    if (answer !== undefined) {
      throw rejected('The call waits for approval, and not for an answer: leave out answer.');
    }
    return;
  }
  if (input !== undefined) {
    throw rejected('The call has begun, so its input is what it is: send an answer, and no input.');
  }
  const problem = findAnswerProblem(asked, answer);
  if (problem !== undefined) throw rejected(`${problem}.`);
}

async function prepare({ question }: Waiting, { by }: Approve, input: unknown): Promise<ReadyCall> {
  rejectTooLarge(input, question);
  const { call, summaries } = question;
  const prepared = await prepareEdited(question, { ...call, input }, summaries ? by : undefined);
  if (prepared.type === 'invalid') throw rejected(prepared.message);
  return prepared;
}

/** Throws when the worker's `authorizeDecision` does not accept a decision. */
async function authorize(
  { question, request }: Waiting,
  decision: 'approved' | 'denied',
  { by, reason, proof, input = request.input, answer }: Approve,
): Promise<void> {
  const { asked } = question;
  const accepted =
    asked === undefined || decision === 'denied' ? undefined : acceptedAnswer(asked, answer);
  const content = accepted?.action === 'accept' ? accepted.content : undefined;
  const proposed = {
    agent: question.agent,
    callId: request.callId,
    tool: request.tool,
    input,
    decision,
    by,
    ...defined({ question: asked, answer: content, reason, proof }),
  };
  const problem = await findAuthorizationProblem(proposed, question);
  if (problem !== undefined) throw rejected(problem);
}

/** An Update that our client has not sent may hold anything. */
function rejectMisfit(problem: string | undefined): void {
  if (problem !== undefined) throw rejected(`${problem}.`);
}

function rejectTooLarge(input: unknown, { roomForInput }: ApprovalQuestion): void {
  const [bytes, room] = [jsonBytes(input), roomForInput()];
  if (bytes <= room) return;
  throw rejected(`The input has ${bytes} bytes, and there is room for ${Math.max(0, room)}.`);
}

function rejected(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, DECISION_REJECTED);
}
