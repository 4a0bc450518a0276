import type { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { AgentSpec } from '../core/agent-spec.ts';
import type { ModelErrorReport } from '../core/failures.ts';
import { isOverloaded, MODEL_CALL_FAILED } from '../core/failures.ts';
import { nextFallback } from '../core/fallback.ts';
import type { ModelReply } from '../core/reply.ts';

/**
 * Attempts before an overloaded model is left. Mostly it passes, and another model has nothing of the
 * conversation in its cache.
 */
const PATIENT_ATTEMPTS = 2;

/**
 * Asks `first`, and where it stays overloaded the fallbacks behind it. Which of them depends on the
 * attempt and on nothing that a process remembers: each attempt begins with `first`.
 */
export async function askFallbacks(
  { info, log }: Context,
  spec: AgentSpec,
  first: string,
  ask: (model: string) => Promise<ModelReply>,
): Promise<{ reply: ModelReply; by: string }> {
  for (let model = first; ;) {
    try {
      return { reply: await ask(model), by: model };
    } catch (error) {
      const next = shouldLeave(error, info.attempt)
        ? nextFallback(spec, model, 'overloaded')
        : undefined;
      if (next === undefined) throw error;
      log.warn('The model is overloaded, so its fallback is asked', { model, fallback: next });
      model = next;
    }
  }
}

function shouldLeave(error: unknown, attempt: number): boolean {
  if (!(error instanceof ApplicationFailure) || error.type !== MODEL_CALL_FAILED) return false;
  const report = error.details?.[0] as ModelErrorReport;
  // With a final failure no other attempt follows.
  return isOverloaded(report) && (attempt > PATIENT_ATTEMPTS || error.nonRetryable === true);
}
