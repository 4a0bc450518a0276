import { AgentClient } from '../../client/agent-client.ts';
import type { ApproveOptions, DenyOptions, TurnHandle } from '../../client/turn-handle.ts';
import { defined } from '../../core/json.ts';
import type { ApprovalRequest } from '../../core/turn/protocol.ts';
import { clientStorage } from '../storage-setting.ts';
import { CliError, EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import { say, sayAside } from '../say.ts';
import { configuredTarget, connectTo } from '../temporal-target.ts';
import { oneLine } from '../text.ts';
import { userName } from '../user-name.ts';
import { callText, inputLines, questionLines, waitingText } from '../waiting-table.ts';

export interface DecisionOptions {
  by?: string;
  reason?: string;
  /** For an approval: the input that the call runs with. */
  input?: unknown;
  /** For an approval: the answer to what the server of the call asks. */
  answer?: unknown;
  /** For a denial: the question of the server is closed without a choice. */
  dismiss?: boolean;
  /** For the workers' `authorizeDecision`. */
  proof?: string;
  storage?: string;
}

/** `plait approve`: returns when the call may run, or go on with an answer. */
export async function approveCommand(
  turnId: string,
  callId: string | undefined,
  options: DecisionOptions,
): Promise<ExitCode> {
  const { input } = options;
  const answer = options.answer as ApproveOptions['answer'];
  return await decide(turnId, callId, options, async (turn, call, { question, ...who }) => {
    await turn.approve(call, { ...who, ...defined({ input, question, answer }) });
    return question === undefined ? 'Approved' : `Answered question ${question} of`;
  });
}

/** `plait deny`: the model reads the reason. */
export async function denyCommand(
  turnId: string,
  callId: string | undefined,
  options: DecisionOptions,
): Promise<ExitCode> {
  return await decide(turnId, callId, options, async (turn, call, who) => {
    await turn.deny(call, { ...who, ...(options.dismiss === true ? { dismiss: true } : {}) });
    return who.question === undefined ? 'Denied' : `Declined question ${who.question} of`;
  });
}

async function decide(
  turnId: string,
  callId: string | undefined,
  { by = userName(), reason, input, proof, storage }: DecisionOptions,
  send: (turn: TurnHandle, call: string, who: DenyOptions) => Promise<string>,
): Promise<ExitCode> {
  const client = await connectTo(configuredTarget(), clientStorage(storage));
  try {
    const turn = new AgentClient({ client }).getTurn(turnId);
    const waiting = await turn.approvals();
    const call = callId ?? onlyCall(turnId, waiting).callId;
    const request = waiting.find((one) => one.callId === call);
    if (request !== undefined) sayRequest(request, input);
    const question = request?.question?.number;
    const done = await send(turn, call, { by, ...defined({ reason, proof, question }) });
    say(oneLine(`${done} ${call} of turn ${turnId}, as ${by}.`));
    return EXIT_CODES.ok;
  } finally {
    await client.connection.close();
  }
}

/** Prints the whole input before the decision about it is sent. */
function sayRequest(request: ApprovalRequest, edited: unknown): void {
  const { question } = request;
  const what = question === undefined ? 'approval' : 'an answer';
  sayAside(`${waitingText(request)} waits for ${what}:`);
  for (const line of inputLines(request.input)) sayAside(line);
  for (const line of question === undefined ? [] : questionLines(question)) sayAside(line);
  if (edited === undefined) return;
  sayAside('It will run with your input instead:');
  for (const line of inputLines(edited)) sayAside(line);
}

/** Without a call id: the only call of the turn that waits. */
function onlyCall(turnId: string, calls: readonly ApprovalRequest[]): ApprovalRequest {
  const [first, ...others] = calls;
  if (first === undefined) {
    throw new CliError(EXIT_CODES.rejected, `No call of turn ${turnId} waits for approval.`);
  }
  if (others.length === 0) return first;
  throw new CliError(
    EXIT_CODES.wrongInput,
    `${calls.length} calls of turn ${turnId} wait for approval. Name one: ${calls.map(callText).join('; ')}.`,
  );
}
