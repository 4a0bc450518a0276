import { ApplicationFailure } from '@temporalio/common';
import { inTime, OutOfTimeError } from '../../agents/in-time.ts';
import { causeChain, DECISION_REJECTED } from '../../core/failures.ts';
import { shorten } from '../../core/json.ts';
import type { Authorization, ProposedDecision } from '../../core/turn/protocol.ts';
import type { Secrets } from '../model/secrets.ts';

/** `true` accepts a decision; a text rejects it and says why. Any other value rejects it, too. */
export type AuthorizeDecision = (
  decision: ProposedDecision,
) => boolean | string | Promise<boolean | string>;

/** In characters: a person reads it, and it stands in history. */
const MAX_MESSAGE = 1_000;

export function createAuthorizeDecision(authorize: AuthorizeDecision, secrets: Secrets) {
  const words = (text: string) => shorten(secrets.redact(text), MAX_MESSAGE);

  /** Asks the worker's `authorizeDecision`. If it throws, Temporal tries again. */
  return async function authorizeDecision(decision: ProposedDecision): Promise<Authorization> {
    let answer: unknown;
    try {
      answer = await inTime(() => authorize(decision));
    } catch (error) {
      throw ApplicationFailure.create({
        message: words(`authorizeDecision failed: ${causeChain(error)}`),
        type: DECISION_REJECTED,
        nonRetryable: error instanceof OutOfTimeError || isFinal(error),
      });
    }
    if (answer === true) return { type: 'authorized' };
    return { type: 'rejected', message: words(reasonOf(answer)) };
  };
}

function isFinal(error: unknown): boolean {
  return error instanceof ApplicationFailure && error.nonRetryable === true;
}

function reasonOf(answer: unknown): string {
  if (typeof answer === 'string' && answer.trim() !== '') return answer;
  return 'authorizeDecision of the worker does not accept it.';
}
