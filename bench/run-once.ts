import type { MessageParam } from '@anthropic-ai/sdk/resources/messages';
import { WorkflowFailedError } from '@temporalio/client';
import { TerminatedFailure } from '@temporalio/common';
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
  /** Of the first turn, where it has one. */
  readonly firstTurn: string;
  readonly history?: History;
  /** The server ended a turn: why, and how often the model had been asked. */
  readonly terminated?: { readonly reason: string; readonly modelCalls: number };
  /** What the model said where it should have said something else. Must never be. */
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
  const outcome = await outcomeOf(() =>
    Promise.all(ids.map((id) => contender.runTurn(scenario.name, id))),
  );
  const ms = performance.now() - start;
  const { temporal } = contender;
  const history = temporal === undefined ? {} : { history: await readHistory(temporal, firstTurn) };
  if (typeof outcome === 'string') {
    return { ms, firstTurn, ...history, terminated: { reason: outcome, modelCalls: model.calls } };
  }
  const wrong = outcome.map(answerIn).find((answer) => answer !== right);
  return { ms, firstTurn, ...history, ...(wrong === undefined ? {} : { wrongAnswer: wrong }) };
}

/** The reason, where the server terminated a turn; any other failure is the benchmark's own. */
async function outcomeOf<T>(work: () => Promise<T>): Promise<T | string> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof WorkflowFailedError && error.cause instanceof TerminatedFailure) {
      return error.cause.message;
    }
    throw error;
  }
}

/** The text of the last message, which says what the model was sent. */
function answerIn(conversation: MessageParam[]): string {
  const content = conversation.at(-1)?.content ?? '';
  if (typeof content === 'string') return content;
  return content.map((block) => (block.type === 'text' ? block.text : '')).join('');
}
