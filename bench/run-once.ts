import type { MessageParam } from '@anthropic-ai/sdk/resources/messages';
import { WorkflowFailedError } from '@temporalio/client';
import { TerminatedFailure } from '@temporalio/common';
import { defined } from '../core/json.ts';
import type { Contender } from './contender.ts';
import type { History } from './history.ts';
import { readHistory } from './history.ts';
import type { Model } from './model.ts';
import type { Scenario } from './scenarios.ts';
import { rightAnswer } from './work.ts';

/** One run of a scenario by one contender. */
export interface Run {
  /** From the start of the turns to the last result. */
  readonly ms: number;
  readonly firstTurn: string;
  /** Of the first turn, if the contender has histories. */
  readonly history?: History;
  /** The server terminated a turn, or it failed: why, and after how many model requests. */
  readonly terminated?: { readonly reason: string; readonly modelCalls: number };
  /** The model's answer, if it is wrong. It never should be. */
  readonly wrongAnswer?: string;
}

export async function runOnce(
  contender: Contender,
  scenario: Scenario,
  { model, label }: { model: Model; label: string },
): Promise<Run> {
  const right = rightAnswer(scenario);
  const ids = Array.from({ length: scenario.turns }, (_, i) => `${label}-${i}`);
  const firstTurn = ids[0] ?? label;
  await model.restart();
  const start = performance.now();
  const outcome = await outcomeOf(contender, () =>
    Promise.all(ids.map((id) => contender.runTurn(scenario.name, id))),
  );
  const ms = performance.now() - start;
  const { temporal } = contender;
  const history = temporal === undefined ? undefined : await readHistory(temporal, firstTurn);
  const run = { ms, firstTurn, ...defined({ history }) };
  if (outcome.type === 'terminated') {
    return { ...run, terminated: { reason: outcome.reason, modelCalls: model.calls } };
  }
  const wrongAnswer = outcome.conversations.map(answerIn).find((answer) => answer !== right);
  return { ...run, ...defined({ wrongAnswer }) };
}

type Outcome =
  | { readonly type: 'ended'; readonly conversations: MessageParam[][] }
  | { readonly type: 'terminated'; readonly reason: string };

/** Throws when anything else than a termination by the server goes wrong, unless the contender may fail. */
async function outcomeOf(
  { mayFail = false }: Contender,
  work: () => Promise<MessageParam[][]>,
): Promise<Outcome> {
  try {
    return { type: 'ended', conversations: await work() };
  } catch (error) {
    if (error instanceof WorkflowFailedError && error.cause instanceof TerminatedFailure) {
      return { type: 'terminated', reason: error.cause.message };
    }
    if (mayFail) return { type: 'terminated', reason: String(error) };
    throw error;
  }
}

/** The text of the last message: the model's answer. */
function answerIn(conversation: MessageParam[]): string {
  const content = conversation.at(-1)?.content ?? '';
  if (typeof content === 'string') return content;
  return content.map((block) => (block.type === 'text' ? block.text : '')).join('');
}
