import { Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import {
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import type { SearchAttributePair } from '@temporalio/common';
import { ApplicationFailure } from '@temporalio/common';
import { ANOTHER_WORKFLOW_HAS_ITS_ID } from '../../core/calls/texts.ts';
import { SEND_REJECTED, SESSION_BUSY, SESSION_CLOSED } from '../../core/failures.ts';
import { defined } from '../../core/json.ts';
import { SESSION_WORKFLOW } from '../../core/names.ts';
import type { SentMessage } from '../../core/session/calling-turn.ts';
import type { Send, SendReceipt, SessionArgs } from '../../core/session/protocol.ts';
import { SEND_UPDATE } from '../../core/session/protocol.ts';
import { detailsOf } from '../../core/turn/static-details.ts';
import { findWorkflow } from './find-workflow.ts';

export interface SendToSessionArgs {
  sessionId: string;
  message: Send & { agent: string };
  /** The task queue of a session that the message creates. The other fields are for such a session, too. */
  taskQueue: string;
  attributes: SearchAttributePair[];
  context?: unknown;
  user?: string;
  summaries?: false;
}

/** How long a worker may take to answer for the session before the message is sent again. */
const ANSWER_MS = 15_000;

/** Sends the call of a sub-agent to its session, which it creates if it does not exist. */
export async function sendToSession(args: SendToSessionArgs): Promise<SentMessage> {
  const { client } = Context.current();
  const known = await findWorkflow(client, args.sessionId);
  // A workflow of another type would not understand the message.
  if (known !== undefined && known.type !== SESSION_WORKFLOW) {
    return { type: 'rejected', message: ANOTHER_WORKFLOW_HAS_ITS_ID };
  }
  try {
    const { turnId } = await client.withDeadline(Date.now() + ANSWER_MS, () => send(client, args));
    return { type: 'sent', turnId };
  } catch (error) {
    const message = rejectionOf(error);
    // Thrown to send the message again: it has the same key, so the session takes it once.
    if (message === undefined) throw error;
    return { type: 'rejected', message };
  }
}

async function send(client: Client, args: SendToSessionArgs): Promise<SendReceipt> {
  const { sessionId, message, taskQueue, attributes, user, context, summaries } = args;
  const { agent, idempotencyKey } = message;
  const hasStorage = client.options.loadedDataConverter.externalStorage !== undefined;
  const storage = hasStorage ? true : undefined;
  const begun: SessionArgs = { agent, ...defined({ context, storage }) };
  const sent: unknown = await client.workflow.executeUpdateWithStart(SEND_UPDATE, {
    args: [message] as [unknown],
    updateId: idempotencyKey,
    startWorkflowOperation: new WithStartWorkflowOperation(SESSION_WORKFLOW, {
      workflowId: sessionId,
      taskQueue,
      args: [begun],
      workflowIdConflictPolicy: 'USE_EXISTING',
      // A message to a closed session must not silently start an empty conversation.
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      typedSearchAttributes: attributes,
      memo: { agent, ...defined({ user, summaries }) },
      staticSummary: `${agent}: session`,
      staticDetails: detailsOf({ agent, user }),
    }),
  });
  return sent as SendReceipt;
}

const REJECTIONS: ReadonlySet<unknown> = new Set([SEND_REJECTED, SESSION_BUSY, SESSION_CLOSED]);

/** The session's reason; `undefined` for an error that is not its answer. */
function rejectionOf(error: unknown): string | undefined {
  if (error instanceof WorkflowExecutionAlreadyStartedError) return 'it is closed.';
  const cause = error instanceof WorkflowUpdateFailedError ? error.cause : undefined;
  const isAnswer = cause instanceof ApplicationFailure && REJECTIONS.has(cause.type);
  return isAnswer ? cause.message : undefined;
}
