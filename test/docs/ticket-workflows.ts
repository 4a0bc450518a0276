import { defineSearchAttributeKey } from '@temporalio/common';
import {
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowFailure,
  executeChild,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';
import type { TurnArgs, TurnResult } from 'plait';
import type * as activities from './ticket-activities.ts';

export * from 'plait/workflows'; // agentTurn and agentSession

type AgentTurn = (turn: TurnArgs) => Promise<TurnResult>;

const keyword = (name: string) => defineSearchAttributeKey(name, 'KEYWORD');

const { sendReply } = proxyActivities<typeof activities>({ startToCloseTimeout: '1m' });

export async function answerTicket(customer: string, question: string): Promise<string> {
  const turn: TurnArgs = {
    agent: 'support',
    input: question,
    context: { customer }, // for the tools, as ctx.context
    limits: { wallTime: 600_000 }, // 10 minutes, in milliseconds
  };
  try {
    const result = await executeChild<AgentTurn>('agentTurn', {
      workflowId: `${workflowInfo().workflowId}.turn`,
      args: [turn],
      parentClosePolicy: 'REQUEST_CANCEL',
      memo: { agent: 'support', user: customer }, // ctx.user
      typedSearchAttributes: [
        { key: keyword('PlaitAgent'), value: 'support' },
        { key: keyword('PlaitUser'), value: customer },
        { key: keyword('PlaitStopReason'), value: 'end_turn' }, // the turn changes it if it ends otherwise
      ],
    });
    const text = result.stopReason === 'end_turn' ? result.text : 'A person will answer you.';
    // Also where this workflow was cancelled: the turn has then ended with 'cancelled'.
    await CancellationScope.nonCancellable(() => sendReply(customer, text));
    return result.stopReason;
  } catch (error) {
    const failure = error instanceof ChildWorkflowFailure ? error.cause : undefined;
    if (!(failure instanceof ApplicationFailure)) throw error;
    // The model could not be asked. `progress` has the calls that were made before.
    const [progress] = failure.details as [Omit<TurnResult, 'stopReason'>];
    await sendReply(customer, 'A person will answer you.');
    return `${failure.type} after ${progress.calls.length} calls`;
  }
}
